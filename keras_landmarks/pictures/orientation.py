"""Pictures turned upright as their files say, where what reads them does not do it."""

import re
from typing import Any, Literal

import numpy as np

ORIENTATION = 0x0112
"""EXIF's tag of the orientation, 1 to 8."""

TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""By EXIF's orientation, what makes a picture upright; Pillow's names."""


def upright_pil(picture: Any) -> Any:
    """A PIL picture, upright as EXIF says.

    Pillow's own function fails where it cannot write EXIF's other tags anew.
    """
    from PIL import Image

    picture.load()
    try:
        turn = TURNS.get(picture.getexif().get(ORIENTATION))
    except Exception:  # whatever Pillow makes of what is no EXIF
        turn = None
    return picture.transpose(Image.Transpose[turn]) if turn else picture


def is_avif(data: bytes) -> bool:
    """Whether these are the bytes of an AVIF."""
    return data[4:12] in (b"ftypavif", b"ftypavis", b"ftypmif1")


def is_turned_here(data: bytes) -> bool:
    """Whether `upright` turns a file's pixels: of a WebP, which OpenCV does from 4.13 on alone, and
    of an AVIF by its boxes `irot` and `imir`, which count before its EXIF (MIAF)."""
    return _is_webp(data) or any(_boxes_of_avif(data))


def upright(image: np.ndarray, data: bytes) -> np.ndarray:
    """The pixels of a file that `is_turned_here`, upright; of others as they are.

    Args:
        image: `(height, width, 3)`, as OpenCV reads it with `IMREAD_IGNORE_ORIENTATION`.
        data: the bytes of the file.
    """
    turn = mirror = 0  # quarters against the clock, then: 1 upside down, 2 left for right
    if _is_webp(data):
        turn, mirror = _TURNS.get(_orientation(_exif_of_webp(data)), (0, 0))
    for box in filter(None, _boxes_of_avif(data)):
        value = box[2][0]
        turn, mirror = (value, mirror) if box[1] == b"irot" else (turn, 1 + (value & 1))
    image = np.rot90(image, turn & 3)
    return np.ascontiguousarray(np.flip(image, axis=mirror - 1) if mirror else image)


_TURNS = {2: (0, 2), 3: (2, 0), 4: (0, 1), 5: (1, 1), 6: (3, 0), 7: (1, 2), 8: (1, 0)}
"""By EXIF's orientation, how `upright` turns and mirrors."""


def _boxes_of_avif(data: bytes) -> list[re.Match[bytes] | None]:
    if not is_avif(data):
        return []
    return [re.search(rb"\0\0\0\x09(%s)(.)" % box, data, re.S) for box in (b"irot", b"imir")]


def _is_webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def _exif_of_webp(data: bytes) -> bytes:
    """A WebP's chunk of EXIF, without the words that some begin it with; empty where none is."""
    at = 12
    while at + 8 < len(data):
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] == b"EXIF":
            return data[at + 8 : end].removeprefix(b"Exif\0\0")
        at = end + end % 2
    return b""


def _orientation(exif: bytes) -> int:
    """The orientation in EXIF, a TIFF's header; 1, which is upright, where none is."""
    order: Literal["little", "big"] = "little" if exif[:2] == b"II" else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(exif[at : at + size], order)

    first = number(4, 4)
    for at in range(first + 2, first + 2 + 12 * number(first, 2), 12):
        if number(at, 2) == ORIENTATION:
            return number(at + 8, 2)
    return 1
