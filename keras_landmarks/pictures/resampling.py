"""The one resampling of pictures, which makes crops."""

import cv2
import numpy as np

from keras_landmarks import geometry


def warp(image: np.ndarray, target_from_source: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resamples a picture once, bilinearly; what lies outside of it is black.

    Where the target is less than half as fine as the source, the source is first reduced by a
    whole factor with area averaging, so that a face of 2,000 pixels and one of 100 make crops
    that look alike.

    Args:
        image: `(height, width, channels)` pixels.
        target_from_source: `(2, 3)` transform.
        size: `(height, width)` of the result.

    Returns:
        `(height, width, channels)` of the picture's dtype.
    """
    channels = image.shape[2:]  # OpenCV drops a single one
    (a, b, _), (c, d, _) = np.asarray(target_from_source, np.float64).tolist()
    scale = abs(a * d - b * c) ** 0.5
    factor = int(1 / scale + 1e-6) if scale > 0 else 1
    if factor >= 2 or max(image.shape[:2]) >= 2**15 - 1:  # of which OpenCV resamples none
        image, cut_from_source = _cut(image, target_from_source, size, max(factor, 1))
        if factor >= 2:
            image, cut_from_source = reduce(image, factor, cut_from_source)
        target_from_source = geometry.compose(
            np.float64(target_from_source), geometry.invert(cut_from_source)
        )
    warped = cv2.warpAffine(
        image,
        np.asarray(target_from_source, np.float64),
        (size[1], size[0]),
        flags=cv2.INTER_LINEAR,
    )
    return warped.reshape(*size, *channels)


def _cut(
    image: np.ndarray, target_from_source: np.ndarray, size: tuple[int, int], factor: int
) -> tuple[np.ndarray, np.ndarray]:
    """The part of a picture that the target shows and some pixels about it, and its place."""
    corners = np.array([[0, 0], [size[1], 0], [size[1], size[0]], [0, size[0]]]) - 0.5
    seen = geometry.transform_points(corners, geometry.invert(np.float64(target_from_source)))
    limits = np.array(image.shape[1::-1])
    low = np.clip(np.floor(seen.min(axis=0)).astype(int) - factor, 0, limits - 1)
    high = np.clip(np.ceil(seen.max(axis=0)).astype(int) + 2 * factor, low + 1, limits)
    (left, top), (right, bottom) = low, high
    cut_from_source = np.array([[1, 0, -left], [0, 1, -top]], np.float64)
    return image[top:bottom, left:right], cut_from_source


def reduce(
    image: np.ndarray, factor: int, image_from_source: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Makes a picture about `factor` times smaller by averaging areas.

    Args:
        image: `(height, width, channels)` pixels.
        factor: whole number of at least 1.
        image_from_source: `(2, 3)` transform of how the picture came to be.

    Returns:
        `(reduced, reduced_from_source)`.
    """
    height, width, *channels = image.shape
    size = max(round(height / factor), 1), max(round(width / factor), 1)
    if height >= factor and width >= factor:  # whole multiples are much faster to average
        size = -(-height // factor), -(-width // factor)
        below, right = -height % factor, -width % factor
        if below or right:
            image = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE)
    reduced = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
    reduced = reduced.reshape(*size, *channels)  # OpenCV drops a single channel
    step = np.float64(geometry.resize_transform(image.shape[:2], size))
    return reduced, geometry.compose(step, image_from_source)
