"""Several trained networks as one, which finds the mean of what they find."""

import keras
import numpy as np
from keras import ops

from keras_landmarks import geometry
from keras_landmarks.schemes import get_scheme


def ensemble(networks, scheme="ibug68", mirrored=False, name="ensemble"):
    """The mean of several networks' landmarks, and of their mirror images'.

    Errors of networks that were trained apart differ in part, and the mean lacks that part.

    Args:
        networks: iterable of different functional models of crops with the same margin, each with
            an output `landmarks`. Crops may differ in size: the largest is the ensemble's.
        scheme: the landmarks' `Scheme` or its name.
        mirrored: whether each also sees the mirror image, at twice the cost.
        name: of the model.

    Returns:
        A functional model: crops `(batch, height, width, 3)` RGB of 0..255 in, `landmarks`
        `(batch, n, 2)` in crop pixels out; beside them the means of `error` (batch, n) and of
        `score` (batch, n) where all networks have them. float32.

    Raises:
        ValueError: if there is no network, one has another number of landmarks, or is there twice.
    """
    scheme = get_scheme(scheme)
    networks = [networks] if isinstance(networks, (str, keras.Model)) else list(networks)
    if not networks:
        raise ValueError("An ensemble needs at least one network.")
    for network in networks:
        outputs = getattr(network, "output", None)  # Keras raises where it has none
        if not isinstance(outputs, dict) or "landmarks" not in outputs:
            raise ValueError(f"A network is a model with an output landmarks, not {network!r:.80}.")
    if len({id(network) for network in networks}) < len(networks):
        raise ValueError("A network is there twice, which changes no mean.")
    for network in networks:
        if (count := network.output["landmarks"].shape[1]) != scheme.count:
            raise ValueError(
                f"{network.name} finds {count} landmarks, and {scheme.name} has {scheme.count}."
            )
    size = max(tuple(network.input.shape[1:3]) for network in networks)
    crops = keras.Input((*size, 3), name="crops")
    found = []
    for number, network in enumerate(networks):
        outputs = {key: value for key, value in network.output.items() if key in _MEANS}
        member = keras.Model(network.input, outputs, name=f"{network.name}_{number}")
        for turned in (False, True) if mirrored else (False,):
            found.append(_ask(member, crops, size, scheme.mirror if turned else None))
    means = {
        key: sum(outputs[key] for outputs in found) / len(found)
        for key in _MEANS
        if all(key in outputs for outputs in found)
    }
    return keras.Model(crops, means, name=name)


_MEANS = ("landmarks", "error", "score")


def _shrink(many, few):
    """What makes `few` rows of `many`, `(few, many)`: bilinear, over all that a row covers.

    As an antialiased `ops.image.resize`, but of operations that every format has.
    """
    step = many / few
    middles = (np.arange(few)[:, None] + 0.5) * step - 0.5
    weights = np.maximum(1 - np.abs(np.arange(many) - middles) / max(step, 1), 0)
    return np.float32(weights / weights.sum(axis=1, keepdims=True))


def _ask(member, crops, size, mirror):
    """A network's outputs in pixels of the crops; of their mirror images where `mirror` is."""
    seen, own = crops, member.input.shape[1:3]
    if tuple(own) != size:
        (high, low), (wide, narrow) = zip(size, own)
        rows = ops.matmul(ops.transpose(seen, (0, 2, 3, 1)), _shrink(high, low).T)
        columns = ops.matmul(ops.transpose(rows, (0, 3, 2, 1)), _shrink(wide, narrow).T)
        seen = ops.transpose(columns, (0, 1, 3, 2))
    found = dict(member(ops.flip(seen, axis=2) if mirror else seen, training=False))
    found = {key: ops.cast(value, "float32") for key, value in found.items()}
    if mirror:
        for key, value in found.items():
            if tuple(value.shape[1:]) != (1,):  # a score may be the face's
                found[key] = ops.take(value, np.array(mirror), axis=1)
        found["landmarks"] = found["landmarks"] * np.float32([-1, 1]) + np.float32([own[1] - 1, 0])
    scale = np.float32(size[::-1]) / np.float32(own[::-1])
    found["landmarks"] = geometry.resize_points(found["landmarks"], scale)
    if "error" in found:
        found["error"] = found["error"] * scale.mean()
    return found
