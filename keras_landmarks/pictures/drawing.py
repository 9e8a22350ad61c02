"""Landmarks drawn on a picture."""

import cv2
import numpy as np

from keras_landmarks.schemes import get_scheme

LINE, POINT, BOX, UNSURE = (64, 224, 64), (255, 255, 255), (255, 160, 0), (255, 0, 64)
"""Colours of contours, sure points, boxes and points without any confidence, RGB."""

_SHIFT = 4  # OpenCV draws at a sixteenth of a pixel


def draw(image, detections, boxes=True):
    """Draws the contours and points of faces; the less a point is sure, the redder it is.

    Args:
        image: `(height, width, 3)` uint8 RGB; is not changed.
        detections: list of `Detection` (or anything with `landmarks`, `scheme` and `box`, and
            perhaps `confidence`).
        boxes: whether to draw the boxes too.

    Returns:
        `(height, width, 3)` uint8 RGB.
    """
    image = np.array(image)
    for face in detections:
        scheme = get_scheme(face.scheme)
        landmarks = np.asarray(face.landmarks, np.float32)
        extent = np.ptp(landmarks, axis=0).max()
        thickness = max(1, round(float(extent) / 200))
        if boxes and face.box is not None:
            left, top, right, bottom = _fixed(np.asarray(face.box) - 0.5)
            cv2.rectangle(image, (left, top), (right, bottom), BOX, thickness, cv2.LINE_AA, _SHIFT)
        for points, closed in scheme.contours.values():
            line = _fixed(landmarks[list(points)])
            cv2.polylines(image, [line], closed, LINE, thickness, cv2.LINE_AA, _SHIFT)
        radius = max(1.0, float(extent) / 150)
        confidence = getattr(face, "confidence", None)
        confidence = np.ones(len(landmarks)) if confidence is None else confidence
        colours = confidence[:, None] * POINT + (1 - confidence[:, None]) * UNSURE
        for point, colour in zip(_fixed(landmarks), colours.tolist()):
            cv2.circle(image, point.tolist(), int(radius * 16), colour, -1, cv2.LINE_AA, _SHIFT)
    return image


def _fixed(coordinates):
    limit = 2**26  # far points stay representable
    return np.rint(np.clip(coordinates * 2**_SHIFT, -limit, limit)).astype(np.int32)
