"""How a model is made: the recipe of its training, in stages."""

import dataclasses
import functools
import inspect
from collections.abc import Callable

import keras
import numpy as np

from keras_landmarks import models
from keras_landmarks.data import Augmentation, Samples, balance_poses, split_by_photo
from keras_landmarks.landmarker import Landmarker
from keras_landmarks.moved import new_names, renamed
from keras_landmarks.schemes import scheme_config
from keras_landmarks.training.described import described
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
        frozen: beginnings of the names of layers that are not trained; batch normalisation among
            them keeps its statistics.
        output: whose landmarks are trained: the name of a layer (an early stage of a cascade), or
            a function from the model to landmarks that its layers compute in another way
            (pretraining); None trains the model's. Errors of stages with different outputs are
            not compared: the best weights are then the later stage's.
        patience: ends the stage early after so many epochs without a lower held-out error.
        start: called with the model before the first step, to bring weights along.
        augmentation: `Augmentation` of the training faces; None takes the recipe's.
        teacher: `Teacher` whose landmarks are learnt beside the annotated ones, where `loss` is a
            dict; None learns from the annotation alone.
    """

    loss: Callable | dict
    epochs: int
    optimizer: Callable
    frozen: tuple = ()
    output: str | Callable | None = None
    patience: int | None = None
    start: Callable | None = None
    augmentation: Augmentation | None = None
    teacher: Teacher | None = None

    def check(self, model):
        """Raises a `ValueError` where a layer that is named is not one of the model's.

        Args:
            model: that is trained.
        """
        if self.teacher and not isinstance(self.loss, dict):
            raise ValueError(
                "A stage with a teacher names the layers of its losses: {layer: loss}."
            )
        names = [layer.name for layer in model.layers]
        if isinstance(self.frozen, str):  # of which each letter would be a beginning
            raise ValueError(f"frozen is a tuple: ({self.frozen!r},).")
        for start in self.frozen:
            if not any(name.startswith(start) for name in names):
                raise ValueError(f"No layer of {model.name} begins with {start!r}, to be frozen.")
        wanted = [*self.loss] if isinstance(self.loss, dict) else []
        wanted += [self.output] if isinstance(self.output, str) else []
        for name in wanted:
            if name not in names:
                raise ValueError(f"{model.name} has no layer {name!r}. It has {', '.join(names)}.")


@renamed(validation="held_out")
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
        held_out: fraction of the split's photos to choose on; 0 holds out none and
            keeps the last weights.
        augmentation: `Augmentation` of the training faces.
        bins: of pose-based data balancing; None takes each face once an epoch.
        most: largest number of times that one face is picked in an epoch.
        repeat: how often an epoch picks these: epochs of a moment would do little but validate.
        lpbb: `BB` or `BBO` to pick faces by their losses (see `LossBalancing`): of all faces,
            computed anew each tenth of an epoch, or of what was just trained; None picks evenly.
        batch: faces in a step, over all devices.
        seed: of weights, order, augmentation and of what is held out.
        precision: Keras dtype policy of the training; coordinates are float32 under any.
        paper: what is rebuilt, with year and section.
        paper_nme: the paper's NME in percent and its protocol, as text; None where it has none.
        licence: of the training data, which binds the weights.
        adapt: called with the model and its `Samples` before the first step, where layers learn
            from the training faces without gradients.
    """

    model: Callable
    stages: tuple
    size: tuple
    margin: float = 1.25
    box: str = "annotation"
    split: str = "300w/train"
    held_out: float = 0.1
    augmentation: Augmentation = Augmentation()
    bins: int | None = 9
    most: int | None = None
    repeat: int = 1
    lpbb: str | None = None
    batch: int = 64
    seed: int = 0
    precision: str = "float32"
    paper: str = ""
    paper_nme: str | None = None
    licence: str = "300W: research only"
    adapt: Callable | None = None

    def samples(self, faces, skip_broken=False, more=(), records=None):
        """What the recipe makes of annotated faces.

        Args:
            faces: list of `data.Face`.
            skip_broken: whether to warn of a picture that cannot be read and go on.
            more: faces that are trained on and never chosen on.
            records: folder that holds the training faces in memory's place (see `data.Samples`).

        Returns:
            `(samples, held_out)`: `data.Samples` to train on and, of other photos, to choose on
            (None where the recipe holds none out).
        """
        common = dict(size=self.size, margin=self.margin, box=self.box)
        common |= dict(batch=self.batch, skip_broken=skip_broken)
        held_out = None
        if self.held_out:
            faces, held = split_by_photo(faces, self.held_out, self.seed)
            held_out = Samples(held, **common)
        faces = [*faces, *more]
        common |= dict(augmentation=self.augmentation, seed=self.seed, records=records)
        samples = Samples(faces, **common)
        if self.bins:
            shapes = np.stack([face.landmarks for face in samples.faces])
            balance = balance_poses(shapes, samples.scheme, self.bins, self.most)
            samples = samples.replace(indices=balance.indices)
        if self.repeat > 1:
            samples = samples.replace(indices=np.tile(samples.indices, self.repeat))
        return samples, held_out

    def build(self, samples):
        """The untrained model, with what it takes from the training faces.

        Args:
            samples: `data.Samples` to train on.
        """
        model = self.model(mean_shape=samples.mean_shape())
        found, scheme = model.output["landmarks"].shape[1], samples.scheme
        if found != scheme.count:
            raise ValueError(
                f"The recipe's model finds {found} points, the faces' {scheme.name} has "
                f"{scheme.count}: see training.for_scheme."
            )
        if self.adapt:
            self.adapt(model, samples)
        return model

    def builder(self):
        """What makes the model.

        Returns:
            `(name, arguments)` of a builder of `keras_landmarks.models`; the name is None where it
            is none of these.
        """
        own = isinstance(self.model, functools.partial) and not self.model.args
        function, arguments = (
            (self.model.func, dict(self.model.keywords)) if own else (self.model, {})
        )
        name = getattr(function, "__name__", None)
        if name not in models.__all__ or getattr(models, name) is not function:
            return None, {}
        arguments = new_names(function, arguments)
        arguments.setdefault("scheme", inspect.signature(function).parameters["scheme"].default)
        return name, {**arguments, "scheme": scheme_config(arguments["scheme"])}

    def facts(self, samples, model):
        """What `load` needs to open the trained weights, for JSON.

        Args:
            samples: `data.Samples` that it is trained on.
            model: that is trained.
        """
        builder, arguments = self.builder()
        scheme = scheme_config(samples.scheme)
        made = {"builder": builder, "arguments": {**arguments, "scheme": scheme}}
        if not builder:
            made = {"network": described(model)}
        crop = {"size": samples.size, "margin": samples.margin, "box": samples.box}
        return {"name": model.name, **made, "scheme": scheme, **crop, "licence": self.licence}

    def landmarker(self, samples, model):
        """A trained model, with its crop, as a `Landmarker`.

        Args:
            samples: `data.Samples` that it was trained on.
            model: that was trained.
        """
        facts = {"scheme": samples.scheme, "margin": samples.margin, "box": samples.box}
        facts |= {"licence": self.licence, "name": model.name}
        return Landmarker(model.input, model.output, **facts).ready()
