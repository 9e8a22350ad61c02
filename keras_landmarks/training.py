"""Training by recipe: stages, checkpoints, resuming after a kill, several devices."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable

import keras
import numpy as np

from keras_landmarks import metrics
from keras_landmarks.data import (
    Augmentation,
    LossBalancing,
    Samples,
    balance_poses,
    split_by_photo,
)
from keras_landmarks.layers import ShapeDictionary
from keras_landmarks.losses import NormalisedDistance
from keras_landmarks.models import MultiLoss
from keras_landmarks.progress import Progress


@dataclasses.dataclass(frozen=True)
class Stage:
    """A stretch of training with one loss and one optimizer.

    Args:
        loss: a Keras loss over landmarks; or `{layer: loss}` to train several layers' landmarks
            together (see `models.MultiLoss`).
        epochs: how many.
        optimizer: called with the stage's number of steps; returns a Keras optimizer (schedules
            can end when the stage does). With `use_ema=True` the averaged weights are validated
            and kept.
        frozen: beginnings of the names of layers that are not trained; batch normalisation among
            them keeps its statistics.
        output: whose landmarks are trained: the name of a layer (an early stage of a cascade), or
            a function from the model to landmarks that its layers compute in another way
            (pretraining); None trains the model's. Errors of stages with different outputs are
            not compared: the best weights are then the later stage's.
        patience: ends the stage early after so many epochs without a lower validation error.
        start: called with the model before the first step, to bring weights along.
        augmentation: `Augmentation` of the training faces; None takes the recipe's.
    """

    loss: Callable | dict
    epochs: int
    optimizer: Callable
    frozen: tuple = ()
    output: str | Callable | None = None
    patience: int | None = None
    start: Callable | None = None
    augmentation: Augmentation | None = None


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a model is made: everything that a person decided.

    Args:
        model: called with `mean_shape=`; returns the model that is trained.
        stages: tuple of `Stage`.
        size: `(height, width)` of the crop.
        margin: side of the crop over the longer side of the box.
        box: the box that crops are made from: `annotation` or `truth`.
        split: the named split to train on.
        validation: fraction of the split's photos held out to choose on; 0 holds out none and
            keeps the last weights.
        augmentation: `Augmentation` of the training faces.
        bins: of pose-based data balancing; None draws each face once an epoch.
        most: largest number of times that one face is drawn in an epoch.
        lpbb: `BB` or `BBO` to draw faces by their losses (see `data.LossBalancing`): of all faces,
            computed anew each tenth of an epoch, or of what was just trained; None draws evenly.
        batch: faces in a step, over all devices.
        seed: of weights, order, augmentation and validation split.
        precision: Keras dtype policy of the training; coordinates are float32 under any.
        paper: what is rebuilt, with year and section.
        paper_nme: the paper's NME in percent and its protocol, as text; None where it has none.
        licence: of the training data, which binds the weights.
    """

    model: Callable
    stages: tuple
    size: tuple
    margin: float = 1.25
    box: str = "annotation"
    split: str = "300w/train"
    validation: float = 0.1
    augmentation: Augmentation = Augmentation()
    bins: int | None = 9
    most: int | None = None
    lpbb: str | None = None
    batch: int = 64
    seed: int = 0
    precision: str = "float32"
    paper: str = ""
    paper_nme: str | None = None
    licence: str = "300W: research only"

    def samples(self, faces, skip_broken=False):
        """What the recipe makes of annotated faces.

        Args:
            faces: list of `data.Face`.
            skip_broken: whether to warn of a picture that cannot be read and go on.

        Returns:
            `(samples, validation)`: `data.Samples` to train on and, of other photos, to choose on
            (None where the recipe holds none out).
        """
        common = dict(size=self.size, margin=self.margin, box=self.box)
        common |= dict(batch=self.batch, skip_broken=skip_broken)
        validation = None
        if self.validation:
            faces, held = split_by_photo(faces, self.validation, self.seed)
            validation = Samples(held, **common)
        samples = Samples(faces, augmentation=self.augmentation, seed=self.seed, **common)
        if self.bins:
            shapes = np.stack([face.landmarks for face in samples.faces])
            balance = balance_poses(shapes, samples.scheme, self.bins, self.most)
            samples.indices = balance.indices
        return samples, validation


