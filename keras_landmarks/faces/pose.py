"""Where a head looks, from its points: yaw, pitch and roll by a 3D shape.

The camera is taken as far away (weak perspective): the points are the shape, turned, scaled and
moved, without their depth.
"""

import functools
import typing

import numpy as np
from numpy.typing import ArrayLike

from keras_landmarks.faces.head import HEAD
from keras_landmarks.schemes import IBUG68, SCHEMES, Scheme, can_convert, convert, get_scheme

OF_JAW = 0.1
"""Weight of the jaw's points, which are put on the outline, wherever on the head that lies."""


class Pose(typing.NamedTuple):
    """How a head is turned, in degrees: first the yaw, then the pitch, then the roll.

    Found points of faces that look far away are too frontal, and so are their yaw and pitch: of 40
    degrees some 30 are left, of 65 some 43.

    Args:
        yaw: above zero where the nose points to the picture's left.
        pitch: above zero where it points up.
        roll: above zero where the head is turned clockwise in the picture.
    """

    yaw: float
    pitch: float
    roll: float

    @property
    def axes(self) -> np.ndarray:
        """Where the head's left, up and front point in the picture: `(3, 2)`, 1 long at most."""
        return rotation(*self)[:2].T * (1, -1)


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """The matrix `(3, 3)` of a pose; x is the picture's right, y up, z to the viewer."""
    (x, y, z) = np.radians([pitch, yaw, roll])
    about_x = np.array([[1, 0, 0], [0, np.cos(x), np.sin(x)], [0, -np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), np.sin(z), 0], [-np.sin(z), np.cos(z), 0], [0, 0, 1]])
    return about_z @ about_x @ about_y


def from_rotation(matrix: np.ndarray) -> Pose:
    """The `Pose` of a rotation `(3, 3)`."""
    pitch = np.arcsin(np.clip(-matrix[2, 1], -1, 1))
    yaw, roll = np.arctan2(matrix[2, 0], matrix[2, 2]), np.arctan2(matrix[0, 1], matrix[1, 1])
    return Pose(*np.degrees([yaw, pitch, roll]).tolist())


def from_aflw2000(angles: ArrayLike) -> Pose:
    """The `Pose` of the first three numbers of `Pose_Para`: pitch, yaw, roll in radians.

    There the head is rolled first, then turned, then pitched.
    """
    pitch, yaw, roll = np.degrees(angles)
    matrix = rotation(0, pitch, 0) @ rotation(yaw, 0, 0) @ rotation(0, 0, roll)
    return from_rotation(matrix)


def of_points(
    points: ArrayLike, shape: np.ndarray, weights: np.ndarray | None = None
) -> Pose | None:
    """The `Pose` in which a shape looks most like the points.

    Args:
        points: `(n, 2)` in pixels.
        shape: `(n, 3)`.
        weights: `(n,)` of the points' squared distances; None for equal ones.

    Returns:
        `Pose`, or None where the points do not say (they are not finite, or all in one place).
    """
    weights = np.ones(len(shape)) if weights is None else weights
    share = (weights / weights.sum())[:, None]
    points = np.asarray(points, np.float64) * (1, -1)
    points = points - (share * points).sum(axis=0)
    shape = shape - (share * shape).sum(axis=0)
    if not np.isfinite(points).all() or np.abs(points).max() < 1e-3:
        return None
    rows = np.linalg.lstsq(share**0.5 * shape, share**0.5 * points, rcond=None)[0].T
    left, _, right = np.linalg.svd(rows, full_matrices=False)
    x, y = left @ right
    return from_rotation(np.stack([x, y, np.cross(x, y)]))


def of_landmarks(landmarks: ArrayLike, scheme: Scheme | str) -> Pose | None:
    """The `Pose` of a face's landmarks.

    Args:
        landmarks: `(n, 2)` points in pixels.
        scheme: theirs, or its name.

    Returns:
        `Pose`, or None where the scheme has no 3D shape or the points do not say.
    """
    scheme = get_scheme(scheme)
    found = _shape(scheme.name) if SCHEMES.get(scheme.name) == scheme else None
    if found is None:
        return None
    target, shape, weights = found
    return of_points(convert(landmarks, scheme, target), shape, weights)


@functools.cache
def _shape(name: str) -> tuple[str, np.ndarray, np.ndarray] | None:
    """`(scheme to convert to, its shape, weights)` for landmarks of a scheme, or None."""
    weights = np.ones(IBUG68.count)
    weights[list(IBUG68.regions["jaw"])] = OF_JAW
    if name == "ibug68" or can_convert(name, "ibug68"):
        return "ibug68", HEAD, weights
    for target in (name, "five5"):
        if can_convert("ibug68", target) and (name == target or can_convert(name, target)):
            depth = convert(HEAD[:, [2, 2]], "ibug68", target)[:, :1]
            shape = np.concatenate([convert(HEAD[:, :2], "ibug68", target), depth], axis=1)
            return target, np.asarray(shape, np.float64), np.ones(len(shape))
    return None
