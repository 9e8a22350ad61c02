"""Training by recipe: stages, checkpoints, resuming after a kill, several devices."""

import contextlib
import csv
import dataclasses
import io
import math
import pathlib
from collections.abc import Callable

import keras
import numpy as np

from keras_landmarks import metrics, weights
from keras_landmarks.data.augment import Augmentation
from keras_landmarks.images import write_bytes


@dataclasses.dataclass(frozen=True)
class Stage:
    """A stretch of training with one loss and one optimizer.

    Args:
        loss: a Keras loss over landmarks.
        epochs: how many.
        optimizer: called with the stage's number of steps; returns a Keras optimizer (schedules
            can end when the stage does). With `use_ema=True` the averaged weights are validated
            and kept.
        frozen: beginnings of the names of layers that are not trained.
    """

    loss: Callable
    epochs: int
    optimizer: Callable
    frozen: tuple = ()


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
        batch: faces in a step, over all devices.
        seed: of weights, order, augmentation and validation split.
        precision: Keras dtype policy of the training; coordinates are float32 under any.
        start: called with the new model before the first step, to bring weights along.
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
    batch: int = 64
    seed: int = 0
    precision: str = "float32"
    start: Callable | None = None
    paper: str = ""
    paper_nme: str | None = None
    licence: str = "300W: research only"


def train(recipe, samples, validation, out, resume=False, strategy=None, verbose=1):
    """Trains a model by its recipe.

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
            `clipnorm`: Keras clips each device's share of the gradient.
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
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.precision)
    keras.utils.set_random_seed(recipe.seed)
    try:
        with strategy.scope() if strategy else contextlib.nullcontext():
            model = recipe.model(mean_shape=samples.mean_shape())
            if recipe.start:
                recipe.start(model)
        run = _Run(out, model, validation)
        if resume:
            run.read()
        for number, stage in enumerate(recipe.stages):
            if run.stage == number:
                _train_stage(stage, model, samples, run, strategy, verbose)
    finally:
        keras.config.set_dtype_policy(policy)
    best, _ = weights.load_arrays(out / "best.safetensors")
    weights.set_weights(model, best)
    return model


def _strategy():
    """`MirroredStrategy` if TensorFlow has more than one device of the kind it would use."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([d.name for d in devices]) if len(devices) > 1 else None


def _train_stage(stage, model, samples, run, strategy, verbose):
    for layer in model.layers:
        layer.trainable = not (stage.frozen and layer.name.startswith(tuple(stage.frozen)))
    tensorflow = keras.backend.backend() == "tensorflow"
    with strategy.scope() if strategy else contextlib.nullcontext():
        optimizer = stage.optimizer(stage.epochs * len(samples))
        model.compile(
            optimizer=optimizer,
            loss={"landmarks": stage.loss},
            metrics={"landmarks": [metrics.NME(samples.scheme)]},
            # XLA on CPUs is slower than oneDNN's convolutions.
            jit_compile=False if tensorflow else "auto",
        )
        model.optimizer.build(model.trainable_variables)
    run.restore_optimizer()
    first_step = (run.done + run.epoch) * len(samples)
    data = samples.dataset(first_step) if tensorflow else samples.py_dataset(first_step)
    run.batches = None if tensorflow else data
    model.fit(
        data,
        epochs=stage.epochs,
        initial_epoch=run.epoch,
        steps_per_epoch=len(samples),
        callbacks=[run],
        shuffle=False,  # the samples are, and a resumed run must see the same order
        verbose=verbose,
    )
    run.next_stage(stage.epochs)