def train(recipe, samples, validation, out, resume=False, strategy=None, verbose=1):
    """Trains a model by its recipe, stage by stage; each stage starts from the best weights so far.

    After each epoch `out` holds `checkpoint.safetensors` (all that resuming needs),
    `best.safetensors` (the weights with the lowest validation error), `log.csv` and
    `loss.png`; each is replaced only by a whole one. Shows a progress bar.

    Args:
        recipe: `Recipe`.
        samples: `Samples` to train on.
        validation: `Samples` to choose on, or None to keep the last weights.
        out: folder for the files; made if need be.
        resume: whether to go on from the checkpoint in `out`, if there is one: same epoch, same
            optimizer state, same order of the data.
        strategy: `tf.distribute.Strategy`; None takes `MirroredStrategy` where TensorFlow sees
            several devices of the kind it would use. Results are those of one device, but for
            an optimizer's `clipnorm` (Keras clips each device's share of the gradient) and for
            layers that draw random numbers (each device draws its own).
        verbose: 0 silent, 1 progress bar, 2 a line each epoch.

    Returns:
        The trained `keras.Model` with the best weights.

    Raises:
        ValueError: if `out` holds a checkpoint and `resume` is false, the checkpoint is of
            another model, or the devices cannot share a batch evenly.
        FloatingPointError: if the loss is no longer finite.
    """
    out = pathlib.Path(out)
    if (out / "checkpoint.safetensors").exists() and not resume:
        raise ValueError(f"{out} holds a checkpoint: resume it, or name another folder.")
    strategy = strategy or _strategy()
    devices = strategy.num_replicas_in_sync if strategy else 1
    if samples.batch % devices:  # the mean of uneven parts' means is not the batch's
        raise ValueError(f"{devices} devices cannot share a batch of {samples.batch} evenly.")
    policy, usual = keras.config.dtype_policy(), samples.augmentation
    keras.config.set_dtype_policy(recipe.precision)
    keras.utils.set_random_seed(recipe.seed)
    try:
        with strategy.scope() if strategy else contextlib.nullcontext():
            model = recipe.model(mean_shape=samples.mean_shape())
            for layer in model.layers:
                if isinstance(layer, ShapeDictionary):
                    layer.adapt(samples.shapes())
            samples.balance = None  # of a training before
            balancing = _balancing(recipe, samples) if recipe.lpbb else None
        progress = Progress(out, model, validation)
        progress.balancing = balancing
        if resume:
            progress.read()
        for number, stage in enumerate(recipe.stages):
            if progress.stage != number:
                continue
            if not progress.begun:
                progress.take_best()
                if number and stage.output != recipe.stages[number - 1].output:
                    progress.best = float("inf")  # of other landmarks
                if stage.start:
                    stage.start(model)
            samples.augmentation = stage.augmentation or usual
            _train_stage(stage, model, samples, progress, strategy, verbose)
    finally:
        samples.augmentation = usual
        keras.config.set_dtype_policy(policy)
    progress.take_best()
    for layer in model.layers:
        layer.trainable = True
    return model


def _strategy():
    """`MirroredStrategy` if TensorFlow has more than one device of the kind it would use."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([d.name for d in devices]) if len(devices) > 1 else None


def _balancing(recipe, samples):
    """Loss-probability batch balancing by the loss of the last stage's output."""
    if recipe.lpbb not in ("BB", "BBO"):
        raise ValueError(f"lpbb must be 'BB', 'BBO' or None, not {recipe.lpbb!r}.")
    every = 0.1 if recipe.lpbb == "BB" else None
    return LossBalancing(samples, NormalisedDistance(samples.scheme), every)


def _graph(model, stage):
    """The layers that the stage trains, as a model."""
    if stage.output:
        named = isinstance(stage.output, str)
        landmarks = model.get_layer(stage.output).output if named else stage.output(model)
        model = keras.Model(model.input, {"landmarks": landmarks}, name=model.name)
    return MultiLoss(model, stage.loss) if isinstance(stage.loss, dict) else model


def _train_stage(stage, model, samples, progress, strategy, verbose):
    for layer in model.layers:
        layer.trainable = not (stage.frozen and layer.name.startswith(tuple(stage.frozen)))
    tensorflow = keras.backend.backend() == "tensorflow"
    with strategy.scope() if strategy else contextlib.nullcontext():
        graph, loss = _graph(model, stage), stage.loss
        balancing = progress.balancing
        more = [balancing.metric] if balancing and balancing.interval is None else []
        graph.compile(
            optimizer=stage.optimizer(stage.epochs * len(samples)),
            loss=None if isinstance(loss, dict) else {"landmarks": loss},
            metrics={"landmarks": [metrics.NME(samples.scheme), *more]},
            # XLA on CPUs is slower than oneDNN's convolutions.
            jit_compile=False if tensorflow else "auto",
        )
        graph.optimizer.build(graph.trainable_variables)
    progress.begin(graph, stage.patience)
    first_step = (progress.done + progress.epoch) * len(samples)
    data = samples.dataset(first_step) if tensorflow else samples.py_dataset(first_step)
    graph.fit(
        data,
        epochs=progress.epoch if progress.stale() else stage.epochs,
        initial_epoch=progress.epoch,
        steps_per_epoch=len(samples),
        callbacks=[balancing, progress] if balancing else [progress],
        shuffle=False,  # the samples are, and a resumed run must see the same order
        verbose=verbose,
    )
    progress.next_stage()
