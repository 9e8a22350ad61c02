"""Training by recipe, stage by stage."""

import random
import sys
import warnings

import keras
import numpy as np

from keras_landmarks import files, metrics
from keras_landmarks.data import Samples
from keras_landmarks.landmarker import Landmarker
from keras_landmarks.losses import NormalisedDistance
from keras_landmarks.moved import renamed
from keras_landmarks.training import devices
from keras_landmarks.training.balancing import LossBalancing
from keras_landmarks.training.checkpoint import Checkpoint, path_in
from keras_landmarks.training.fingerprint import fingerprint
from keras_landmarks.training.multi_loss import MultiLoss
from keras_landmarks.training.policy import faster
from keras_landmarks.training.progress import Finite, Progress
from keras_landmarks.training.recipe import Recipe
from keras_landmarks.training.stage import begins
from keras_landmarks.training.teacher import Lesson


@renamed(validation="held_out")
def train(recipe, samples, held_out, out, resume=False, strategy=None, verbose=1) -> Landmarker:
    """Trains a model by its recipe, stage by stage; each stage starts from the best weights so far.

    After each epoch `out` holds `best.safetensors` (the weights with the lowest held-out error, for
    `load(out)`), `checkpoint.safetensors` (with these all that resuming needs) and `log.csv`, every
    ten seconds and at the end its curves, `loss.png`; each is replaced only by a whole one. Shows a
    progress bar.

    Args:
        recipe: `Recipe`.
        samples: `Samples` to train on.
        held_out: `Samples` to choose on, or None to keep the last weights.
        out: folder for the files; made if need be. Several hosts share it, and one writes.
        resume: whether to go on from the checkpoint in `out`, if there is one: same epoch, same
            optimizer state, same order of the data. Recipe, data and batch must be the same; more
            stages may come, and more epochs of the stage that was trained last, but not fewer.
        strategy: `tf.distribute.Strategy` or, under JAX, `keras.distribution.DataParallel`; None
            takes all devices of this host, and of the others of `TF_CONFIG` (see `join_hosts`).
            Results are those of one device, but under TensorFlow for an optimizer's `clipnorm`
            (Keras clips each device's share of the gradient), for layers that draw random numbers
            (each device draws its own) and for Keras' own batch normalisation (a warning).
        verbose: 0 silent, 1 a progress bar on a terminal and a line each epoch elsewhere, 2 lines.

    Returns:
        The trained `Landmarker` with the best weights, in the precision of the training;
        `load(out)` gives it in float32.

    Raises:
        ValueError: if it is no recipe, `out` holds a checkpoint and `resume` is false, the
            checkpoint is of another model, recipe or data (the message names what differs), a stage
            names a layer that the model has not, the devices cannot share a batch evenly, or hosts
            have different recipes, data or checkpoints.
        FileNotFoundError: if the best weights so far are not beside the checkpoint.
        RuntimeError: if another host is gone; it is named.
        FloatingPointError: if the loss is no longer finite.
    """
    if not isinstance(recipe, Recipe):
        raise ValueError(f"Expected a Recipe, as recipes.get_recipe(name), not {recipe!r:.80}.")
    for given in (samples, held_out)[: 1 if held_out is None else 2]:
        if not isinstance(given, Samples):
            raise ValueError(f"Expected Samples, as of recipe.samples(faces), not {given!r:.80}.")
    _check_held_out(recipe, samples, held_out)
    out = files.as_path(out)
    path = path_in(out, resume)
    strategy = strategy or devices.default_strategy()
    of_stages = [samples.replace(batch=stage.batch or samples.batch) for stage in recipe.stages]
    for of_stage in of_stages:
        devices.check(strategy, of_stage)
    live = sys.stdout is not None and sys.stdout.isatty()
    verbose = 2 if verbose == 1 and not live else verbose
    policy, drawn = keras.config.dtype_policy(), (random.getstate(), np.random.get_state())
    try:
        keras.config.set_dtype_policy(faster(recipe.precision))
        keras.utils.set_random_seed(int(recipe.seed))
        made_of, begun = fingerprint(recipe, samples, held_out), path.exists()
        chosen = {"precision of the machine": keras.config.dtype_policy().name}
        chosen["number of epochs"] = [stage.epochs for stage in recipe.stages]
        # Before there are variables, which hosts share as they are born.
        devices.agree({**made_of, **chosen, "checkpoint": begun and path.read_bytes()})
        with devices.watched():
            with devices.scope(strategy):
                model = recipe.build(samples)
                still = _still(model)
                devices.check_norms(strategy, model)
                balancing = _balancing(recipe, samples) if recipe.lpbb else None
            devices.share(model)
            for stage in recipe.stages:
                stage.check(model, samples)
            _check_labels(recipe, samples)
            checkpoint = Checkpoint(path, model, balancing, made_of)
            progress = Progress(out, checkpoint, held_out, recipe.facts(samples, model))
            if begun:
                progress.resume()
                _check_epochs(recipe, progress.standing)
            for number, stage in enumerate(recipe.stages):
                if progress.standing.stage != number:
                    continue
                if not progress.begun:
                    progress.take_best()
                    if number and stage.output != recipe.stages[number - 1].output:
                        progress.standing.best = float("inf")  # of other landmarks
                    if stage.start:
                        stage.start(model)
                        devices.share(model)
                _let_learn(model, stage.frozen, still)
                _train_stage(stage, model, of_stages[number], progress, strategy, verbose)
    finally:
        keras.config.set_dtype_policy(policy)
        random.setstate(drawn[0])
        np.random.set_state(drawn[1])
    progress.draw()
    progress.take_best()
    _let_learn(model, [], still)
    return recipe.landmarker(samples, model)


