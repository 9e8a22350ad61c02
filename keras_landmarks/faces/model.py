"""What a model has that finds landmarks, and its outputs for any number of crops."""

import dataclasses
import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from keras_landmarks.faces.boxes import Convention, Detector
from keras_landmarks.names import of_shape
from keras_landmarks.schemes import Scheme

AT_ONCE = 32
"""Crops that are computed together."""


class Model(Protocol):
    """What a model has that finds landmarks: a `Landmarker`, or an exported file."""

    @property
    def scheme(self) -> Scheme: ...
    @property
    def size(self) -> tuple[int, int]: ...
    @property
    def margin(self) -> float: ...
    @property
    def box(self) -> Convention | str: ...
    @property
    def detector(self) -> Detector: ...

    def predict_on_batch(self, crops: np.ndarray, /) -> dict[str, Any]: ...


def predict_in_parts(
    predict: Callable[[np.ndarray], dict[str, Any]], crops: np.ndarray, count: int = AT_ONCE
) -> dict[str, np.ndarray]:
    """The outputs for any number of crops, of which so many are computed at once."""
    parts = [predict(crops[i : i + count]) for i in range(0, max(len(crops), 1), count)]
    if len(parts) == 1:
        return {name: np.asarray(values) for name, values in parts[0].items()}
    return {name: np.concatenate([np.asarray(p[name]) for p in parts]) for name in parts[0]}


def predict_filled(
    predict: Callable[[np.ndarray], dict[str, Any]], crops: np.ndarray, batch: int
) -> dict[str, np.ndarray]:
    """The same of what takes exactly so many crops at once: the last one is repeated."""
    filled = np.concatenate([crops, np.repeat(crops[-1:], -len(crops) % batch, axis=0)])
    found = predict_in_parts(predict, filled, batch)
    return {name: values[: len(crops)] for name, values in found.items()}


def padded(
    predict: Callable[[np.ndarray], dict[str, Any]], crops: np.ndarray, pad: bool
) -> dict[str, Any]:
    """The outputs for crops, computed for the next power of two of them where that is asked for.

    XLA compiles a network anew for each number of crops, for seconds.
    """
    if not pad:
        return predict(crops)
    return predict_filled(predict, crops, 1 << (len(crops) - 1).bit_length())


def size_of_crops(shapes: Sequence[tuple[int, ...]]) -> tuple[int, int]:
    """The `(height, width)` of a network's input; a `ValueError` if it is no RGB crop of a size."""
    (_, *crop), *others = shapes
    if others or len(crop) != 3 or crop[2] != 3 or None in crop:
        given = " and ".join(map(str, shapes))
        raise ValueError(f"Expected one input, crops (None, height, width, 3), not {given}.")
    return crop[0], crop[1]


def check_outputs(outputs: Any, scheme: Scheme) -> None:
    """Raises a `ValueError` where a network's outputs are not those of a scheme's points."""
    if not isinstance(outputs, dict) or "landmarks" not in outputs:
        known = ", ".join(outputs) if isinstance(outputs, dict) else type(outputs).__name__
        raise ValueError(f"Expected a dict of outputs with landmarks (batch, n, 2), got {known}.")
    shape = outputs["landmarks"].shape
    of_shape(f"landmarks of the scheme {scheme.name}", shape, "batch", scheme.count, 2)
    for name in {"error", "score"} & {*outputs}:
        if name == "error" or tuple(outputs[name].shape[1:]) != (1,):  # a score may be the face's
            shape = outputs[name].shape
            of_shape(f"{name} of each point of {scheme.name}", shape, "batch", scheme.count)


def detector_config(detector: Detector) -> dict[str, Any] | None:
    """A detector of ours with its settings, for JSON; None, and a warning, of another one."""
    from keras_landmarks import faces

    kind = type(detector)
    if getattr(faces, kind.__name__, None) is not kind:
        name = getattr(detector, "__name__", kind.__name__)
        text = f"The detector {name} is not saved with the model: set model.detector again."
        warnings.warn(text, stacklevel=3)
        return None
    settings = {key: getattr(detector, key) for key in inspect.signature(kind).parameters}
    if "convention" in vars(detector):  # measured for this one
        own = detector.convention  # type: ignore[attr-defined]
        settings["convention"] = own if isinstance(own, str) else dataclasses.astuple(own)
    return {"class_name": kind.__name__, **settings}


def detector_of(config: dict[str, Any]) -> Detector:
    """The detector of a `detector_config`."""
    from keras_landmarks import faces

    settings = {key: value for key, value in config.items() if key != "convention"}
    detector: Detector = getattr(faces, settings.pop("class_name"))(**settings)
    if own := config.get("convention"):
        convention = own if isinstance(own, str) else Convention(*own)
        detector.convention = convention  # type: ignore[attr-defined]
    return detector


def known_outputs(y: Any, y_pred: dict[str, Any]) -> dict[str, Any]:
    """The outputs that there is a truth for: Keras asks one for each."""
    names = y if isinstance(y, dict) else ("landmarks",)
    if unknown := [name for name in names if name not in y_pred]:
        raise ValueError(f"The model has no output {unknown[0]!r}, but {', '.join(y_pred)}.")
    return {name: y_pred[name] for name in names}
