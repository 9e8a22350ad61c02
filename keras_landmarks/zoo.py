"""Models by name or folder: `load("cnn6-300w")`. Weights ship with the package: no downloads."""

import functools
import hashlib
import inspect
import os
import pathlib
import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from keras_landmarks import models, weights
from keras_landmarks.catalogue import DEFAULT, facts_of, index
from keras_landmarks.landmarker import Landmarker
from keras_landmarks.moved import new_names
from keras_landmarks.names import known_name
from keras_landmarks.schemes import Scheme, get_scheme

OPENERS = dict.fromkeys((".keras", ".h5"), "keras.models.load_model")
OPENERS |= dict.fromkeys((".tflite", ".onnx"), "keras_landmarks.runtime.open_model")
"""What opens other files of models."""


def load(
    name: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = DEFAULT,
    scheme: Scheme | str | None = None,
    mean_shape: ArrayLike | None = None,
    margin: float | None = None,
    box: str | None = None,
    size: int | None = None,
    mirrored: bool = False,
) -> Landmarker:
    """A trained model, compiled with Wing loss and NME: `evaluate` works at once.

    Args:
        name: one of `list_models()`, by default the most exact of those that take about ten
            milliseconds a face; or a folder that `training.train` wrote, or its
            `best.safetensors`. A list of them gives the mean of what they find (`ensemble`).
        scheme: another scheme than the model's: where its points are others, the layers that depend
            on their number are new and untrained, all others the trained ones, to be fine-tuned.
        mean_shape: for another scheme, where its points lie on average, `(n, 2)` fractions of the
            crop (`data.Samples.mean_shape()`).
        margin: side of the crop over the longer side of the box, where the faces of a fine-tuning
            are cut in another way; as the next two, it stays with the model.
        box: the convention of the boxes, `annotation` or `truth`.
        size: of the crop in pixels, where the builder has it as an argument. Layers whose weights
            depend on it are new and untrained: a warning names them.
        mirrored: whether the mean is also taken with what is found in the mirror image: somewhat
            more exact, at twice the cost.

    Returns:
        A `Landmarker`.

    Raises:
        ValueError: if the name is unknown (the message names the close ones), the model has no
            published weights, the weights file is not the published one, or the model cannot be
            built with the scheme or the size, or those of a list differ in scheme, margin or box;
            of a file that something else opens (the message says what).
        FileNotFoundError: if there is no such folder (of a name with a `/`), or it holds no
            `best.safetensors`, or a large model's weights are not installed (the message says how
            to).

    Example:
        model = keras_landmarks.load()
        faces = model.detect("photo.jpg")
    """
    if mirrored or not isinstance(name, (str, os.PathLike)):
        names = [name] if isinstance(name, (str, os.PathLike)) else name
        if not isinstance(names, (list, tuple)) or not names:
            raise ValueError(f"Expected a model's name, a folder or a list of these, not {name!r}.")
        members = [load(one, scheme, mean_shape, margin, box, size) for one in names]
        return members[0] if len(members) == 1 and not mirrored else _together(members, mirrored)
    if mean_shape is not None and scheme is None:
        raise ValueError("mean_shape is of the points of another scheme: name it, too.")
    facts, arrays = read_model(name)
    network, fresh = _network(facts, arrays, scheme, mean_shape, size)
    weights.set_weights(network, arrays, except_for=fresh, paths=facts.get("paths"))
    models.blocks.resize(network, facts["crop"], size or facts["crop"], fresh)
    if lost := size and {*fresh} - {*_network(facts, arrays, scheme, mean_shape, None)[1]}:
        warnings.warn(f"New and untrained at this size: {', '.join(sorted(lost))}.", stacklevel=2)
    return Landmarker(
        network.input,
        network.output,
        scheme=scheme or facts.get("scheme") or facts["arguments"]["scheme"],
        margin=facts["margin"] if margin is None else margin,
        box=box or facts["box"],
        licence=facts.get("licence"),
        name=facts["name"],
    ).ready()