def _check_held_out(recipe, samples, held_out):
    """Faces to choose on are of the crops and points that are trained."""
    if held_out is None:
        if any(stage.patience for stage in recipe.stages):
            said = "patience needs faces to choose on: without them all epochs are trained."
            warnings.warn(said, stacklevel=3)
        return
    for what in ("scheme", "size", "margin"):
        own, other = getattr(samples, what), getattr(held_out, what)
        if own != other:
            own, other = (getattr(value, "name", value) for value in (own, other))
            raise ValueError(f"held_out has the {what} {other}, and what is trained on {own}.")


def _check_epochs(recipe, standing):
    """Whether no stage that is over was given more epochs, and none fewer than it has."""
    for number, stage in enumerate(recipe.stages[: standing.stage + 1], start=1):
        done = sum(row["stage"] == number for row in standing.history)
        if done > stage.epochs:
            raise ValueError(f"Stage {number} has {done} epochs, and cannot get {stage.epochs}.")
        if number <= standing.stage and done < stage.epochs and stage.patience is None:
            raise ValueError(
                f"Stage {number} is over, after {done} epochs, and cannot get {stage.epochs}: more "
                "epochs are for the stage that was trained last."
            )


def _still(model):
    """The layers, also inside of others, and the variables that the builder holds still."""
    layers = model._flatten_layers(include_self=False)
    return [part for part in [*layers, *model.variables] if not part.trainable]


def _let_learn(model, frozen, still):
    """All layers learn, but those whose names begin so and what never does."""
    for layer in model.layers:
        layer.trainable = not begins(layer.name, frozen)
    for part in still:
        part.trainable = False


def _check_labels(recipe, samples):
    """Faces without landmarks are learnt from teachers alone, and not to be picked by a loss."""
    without = sum(not face.labelled for face in samples.faces)
    if without and (recipe.lpbb or any(stage.teacher is None for stage in recipe.stages)):
        raise ValueError(
            f"{without} of {len(samples.faces)} faces have no landmarks: every stage needs a "
            "teacher then, and lpbb cannot pick them."
        )
    lacking = sum(bool(face.missing.any()) for face in samples.faces if face.labelled)
    for stage in recipe.stages if lacking else ():
        for loss in stage.loss.values() if isinstance(stage.loss, dict) else (stage.loss,):
            if type(loss).__module__.startswith("keras."):
                raise ValueError(
                    f"{lacking} of {len(samples.faces)} faces lack points, which Keras' "
                    f"{type(loss).__name__} does not know: take a loss of keras_landmarks.losses."
                )


def _balancing(recipe, samples):
    """Loss-probability batch balancing by the loss of the last stage's output."""
    every = 0.1 if recipe.lpbb == "BB" else None
    kind = "pupils" if samples.scheme.right_eye else samples.scheme.normaliser
    return LossBalancing(samples, NormalisedDistance(samples.scheme, kind), every)


def _graph(model, stage, samples):
    """The layers that the stage trains, as a model."""
    if callable(stage.output):
        landmarks = stage.output(model)
    elif stage.output:
        landmarks = model.get_layer(stage.output).output
    else:
        landmarks = model.output["landmarks"]
    teacher = stage.teacher
    if teacher or isinstance(stage.loss, dict):
        losses = stage.loss if isinstance(stage.loss, dict) else {"landmarks": stage.loss}
        graph = MultiLoss(model, losses, landmarks=landmarks)
        if teacher:  # which is held still from then on
            graph.lesson = Lesson(teacher, samples.scheme, samples.margin, name="lesson")
        return graph
    if stage.output or len(model.output) > 1:  # Keras asks a truth for each output
        return keras.Model(model.input, {"landmarks": landmarks}, name=model.name)
    return model


def _train_stage(stage, model, samples, progress, strategy, verbose):
    tensorflow = keras.backend.backend() == "tensorflow"
    balancing, standing = progress.checkpoint.balancing, progress.standing
    with devices.scope(strategy):
        graph = _graph(model, stage, samples)
    try:
        with devices.scope(strategy):
            more = [balancing.metric] if balancing and balancing.interval is None else []
            graph.compile(
                optimizer=stage.optimizer(stage.epochs * len(samples)),
                loss=None if isinstance(graph, MultiLoss) else {"landmarks": stage.loss},
                metrics={"landmarks": [metrics.NME(samples.scheme), *more]},
                # XLA on CPUs is slower than oneDNN's convolutions.
                jit_compile=False if tensorflow else "auto",
            )
            graph.optimizer.build(graph.trainable_variables)
        progress.begin(graph, stage.patience)
        make = samples.dataset if tensorflow else samples.py_dataset
        words = {"pick": balancing.pick if balancing else None, "part": devices.place()}
        devices.fit(
            strategy,
            graph,
            make(lambda: standing.epochs * len(samples), stage.augmentation, **words),
            epochs=standing.epoch if progress.stale() else stage.epochs,
            initial_epoch=standing.epoch,
            callbacks=[Finite(), *([balancing] if balancing else []), progress],
            verbose=verbose,
        )
    finally:
        if lesson := getattr(graph, "lesson", None):
            lesson.release()
    progress.next_stage()
