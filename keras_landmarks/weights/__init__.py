"""Weights as safetensors keyed by variable path; the published ones lie in this folder.

The wheel leaves the largest of them to a distribution of its own, `keras-landmarks-large`.
"""

import collections
import dataclasses
import importlib.util
import json
import pathlib

import keras
import numpy as np
import safetensors
import safetensors.numpy

from keras_landmarks.files import write_bytes

FOLDER = pathlib.Path(__file__).parent


def save_arrays(path, arrays, facts=None):
    """Writes named arrays, and perhaps facts, to a safetensors file: whole or not at all."""
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    plain = None if facts is None else json.dumps(facts, default=lambda value: value.tolist())
    metadata = None if plain is None else {"facts": plain}
    write_bytes(path, safetensors.numpy.save(arrays, metadata))


def load_arrays(path):
    """Reads a safetensors file.

    Returns:
        `(arrays, facts)` as they were given to `save_arrays`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a whole safetensors file.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        saved = path.with_name("saved_model.pb").exists()
        hint = " That is a SavedModel: export .tflite or .onnx to use it here." if saved else ""
        raise FileNotFoundError(f"No weights at {path}.{hint}")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            facts = json.loads((file.metadata() or {}).get("facts", "null"))
    except (safetensors.SafetensorError, ValueError, OSError) as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}") from error
    return arrays, facts


def published(name):
    """Path of a model's published weights: in this folder, or where `keras-landmarks-large` has
    them. Where neither does, the path that this folder would have."""
    path = FOLDER / f"{name}.safetensors"
    large = importlib.util.find_spec("keras_landmarks_large")
    if path.is_file() or large is None:
        return path
    elsewhere = pathlib.Path(large.origin).with_name(path.name)
    return elsewhere if elsewhere.is_file() else path


def by_path(variables):
    """Variables as `{path: variable}`.

    Layers of one name in two networks within a model have equal paths: the second of these ends in
    `#2`, and so on.
    """
    found, count = {}, collections.Counter()
    for variable in variables:
        count[variable.path] += 1
        number = f"#{count[variable.path]}" if count[variable.path] > 1 else ""
        found[f"{variable.path}{number}"] = variable
    return found


def get_weights(model):
    """A model's weights as `{variable path: array}` (see `by_path`)."""
    return {p: keras.ops.convert_to_numpy(v) for p, v in by_path(model.weights).items()}


def same_points(old, new):
    """Whether two schemes have the same points in the same order: by the names of these or, where
    they are other words, by the schemes'."""
    if {*old.names} == {*new.names} != set():
        return old.names == new.names
    return (old.name, old.count, old.mirror) == (new.name, new.count, new.mirror)


def unfit(network, arrays, build, old, new):
    """Paths of an untrained network's weights that trained ones do not fit.

    Args:
        network: `build(scheme=new)`.
        arrays: the trained ones, `{variable path: array}`.
        build: makes the network.
        old: scheme of the trained weights.
        new: the network's: as many points may be other ones, and then all weights that depend on
            their number do not fit.
    """
    shapes = {path: tuple(variable.shape) for path, variable in by_path(network.weights).items()}
    wrong = {p for p, shape in shapes.items() if p in arrays and arrays[p].shape != shape}
    if old.count == new.count and not same_points(old, new):
        mirror = (*new.mirror, new.count)
        more = build(scheme=dataclasses.replace(new, count=len(mirror), mirror=mirror, names=()))
        wrong |= {p for p, v in by_path(more.weights).items() if tuple(v.shape) != shapes[p]}
    return [path for path in shapes if path in wrong]


def set_weights(model, arrays, except_for=(), paths=None):
    """Puts arrays into a model's weights by path. Either all are set, or none.

    Args:
        model: a Keras model.
        arrays: `{variable path: array}`.
        except_for: beginnings of paths of the model that keep what they have, or one of them;
            arrays of these paths are ignored.
        paths: of all the model's weights, in their order, where the arrays' are others: Keras names
            the layers within a layer anew when it builds a model from its configuration.

    Raises:
        ValueError: if a path is missing or too many, or an array is of another shape or not
            finite; the message names it.
    """
    except_for = (except_for,) if isinstance(except_for, str) else tuple(except_for)
    if paths is not None:
        arrays = dict(zip(by_path(model.weights), (arrays[path] for path in paths)))
    arrays = {path: a for path, a in arrays.items() if not path.startswith(except_for)}
    wanted = by_path(model.weights)
    wanted = {path: v for path, v in wanted.items() if not path.startswith(except_for)}
    if missing := sorted(set(wanted) - set(arrays)):
        raise ValueError(f"Weights for {model.name} lack {', '.join(missing)}.")
    if extra := sorted(set(arrays) - set(wanted)):
        raise ValueError(f"Weights for {model.name} hold unknown {', '.join(extra)}.")
    for path, variable in wanted.items():
        if tuple(variable.shape) != arrays[path].shape:
            raise ValueError(
                f"Weights {path} of {model.name} have the shape {tuple(variable.shape)}, "
                f"not {arrays[path].shape}."
            )
        if not np.isfinite(arrays[path]).all():
            raise ValueError(f"Weights {path} for {model.name} are not all finite.")
    for path, variable in wanted.items():
        variable.assign(arrays[path])
