"""The same picture twice, found by a perceptual hash."""

import cv2
import numpy as np

from keras_landmarks.pictures import as_rgb

BITS = 6
"""Of 63 bits, so many may differ in what is taken for the same picture."""


def picture_hash(image):
    """63 bits that a picture keeps when it is resized, compressed or made lighter.

    The signs of the lowest frequencies of the picture reduced to 32 x 32, about their median.

    Args:
        image: any picture that `pictures.as_rgb` takes.

    Returns:
        A whole number; None of a picture without contrast.

    Reference:
        Zauner, Implementation and benchmarking of perceptual image hash functions, 2010 (pHash).
    """
    grey = cv2.cvtColor(as_rgb(image), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(np.float32(grey), (32, 32), interpolation=cv2.INTER_AREA)
    if small.std() < 2:
        return None
    low = cv2.dct(small)[:8, :8].ravel()[1:]
    bits = low > np.median(low)
    return int(sum(1 << i for i, bit in enumerate(bits.tolist()) if bit))


def same_pictures(hashes, apart=lambda i, j: True):
    """Pairs of pictures that are the same, one for each that was there before.

    Args:
        hashes: list of `picture_hash`.
        apart: function of two numbers: 0 or False for pictures that may be the same, of which no
            pair is told, and the larger the sooner a pair is.

    Returns:
        List of `(i, j)`, i before j.
    """
    signs = np.array([[1 - 2 * ((h or 0) >> i & 1) for i in range(63)] for h in hashes], np.float32)
    known = np.array([h is not None for h in hashes], bool)
    pairs = []
    for j in range(len(signs)):
        same = known[:j] & (signs[:j] @ signs[j] >= 63 - 2 * BITS)  # each other bit takes two off
        before = np.flatnonzero(same).tolist() if known[j] else []
        first = max(before, key=lambda i: apart(i, j), default=None)
        if first is not None and apart(first, j):
            pairs.append((first, j))
    return pairs
