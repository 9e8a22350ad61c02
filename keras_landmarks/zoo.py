"""Models by name: `load("cnn6-300w")`. Weights ship with the package; nothing is downloaded."""

import copy
import difflib
import functools
import hashlib
import json
import pathlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_landmarks import models, weights
from keras_landmarks.landmarker import Landmarker
from keras_landmarks.schemes import Scheme

INDEX = pathlib.Path(__file__).with_name("zoo.json")
"""The index of the zoo: builder, crop, weights file with sha256, and facts. Written by
`tools/index.py`."""


@functools.cache
def _index() -> dict[str, dict[str, Any]]:
    return json.loads(INDEX.read_text(encoding="utf-8"))


def list_models() -> dict[str, dict[str, Any]]:
    """The models of the zoo.

    Returns:
        `{name: facts}`: paper, scheme, crop, parameters, bytes of the weights, NME on
        300w/lfpw-test (corners, annotation box), training data and its licence. `sha256` is
        None where no weights are published.

    Example:
        for name, facts in keras_landmarks.list_models().items():
            print(name, facts["nme"])
    """
    return copy.deepcopy(_index())


def _facts(name: str) -> dict[str, Any]:
    if name not in _index():
        close = difflib.get_close_matches(str(name), _index(), n=3, cutoff=0.4)
        hint = f"Did you mean {' or '.join(close)}? " if close else ""
        raise ValueError(f"Unknown model {name!r}. {hint}Known: {', '.join(_index())}.")
    return _index()[name]


def load(
    name: str, scheme: Scheme | str | None = None, mean_shape: ArrayLike | None = None
) -> Landmarker:
    """A trained model.

    Args:
        name: one of `list_models()`.
        scheme: another scheme than the model's: the layers that depend on the number of
            landmarks are new and untrained, all others are the published ones, to be fine-tuned.
        mean_shape: for another scheme, where its points lie on average, `(n, 2)` fractions of the
            crop (`data.Samples.mean_shape()`).

    Returns:
        A `Landmarker`.

    Raises:
        ValueError: if the name is unknown (the message names the close ones), the model has no
            published weights, or the weights file is not the published one.

    Example:
        model = keras_landmarks.load("cnn6-300w")
        faces = model.detect("photo.jpg")
    """
    facts = _facts(name)
    arrays = read_weights(name)
    arguments = {**facts["arguments"], "mean_shape": mean_shape}
    if scheme is not None:
        arguments["scheme"] = scheme
    network = getattr(models, facts["builder"])(**arguments)
    fresh = ()
    if scheme is not None:
        fresh = [
            v.path
            for v in network.weights
            if v.path in arrays and arrays[v.path].shape != tuple(v.shape)
        ]
    weights.set_weights(network, arrays, except_for=fresh)
    return Landmarker(
        network.input,
        network.output,
        scheme=arguments["scheme"],
        margin=facts["margin"],
        box=facts["box"],
        licence=facts["licence"],
        name=name,
    )


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
