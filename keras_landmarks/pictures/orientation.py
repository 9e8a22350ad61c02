"""Pictures turned upright as their files say, where what reads them does not do it."""

import re
from typing import Any

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


def boxes_of_avif(data: bytes) -> list[re.Match[bytes] | None]:
    """An AVIF's boxes `irot` and `imir`, which count before the orientation of its EXIF (MIAF)."""
    return [re.search(rb"\0\0\0\x09%s(.)" % box, data, re.S) for box in (b"irot", b"imir")]


def upright_avif(image: np.ndarray, data: bytes) -> np.ndarray:
    """The pixels of an AVIF as its boxes `irot` and `imir` turn and mirror them.

    Args:
        image: `(height, width, 3)`, as OpenCV reads it.
        data: the bytes of the file.
    """
    turn, mirror = boxes_of_avif(data)
    if turn:
        image = np.rot90(image, turn[1][0] & 3)
    if mirror:
        image = np.flip(image, axis=mirror[1][0] & 1)
    return np.ascontiguousarray(image)
