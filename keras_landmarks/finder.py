"""From pictures to landmarks: boxes, crops, a network's points, and back to the picture.

What a Keras model and an exported one share; nothing here needs Keras or TensorFlow.
"""

import dataclasses

import numpy as np

from keras_landmarks import geometry, images
from keras_landmarks.detection import check_boxes, convert_boxes, detect_boxes


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


def find_faces(model, image, boxes=None, detector=None, convention="annotation"):
    """Finds the faces of a picture and their landmarks.

    Args:
        model: has `scheme`, `size`, `margin`, `box` and `detector` as a `Landmarker` has them, and
            `predict_on_batch`.
        image: see `Landmarker.detect`, as for the other arguments.
        boxes: of the faces.
        detector: finds the boxes.
        convention: of given boxes.

    Returns:
        List of `Detection`; for a batch, a list of lists.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the picture or a box cannot be used.
    """
    if isinstance(image, (list, tuple)) or getattr(image, "ndim", 0) == 4:
        if boxes is None:
            boxes = [None] * len(image)
        if len(boxes) != len(image):
            raise ValueError(f"{len(image)} pictures, but boxes for {len(boxes)}.")
        return _find(model, list(image), boxes, detector, convention)
    return _find(model, [image], [boxes], detector, convention)[0]


def _find(model, pictures, boxes, detector, convention):
    detector = detector or model.detector
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
        squares = convert_boxes(framed, source, model.box)
        for square in geometry.square_box(squares, model.margin):
            transforms.append(geometry.box_transform(np.float64(square), model.size))
            crops.append(images.warp(picture, transforms[-1], model.size))
    landmarks = iter(_landmarks(model, crops, transforms))
    return [
        [
            Detection(next(landmarks), box, model.scheme.name, _score(score))
            for box, score in zip(framed, scores)
        ]
        for framed, scores in found
    ]


def _landmarks(model, crops, picture_transforms):
    """Landmarks in picture pixels, `(faces, n, 2)`."""
    if not crops:
        return np.zeros((0, model.scheme.count, 2), np.float32)
    predicted = model.predict_on_batch(np.stack(crops))["landmarks"]
    picture_from_crop = geometry.invert(np.stack(picture_transforms))
    return geometry.transform_points(predicted, picture_from_crop).astype(np.float32)


def _score(score):
    return None if np.isnan(score) else float(score)
