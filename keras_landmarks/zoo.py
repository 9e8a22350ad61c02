"""Models by name or folder: `load("cnn6-300w")`. Weights ship with the package: no downloads."""

import copy
import functools
import hashlib
import inspect
import json
import os
import pathlib
import warnings
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from keras_landmarks import models, weights
from keras_landmarks.landmarker import Landmarker
from keras_landmarks.moved import new_names
from keras_landmarks.names import known_name
from keras_landmarks.schemes import Scheme, get_scheme

INDEX = pathlib.Path(__file__).with_name("zoo.json")
"""The index of the zoo: builder, crop, weights file with sha256, and facts. Written by
`tools/index.py`."""
DEFAULT = "unet-300w"
"""What `load()` gives: the model to begin with."""


@functools.cache
def _index() -> dict[str, dict[str, Any]]:
    return json.loads(INDEX.read_text(encoding="utf-8"))


def list_models() -> dict[str, dict[str, Any]]:
    """The models of the zoo.

    Returns:
        `{name: facts}`: paper, scheme, crop, parameters, bytes of the weights, NME on
        300w/lfpw-test (corners, annotation box) and by the normaliser of the paper's figure,
        training data and its licence. `sha256` is None where no weights are published.

    Example:
        for name, facts in keras_landmarks.list_models().items():
            print(name, facts["nme"])
    """
    return copy.deepcopy(_index())


def _facts(name: str) -> dict[str, Any]:
    return _index()[known_name("model", name, _index())]


def load(
    name: str | os.PathLike[str] = DEFAULT,
    scheme: Scheme | str | None = None,
    mean_shape: ArrayLike | None = None,
    margin: float | None = None,
    box: str | None = None,
    size: int | None = None,
) -> Landmarker:
    """A trained model, compiled with Wing loss and NME: `evaluate` works at once.

    Args:
        name: one of `list_models()`, by default the most exact of those that take about ten
            milliseconds a face; or a folder that `training.train` wrote, or its
            `best.safetensors`.
        scheme: another scheme than the model's: the layers that depend on the number of
            landmarks are new and untrained, all others are the trained ones, to be fine-tuned.
        mean_shape: for another scheme, where its points lie on average, `(n, 2)` fractions of the
            crop (`data.Samples.mean_shape()`).
        margin: side of the crop over the longer side of the box, where the faces of a fine-tuning
            are cut in another way; as the next two, it stays with the model.
        box: the convention of the boxes, `annotation` or `truth`.
        size: of the crop in pixels, where the builder has it as an argument. Layers whose weights
            depend on it are new and untrained: a warning names them.

    Returns:
        A `Landmarker`.

    Raises:
        ValueError: if the name is unknown (the message names the close ones), the model has no
            published weights, the weights file is not the published one, or the model cannot be
            built with the scheme or the size.
        FileNotFoundError: if a folder holds no `best.safetensors`.

    Example:
        model = keras_landmarks.load()
        faces = model.detect("photo.jpg")
    """
    path = pathlib.Path(name)
    if str(name) not in _index() and path.exists():
        arrays, facts = _read_run(path)
    else:
        facts, arrays = {**_facts(str(name)), "name": name}, read_weights(str(name))
    network, fresh = _network(facts, arrays, scheme, mean_shape, size)
    weights.set_weights(network, arrays, except_for=fresh)
    if fresh and scheme is None:
        warnings.warn(f"New and untrained at this size: {', '.join(fresh)}.", stacklevel=2)
    found = Landmarker(
        network.input,
        network.output,
        scheme=scheme or facts.get("scheme") or facts["arguments"]["scheme"],
        margin=facts["margin"] if margin is None else margin,
        box=box or facts["box"],
        licence=facts["licence"],
        name=facts["name"],
    )
    return found.ready()


def _read_run(path: pathlib.Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Weights of a training, and the facts that they carry."""
    path = path / "best.safetensors" if path.is_dir() else path
    arrays, facts = weights.load_arrays(path)
    model = (facts or {}).get("model")
    if model is None:
        raise ValueError(
            f"{path} does not say what model it is of. Build it, and take weights.set_weights."
        )
    return arrays, model


def _network(
    facts: dict[str, Any],
    arrays: dict[str, np.ndarray],
    scheme: Scheme | str | None,
    mean_shape: ArrayLike | None,
    size: int | None,
) -> tuple[keras.Model, list[str]]:
    """The untrained network, and the paths of its weights that the trained ones do not fit."""
    if not facts.get("builder"):
        if scheme is not None or size is not None or facts.get("network") is None:
            raise ValueError(
                f"{facts['name']} is no model of keras_landmarks.models: build it as you did, and "
                "take weights.set_weights."
            )
        return keras.saving.deserialize_keras_object(facts["network"]), []
    builder = getattr(models, facts["builder"])
    arguments = {**new_names(builder, facts["arguments"]), "mean_shape": mean_shape}
    arguments["scheme"] = get_scheme(arguments["scheme"] if scheme is None else scheme)
    if size is not None:
        if "size" not in inspect.signature(builder).parameters:
            raise ValueError(f"{facts['builder']} has crops of one size, {facts['crop']}.")
        arguments["size"] = size
    network = builder(**arguments)
    if scheme is None and size is None:
        return network, []
    shapes = {v.path: tuple(v.shape) for v in network.weights}
    return network, [p for p, shape in shapes.items() if p in arrays and arrays[p].shape != shape]


def read_weights(name: str) -> dict[str, np.ndarray]:
    """The published weights of a model.

    Args:
        name: one of `list_models()`.

    Returns:
        `{variable path: float16 array}`.

    Raises:
        ValueError: if the name is unknown, the model has no published weights, or the file is
            missing or not the published one.
    """
    facts = _facts(name)
    if facts["sha256"] is None:
        raise ValueError(
            f"{name} has no published weights. Train it: "
            f"python tools/train.py {name} --data 300W --out runs/{name}"
        )
    path = weights.FOLDER / f"{name}.safetensors"
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no such file"
    if digest != facts["sha256"]:
        raise ValueError(
            f"{path} is not the published file: its sha256 is {digest}, expected "
            f"{facts['sha256']}. Install the package again."
        )
    return weights.load_arrays(path)[0]
