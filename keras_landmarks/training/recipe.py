"""How a model is made: the recipe of its training, in stages."""

import dataclasses
import functools
import inspect
from collections.abc import Callable

import keras
import numpy as np

from keras_landmarks import models, weights
from keras_landmarks.data import Augmentation, Samples, balance_poses, split_by_photo
from keras_landmarks.data.datasets import of_other_photos
from keras_landmarks.data.face import faces_of
from keras_landmarks.data.laying import measured_scheme
from keras_landmarks.files import as_path
from keras_landmarks.landmarker import Landmarker, check_outputs, size_of_crops
from keras_landmarks.moved import new_names, renamed
from keras_landmarks.names import number, sides
from keras_landmarks.schemes import scheme_config
from keras_landmarks.training.described import described
from keras_landmarks.training.stage import Stage

UNCHANGED = Augmentation(rotation=0, mirror=0, shift=0, blur=0)
"""Faces as they are, but in another order in each epoch."""


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
        augmentation: `Augmentation` of the training faces; None leaves them as they are, but for
            their order, and an incomplete last batch out, as any other does.
        bins: of pose-based data balancing; None takes each face once an epoch.
        most: largest number of times that one face is picked for balance.
        repeat: how often an epoch takes these: epochs of a moment would do little but validate.
        lpbb: `BB` or `BBO` to pick faces by their losses (see `LossBalancing`): of all faces,
            computed anew each tenth of an epoch, or of what was just trained; None picks evenly.
        batch: faces in a step, over all devices, of stages that name no other.
        seed: of weights, order, augmentation and of what is held out.
        precision: Keras dtype policy of the training; coordinates are float32 under any. Where a
            machine takes twice as long in a mixed one, as CPUs without bfloat16 do, it is float32.
        paper: what is rebuilt, with year and section.
        paper_nme: the paper's NME in percent and its protocol, as text; None where it has none.
        licence: of the training data, which binds the weights.
        adapt: called with the model and its `Samples` before the first step, where layers learn
            from the training faces without gradients.
    """

    model: Callable
    stages: tuple[Stage, ...]
    size: tuple[int, int]
    margin: float = 1.25
    box: str = "annotation"
    split: str = "300w/train"
    held_out: float = 0.1
    augmentation: Augmentation | None = Augmentation()
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

    def __post_init__(self):
        stages = (self.stages,) if isinstance(self.stages, Stage) else self.stages
        made = isinstance(stages, (tuple, list))
        if not made or not stages or not all(isinstance(stage, Stage) for stage in stages):
            raise ValueError(f"stages are a tuple of Stage, not {self.stages!r:.80}.")
        if not callable(self.model) or isinstance(self.model, keras.Model):
            raise ValueError(f"model makes the model, as models.cnn6: not {self.model!r:.80}.")
        if not isinstance(self.augmentation, Augmentation | None):
            raise ValueError(f"augmentation is an Augmentation, not {self.augmentation!r:.80}.")
        object.__setattr__(self, "stages", tuple(stages))
        object.__setattr__(self, "size", sides("size", self.size))
        number("margin", self.margin, above=0)
        number("held_out", self.held_out, least=0, below=1)
        number("seed", self.seed, least=0, below=2**32, whole=True)
        for name in ("repeat", "batch", "bins", "most"):
            if (value := getattr(self, name)) is not None or name in ("repeat", "batch"):
                number(name, value, least=1, whole=True)
        if self.lpbb not in ("BB", "BBO", None):
            raise ValueError(f"lpbb must be 'BB', 'BBO' or None, not {self.lpbb!r}.")
        if self.lpbb and any(stage.batch is not None for stage in stages):
            raise ValueError("lpbb picks batches of the recipe's size: no stage has its own.")

    def samples(
        self, faces, skip_broken=False, more=(), records=None, held_out=()
    ) -> tuple[Samples, Samples | None]:
        """What the recipe makes of annotated faces.

        Args:
            faces: list of `data.Face`.
            skip_broken: whether to warn of a picture that cannot be read and go on.
            more: faces that are trained on and never chosen on; with a warning, those of photos
                that are held out are left out.
            records: folder that holds the training faces in memory's place (see `data.Samples`);
                `{records}-held-out` beside it holds the others.
            held_out: faces to choose on, in place of a share of those, of which the ones in their
                pictures are left out.

        Returns:
            `(samples, held_out)`: `data.Samples` to train on and, of other photos, to choose on
            (None where the recipe holds none out).
        """
        common = dict(size=self.size, margin=self.margin, box=self.box)
        common |= dict(batch=self.batch, skip_broken=skip_broken)
        faces, more, held = faces_of(faces), faces_of(more), faces_of(held_out)
        if held:
            faces, more = [], [*faces, *more]
        elif self.held_out:
            if len({face.photo for face in faces}) == 1:
                raise ValueError(
                    "Faces of one photo cannot be parted: give others to choose on, held_out= or "
                    "--held-out; a recipe of held_out=0 chooses on none."
                )
            faces, held = split_by_photo(faces, self.held_out, self.seed)
        faces += of_other_photos(more, held, "held out to choose on", by_name=not held_out)
        beside = records and f"{as_path(records)}-held-out"
        held_out = Samples(held, **common, records=beside) if held else None
        common |= dict(augmentation=self.augmentation or UNCHANGED, seed=self.seed, records=records)
        samples = Samples(faces, **common | {"batch": 1})
        indices = samples.indices
        if self.bins:
            shapes = np.stack([face.landmarks for face in samples.faces])
            indices = balance_poses(shapes, samples.scheme, self.bins, self.most).indices
        indices = np.tile(indices, self.repeat)
        return samples.replace(indices=indices, batch=self.batch), held_out

    def build(self, samples):
        """The untrained model, with what it takes from the training faces.

        Args:
            samples: `data.Samples` to train on.
        """
        model = self.model(mean_shape=samples.mean_shape())
        outputs = model.output if isinstance(model, keras.Model) and model.built else None
        if not isinstance(outputs, dict) or "landmarks" not in outputs:
            raise ValueError(
                "The recipe's model must be a functional model that puts out a dict with "
                f"'landmarks' (batch, n, 2), not {outputs!r:.80}."
            )
        found, scheme = outputs["landmarks"].shape[1], samples.scheme
        if found != scheme.count:
            raise ValueError(
                f"The recipe's model finds {found} points, the faces' {scheme.name} has "
                f"{scheme.count}: see training.for_scheme."
            )
        check_outputs(outputs, scheme)  # as the Landmarker does that comes of it, but before hours
        own = size_of_crops([one.shape for one in model.inputs])
        if own != tuple(samples.size):
            raise ValueError(f"The recipe's model takes crops of {own}, not of {samples.size}.")
        if self.adapt:
            self.adapt(model, samples)
        return model

    def builder(self):
        """What makes the model.

        Returns:
            `(name, arguments)` of a builder of `keras_landmarks.models`; the name is None where it
            is none of these.
        """
        made = self.model if isinstance(self.model, functools.partial) else None
        function = made.func if made else self.model
        name = getattr(function, "__name__", None)
        if name not in models.__all__ or getattr(models, name) is not function:
            return None, {}
        arguments = new_names(function, dict(made.keywords) if made else {})
        arguments |= zip(inspect.signature(function).parameters, made.args if made else ())
        arguments.pop("mean_shape", None)  # which the weights bring
        arguments.setdefault("scheme", inspect.signature(function).parameters["scheme"].default)
        return name, {**arguments, "scheme": scheme_config(arguments["scheme"])}

    def facts(self, samples, model):
        """What `load` needs to open the trained weights, for JSON.

        Args:
            samples: `data.Samples` that it is trained on.
            model: that is trained.
        """
        builder, arguments = self.builder()
        scheme = scheme_config(measured_scheme(samples))
        made = {"builder": builder, "arguments": {**arguments, "scheme": scheme}}
        if not builder:
            made = {"network": described(model), "paths": [*weights.by_path(model.weights)]}
        crop = {"size": samples.size, "margin": samples.margin, "box": samples.box}
        return {"name": model.name, **made, "scheme": scheme, **crop, "licence": self.licence}

    def landmarker(self, samples, model):
        """A trained model, with its crop, as a `Landmarker`.

        Args:
            samples: `data.Samples` that it was trained on.
            model: that was trained.
        """
        facts = {"scheme": measured_scheme(samples), "margin": samples.margin, "box": samples.box}
        facts |= {"licence": self.licence, "name": model.name}
        return Landmarker(model.input, model.output, **facts).ready()
