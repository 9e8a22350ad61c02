"""Recipes for other faces: a recipe of the zoo for another scheme, and trained weights to start."""

import dataclasses
import functools
import math
from typing import Any

import keras

from keras_landmarks import models, weights, zoo
from keras_landmarks.data.face import faces_of
from keras_landmarks.losses import Validation, Wing
from keras_landmarks.names import number
from keras_landmarks.schemes import get_scheme
from keras_landmarks.training.optimizers import averaged_adamw
from keras_landmarks.training.recipe import Recipe
from keras_landmarks.training.stage import Stage, begins

STEPS = 60
"""About the fewest steps of an epoch of a fine-tuning: few faces are picked several times."""


def for_scheme(recipe, scheme):
    """A recipe for faces of another scheme: its model, and its losses that know one.

    Teachers know their own scheme alone; those of another one are left out.

    Args:
        recipe: `Recipe`.
        scheme: of the faces, or its name.

    Returns:
        `Recipe`; the given one where the scheme is its own, or its model none of
        `keras_landmarks.models`: who wrote that builds it for the scheme.
    """
    scheme, (name, arguments) = get_scheme(scheme), recipe.builder()
    if name is None or get_scheme(arguments["scheme"]) == scheme:
        return recipe
    stages = tuple(
        dataclasses.replace(
            stage,
            loss=_each(stage.loss, scheme),
            teacher=stage.teacher if _knows(stage.teacher, scheme, recipe.margin) else None,
        )
        for stage in recipe.stages
    )
    model = functools.partial(getattr(models, name), **{**arguments, "scheme": scheme})
    return dataclasses.replace(recipe, model=model, stages=stages)


def _knows(teacher, scheme, margin):
    try:
        return teacher is not None and teacher.check(scheme, margin) is None
    except (ValueError, OSError):
        return False


def _each(loss, scheme):
    if isinstance(loss, dict):
        return {layer: _each(part, scheme) for layer, part in loss.items()}
    config = loss.get_config()
    if isinstance(loss, Validation):
        inner = keras.saving.serialize_keras_object(_each(loss.coordinates, scheme))
        return Validation.from_config({**config, "coordinates": inner})
    if "scheme" not in config:
        return loss
    lacks = {"corners": not scheme.eye_corners, "pupils": not scheme.right_eye}
    if lacks.get(config.get("kind")):
        config["kind"] = scheme.normaliser
    return type(loss).from_config({**config, "scheme": scheme})


def fine_tuning(name, faces, recipe=None, epochs=30, batch=32) -> Recipe:
    """A recipe that goes on from trained weights, on other faces and perhaps another scheme.

    Layers that depend on the number of landmarks are new where the points are others. Models of
    several stages are trained stage by stage, as the last stages of their own recipe do.

    Args:
        name: of a model of the zoo, or the folder of a training.
        faces: list of `data.Face` to train on, all of them, which say the scheme and how often an
            epoch picks them.
        recipe: the model's own, for its last stages' losses; None trains it in one stage, by Wing
            loss.
        epochs: of each stage.
        batch: faces in a step; half of the faces, but at least 4, where that is less.

    Returns:
        `Recipe`, with the crop of the trained model.

    Raises:
        ValueError: if there is no such model, it is none of `keras_landmarks.models`, or its recipe
            never trains a layer that is new; if `epochs` or `batch` is no whole number above zero.
        FileNotFoundError: if there is no such folder.

    Example:
        faces = data.made_up_faces(8, scheme="five5")
        own = recipes.get_recipe("tiny-ibug68")
        recipe = training.fine_tuning("tiny-ibug68", faces, own, epochs=1)
        model = training.train(recipe, *recipe.samples(faces), "runs/mine")
    """
    number("epochs", epochs, least=1, whole=True)
    number("batch", batch, least=1, whole=True)
    faces = faces_of(faces)
    if not faces:
        raise ValueError("Fine-tuning needs faces, and there are none.")
    facts, arrays = zoo.read_model(name)
    if not facts.get("builder"):
        raise ValueError(f"{name} is no model of keras_landmarks.models: it has no new head.")
    builder = getattr(models, facts["builder"])
    arguments = {**facts["arguments"], "scheme": get_scheme(facts["arguments"]["scheme"])}
    model = functools.partial(builder, **arguments)
    base = recipe or _plain(model, _size(facts))
    last: dict[str | None, Stage] = {}  # of each output that the model has in use
    for stage in base.stages:
        if not callable(stage.output):
            last.pop(stage.output, None)  # in the order of the last ones
            last[stage.output] = stage
    if not last:
        raise ValueError(f"No stage of the recipe for {name} trains an output of the model itself.")
    if not weights.same_points(arguments["scheme"], get_scheme(faces[0].scheme)):
        last = _with_heads(last, model())
    adamw = averaged_adamw(1e-3, 0.99)
    change: dict[str, Any] = dict.fromkeys(("start", "teacher", "patience", "batch"))
    change |= dict(epochs=epochs, optimizer=adamw)
    batch = max(min(batch, len(faces) // 2), min(batch, 4))  # statistics are of several faces
    recipe = dataclasses.replace(
        base,
        model=model,
        stages=tuple(dataclasses.replace(stage, **change) for stage in last.values()),
        size=_size(facts),
        margin=facts["margin"],
        box=facts["box"],
        held_out=0.1,
        bins=None,
        lpbb=None,
        repeat=math.ceil(STEPS * batch / len(faces)),
        batch=batch,
        precision="float32",
        paper=f"none: {name} on other faces",
        paper_nme=None,
        licence=facts["licence"],
    )
    recipe = for_scheme(recipe, faces[0].scheme)
    trained = name, arrays, model, arguments["scheme"]
    adapt = functools.partial(_take, base.adapt, recipe.stages, *trained)
    return dataclasses.replace(recipe, adapt=adapt)


def _with_heads(stages, model):
    """Before stages that never train a part with landmarks of its own, stages that train those."""
    names = {layer.name for layer in model.layers}
    never = set.intersection(*(set(stage.frozen) for stage in stages.values()))
    stage = next(iter(stages.values()))
    heads = (f"{start}landmarks" for start in sorted(never))
    return {
        output: dataclasses.replace(stage, output=output, frozen=())
        for output in heads
        if output in names
    } | stages


def _size(facts):
    """The crop's `(height, width)` of a trained model."""
    return tuple(facts.get("size") or 2 * (facts["crop"],))


def _plain(model, size):
    """A recipe of one stage, for a model that has none of its own."""
    loss = Wing(0.08 * size[0], 0.016 * size[0])
    if "error" in model().output:
        loss = {"validated": Validation(loss, "euclidean", 0.2)}
    return Recipe(model=model, stages=(Stage(loss, 1, averaged_adamw(1e-3)),), size=size)


def _take(adapt, stages, name, arrays, build, old, model, samples):
    """Gives a new network the trained weights that fit it."""
    if adapt:
        adapt(model, samples)
    fresh = weights.unfit(model, arrays, build, old, samples.scheme)
    never = [path for path in fresh if all(begins(path, stage.frozen) for stage in stages)]
    if never:
        raise ValueError(
            f"{name} cannot be fine-tuned for {samples.scheme.name}: {never[0]} depends on the "
            "number of landmarks, and its recipe never trains it. Take another model."
        )
    weights.set_weights(model, arrays, except_for=fresh)
