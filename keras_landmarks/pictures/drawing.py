"""Landmarks drawn on a picture."""

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np

from keras_landmarks import geometry
from keras_landmarks.pictures.images import as_rgb
from keras_landmarks.schemes import get_scheme

LINE, POINT, BOX, UNSURE = (64, 224, 64), (255, 255, 255), (255, 160, 0), (255, 0, 64)
"""Colours of contours, sure points, boxes and points without any confidence, RGB."""

AXES = (255, 48, 48), (48, 208, 48), (64, 96, 255)
"""Colours of a head's axes: to its left, up, and to the front, RGB."""

_SHIFT = 4  # OpenCV draws at a sixteenth of a pixel


def faces_of(detections: Any) -> list[Any]:
    """The faces of a picture as a list, or one as a list of itself, if they are faces.

    Raises:
        ValueError: if something else is among them than what has `landmarks`.
    """
    one = hasattr(detections, "landmarks") or not isinstance(detections, Iterable)
    faces = [detections] if one else list(detections)
    for face in faces:
        if not hasattr(face, "landmarks"):
            raise ValueError(
                f"Expected the faces of one picture, as `detect` gives them, not {type(face)}."
            )
    return faces


def draw(image: Any, detections: Any, boxes: bool = True, pose: bool = False) -> np.ndarray:
    """Draws the contours and points of faces; the less a point is sure, the redder it is.

    Points that are missing (NaN) are left out.

    Args:
        image: any picture that `detect` takes (see `as_rgb`); is not changed.
        detections: list of `Detection`, or one (or anything with `landmarks`, `scheme` and `box`,
            and perhaps `confidence`, `angle` and `pose`).
        boxes: whether to draw the boxes too, turned as the faces are.
        pose: whether to draw where the heads point: the axes to their left (red), up (green) and
            front (blue), from the middle between the eyes.

    Returns:
        `(height, width, 3)` uint8 RGB.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no picture, or something else than a face is given.
    """
    image = np.array(as_rgb(image))
    for face in faces_of(detections):
        scheme = get_scheme(face.scheme)
        landmarks = np.asarray(face.landmarks, np.float32)
        if landmarks.shape != (scheme.count, 2):
            raise ValueError(f"{scheme.name} has {scheme.count} points, not {landmarks.shape}.")
        marked = np.asarray(np.isfinite(landmarks).all(axis=1))
        extent = np.ptp(landmarks[marked], axis=0).max() if marked.any() else 0.0
        extent = min(float(extent), float(max(image.shape[:2])))  # of far points too
        thickness = max(1, round(extent / 200))
        if boxes and face.box is not None:
            corners = [_fixed(_corners(np.asarray(face.box), getattr(face, "angle", 0.0)))]
            cv2.polylines(image, corners, True, BOX, thickness, cv2.LINE_AA, _SHIFT)
        for points, closed in scheme.contours.values():
            line = _fixed(landmarks[[i for i in points if marked[i]]])
            cv2.polylines(image, [line], closed, LINE, thickness, cv2.LINE_AA, _SHIFT)
        radius = max(1.0, extent / 150)
        confidence = getattr(face, "confidence", None)
        confidence = np.ones(len(landmarks)) if confidence is None else confidence
        colours = confidence[:, None] * POINT + (1 - confidence[:, None]) * UNSURE
        for point, colour in zip(_fixed(landmarks[marked]), colours[marked].tolist()):
            cv2.circle(image, point.tolist(), int(radius * 16), colour, -1, cv2.LINE_AA, _SHIFT)
        if pose and getattr(face, "pose", None) is not None:
            eyes = [[i for i in eye if marked[i]] for eye in (scheme.right_eye, scheme.left_eye)]
            if not all(eyes):
                continue
            start = np.mean([landmarks[eye].mean(axis=0) for eye in eyes], axis=0)
            for axis, colour in zip(face.pose.axes, AXES):
                line = [_fixed(np.stack([start, start + axis * extent / 2]))]
                cv2.polylines(image, line, False, colour, 2 * thickness, cv2.LINE_AA, _SHIFT)
    return image


def _corners(box: np.ndarray, angle: float) -> np.ndarray:
    """The corners of a box `(4,)` turned about its middle by degrees clockwise: `(4, 2)`."""
    corners = box[[[0, 1], [2, 1], [2, 3], [0, 3]]] - 0.5
    turn = geometry.similarity_transform(1.0, angle, corners.mean(axis=0))
    return geometry.transform_points(corners, turn)


def _fixed(coordinates: np.ndarray) -> np.ndarray:
    limit = 2**26  # far points stay representable
    return np.rint(np.clip(coordinates * 2**_SHIFT, -limit, limit)).astype(np.int32)
