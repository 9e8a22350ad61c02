"""What readers share: faces made one by one, the points and boxes of a row."""

import re
import warnings

import numpy as np

from keras_landmarks.faces.boxes import overlap
from keras_landmarks.schemes import SCHEMES, get_scheme

_SCHEMES = {68: "ibug68", 98: "wflw98", 29: "cofw29", 19: "aflw19", 106: "lapa106", 39: "menpo39"}


PHOTO = "source_photo"
"""How the writers of COCO's and dlib's files call the photo that a picture was cut from."""


class BrokenFile(UserWarning):
    """A file or face that was left out because it could not be used."""


def rendered_photo(stem):
    """The photo that a picture of 300W-LP was made of, by its name; None of other names.

    Args:
        stem: as `AFW_134212_1_0`: of the photo, of the face where it has several, of the pose.
    """
    known = re.fullmatch(r"((?:AFW|HELEN|IBUG|LFPW)_.+?)(_\d{1,2})?_\d{1,2}", stem)
    return known and known[1]


def read_faces(source, rows, make, skip_broken=False, labelled=True, pictures=None):
    """Makes the faces of an annotation, one by one.

    Args:
        source: what messages call the annotation.
        rows: what `make` takes.
        make: function from a row to a `Face`.
        skip_broken: whether to warn of a broken face and go on.
        labelled: whether a face without any landmark is a broken one.
        pictures: `Pictures` that `make` finds, of which those that no face has are told; or None.

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
    if pictures is not None:
        pictures.warn_of_unused(source)
    return faces


def scheme_of(count, scheme, where):
    """The scheme or name that is given, or the name that data sets of so many points have.

    Raises:
        ValueError: if it is unknown, or none was given and no data set has so many points.
    """
    if scheme is not None:
        return get_scheme(scheme).name if isinstance(scheme, str) else scheme
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


def box_around(points, boxes):
    """The box that lies most as a face's points do: of the largest overlap with theirs.

    Args:
        points: `(n, 2)` on pixel edges; NaN where they are missing.
        boxes: list of `(4,)`.

    Returns:
        `(4,)`; None where no box holds more than half of the points.
    """
    points = points[~np.isnan(points[:, 0])]
    if not len(points):
        return None
    own = np.concatenate([points.min(axis=0) - 0.5, points.max(axis=0) + 0.5])

    def inside(box):
        return ((points >= box[:2]) & (points <= box[2:])).all(axis=1).mean()

    holding = [box for box in boxes if inside(box) > 0.5]
    return max(holding, key=lambda box: overlap(box[None], own)[0], default=None)


def turned_box(box, degrees, about):
    """The upright box around a box that is turned clockwise about a point, `(4,)`."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = np.array([[box[i], box[j]] for i in (0, 2) for j in (1, 3)], np.float64)
    corners = (corners - about) @ turn + about
    return np.concatenate([corners.min(axis=0), corners.max(axis=0)])


def corner_box(corners, first=0):
    """A box on pixel edges from two corners x0, y0, x1, y1 that are points, `(4,)`."""
    return np.asarray(corners, np.float64).reshape(4) + (0.5 - first)


def side_box(numbers, first=0):
    """A box on pixel edges from its first pixel x, y, its width and height, `(4,)`."""
    x, y, width, height = np.asarray(numbers, np.float64).reshape(4)
    return np.array([x - first, y - first, x - first + width, y - first + height])
