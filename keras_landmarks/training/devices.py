"""The devices that a training shares its batches over: of this host, and of others."""

import contextlib
import functools
import hashlib
import json
import os
import warnings

import keras
import numpy as np

from keras_landmarks.training import hosts


def join_hosts(wait=hosts.WAIT):
    """Meets the other hosts that train: at the start of a program, before anything is computed.

    `train` does so itself, if it comes first. Under TensorFlow the hosts are those of `TF_CONFIG`,
    under JAX those of `KERAS_DISTRIBUTION_JOB_ADDRESSES`, `KERAS_DISTRIBUTION_NUM_PROCESSES` and
    `KERAS_DISTRIBUTION_PROCESS_ID` (see `keras.distribution.initialize`).

    Args:
        wait: seconds for all to come, under TensorFlow.

    Returns:
        What `train` takes as its `strategy`; None where there is no other host.

    Raises:
        TimeoutError: if a host does not come; it names who is missing.
        ValueError: if `TF_CONFIG` does not parse.
        RuntimeError: if TensorFlow has computed something before.
    """
    if keras.backend.backend() == "tensorflow":
        here = hosts.join(wait)
        return here and here.strategy
    if keras.backend.backend() != "jax" or "KERAS_DISTRIBUTION_JOB_ADDRESSES" not in os.environ:
        return None
    import jax

    if not jax.distributed.is_initialized():
        keras.distribution.initialize()
    return keras.distribution.DataParallel(auto_shard_dataset=False)


def default_strategy():
    """All devices that there are, if there are several.

    Returns:
        `tf.distribute.MultiWorkerMirroredStrategy` where `TF_CONFIG` names other hosts, or else
        `MirroredStrategy` of the devices of the kind that TensorFlow would use; under JAX
        `keras.distribution.DataParallel`; None where there is one device.
    """
    backend = keras.backend.backend()
    if strategy := join_hosts():
        return strategy
    if backend == "jax" and len(keras.distribution.list_devices()) > 1:
        return keras.distribution.DataParallel(auto_shard_dataset=False)
    if backend != "tensorflow":
        return None
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return _mirrored(*(d.name for d in devices)) if len(devices) > 1 else None


@functools.cache  # another one of the same devices would begin its collective keys anew
def _mirrored(*names):
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(list(names))


def kinds():
    """What this host computes on, for messages: as `2 GPUs`."""
    if (backend := keras.backend.backend()) not in ("tensorflow", "jax"):
        return backend  # of which Keras lists no devices, and takes one
    found = keras.distribution.list_devices()
    kind = found[0].partition(":")[0].upper()
    return f"{len(found)} {kind}{'s' * (len(found) > 1)}"


def scope(strategy):
    """Where variables are born that all devices of a strategy, or None, share."""
    return strategy.scope() if strategy else contextlib.nullcontext()


def place():
    """Which of the hosts that train together this is: `(number, of)`; the first writes files."""
    if here := hosts.joined():
        return here.number, here.count
    if keras.backend.backend() != "jax":
        return 0, 1
    import jax

    return jax.process_index(), jax.process_count()


def check(strategy, samples):
    """Raises a `ValueError` where the devices of a strategy cannot share each batch evenly."""
    if strategy is None:
        return
    tensorflow = keras.backend.backend() == "tensorflow"
    count = strategy.num_replicas_in_sync if tensorflow else strategy.num_model_replicas
    last = 0 if samples.augmentation else len(samples.indices) % samples.batch
    for batch in (samples.batch, last):
        if batch % count:  # the mean of uneven parts' means is not the batch's
            raise ValueError(f"{count} devices cannot share a batch of {batch} evenly.")


def check_norms(strategy, model):
    """Warns of normalisation over the faces of a device alone, which TensorFlow's Keras has."""
    layers = model._flatten_layers(include_self=False)
    alone = [layer.name for layer in layers if not getattr(layer, "synchronized", True)]
    if alone and strategy and keras.backend.backend() == "tensorflow":
        warnings.warn(
            f"{alone[0]} normalises the faces of each device by themselves, not those of a batch: "
            "take keras_landmarks.layers.BatchNormalization.",
            stacklevel=3,
        )


def agree(facts):
    """Raises a `ValueError` where another host has other facts (`{what: value}`, for JSON).

    Bytes are compared by their hash.
    """
    facts = {
        what: hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else value
        for what, value in facts.items()
    }
    if here := hosts.joined():
        here.agree(facts)
    elif place()[1] > 1:
        from jax.experimental import multihost_utils

        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).digest()
        digests = multihost_utils.process_allgather(np.frombuffer(digest, np.uint8))
        if (digests != digests[0]).any():
            raise ValueError("The hosts have other data, recipes or checkpoints.")


def watched():
    """Where hosts compute together: another one that is gone is a RuntimeError that names it."""
    here = hosts.joined()
    return here.watched() if here else contextlib.nullcontext()


def share(model):
    """Gives a model on all hosts the weights that the first one has.

    What each has read or computed by itself may differ, if only by the last bit.
    """
    here = hosts.joined()
    for variable in model.weights if place()[1] > 1 else ():
        value = keras.ops.convert_to_numpy(variable)
        if here:
            variable.assign(here.total(np.zeros_like(value) if here.number else value))
        else:
            from jax.experimental import multihost_utils

            variable.assign(multihost_utils.broadcast_one_to_all(value))


def fit(strategy, graph, batches, **words):
    """`graph.fit(batches, **words)` on all devices of a strategy, or None, and on all hosts."""
    if here := hosts.joined():
        here.fit(graph, batches, **words)
        return
    with scope(strategy if keras.backend.backend() == "jax" else None):
        # The samples are shuffled, and a resumed run must see the same order.
        graph.fit(batches, shuffle=False, **words)


def wait():
    """Waits for all hosts to come here."""
    if here := hosts.joined():
        here.total(np.zeros(1, np.float32))
    elif place()[1] > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices("wait")


def predict(model, crops, batch, output="landmarks"):
    """What a model finds in crops, in the midst of its training.

    Args:
        model: that is trained, compiled.
        crops: `(faces, height, width, 3)`, the same on all hosts.
        batch: crops that are computed at a time.
        output: of the model.

    Returns:
        `(faces, ...)` array, the same on all hosts.
    """
    if here := hosts.joined():
        return here.predict(model, crops, batch, output)
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)  # which would have even shares
    try:
        many = max(128 // batch, 1) * batch  # of which all outputs fit into memory, as heatmaps
        parts = [crops[i : i + many] for i in range(0, len(crops), many)]
        found = [model.predict(part, batch_size=batch, verbose=0)[output] for part in parts]
        return np.concatenate(found)
    finally:
        keras.distribution.set_distribution(distribution)
