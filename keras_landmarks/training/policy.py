"""Whether a machine gains by the half precision that recipes ask for, or loses."""

import functools
import time
import warnings

import keras
import numpy as np


def faster(policy):
    """A mixed policy; or float32, with a warning, where that is twice as fast, as on many CPUs.

    Args:
        policy: Keras dtype policy, or its name.

    Returns:
        The name of the policy to train in.
    """
    name = keras.dtype_policies.get(policy).name
    if not name.startswith("mixed_") or (times := slower(name)) < 2:
        return name
    said = f"{name} takes {times:.1f} times as long as float32 on this machine: trained in float32."
    warnings.warn(said, stacklevel=3)
    return "float32"


@functools.cache
def slower(name):
    """Seconds of a training step in a policy over those in float32."""
    steps = {policy: _step(policy) for policy in (name, "float32")}
    found = {policy: [] for policy in steps}
    for _ in range(6):  # by turns, so that other work disturbs both; the first compiles
        for policy, step in steps.items():
            start = time.perf_counter()
            step()
            found[policy].append(time.perf_counter() - start)
    return min(found[name]) / min(found["float32"])


def _step(policy):
    """A step of a small network, whose names leave Keras' counts of names alone."""
    crops = keras.Input((28, 28, 64), name="crops")
    x = keras.layers.Conv2D(64, 3, padding="same", dtype=policy, name="conv")(crops)
    x = keras.layers.BatchNormalization(dtype=policy, name="norm")(x)
    model = keras.Model(crops, keras.layers.ReLU(dtype=policy, name="relu")(x), name="probe")
    model.compile(keras.optimizers.SGD(name="sgd"), keras.losses.MeanSquaredError(name="mse"))
    crops = np.ones((4, 28, 28, 64), np.float32)
    return functools.partial(model.train_on_batch, crops, crops)
