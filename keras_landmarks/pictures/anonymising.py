"""Faces made unrecognisable."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from keras_landmarks import geometry
from keras_landmarks.names import number
from keras_landmarks.pictures.drawing import faces_of
from keras_landmarks.pictures.images import as_rgb
from keras_landmarks.schemes import PUBLISHED, get_scheme

FOREHEAD = 1.4
"""Radius of what is hidden over the distance of the furthest landmark from the middle of them."""

HEAD = 0.9
"""The same over the side of a whole face's square, where the landmarks are of a part of it."""


def anonymise(image: Any, detections: Any, blocks: int = 6) -> np.ndarray:
    """Hides faces under blocks of one colour each, forehead and ears with them.

    Args:
        image: any picture that `detect` takes (see `as_rgb`); is not changed.
        detections: list of `Detection`, or one (or anything with `landmarks`).
        blocks: how many lie side by side over a face; the fewer, the less is left of it.

    Returns:
        `(height, width, 3)` uint8 RGB.

    Raises:
        ValueError: if it is no picture, something else than a face is given, a face has neither
            a point nor a box, or there is to be less than one block.
    """
    number("blocks", blocks, least=1, whole=True)
    image = np.array(as_rgb(image))
    height, width = image.shape[:2]
    for middle, radius in (circle for face in faces_of(detections) for circle in _circles(face)):
        low = np.clip(np.floor(middle - radius), 0, (width, height)).astype(int)
        high = np.clip(np.ceil(middle + radius) + 1, 0, (width, height)).astype(int)
        part = image[low[1] : high[1], low[0] : high[0]]
        if not part.size:
            continue
        # Of a face that the picture's edge cuts there are fewer.
        few = [round(np.clip(blocks * n / (2 * radius), 1, blocks)) for n in part.shape[1::-1]]
        coarse = cv2.resize(part, few, interpolation=cv2.INTER_AREA)
        coarse = cv2.resize(coarse, part.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        rows, columns = np.mgrid[low[1] : high[1], low[0] : high[0]]
        inside = np.hypot(columns - middle[0], rows - middle[1]) <= radius
        part[inside] = coarse[inside]
    return image


def _circles(face: Any) -> Iterator[tuple[np.ndarray, float]]:
    """Middles and radii of what hides a face."""
    points = np.asarray(face.landmarks, np.float64)
    known = np.isfinite(points).all(axis=1)
    scheme, box = getattr(face, "scheme", None), getattr(face, "box", None)
    scheme = scheme and get_scheme(scheme)
    x, y, scale = getattr(scheme, "square", None) or (0.0, 0.0, 1.0)
    own = scheme is not None and scheme not in PUBLISHED and scale >= 0.9
    if box is not None and (own or not known.all()):
        box = np.asarray(box, np.float64)
        yield (box[:2] + box[2:]) / 2, HEAD * (box[2:] - box[:2]).max()
    elif not known.any():
        raise ValueError("A face without a point and without a box cannot be hidden.")
    points = points[known]
    if not len(points):
        return
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    yield middle, FOREHEAD * np.linalg.norm(points - middle, axis=1).max()
    if scale < 0.9:
        turn = geometry.similarity_transform(1.0, getattr(face, "angle", 0.0), (0.0, 0.0))
        level = points @ np.asarray(turn)[:, :2]
        low, high = level.min(axis=0), level.max(axis=0)
        side = (high - low).max() / scale
        whole = (low + high) / 2 - np.array([x, y]) * side
        yield np.asarray(turn)[:, :2] @ whole, HEAD * side
