"""Landmarker: a trained model that finds the landmarks of the faces in a picture."""

import dataclasses

import keras
import numpy as np

from keras_landmarks import geometry, images
from keras_landmarks.detection import (
    Mtcnn,
    check_boxes,
    convert_boxes,
    detect_boxes,
    get_convention,
)
from keras_landmarks.schemes import get_scheme


@dataclasses.dataclass(eq=False)
class Detection:
    """One face that was found.

    Args:
        landmarks: `(n, 2)` float32 points in pixels of the picture.
        box: `(4,)` float32 box on pixel edges, as it was detected or given.
        scheme: name of the landmarks' scheme.
        score: the detector's score of the face, 0..1; None where the box was given.
    """

    landmarks: np.ndarray
    box: np.ndarray
    scheme: str
    score: float | None = None

    def to_dict(self):
        """The detection as plain numbers, for JSON."""
        return {
            "scheme": self.scheme,
            "score": self.score,
            "box": np.round(self.box, 2).tolist(),
            "landmarks": np.round(self.landmarks, 2).tolist(),
        }


@keras.saving.register_keras_serializable(package="keras_landmarks")
class Landmarker(keras.Model):
    """A functional model that also knows its scheme and the crop it was trained on.

    A `keras.Model` in every respect: `fit`, `predict`, `summary`, `save` work, and
    `keras.models.load_model` gives it back. Crops in: `(batch, height, width, 3)` RGB of 0..255.
    Out: a dict with `landmarks` `(batch, n, 2)` in crop pixels.

    Args:
        inputs: the functional model's input.
        outputs: its dict of outputs.
        scheme: the landmarks' scheme or its name.
        margin: side of the crop over the longer side of the box.
        box: the convention of the boxes (see `detection`): `annotation` or `truth`.
        name: of the model.

    Attributes:
        detector: finds the faces where no boxes are given; MTCNN unless another is set.

    Example:
        model = keras_landmarks.load("cnn6-300w")
        for face in model.detect("photo.jpg"):
            print(face.landmarks)
    """

    def __init__(self, inputs, outputs, scheme="ibug68", margin=1.25, box="annotation", name=None):
        super().__init__(inputs, outputs, name=name)
        get_convention(box)
        self.scheme, self.margin, self.box = get_scheme(scheme), float(margin), box
        self.size = tuple(self.inputs[0].shape[1:3])
        self(self.inputs[0])  # Keras exports models to ONNX only once they were called
        self.detector = Mtcnn()
        if keras.backend.backend() == "tensorflow":
            self.jit_compile = False  # XLA would compile anew for every number of faces

    def get_config(self):
        network = keras.Model(self.input, self.output, name=self.name)
        return {
            "network": keras.saving.serialize_keras_object(network),
            "scheme": self.scheme.name,
            "margin": self.margin,
            "box": self.box,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        network = keras.saving.deserialize_keras_object(config.pop("network"), custom_objects)
        return cls(network.input, network.output, name=network.name, **config)

    def detect(self, image, boxes=None, detector=None, convention="annotation"):
        """Finds the faces of a picture and their landmarks.

        Args:
            image: a path, a PIL picture or an array: `(height, width)` or `(height, width, 1)`
                grey, `(height, width, 3)` RGB, `(height, width, 4)` RGBA; 0..255, integers or
                floats. Files and PIL pictures are turned upright as their EXIF says. A list of
                these, or an array `(batch, height, width, channels)`, is a batch.
            boxes: `(faces, 4)` boxes `(left, top, right, bottom)` of the faces, or one `(4,)`, on
                pixel edges: the detector is not needed. For a batch, a list with one for each
                picture.
            detector: finds the boxes; None takes the model's own, `self.detector`. See `detection`.
            convention: how given boxes lie on faces: a name of `detection.CONVENTIONS` or a
                `Convention`. `annotation` is about the square around the landmarks, from brows
                to chin.

        Returns:
            List of `Detection`, empty where there is no face; for a batch, a list of lists.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if the picture cannot be read or is not one, or a box is inverted, not
                finite or outside of the picture.
        """
        if isinstance(image, (list, tuple)) or getattr(image, "ndim", 0) == 4:
            if boxes is None:
                boxes = [None] * len(image)
            if len(boxes) != len(image):
                raise ValueError(f"{len(image)} pictures, but boxes for {len(boxes)}.")
            return self._detect(list(image), boxes, detector, convention)
        return self._detect([image], [boxes], detector, convention)[0]

    def _detect(self, pictures, boxes, detector, convention):
        detector = detector or self.detector
        found, crops, transforms = [], [], []
        for picture, given in zip(pictures, boxes):
            picture = images.as_rgb(picture)
            if given is None:
                framed, scores = detect_boxes(detector, picture)
                source = getattr(detector, "convention", "annotation")
            else:
                framed, source = check_boxes(given, picture), convention
                scores = np.full(len(framed), np.nan)
            found.append((framed, scores))
            squares = convert_boxes(framed, source, self.box)
            for square in geometry.square_box(squares, self.margin):
                transforms.append(geometry.box_transform(np.float64(square), self.size))
                crops.append(images.warp(picture, transforms[-1], self.size))
        landmarks = iter(self._landmarks(crops, transforms))
        return [
            [
                Detection(next(landmarks), box, self.scheme.name, _score(score))
                for box, score in zip(framed, scores)
            ]
            for framed, scores in found
        ]

    def _landmarks(self, crops, picture_transforms):
        """Landmarks in picture pixels, `(faces, n, 2)`."""
        if not crops:
            return np.zeros((0, self.scheme.count, 2), np.float32)
        predicted = self.predict_on_batch(np.stack(crops))["landmarks"]
        picture_from_crop = geometry.invert(np.stack(picture_transforms))
        return geometry.transform_points(predicted, picture_from_crop).astype(np.float32)


def _score(score):
    return None if np.isnan(score) else float(score)
