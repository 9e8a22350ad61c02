"""What must be the same for a training to be resumed: recipe, data and batch, as plain values."""

import dataclasses
import functools
import hashlib
import json
import os

import keras
import numpy as np

from keras_landmarks import catalogue, models, zoo
from keras_landmarks.moved import new_names
from keras_landmarks.schemes import PUBLISHED, get_scheme, scheme_config

SAMPLES = ("batch", "size", "margin", "box", "seed", "augmentation")
STAGE = ("frozen", "output", "patience", "start", "augmentation", "teacher", "batch")
RENAMED = {"validation data": "held-out data"}


def fingerprint(recipe, samples, held_out):
    """What a training is made of, but for how many epochs and stages it has.

    Functions go by their names and not by what is in them, pictures by their annotations.

    Args:
        recipe: `Recipe`.
        samples: `data.Samples` to train on.
        held_out: `data.Samples` to choose on, or None.

    Returns:
        `{what: value}`, for JSON.
    """
    found = {what: getattr(samples, what) for what in SAMPLES}
    found |= {"scheme": samples.scheme.name, "training data": _digest(samples)}
    found["held-out data"] = held_out and _digest(held_out)
    squares = [np.float32(f.square(s.box)) for s in (samples, held_out) if s for f in s.faces]
    found |= {"convention of boxes": _number(squares), "points": scheme_config(samples.scheme)}
    found |= {"model": recipe.model, "precision": recipe.precision, "lpbb": recipe.lpbb}
    found |= {"seed of the weights": recipe.seed}
    for number, stage in enumerate(recipe.stages, start=1):
        place = f"in stage {number}"
        found |= {f"{what} {place}": getattr(stage, what) for what in STAGE}
        if stage.teacher:
            found[f"teacher's loss {place}"] = _configured(stage.teacher.loss)
            arrays = map(_arrays, stage.teacher.models)
            found[f"teachers' weights {place}"] = [_number(some) for some in arrays if some]
        losses = stage.loss if isinstance(stage.loss, dict) else {"landmarks": stage.loss}
        found[f"loss {place}"] = {name: _configured(loss) for name, loss in losses.items()}
        found[f"optimizer {place}"] = _configured(stage.optimizer(1000))
    return in_new_names(json.loads(json.dumps(found, default=_plain)))


def in_new_names(found):
    """A fingerprint, as an older checkpoint has it, by the names of today (see `moved`)."""
    found = {RENAMED.get(what, what): _same(value) for what, value in found.items()}
    if isinstance(found.get("model"), list):  # a partial of a builder, or of something else
        name, values, arguments = found["model"]
        builder = getattr(models, name, None) if name in models.__all__ else None
        found["model"] = [name, values, new_names(builder, arguments)]
    return found


def _same(value):
    """A value without what two equal schemes may differ in, or augmentations: what is off."""
    if isinstance(value, dict):
        if "vary_sigma" in value:
            return {key: item for key, item in value.items() if item}
        of_scheme = {"mirror", "contours"} <= set(value)
        if of_scheme and (scheme := get_scheme(value)) in PUBLISHED:
            return scheme.name
        left_out = ("square", "names") if of_scheme else ()
        return {key: _same(item) for key, item in value.items() if key not in left_out}
    return [_same(item) for item in value] if isinstance(value, list) else value


def _digest(samples):
    """A number, as text, of the annotations and of what an epoch picks."""
    arrays = [np.float32(face.landmarks) for face in samples.faces]
    arrays += [np.float32(face.box) for face in samples.faces if face.box is not None]
    content = b"".join(array.tobytes() for array in [*arrays, np.int64(samples.indices)])
    return hashlib.sha256(content).hexdigest()[:16]


def _arrays(teacher):
    """The weights of a teacher; none of a published one, whose name stands for them."""
    if hasattr(teacher, "weights"):
        return teacher.get_weights()
    published = isinstance(teacher, str) and teacher in catalogue.list_models()
    return [] if published else [*zoo.read_model(teacher)[1].values()]


def _number(arrays):
    """A number, as text, of arrays."""
    content = hashlib.sha256()
    for array in arrays:
        content.update(np.ascontiguousarray(array).tobytes())
    return content.hexdigest()[:16]


def _configured(thing):
    """Class and settings of a Keras object."""
    try:
        config = keras.saving.serialize_keras_object(thing)["config"]
    except Exception:  # of the user's own, which need not know their settings
        config = None
    if isinstance(config, dict):
        config = {key: value for key, value in config.items() if key != "name"}
    return [_plain(thing), config]


def _plain(thing):
    """What JSON does not know: records as dicts, functions and other objects by name."""
    if isinstance(thing, functools.partial):
        return [_plain(thing.func), list(thing.args), thing.keywords]
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return {f.name: getattr(thing, f.name) for f in dataclasses.fields(thing) if f.compare}
    if hasattr(thing, "tolist"):
        return thing.tolist()
    if isinstance(thing, os.PathLike):
        return os.fspath(thing)
    return getattr(thing, "__qualname__", type(thing).__qualname__)