def _together(members: list[Landmarker], mirrored: bool) -> Landmarker:
    """Models of the same crops and points as one."""
    kinds = [f"{m.scheme.name} in {m.box} boxes times {m.margin:g}" for m in members]
    first, licences = members[0], sorted({str(member.licence) for member in members})
    alike = all(weights.same_points(first.scheme, member.scheme) for member in members)
    if {*kinds} != {kinds[0]} or not alike:
        found = ", ".join(f"{m.name} finds {kind}" for m, kind in zip(members, kinds))
        raise ValueError(f"Models loaded together find the same in the same crops: {found}.")
    network = models.ensemble(members, first.scheme, mirrored)
    facts = dict(margin=first.margin, box=first.box, licence="; ".join(licences))
    name = "-and-".join(member.name for member in members) + ("-mirrored" if mirrored else "")
    return Landmarker(network.input, network.output, first.scheme, name=name, **facts).ready()


def read_model(name: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What `load` needs to build a model.

    Args:
        name: as of `load`.

    Returns:
        `(facts, weights)`: a dict with `builder`, `arguments`, `margin`, `box`, ... and
        `{variable path: array}`.
    """
    named, name = isinstance(name, str), os.fspath(name)
    path = pathlib.Path(os.path.expanduser(name))
    if path.suffix in OPENERS:
        raise ValueError(f"{name}: {OPENERS[path.suffix]} opens such files; load takes names.")
    if (named and name in index()) or not name or not path.exists():
        if "/" in name or os.sep in name:
            raise FileNotFoundError(f"No folder or file {name} of a trained model.")
        return {**facts_of(name), "name": name}, read_weights(name)
    path = path / "best.safetensors" if path.is_dir() else path
    arrays, facts = weights.load_arrays(path)
    model = facts.get("model") if isinstance(facts, dict) else None
    if not isinstance(model, dict) or "name" not in model:
        raise ValueError(f"{path} does not name its model. Build it, and take weights.set_weights.")
    return {"crop": model.get("size", (0,))[0], **model}, arrays


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
        try:
            return keras.saving.deserialize_keras_object(facts["network"]), []
        except TypeError as error:  # of a class that is not imported, with the whole config
            said = str(error).rpartition("Exception encountered: ")[2][:99]
            raise ValueError(f"{facts['name']}: import the module of its layers: {said}") from error
    builder = getattr(models, known_name("builder", facts["builder"], models.__all__))
    arguments = {**new_names(builder, facts["arguments"]), "mean_shape": mean_shape}
    trained = get_scheme(arguments["scheme"])
    arguments["scheme"] = trained if scheme is None else get_scheme(scheme)
    known = inspect.signature(builder).parameters
    if unknown := [name for name in arguments if name not in known]:
        raise ValueError(f"{facts['builder']} has no {', '.join(unknown)}: a newer version has?")
    if size is not None:
        if "size" not in known:
            raise ValueError(f"{facts['builder']} has crops of one size, {facts['crop']}.")
        arguments["size"] = size
    network = builder(**arguments)
    if scheme is None and size is None:
        return network, []
    build = functools.partial(builder, **{**arguments, "mean_shape": None})
    return network, weights.unfit(network, arrays, build, trained, arguments["scheme"])


def read_weights(name: str) -> dict[str, np.ndarray]:
    """The published weights of a model.

    Args:
        name: one of `list_models()`.

    Returns:
        `{variable path: float16 array}`.

    Raises:
        FileNotFoundError: if a large model's weights are not installed.
        ValueError: if the name is unknown, the model has no published weights, or the file is
            missing or not the published one.
    """
    facts = facts_of(name)
    if facts["sha256"] is None:
        how = f"keras-landmarks train --recipe {name} --data 300W --out runs/{name}"
        raise ValueError(f"{name} has no published weights. Train it: {how}")
    path = weights.published(name)
    if facts["large"] and not path.is_file():
        raise FileNotFoundError(
            f"{name} is one of the large models, whose weights are a distribution of their own, "
            "keras-landmarks-large. In a clone of keras_landmarks: pip install ./large"
        )
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no such file"
    if digest != facts["sha256"]:
        said = f"its sha256 is {digest}, expected {facts['sha256']}"
        raise ValueError(f"{path} is not the published file: {said}. Install the package again.")
    return weights.load_arrays(path)[0]
