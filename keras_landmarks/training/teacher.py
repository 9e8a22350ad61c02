"""Distillation: trained models whose landmarks a student learns beside the annotated ones."""

import copy
import dataclasses
import os

import keras
import numpy as np
from keras import ops

from keras_landmarks import geometry, zoo
from keras_landmarks.models import ensemble
from keras_landmarks.names import number
from keras_landmarks.schemes import get_scheme


@dataclasses.dataclass(frozen=True)
class Teacher:
    """Whom a stage of training learns from besides the annotation.

    Args:
        models: tuple of names of the zoo, paths of trained models or `Landmarker`s, of the
            student's scheme, of one margin and none wider than the student's. Their landmarks are
            averaged.
        loss: Keras loss of the student's landmarks against theirs.
        weight: of that loss; the losses of the annotation have theirs.
        mirrored: whether each is asked about the mirror image too, at twice the cost.

    Raises:
        ValueError: if there is no teacher, or one of them, the loss or its weight is none.

    Reference:
        Hinton et al., Distilling the knowledge in a neural network, 2015.
    """

    models: tuple
    loss: keras.losses.Loss
    weight: float = 1.0
    mirrored: bool = True

    def __post_init__(self):
        if not isinstance(self.models, (tuple, list)) or not self.models:
            raise ValueError(f"models are a tuple of one teacher or more, not {self.models!r:.80}.")
        for model in self.models:
            if not isinstance(model, (str, os.PathLike)) and not hasattr(model, "scheme"):
                raise ValueError(f"A teacher is a name, a path or a Landmarker, not {model!r:.80}.")
        if not isinstance(self.loss, keras.losses.Loss):
            raise ValueError(f"loss must be a loss object, as losses.Wing(), not {self.loss!r}.")
        number("weight", self.weight, least=0)

    def check(self, scheme, margin):
        """Raises a `ValueError` where a model cannot teach a student.

        Args:
            scheme: the student's `Scheme`.
            margin: of the student's crops (see `data.Samples`).
        """
        seen = None
        for model in self.models:
            if isinstance(model, (str, os.PathLike)):
                facts, _ = zoo.read_model(model)
                own = facts.get("scheme") or facts["arguments"]["scheme"]
                name, own, its = facts["name"], get_scheme(own), facts["margin"]
            else:
                name, own, its = model.name, model.scheme, model.margin
            seen = its if seen is None else seen
            if own != scheme or not its == seen <= margin:
                raise ValueError(
                    f"{name} finds {own.name} in crops of margin {its}; the student learns "
                    f"{scheme.name} in crops of margin {margin}."
                )


class Lesson(keras.layers.Layer):
    """What a `Teacher` makes of a student's landmarks, in the step that trains the student.

    The teachers see the very crops that the student sees, however they were disturbed: the middle
    of them where their margin is smaller, resized where their crops have another size.

    Args:
        teacher: `Teacher`.
        scheme: the student's `Scheme`.
        margin: of the student's crops (see `data.Samples`).

    Call arguments:
        crops: `(batch, height, width, 3)` of 0..255.

    Returns:
        `(batch, n, 2)` landmarks that the teachers find, in pixels of the crops, float32.

    Raises:
        ValueError: if a teacher has other landmarks, or a margin wider than the student's or than
            another teacher's.
    """

    def __init__(self, teacher, scheme, margin, **kwargs):
        super().__init__(trainable=False, **kwargs)
        teacher.check(scheme, margin)
        shared = keras.distribution.distribution() is not None  # by variables that are born in it
        models = [
            zoo.load(m) if not hasattr(m, "scheme") else copy.deepcopy(m) if shared else m
            for m in teacher.models
        ]
        self.teacher = teacher
        self.network = ensemble(models, scheme, teacher.mirrored)
        self.learnt = self.network.trainable_variables
        self._hold(True)
        self.unseen = (1 - models[0].margin / margin) / 2  # of the crop, at each edge

    def call(self, crops):
        height, width = crops.shape[1:3]
        top, left = round(self.unseen * height), round(self.unseen * width)
        crops = ops.cast(crops[:, top : height - top, left : width - left], "float32")
        own, size = crops.shape[1:3], self.network.input.shape[1:3]
        if own != size:
            crops = ops.image.resize(crops, size, antialias=True)
        points = self.network(crops, training=False)["landmarks"]
        scale = ops.convert_to_tensor(np.float32(own[::-1]) / np.float32(size[::-1]))
        corner = ops.convert_to_tensor(np.float32((left, top)))
        return ops.stop_gradient(geometry.resize_points(points, scale) + corner)

    def release(self):
        """The teachers, which may be the user's own, can be trained again."""
        self._hold(False)

    def _hold(self, still):
        for variable in self.learnt:
            variable.trainable = not still

    def loss(self, crops, landmarks):
        """How far a student's landmarks `(batch, n, 2)` are from the teachers', weighted."""
        return self.teacher.weight * self.teacher.loss(self(crops), landmarks)
