"""Pictures: the one door by which they come in, and files."""

import inspect
import os
import threading
import warnings
from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np

from keras_landmarks.files import Path, as_path, write_bytes
from keras_landmarks.pictures.kinds import VIDEOS, is_cut_short, moves, scans_of, why_unread
from keras_landmarks.pictures.orientation import is_avif, is_turned_here, upright, upright_pil
from keras_landmarks.pictures.resampling import reduce, warp

__all__ = ["as_rgb", "read_image", "reduce", "warp", "write_image"]

SCANS = 100
"""Of a progressive jpg at most: usual ones have some ten, and each takes as long as a picture."""
TAKEN = "a path, a picture file's bytes, an open file, a PIL picture or an array of 0..255"


def read_image(path: Path) -> np.ndarray:
    """Reads a picture file, upright as its EXIF orientation says.

    Args:
        path: a jpg, png or any other file that OpenCV reads; `~` is the home folder. Of an
            animation the first picture is taken, with a warning.

    Returns:
        `(height, width, 3)` uint8 RGB.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is empty, cut short or no picture, or its pixels have a few of 16
            bits only; if the path is an address on the web.
    """
    path = as_path(path)
    try:
        there = path.exists() and not path.is_dir()  # a pipe, too
    except OSError as error:  # a name too long, as of a picture in base64
        raise FileNotFoundError(f"No picture at {str(path)[:60]}...: {error.strerror}.") from None
    if not there:
        folder = ", which is a folder: give its pictures as a list" if path.is_dir() else ""
        raise FileNotFoundError(f"No picture at {path}{folder}.")
    if path.suffix.lower() in VIDEOS:
        raise ValueError(f"{path} is a video: pictures.VideoReader and Tracker.track read it.")
    return _decode(path.read_bytes(), str(path))


def _decode(data: bytes, name: str) -> np.ndarray:
    """The pixels of a picture file that is called so in messages."""
    if is_cut_short(data):
        raise ValueError(f"{name} is cut short: its end-of-image marker is missing.")
    if scans_of(data) > SCANS:
        raise ValueError(f"{name} is a progressive jpg of more than {SCANS} scans: convert it.")
    if moves(data):
        warnings.warn(f"{name} is an animation: its first picture is taken.", stacklevel=3)
    flags = cv2.IMREAD_COLOR | is_turned_here(data) * cv2.IMREAD_IGNORE_ORIENTATION
    if not is_avif(data):  # of whose 10 bits OpenCV makes 8, as its file says how many there are
        flags |= cv2.IMREAD_ANYDEPTH
    image = _imdecode(data, flags)
    if data[:2] == b"#?" and image is not None:  # of .hdr, whose light OpenCV makes pixels of
        pixels = _imdecode(data, cv2.IMREAD_COLOR)
        image = image if pixels is None else pixels
    why = why_unread(data, name)
    if image is None or (why and data[:2] in (b"II", b"MM")):  # a raw photo's tiny preview
        why = why or "expected jpg, png, ..."
        raise ValueError(f"{name} is not a picture that can be read ({why}).")
    image = upright(image, data)
    if image.dtype == np.uint8:
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    try:
        return as_rgb(_upper_bits(image[..., ::-1]))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _imdecode(data: bytes, flags: int) -> np.ndarray | None:
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error:  # a header of a picture too large to be true
        return None


def _upper_bits(image: np.ndarray) -> np.ndarray:
    """The upper 8 of 16 bits, which pictures of 12 leave empty; other pixels as they are."""
    if image.dtype != np.uint16:
        return image
    bits = int(image.max()).bit_length()
    said = f"{bits} of 16 bits are used (the largest pixel is {image.max()}):"
    if 0 < bits <= 12:
        raise ValueError(
            f"{said} it would be black. Scale it: "
            f"cv2.imread(path, cv2.IMREAD_UNCHANGED) / {2**bits - 1} * 255"
        )
    if 0 < bits <= 14:
        warnings.warn(f"{said} if white is {2**bits - 1}, it comes out dark.", stacklevel=4)
    return image >> 8


