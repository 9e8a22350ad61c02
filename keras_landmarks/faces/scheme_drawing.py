"""A scheme drawn: its contours, and its points with their numbers."""

import cv2
import numpy as np
from numpy.typing import ArrayLike

from keras_landmarks import geometry
from keras_landmarks.faces.head import HEAD
from keras_landmarks.names import number
from keras_landmarks.schemes import Scheme, can_convert, convert, get_scheme

INK, LINE, PAPER = (20, 24, 32), (110, 150, 220), (255, 255, 255)
"""Colours of points and numbers, of contours and of the ground, RGB."""


def draw_scheme(
    scheme: Scheme | str, points: ArrayLike | None = None, size: int = 640
) -> np.ndarray:
    """Draws a scheme's points on a face seen from the front, each with its number (from 0).

    Args:
        scheme: a `Scheme` or its name.
        points: `(n, 2)` where the points lie on a face, in any unit, y down, NaN where one is
            missing; None takes those of a mean face, where `ibug68` converts to the scheme.
        size: height and width of the picture.

    Returns:
        `(size, size, 3)` uint8 RGB.

    Raises:
        ValueError: if there are no points, and none are known.
    """
    scheme = get_scheme(scheme)
    number("size", size, least=1, whole=True)
    if points is None:
        if not can_convert("ibug68", scheme):
            raise ValueError(f"Where the points of {scheme.name} lie is not known: give points.")
        points = convert(HEAD[:, :2] * (1, -1), "ibug68", scheme)
    points = np.asarray(points, np.float64)
    if points.shape != (scheme.count, 2):
        raise ValueError(f"{scheme.name} has {scheme.count} points (n, 2), not {points.shape}.")
    known = np.isfinite(points).all(axis=1)
    if not known.any():
        raise ValueError(f"All points of {scheme.name} are missing.")
    low, high = points[known].min(axis=0), points[known].max(axis=0)
    edges = np.concatenate([low, high]) + 0.5  # as boxes have them
    box = geometry.square_box(edges, 1.2)
    places = geometry.transform_points(points, geometry.box_transform(box, (size, size)))
    image = np.full((size, size, 3), PAPER, np.uint8)
    fixed = np.rint(np.where(known[:, None], places, 0) * 16).astype(np.int32)
    for line, closed in scheme.contours.values():
        cv2.polylines(
            image, [fixed[[i for i in line if known[i]]]], closed, LINE, 1, cv2.LINE_AA, 4
        )
    scale = size / 1800
    for i, (x, y) in zip(np.flatnonzero(known).tolist(), fixed[known].tolist()):
        cv2.circle(image, (x, y), 36, INK, -1, cv2.LINE_AA, 4)
        place = round(x / 16) + 4, round(y / 16) - 4
        cv2.putText(image, str(i), place, cv2.FONT_HERSHEY_SIMPLEX, scale, INK, 1, cv2.LINE_AA)
    return image
