"""What readers share: faces made one by one, the points and boxes of a row."""

import warnings

import numpy as np

from keras_landmarks.schemes import SCHEMES, get_scheme

_SCHEMES = {68: "ibug68", 98: "wflw98", 29: "cofw29", 19: "aflw19", 106: "lapa106", 39: "menpo39"}


class BrokenFile(UserWarning):
    """A file or face that was left out because it could not be used."""


def read_faces(source, rows, make, skip_broken=False, labelled=True):
    """Makes the faces of an annotation, one by one.

    Args:
        source: what messages call the annotation.
        rows: what `make` takes.
        make: function from a row to a `Face`.
        skip_broken: whether to warn of a broken face and go on.
        labelled: whether a face without any landmark is a broken one.

    Raises:
        ValueError: if there are no rows, or all faces are broken; what `make` raises else.
    """
    faces, first, count = [], None, 0
    for row in rows:
        count += 1
        try:
            face = make(row)
            if labelled and not face.labelled:
                raise ValueError(f"{face.name}: all landmarks are missing.")
            faces.append(face)
        except (ValueError, OSError) as error:
            if not skip_broken:
                raise
            first = first or error
            warnings.warn(str(error), BrokenFile, stacklevel=3)
    if not count:
        raise ValueError(f"{source} holds no annotated picture.")
    if not faces:
        raise ValueError(f"{source}: all {count} faces are broken; the first: {first}")
    return faces


def scheme_of(count, scheme, where):
    """The name of a scheme: the given one, or the one that data sets of so many points have.

    Raises:
        ValueError: if it is unknown, or none was given and no data set has so many points.
    """
    if scheme is not None:
        return get_scheme(scheme).name
    if count not in _SCHEMES:
        known = ", ".join(f"{scheme.name} ({scheme.count})" for scheme in SCHEMES.values())
        raise ValueError(
            f"{where}: no scheme of {count} points is taken unnamed, name one. Known: {known}."
        )
    return _SCHEMES[count]


def points_of(numbers, count, where, first=0):
    """Points `(count, 2)` from numbers x, y, x, y, ... in any shape.

    Args:
        numbers: what the file holds.
        count: expected number of points.
        where: file and face, for messages.
        first: what the file calls the first pixel, 0 or 1.

    Raises:
        ValueError: if they are others, or no numbers.
    """
    try:
        points = np.asarray(numbers, np.float64).reshape(-1, 2)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where}: expected {count} points x y, found {error}") from error
    if len(points) != count:
        raise ValueError(f"{where}: expected {count} points, found {len(points)}.")
    return np.float32(points - first)


def size_of(height, width):
    """The size of the picture that was annotated, `(height, width)`; None where it is not said."""
    try:
        size = round(float(height)), round(float(width))
    except (TypeError, ValueError, OverflowError):
        return None
    return size if min(size) > 0 else None


def corner_box(corners, first=0):
    """A box on pixel edges from two corners x0, y0, x1, y1 that are points, `(4,)`."""
    return np.asarray(corners, np.float64).reshape(4) + (0.5 - first)


def side_box(numbers, first=0):
    """A box on pixel edges from its first pixel x, y, its width and height, `(4,)`."""
    x, y, width, height = np.asarray(numbers, np.float64).reshape(4)
    return np.array([x - first, y - first, x - first + width, y - first + height])