def write_image(path: Path, image: Any) -> None:
    """Writes a picture; the file appears only when it is whole.

    Args:
        path: of the file; its ending says the format, as `.jpg` or `.png`.
        image: see `as_rgb`.

    Raises:
        ValueError: if the ending is not one of a picture format, or the picture is none or has
            more pixels than the format allows.
    """
    path, image = as_path(path), as_rgb(image)
    try:
        whole, data = cv2.imencode(path.suffix or ".", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    except cv2.error:
        whole = False
    if not whole:
        why = "the name needs an ending such as .jpg or .png"
        if path.suffix and cv2.haveImageWriter(f"picture{path.suffix}"):
            why = f"{image.shape[1]} x {image.shape[0]} pixels are too many for {path.suffix}"
            if path.suffix.lower() in (".pgm", ".pbm"):
                why = f"{path.suffix} holds no colours: take .ppm or .png"
        raise ValueError(f"Cannot write {path}: {why}.")
    write_bytes(path, data.tobytes())


def as_rgb(image: Any) -> np.ndarray:
    """Any picture as RGB uint8 pixels.

    Args:
        image: a path; the bytes of a picture file, or the file opened with `"rb"` (also a
            `BytesIO`); a PIL picture (turned upright as its EXIF says); or an array
            `(height, width)`, `(height, width, 1)` grey, `(..., 3)` RGB or `(..., 4)` RGBA
            (alpha is dropped); integers or floats, both in 0..255.

    Returns:
        `(height, width, 3)` uint8 RGB.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the picture is empty, not finite, outside 0..255, of another shape or of
            another kind.
    """
    if isinstance(image, (str, os.PathLike)):
        return read_image(image)
    if isinstance(image, (bytes, bytearray, memoryview)):
        return _decode(bytes(image), "What the bytes hold")
    if hasattr(image, "getexif"):
        image = _from_pil(image)
    elif callable(getattr(image, "read", None)):
        return _decode(*_read(image))
    if image is None:
        raise ValueError(f"The picture is None, as of a failed cv2.imread. Expected {TAKEN}.")
    if isinstance(image, (list, tuple, dict, set)):
        raise ValueError(
            f"Expected {TAKEN}, not a {type(image).__name__}: of rows of numbers make an array, "
            "np.array(rows, np.uint8)."
        )
    given, kind, image = image, type(image).__name__, np.asarray(image)
    paths = image.ndim == 1 and image.dtype.kind in "US"
    if image.dtype == object or not image.ndim or paths:
        one = not isinstance(given, Iterable) or getattr(given, "ndim", 1) == 0
        hint = "" if one else ": list(...) makes one"
        raise ValueError(f"Expected {TAKEN}, or a list of these, not a {kind}{hint}.")
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[-1] not in (1, 3, 4):
        first = image.ndim == 3 and image.shape[0] in (1, 3, 4)
        hint = " Are its channels first? Then picture.transpose(1, 2, 0)." if first else ""
        hint = " Give one picture at a time." if image.ndim == 4 else hint
        raise ValueError(
            "Expected a picture of shape (height, width), (height, width, 1), "
            f"(height, width, 3) or (height, width, 4), not {image.shape}.{hint}"
        )
    if 0 in image.shape:
        raise ValueError(f"The picture is empty: its shape is {image.shape}.")
    if image.dtype != np.uint8:
        image = _as_uint8(image)
    if image.shape[-1] == 1:
        return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    return np.ascontiguousarray(image[..., :3])


def _from_pil(picture: Any) -> np.ndarray:
    try:
        with vars(picture).setdefault("_reading", threading.Lock()):  # by one thread at a time
            picture = upright_pil(picture)
            if picture.mode[0] not in "IF" and picture.mode != "RGB":  # 16 and 32 bits are clipped
                picture = picture.convert("RGB")
            return np.asarray(picture)
    except OSError as error:
        name = getattr(picture, "filename", "") or "The picture"
        raise ValueError(f"{name} cannot be read: {error}") from error


def _read(file: Any) -> tuple[bytes, str]:
    """What is left of an open file, and its name."""
    name = str(getattr(file, "name", "") or "The file")
    try:
        data = file.read()
    except UnicodeDecodeError:
        data = ""
    if inspect.isawaitable(data):  # of a server
        getattr(data, "close", lambda: None)()
        raise ValueError(f"{name} is read by await: give `await file.read()`, or `file.file`.")
    if isinstance(data, str):
        raise ValueError(f"{name} is opened as text: open it with 'rb'.")
    if not isinstance(data, bytes):  # as of cv2.VideoCapture
        raise ValueError(
            f"Expected {TAKEN}, and {type(file).__name__}.read() gives a {type(data).__name__}. "
            "Videos are read by pictures.VideoReader and Tracker.track."
        )
    if not data:
        raise ValueError(f"{name} is empty, or was read to its end before: file.seek(0).")
    return data, name


def _as_uint8(image: np.ndarray) -> np.ndarray:
    if image.dtype.kind not in "fiu":
        raise ValueError(f"Expected a picture of numbers in 0..255, not of dtype {image.dtype}.")
    if not np.isfinite(image).all():
        raise ValueError("The picture holds NaN or infinite values; expected 0..255.")
    low, high = float(image.min()), float(image.max())
    said = f"Expected pixels in 0..255, found {low:g}..{high:g}"
    # Fractions, of which resizing makes some that are just past the end.
    if image.dtype.kind == "f" and low > -2 and 0 < high < 2:
        if low < -0.5:
            raise ValueError(f"{said}: of -1..1 take (picture + 1) * 127.5, clipped to 0..255.")
        raise ValueError(f"{said}: multiply the picture by 255 and clip it to 0..255.")
    if low < 0 or high >= 255.5:
        bits = int(high).bit_length()
        hint = f": of {bits} bits? Then multiply by 255 / {2**bits - 1}" if 10 <= bits <= 32 else ""
        raise ValueError(f"{said}{hint}.")
    return np.rint(image).astype(np.uint8)