class _Run(keras.callbacks.Callback):
    """Where a training stands: validates, keeps the best weights and writes the checkpoint."""

    def __init__(self, out, model, validation):
        super().__init__()
        self.out, self._model_of_run = out, model
        self.validation = None if validation is None else validation.arrays()
        self.scheme = None if validation is None else validation.scheme
        self.stage = self.epoch = self.done = 0
        self.best, self.history, self._optimizer_state = float("inf"), [], None
        self.batches = None

    def next_stage(self, epochs):
        self.stage, self.epoch, self.done = self.stage + 1, 0, self.done + epochs

    def on_epoch_begin(self, epoch, logs=None):
        if self.batches is not None:  # Keras ends an epoch of its own before the first
            self.batches.first_step = (self.done + epoch) * len(self.batches)

    def on_train_batch_end(self, batch, logs=None):
        if not np.isfinite((logs or {}).get("loss", 0.0)):
            raise FloatingPointError(f"The loss is no longer finite, at step {batch + 1}.")

    def on_epoch_end(self, epoch, logs=None):
        model = self.model
        row = {"stage": self.stage, "epoch": self.done + epoch + 1}
        row |= {k: float(v) for k, v in (logs or {}).items()}
        optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        averaged = keras.callbacks.SwapEMAWeights() if optimizer.use_ema else None
        if averaged:
            averaged.set_model(model)
            averaged.on_test_begin()
        if self.validation:
            crops, landmarks = self.validation
            predicted = model.predict(crops, batch_size=128, verbose=0)["landmarks"]
            error = float(np.mean(metrics.face_errors(landmarks, predicted, self.scheme)))
            row["val_nme"] = logs["val_nme"] = error
        if not self.validation or error < self.best:
            self.best = row.get("val_nme", self.best)
            weights.save_arrays(self.out / "best.safetensors", weights.get_weights(model), row)
        if averaged:
            averaged.on_test_end()
        self.history.append(row)
        self.epoch = epoch + 1
        self.write_log()  # first, so that no kill leaves a finished checkpoint with a shorter log
        self.write()

    def write(self):
        """The checkpoint: weights, random state, optimizer and where in the recipe they stand."""
        arrays = {name: _numpy(v) for name, v in _variables(self.model).items()}
        state = self.model.optimizer.variables
        arrays |= {f"optimizer/{i}": _numpy(v) for i, v in enumerate(state)}
        keys = ("stage", "epoch", "done", "best", "history")
        facts = {key: getattr(self, key) for key in keys}
        weights.save_arrays(self.out / "checkpoint.safetensors", arrays, facts)

    def read(self):
        """Takes up the checkpoint in the folder, if there is one."""
        path = self.out / "checkpoint.safetensors"
        if not path.exists():
            return
        arrays, facts = weights.load_arrays(path)
        state = {k: arrays.pop(k) for k in list(arrays) if k.startswith("optimizer/")}
        variables = _variables(self._model_of_run)
        shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
        for name in sorted(set(shapes) | set(arrays)):
            if name not in arrays or shapes.get(name) != arrays[name].shape:
                raise ValueError(f"{path} is of another model: no fitting {name}.")
        for name, variable in variables.items():
            variable.assign(arrays[name])
        for key, value in facts.items():
            setattr(self, key, value)
        self._optimizer_state = [state[f"optimizer/{i}"] for i in range(len(state))]

    def restore_optimizer(self):
        if self._optimizer_state is not None:
            # The model's own: `compile` wraps the stage's where losses are scaled.
            variables = self._model_of_run.optimizer.variables
            sizes = [math.prod(variable.shape) for variable in variables]
            if [array.size for array in self._optimizer_state] != sizes:
                raise ValueError(f"The checkpoint in {self.out} is of another optimizer.")
            for variable, array in zip(variables, self._optimizer_state):
                variable.assign(array.reshape(variable.shape))
        self._optimizer_state = None

    def write_log(self):
        text = io.StringIO()
        names = list(dict.fromkeys(name for row in self.history for name in row))
        table = csv.DictWriter(text, names, lineterminator="\n")
        table.writeheader()
        table.writerows(self.history)
        write_bytes(self.out / "log.csv", text.getvalue().encode())
        plot_history(self.history, self.out / "loss.png")


def _variables(model):
    """`{name: variable}` of a model, with its random states.

    The states go by their order: Keras numbers their names by the process.
    """
    known = {id(variable) for variable in model.weights}
    states = [variable for variable in model.variables if id(variable) not in known]
    named = {f"model/{variable.path}": variable for variable in model.weights}
    return named | {f"random/{i}": variable for i, variable in enumerate(states)}


def _numpy(variable):
    return keras.ops.convert_to_numpy(variable)


def plot_history(history, path):
    """Draws loss and errors over the epochs; does nothing where matplotlib is not installed.

    Args:
        history: list of dicts with `epoch`, `loss`, `nme` and perhaps `val_nme` (fractions).
        path: of the picture.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    for axes, names in zip(figure.subplots(1, 2), (("loss",), ("nme", "val_nme"))):
        for name in names:
            points = [(row["epoch"], row[name]) for row in history if name in row]
            if points:
                axes.plot(*zip(*points), label=name)
        axes.set(xlabel="epoch", yscale="log")
        axes.legend()
    picture = io.BytesIO()
    figure.savefig(picture)
    write_bytes(path, picture.getvalue())
