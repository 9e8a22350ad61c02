"""Faces made upright: how far they are turned, and pictures tried in other directions."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from keras_landmarks import geometry
from keras_landmarks.schemes import Scheme, get_scheme

if TYPE_CHECKING:
    from keras_landmarks.faces.detectors import Framed

TURNS = (180, 90, 270)
"""Degrees clockwise by which a picture, or a doubtful face, is turned, one after the other."""

CLEAR = 0.65
"""Score of a face that is surely one; nearly all that are none have less."""

TRAINED = 25
"""Degrees of tilt that networks place well; they were trained on up to thirty."""


def eye_angle(points: np.ndarray) -> Any:
    """By how many degrees faces are turned clockwise.

    Args:
        points: `(..., k, 2)`, the first two the right and the left eye.

    Returns:
        `(...)` in -180..180.
    """
    x, y = np.moveaxis(points[..., 1, :] - points[..., 0, :], -1, 0)
    return np.degrees(np.arctan2(y, x))


def landmark_angle(landmarks: np.ndarray, scheme: Scheme | str, untold: float = 0.0) -> float:
    """By how many degrees a face is turned clockwise, from its landmarks `(n, 2)`.

    Args:
        landmarks: in pixels.
        scheme: of the landmarks, or its name.
        untold: what is returned where the scheme has no eyes, or one of a point that is missing.
    """
    scheme = get_scheme(scheme)
    if not scheme.right_eye:
        return untold
    eyes = [landmarks[list(eye)].mean(axis=0) for eye in (scheme.right_eye, scheme.left_eye)]
    angle = float(eye_angle(np.stack(eyes)))
    return angle if np.isfinite(angle) else untold


def turned(angle: Any, other: Any) -> Any:
    """How far an angle lies from another, in -180..180 degrees."""
    return (angle - other + 180) % 360 - 180


def turn_points(points: np.ndarray, degrees: float) -> np.ndarray:
    """Points `(..., 2)` turned clockwise about the picture's first pixel."""
    turn = np.asarray(geometry.similarity_transform(1.0, degrees, (0.0, 0.0)), np.float64)
    return points @ turn[:, :2].T


def upright_box(landmarks: np.ndarray, angle: float) -> np.ndarray:
    """The square box of a face as if it were upright, about the middle that it has: `(4,)`.

    Args:
        landmarks: `(n, 2)` points in pixels.
        angle: by which the face is turned, in degrees.
    """
    level = turn_points(np.asarray(landmarks, np.float64), -angle)
    box = geometry.square_box(geometry.box_from_landmarks(level))
    middle, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    middle = turn_points(middle - 0.5, angle) + 0.5
    return np.concatenate([middle - half, middle + half]).astype(np.float32)


def level_transform(
    box: np.ndarray, square: np.ndarray, angle: float, size: tuple[int, int]
) -> np.ndarray:
    """The transform `crop_from_picture` of a face that is turned.

    Args:
        box: `(4,)` box about whose middle it is turned.
        square: `(4,)` what the crop shows of it, upright.
        angle: by which it is turned, in degrees.
        size: `(height, width)` of the crop.

    Returns:
        `(2, 3)` float64.
    """
    crop = geometry.box_transform(np.float64(square), size)
    if not angle:
        return crop
    middle = np.float64(box[:2] + box[2:]) / 2 - 0.5
    turn = geometry.similarity_transform(1.0, -np.float64(angle), middle)
    return geometry.compose(crop, np.float64(turn))


def best_score(found: "Framed") -> float:
    """The best score of the faces of a `Framed`: 1 where none has one, 0 without a face."""
    return float(np.max(np.nan_to_num(found.scores, nan=1.0), initial=0.0))


def lean(found: "Framed") -> int:
    """By how many quarters the best face of a `Framed` must be turned clockwise, in degrees."""
    if not len(found.boxes):
        return 0
    angle = found.angles[np.argmax(np.nan_to_num(found.scores, nan=1.0))]
    if np.isnan(angle):
        return 0
    return -round(float(angle) / 90) * 90 % 360


def in_other_directions(
    find: Callable[[np.ndarray], "Framed"], image: np.ndarray, directions: Sequence[int] = TURNS
) -> "Framed":
    """Faces of a picture in which none was surely found upright: upside down and sideways.

    Args:
        find: called with a picture; returns `detectors.Framed`.
        image: `(height, width, 3)` uint8 RGB.
        directions: the turns to try, clockwise, in degrees.

    Returns:
        `Framed` in the picture, of the first direction in which there surely is a face, or else
        of the best.
    """
    tried: list[tuple[float, int, int, Framed]] = []
    for degrees in directions:
        found = find(cv2.rotate(image, degrees // 90 - 1))  # as OpenCV counts quarters
        tried.append((best_score(found), -len(tried), degrees, found))
        if best_score(found) >= CLEAR:
            break
    _, _, degrees, found = max(tried, key=lambda one: one[:2])
    height, width = image.shape[:2]
    sizes = found.boxes[:, 2:] - found.boxes[:, :2]  # stay those of the upright faces
    x, y = (found.boxes[:, :2] + sizes / 2).T
    middles = {90: (y, height - x), 180: (width - x, height - y), 270: (width - y, x)}[degrees]
    corner = np.stack(middles, axis=1) - sizes / 2
    angles = turned(np.nan_to_num(found.angles), degrees)
    boxes = np.concatenate([corner, corner + sizes], axis=1)
    return dataclasses.replace(found, boxes=boxes, angles=angles)
