"""Faces cut out of their picture: levelled, or laid on a template of face recognition."""

from typing import TYPE_CHECKING, Any

import numpy as np

from keras_landmarks import geometry
from keras_landmarks.faces.upright import landmark_angle, level_transform, upright_box
from keras_landmarks.names import known_name, number
from keras_landmarks.pictures import as_rgb, warp
from keras_landmarks.schemes import convert

if TYPE_CHECKING:
    from keras_landmarks.faces.detection import Detection

TEMPLATES = {
    "arcface-112": (
        (112, 112),
        ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366))
        + ((41.5493, 92.3655), (70.7299, 92.2041)),
    )
}
"""`{name: (size, points)}`: where the points of `five5` lie in pictures of aligned faces."""


def align(image: Any, detection: "Detection", template: str = "arcface-112") -> np.ndarray:
    """A face laid on a template: pupils, nose and mouth corners come closest to its places.

    The similarity (scale, rotation, shift) is the least-squares one, and the picture is resampled
    once; what lies outside of it is black.

    Args:
        image: the picture of the face (see `pictures.as_rgb`).
        detection: the face, of a scheme that converts to `five5`.
        template: `arcface-112`, which ArcFace and most networks of face recognition were trained
            on: 112 x 112 pixels.

    Returns:
        `(height, width, 3)` uint8 RGB.

    Raises:
        ValueError: if the template is unknown, the face's scheme does not convert to `five5`, or
            fewer than two of its points are known.

    Example:
        for face in keras_landmarks.load("tiny-ibug68").detect("photo.jpg"):
            aligned = align("photo.jpg", face, "arcface-112")

    Reference:
        Deng et al., ArcFace: Additive Angular Margin Loss for Deep Face Recognition, CVPR 2019.
    """
    size, _ = TEMPLATES[known_name("template", template, TEMPLATES)]
    return warp(as_rgb(image), align_transform(detection, template), size)


def align_transform(detection: "Detection", template: str = "arcface-112") -> np.ndarray:
    """Where `align` puts the points of a face's picture: `(2, 3)`, template_from_picture.

    Args:
        detection: see `align`.
        template: see `align`.

    Raises:
        ValueError: see `align`.

    Example:
        for face in keras_landmarks.load("tiny-ibug68").detect("photo.jpg"):
            points = geometry.transform_points(face.landmarks, align_transform(face))
    """
    _, target = TEMPLATES[known_name("template", template, TEMPLATES)]
    if not hasattr(detection, "landmarks"):
        raise ValueError(f"One face is aligned, as `detect` lists them, not {type(detection)}.")
    points = np.float64(convert(detection.landmarks, detection.scheme, "five5"))
    known = np.isfinite(points).all(axis=1)
    if known.sum() < 2:
        raise ValueError("Of a face that is aligned, at least two points of five5 must be known.")
    points = np.where(known[:, None], points, 0.0)
    return geometry.fit_similarity(points, np.array(target), np.float64(known))


def crop_transform(detection: "Detection", size: int, margin: float) -> np.ndarray:
    """What `Detection.crop_transform` returns."""
    number("size", size, least=1, whole=True)
    number("margin", margin, above=0)
    points = np.asarray(detection.landmarks, np.float64)
    known = points[np.isfinite(points).all(axis=1)]
    if len(known) < 2:
        raise ValueError("Of a face that is cut out, at least two points must be known.")
    angle = landmark_angle(points, detection.scheme, detection.angle)
    box = upright_box(known, angle)
    return level_transform(box, geometry.square_box(box, margin), angle, (size, size))
