"""Faces bent at random by smooth fields: shapes of faces that nobody annotated."""

import cv2
import numpy as np

MOST = 0.2
"""The largest displacement, of the crop: past 0.23 a picture may fold."""
_ORDERS = np.array([(0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (0, 3), (3, 0)])
"""Half waves across and down the crop, of each term of a field."""
_SHARES = 1 / (_ORDERS**2).sum(axis=1)
_SHARES /= _SHARES.sum()
"""Of the largest displacement, each term's: coarse ones move most."""


def random_bend(rng, largest, crops, landmarks, part=slice(None)):
    """Crops and their landmarks, each bent by a field of its own.

    Args:
        rng: `numpy.random.Generator`.
        largest: displacement, as a fraction of the crop; a face's own is drawn from 0 to it.
        crops: `(faces, height, width, 3)` uint8, of a part of a batch.
        landmarks: `(batch, n, 2)` in their pixels.
        part: slice of the batch that the crops are.

    Returns:
        `(crops, landmarks)`, landmarks float32.
    """
    count, size = len(landmarks), crops.shape[1:3]
    amplitudes = rng.uniform(-1, 1, (count, len(_ORDERS), 2)) * _SHARES[:, None]
    fields = largest * rng.random((count, 1, 1)) * amplitudes
    bent = [bend_pixels(crop, field) for crop, field in zip(crops, fields[part])]
    return np.stack(bent), np.float32(bend_points(landmarks, fields, size))


def bend_pixels(crop, field):
    """A crop `(height, width, 3)` bent by `(9, 2)` amplitudes; its edges go on past its end."""
    (height, width), (across, down) = crop.shape[:2], field.T
    x, y = np.arange(width), np.arange(height)
    columns, rows = _waves(x, width, 0), _waves(y, height, 1)
    x = x + width * (rows * across) @ columns.T
    y = y[:, None] + height * (rows * down) @ columns.T
    maps = np.float32(x), np.float32(y)
    return cv2.remap(crop, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def bend_points(points, fields, size):
    """Where points of crops lie once these are bent.

    What is seen at `p` comes from `p + field(p)`: the only such `p` is found by going on from the
    point until it stays.

    Args:
        points: `(faces, n, 2)` in pixels.
        fields: `(faces, 9, 2)` amplitudes, as fractions of the crop.
        size: `(height, width)` of the crops.

    Returns:
        `(faces, n, 2)`, to a thousandth of a pixel.
    """
    moved, before = points, points + 1
    while (np.abs(moved - before) > 1e-4).any():  # never of a point that is not known
        waves = _waves(moved[..., 0], size[1], 0) * _waves(moved[..., 1], size[0], 1)
        before, moved = moved, points - waves @ fields * size[::-1]
    return moved


def _waves(pixels, side, axis):
    """The terms' cosines along an axis at some pixels `(...)`, `(..., 9)`."""
    return np.cos(np.pi * _ORDERS[:, axis] * (pixels[..., None] + 0.5) / side)
