"""Landmarker: a trained model that finds the landmarks of the faces in a picture."""

import os
import threading
from typing import Any, Self

import keras
import numpy as np

from keras_landmarks import faces, forks
from keras_landmarks.faces.blazeface import BlazeFace
from keras_landmarks.faces.boxes import CONVENTIONS, Detector
from keras_landmarks.faces.detection import Detection
from keras_landmarks.faces.finder import find_faces
from keras_landmarks.faces.model import check_outputs, detector_config, padded, size_of_crops
from keras_landmarks.losses import Wing
from keras_landmarks.metrics import NME
from keras_landmarks.names import known_name, number, of_shape
from keras_landmarks.pictures.html import picture_html, table_html
from keras_landmarks.schemes import get_scheme, scheme_config

__all__ = ["Detection", "Landmarker"]


@keras.saving.register_keras_serializable(package="keras_landmarks")
class Landmarker(keras.Model):
    """A functional model that also knows its scheme and the crop it was trained on.

    A `keras.Model` in every respect: `fit`, `predict`, `summary`, `save` work, and
    `keras.models.load_model` gives it back, as do `pickle` and `copy.deepcopy`; a detector of your
    own is to be set again then. Crops in: `(batch, height, width, 3)` RGB of 0..255. Out: a dict
    with `landmarks` `(batch, n, 2)` in crop pixels.

    A child process that was forked has none of the backend's threads: start processes by
    `multiprocessing.get_context("spawn")`, and load the model there.

    Args:
        inputs: the functional model's input.
        outputs: its dict of outputs.
        scheme: the landmarks' scheme or its name.
        margin: side of the crop over the longer side of the box.
        box: the convention of the boxes (see `faces.boxes`): `annotation` or `truth`.
        licence: of the training data, which binds the weights.
        name: of the model.

    Raises:
        ValueError: if an output is not as the scheme has it, a number or a name is none.

    Attributes:
        detector: finds the faces where no boxes are given; a `BlazeFace` unless another is set.

    Example:
        model = keras_landmarks.load("cnn6-300w")
        for face in model.detect("photo.jpg"):
            print(face.landmarks)
    """

    detector: Detector

    def __init__(
        self,
        inputs,
        outputs,
        scheme="ibug68",
        margin=1.25,
        box="annotation",
        licence=None,
        name=None,
    ):
        number("margin", margin, above=0)
        self._process, self._running = os.getpid(), threading.Lock()
        forks.check(self._process)
        check_outputs(outputs, get_scheme(scheme))
        super().__init__(inputs, outputs, name=name)
        self.box = known_name("box convention", box, CONVENTIONS)
        self.scheme, self.margin, self.licence = get_scheme(scheme), float(margin), licence
        self.size = size_of_crops([one.shape for one in self.inputs])
        self(self.inputs[0])  # Keras exports models to ONNX only once they were called
        self.detector = BlazeFace()
        if keras.backend.backend() == "tensorflow":
            self.jit_compile = False  # XLA would compile anew for every number of faces

    def __setattr__(self, name, value):
        if name == "detector":  # of Keras, too, it is no part of the network
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        y_pred = faces.model.known_outputs(y, y_pred)
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        y_pred = faces.model.known_outputs(y, y_pred)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def compile_from_config(self, config):
        super().compile_from_config({**config, "jit_compile": _exactly()})

    def get_config(self):
        network = keras.Model(self.input, self.output, name=self.name)
        return {
            "network": keras.saving.serialize_keras_object(network),
            "scheme": scheme_config(self.scheme),
            "margin": self.margin,
            "box": self.box,
            "licence": self.licence,
            "detector": detector_config(self.detector),
        }

    def ready(self) -> Self:
        """Compiles it with Wing loss and NME, so that `evaluate` works at once.

        To train it, compile it with an optimizer of your own: this one holds nothing and hardly
        moves.

        Returns:
            Itself.
        """
        self.compile(
            keras.optimizers.SGD(1e-5),
            {"landmarks": Wing()},
            metrics={"landmarks": [NME(self.scheme)]},
            jit_compile=_exactly(),
        )
        return self

    @classmethod
    def from_config(cls, config, custom_objects=None):
        forks.check(os.getpid())  # before the network has variables
        config = dict(config)
        network = keras.saving.deserialize_keras_object(config.pop("network"), custom_objects)
        detector = config.pop("detector", None)
        model = cls(network.input, network.output, name=network.name, **config)
        if detector is not None:
            model.detector = faces.model.detector_of(detector)
        return model

    def _run_through_graph(self, *arguments, **named):
        caller = getattr(named.get("operation_fn"), "__module__", None)
        if caller == keras.models.clone_model.__module__:
            raise ValueError(
                "keras.models.clone_model would lose scheme, crop, licence and detect. "
                "copy.deepcopy(model) keeps them, and the weights; "
                "Landmarker.from_config(model.get_config()) has new weights; "
                "clone_model(keras.Model(model.input, model.output)) is a plain model."
            )
        return super()._run_through_graph(*arguments, **named)

    fit = forks.checked(keras.Model.fit)
    evaluate = forks.checked(keras.Model.evaluate)
    predict = forks.checked(keras.Model.predict)
    __call__ = forks.checked(keras.Model.__call__)

    def predict_on_batch(self, x: Any) -> dict[str, Any]:
        """The outputs for crops, as arrays. Threads wait for each other; forks get an error."""
        forks.check(self._process)
        of_shape("crops", getattr(x, "shape", (None, *self.size, 3)), "batch", *self.size, 3)
        if not len(x):  # of which many a layer knows nothing
            return {n: np.zeros((0, *v.shape[1:]), v.dtype) for n, v in self.output.items()}
        with self._running:
            return padded(super().predict_on_batch, x, keras.backend.backend() == "jax")

    def detect(
        self,
        image: Any,
        boxes: Any = None,
        detector: Detector | None = None,
        convention: faces.Convention | str = "annotation",
        angles: Any = None,
        turns: bool = True,
    ) -> Any:
        """Finds the faces of a picture and their landmarks.

        Args:
            image: a path, a PIL picture or an array: `(height, width)` or `(height, width, 1)`
                grey, `(height, width, 3)` RGB, `(height, width, 4)` RGBA; 0..255, integers or
                floats. Files and PIL pictures are turned upright as their EXIF says. A list of
                these, or an array `(batch, height, width, channels)`, is a batch, whose faces are
                computed together and files read ahead; so is an iterator, up to 16 ahead.
            boxes: `(faces, 4)` boxes `(left, top, right, bottom)` of the faces, or one `(4,)`, on
                pixel edges: the detector is not needed. For a batch, a list with one for each
                picture.
            detector: finds the boxes; None takes the model's own, `self.detector` (see
                `faces.detectors`).
            convention: how given boxes lie on faces: a name of `faces.CONVENTIONS` or a
                `Convention`. `annotation` is about the square around the landmarks, from brows
                to chin.
            angles: by how many degrees the faces in given boxes are turned clockwise, `(faces,)`,
                and the boxes are as of upright faces; None where they are not or it is not known.
            turns: whether a picture is also tried upside down and sideways, where no face is found
                in it or but a doubtful one, or the best one lies on its side or its head.

        Returns:
            List of `Detection`, empty where there is no face, which notebooks show drawn (a
            `Detections`); for a batch, a list of lists; for an iterator, an iterator of lists.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if the picture cannot be read or is not one, or a box is inverted, not
                finite or outside of the picture.
            RuntimeError: in a process that was forked after the model was loaded.
        """
        forks.check(self._process)
        return find_faces(self, image, boxes, detector, convention, angles, turns)

    def export(
        self,
        path: str | os.PathLike[str],
        format: str = "saved_model",
        dtype: str = "float32",
        representative: Any = None,
        verbose: bool = False,
        batch: int | None = None,
    ) -> dict[str, Any]:
        """Writes the model for a phone, a server or a browser: see `export.export`.

        Args:
            path: of the file, or of the folder of a SavedModel.
            format: `saved_model`, `tflite`, `tflite-fp16`, `tflite-int8` or `onnx`.
            dtype: of the crops that the written model takes, `float32` or `uint8`.
            representative: folder of pictures of faces, or crops, for `tflite-int8`.
            verbose: whether to print what was written, in a line.
            batch: how many crops the written model takes at once; None takes any number.

        Returns:
            The facts that are written beside the model, as a dict.
        """
        from keras_landmarks.export import export

        return export(self, path, format, dtype, representative, verbose, batch)

    def _repr_html_(self):
        height, width = self.size
        rows = [("model", self.name), ("scheme", f"{self.scheme.name}, {self.scheme.count} points")]
        rows += [("crop", f"{width} x {height} pixels, {self.margin:g} x the longer side of a box")]
        rows += [("parameters", f"{self.count_params():,}"), ("licence of the data", self.licence)]
        try:
            picture = picture_html(faces.draw_scheme(self.scheme, size=400))
        except ValueError:  # where its points lie is not known
            picture = ""
        return table_html(rows) + picture


def _exactly():
    """What compiles as this backend does best, whichever a file was written by."""
    return False if keras.backend.backend() == "tensorflow" else "auto"


keras.saving.get_custom_objects()["Landmarker"] = Landmarker  # its name in .h5 files
