"""A stage of training, and what it may train on."""

import dataclasses
import inspect
from collections.abc import Callable
from fnmatch import fnmatchcase

import keras

from keras_landmarks.data import Augmentation
from keras_landmarks.names import number
from keras_landmarks.training.teacher import Teacher


def at_half_size(model, outputs):
    """What layers put out for crops of half the size: for the `output` of a cheap first `Stage`.

    Args:
        model: a functional model of convolutions, whose layers take crops of any size.
        outputs: outputs of its layers, in any structure.

    Returns:
        Their outputs, by the same layers, as a function of the model's input; in pixels and
        fractions of the crop as the layers have them.
    """
    height, width, channels = model.input.shape[1:]
    small = keras.models.clone_model(
        keras.Model(model.input, outputs),
        keras.Input((height // 2, width // 2, channels)),
        clone_function=lambda layer: layer,
    )
    return small(keras.layers.AveragePooling2D(2)(model.input))


def begins(name, starts):
    """Whether a name begins with one of these, in which `*` stands for any letters."""
    return any(fnmatchcase(name, f"{start}*") for start in starts)


CALLS = {
    "loss": "a loss object, as losses.Wing(), or {layer: loss object}",
    "optimizer": "a function from the number of steps, as training.averaged_adamw(1e-3)",
}
"""What a stage is made of."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """A stretch of training with one loss and one optimizer.

    Args:
        loss: a Keras loss over landmarks; or `{layer: loss}` to train several layers' landmarks
            together (see `MultiLoss`).
        epochs: how many.
        optimizer: called with the stage's number of steps; returns a Keras optimizer (schedules
            can end when the stage does). With `use_ema=True` the averaged weights are validated
            and kept.
        frozen: beginnings of the names of layers that are not trained, in which `*` stands for any
            letters. Batch normalisation among them keeps its statistics and normalises by them, as
            a trained model does: `("*_norm",)` in a last stage trains what will be used.
        output: whose landmarks are trained: the name of a layer (an early stage of a cascade), or
            a function from the model to landmarks that its layers compute in another way
            (pretraining); None trains the model's. Beside a dict of losses these landmarks are
            what is measured, and what a teacher teaches. Errors of stages with different outputs
            are not compared: the best weights are then the later stage's.
        patience: ends the stage early after so many epochs without a lower held-out error.
        start: called with the model before the first step, to bring weights along.
        augmentation: `Augmentation` of the training faces; None takes the recipe's.
        teacher: `Teacher` whose landmarks are learnt beside the annotated ones; None learns from
            the annotation alone.
        batch: faces in a step, over all devices; None takes the recipe's.
    """

    loss: keras.losses.Loss | dict[str, keras.losses.Loss]
    epochs: int
    optimizer: Callable
    frozen: tuple = ()
    output: str | Callable | None = None
    patience: int | None = None
    start: Callable | None = None
    augmentation: Augmentation | None = None
    teacher: Teacher | None = None
    batch: int | None = None

    def __post_init__(self):
        losses = [*self.loss.values()] if isinstance(self.loss, dict) else [self.loss]
        fits = {
            "loss": losses and all(isinstance(loss, keras.losses.Loss) for loss in losses),
            "optimizer": callable(self.optimizer) and not inspect.isclass(self.optimizer),
        }
        for name in (name for name, fit in fits.items() if not fit):
            raise ValueError(f"{name} must be {CALLS[name]}, not {getattr(self, name)!r}.")
        number("epochs", self.epochs, least=0, whole=True)
        for name in ("patience", "batch"):
            if (value := getattr(self, name)) is not None:
                number(name, value, least=1, whole=True)
        if isinstance(self.frozen, str):  # of which each letter would be a beginning
            raise ValueError(f"frozen is a tuple: ({self.frozen!r},).")
        kinds = {"frozen": tuple | list, "augmentation": Augmentation | None}
        kinds |= {"teacher": Teacher | None, "start": Callable | None}
        for name, kind in (kinds | {"output": str | Callable | None}).items():
            if not isinstance(getattr(self, name), kind):
                raise ValueError(f"{name} cannot be {getattr(self, name)!r:.80}.")

    def check(self, model, samples=None):
        """Raises a `ValueError` where the model lacks a layer that is named, or no teacher fits.

        Args:
            model: that is trained.
            samples: `data.Samples` to train on, whose points teachers need; None leaves them out.
        """
        if self.teacher and samples is not None:
            self.teacher.check(samples.scheme, samples.margin)
        names = [layer.name for layer in model.layers]
        for start in self.frozen:
            if not any(begins(name, (start,)) for name in names):
                raise ValueError(f"No layer of {model.name} begins with {start!r}, to be frozen.")
        wanted = [*self.loss] if isinstance(self.loss, dict) else []
        wanted = [name for name in wanted if name != "landmarks"]  # which name no layer
        wanted += [self.output] if isinstance(self.output, str) else []
        for name in wanted:
            if name not in names:
                raise ValueError(f"{model.name} has no layer {name!r}. It has {', '.join(names)}.")
