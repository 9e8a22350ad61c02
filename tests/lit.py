"""Pictures that are black but for a lit pixel at each landmark."""

import cv2
import numpy as np


def lit_points(count, size=64, seed=0):
    """Whole-numbered points of different pixels, 0-based, `(count, 2)`."""
    places = np.random.default_rng(seed).permutation((size - 4) ** 2)[:count]
    return np.stack([places % (size - 4), places // (size - 4)], axis=1).astype(float) + 2


def lit_picture(points, size=64):
    """`(size, size, 3)` uint8."""
    picture = np.zeros((size, size, 3), np.uint8)
    for x, y in points:
        picture[int(y), int(x)] = 255
    return picture


def write_lit(path, points, size=64):
    """Writes the picture of points, without loss under any ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", lit_picture(points, size))[1].tobytes())


def assert_lit(face, count=None):
    """Each landmark that is marked lies on the centre of a lit pixel."""
    pixels, marked = face.pixels(), face.landmarks[~face.missing]
    assert len(marked) == (len(face.landmarks) if count is None else count)
    for x, y in marked:
        assert (x, y) == (round(float(x)), round(float(y)))
        assert pixels[int(y), int(x), 0] == 255
