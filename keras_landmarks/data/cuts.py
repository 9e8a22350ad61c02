"""What is kept of a face's picture: its surroundings, from which all its crops are made."""

import warnings

import numpy as np

from keras_landmarks import geometry
from keras_landmarks.data.datasets import BrokenFile
from keras_landmarks.pictures import images

AROUND = 1.8
"""Side of the surroundings over that of the crop: room for what an augmentation moves, but for
corners of crops that are turned by 50 degrees and more."""


def cropped(box):
    """The name of the box that crops are made from, if it is one.

    Raises:
        ValueError: if it is another.
    """
    if box not in ("annotation", "truth"):
        raise ValueError(f"box must be 'annotation' or 'truth', not {box!r}.")
    return box


def cut_faces(faces, box, size, margin, skip_broken=False, counted=False):
    """The surroundings of those of some faces whose pictures can be read.

    Args:
        faces: list of `Face`.
        box: as of `cut`, as are `size` and `margin`.
        skip_broken: whether to warn of a picture that cannot be read and go on without it.
        counted: whether faces are counted on by their numbers, so that none may be left out.

    Yields:
        `(number, pixels, landmarks, box)`; see `cut`.
    """
    for number, face in enumerate(faces):
        try:
            found = cut(face, box, size, margin)
        except (ValueError, OSError) as error:
            if not skip_broken:
                raise
            if counted:
                raise ValueError(
                    f"{face.name} is broken, and indices count on it: {error}"
                ) from error
            warnings.warn(f"{face.name} is left out: {error}", BrokenFile, stacklevel=3)
            continue
        yield number, *found


def cut(face, box, size, margin):
    """The surroundings of a face, less than twice as fine as crops.

    Args:
        face: `Face`.
        box: which box to crop (see `Samples`).
        size: `(height, width)` of the crops.
        margin: side of a crop over the longer side of the box.

    Returns:
        `(pixels, landmarks, box)`: `(height, width, 3)` uint8 RGB, `(n, 2)` float32 and `(4,)`
        float64 in its pixels.

    Raises:
        ValueError: if the picture cannot be read, or the box lies outside of it.
    """
    box = face.square(box)
    pixels = face.pixels()
    crop = geometry.square_box(box, margin)
    around = geometry.square_box(crop, AROUND)
    height, width = pixels.shape[:2]
    if (box[2:] <= 0).any() or (box[:2] >= (width, height)).any():
        raise ValueError(f"{face.name}: the box {box.tolist()} lies outside of the picture.")
    left, top = np.maximum(np.floor(around[:2]).astype(int), 0)
    right, bottom = np.maximum(np.ceil(around[2:]).astype(int), 0)
    pixels = np.array(pixels[top:bottom, left:right])
    factor = max(int((crop[2] - crop[0]) / (size[0] * size[1]) ** 0.5), 1)
    cut_from_picture = np.array([[1, 0, -left], [0, 1, -top]], np.float64)
    if factor > 1:
        pixels, cut_from_picture = images.reduce(pixels, factor, cut_from_picture)
    move = geometry.transform_points
    edges = move(box.reshape(2, 2) - 0.5, cut_from_picture).reshape(4) + 0.5
    return pixels, np.float32(move(face.landmarks, cut_from_picture)), edges
