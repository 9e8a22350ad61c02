"""Pictures: reading, checking and the one resampling that makes a crop."""

import pathlib
from typing import Any

import cv2
import numpy as np

from keras_landmarks import geometry
from keras_landmarks.files import Path, write_bytes


def read_image(path: Path) -> np.ndarray:
    """Reads a picture file, upright as its EXIF orientation says.

    Args:
        path: a jpg, png or any other file that OpenCV reads.

    Returns:
        `(height, width, 3)` uint8 RGB.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is empty, cut short or no picture.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"No picture at {path}.")
    data = np.fromfile(path, np.uint8)
    if _cut_short(data):
        raise ValueError(f"{path} is cut short: its end-of-image marker is missing.")
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error:  # a header of a picture too large to be true
        image = None
    if image is None:
        raise ValueError(f"{path} is not a picture that can be read (expected jpg, png, ...).")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _cut_short(data: np.ndarray) -> bool:
    """Whether a jpg or png ends early; decoders fill what is missing with grey, silently."""
    data = data.tobytes()
    if data[:4] == b"\x89PNG":
        return b"IEND" not in data
    if data[:2] != b"\xff\xd8":
        return False
    scan = 2  # past the headers, of which one may hold a whole thumbnail
    while data[scan : scan + 1] == b"\xff" and data[scan + 1 : scan + 2] != b"\xda":
        if data[scan + 1 : scan + 2] == b"\xff":  # any number of these may come before a marker
            scan += 1
        else:
            scan += 2 + int.from_bytes(data[scan + 2 : scan + 4], "big")
    return b"\xff\xd9" not in data[scan:]


def write_image(path: Path, image: np.ndarray) -> None:
    """Writes an RGB uint8 picture; the file appears only when it is whole.

    Raises:
        ValueError: if the ending is not one of a picture format.
    """
    path = pathlib.Path(path)
    try:
        whole, data = cv2.imencode(path.suffix or ".", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    except cv2.error:
        whole = False
    if not whole:
        raise ValueError(f"Cannot write {path}: the name needs an ending such as .jpg or .png.")
    write_bytes(path, data.tobytes())


def as_rgb(image: Any) -> np.ndarray:
    """Any picture as RGB uint8 pixels.

    Args:
        image: a path, a PIL picture (turned upright as its EXIF says), or an array
            `(height, width)`, `(height, width, 1)` grey, `(..., 3)` RGB or `(..., 4)` RGBA
            (alpha is dropped); integers or floats, both in 0..255.

    Returns:
        `(height, width, 3)` uint8 RGB.

    Raises:
        ValueError: if the picture is empty, not finite, outside 0..255 or of another shape.
    """
    if isinstance(image, (str, pathlib.Path)):
        return read_image(image)
    if hasattr(image, "getexif"):
        from PIL import ImageOps

        try:
            image = ImageOps.exif_transpose(image)
            if image.mode[0] not in "IF":  # 16 and 32 bits, which `convert` would clip
                image = image.convert("RGB")
            image = np.asarray(image)
        except OSError as error:
            name = getattr(image, "filename", "") or "The picture"
            raise ValueError(f"{name} cannot be read: {error}") from error
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[-1] not in (1, 3, 4):
        raise ValueError(
            "Expected a picture of shape (height, width), (height, width, 1), "
            f"(height, width, 3) or (height, width, 4), not {image.shape}."
        )
    if 0 in image.shape:
        raise ValueError(f"The picture is empty: its shape is {image.shape}.")
    if image.dtype != np.uint8:
        image = _as_uint8(image)
    if image.shape[-1] == 1:
        return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    return np.ascontiguousarray(image[..., :3])


def _as_uint8(image: np.ndarray) -> np.ndarray:
    if image.dtype.kind not in "fiu":
        raise ValueError(f"Expected a picture of numbers in 0..255, not of dtype {image.dtype}.")
    if not np.isfinite(image).all():
        raise ValueError("The picture holds NaN or infinite values; expected 0..255.")
    low, high = image.min(), image.max()
    if low < 0 or high >= 255.5:
        raise ValueError(f"Expected pixels in 0..255, found {low:g}..{high:g}.")
    if image.dtype.kind == "f" and 0 < high <= 1:
        raise ValueError("Expected pixels in 0..255, found 0..1: multiply the picture by 255.")
    return np.rint(image).astype(np.uint8)


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
