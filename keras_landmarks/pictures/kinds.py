"""What a file holds, by the ending of its name or its first bytes."""

import pathlib
import re

from keras_landmarks.files import Path, as_path

PICTURES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".avif", ".jp2", ".tif")
PICTURES += (".tiff", ".ppm", ".pgm", ".gif")
"""Endings of pictures, in small letters."""
UNREAD = (".heic", ".heif", ".hif", ".jxl", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf")
UNREAD += (".rw2", ".psd")
"""Endings of pictures that OpenCV does not read, as those of telephones."""
HEIF = tuple(b"ftyp" + brand for brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"))
"""What stands behind the first four bytes of telephones' pictures, however they are called."""
VIDEOS = {".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mpg", ".mpeg", ".flv", ".f4v"}
VIDEOS |= {".wmv", ".asf", ".3gp", ".3g2", ".ts", ".mts", ".m2ts", ".ogv", ".vob", ".ivf", ".mjpeg"}
"""Endings of videos; OpenCV reads most of them."""
_FILL = re.compile(rb"\xff+")
_PARTS = 10_000
"""Parts of a jpg that are looked at: far more than pictures have."""
_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])", re.DOTALL)
"""Of a jpg, but for those within its coded pixels."""


def is_video(path: Path) -> bool:
    """Whether a path ends like a video, is that of a GIF which moves, or a stream's address."""
    if "://" in str(path):
        return pathlib.PurePosixPath(str(path)).suffix.lower() not in PICTURES
    path = pathlib.Path(path)
    if path.suffix.lower() != ".gif":
        return path.suffix.lower() in VIDEOS and not as_path(path).is_dir()
    path = as_path(path)
    return path.is_file() and moves(path.read_bytes())


def moves(data: bytes) -> bool:
    """Whether a GIF, PNG, WebP or AVIF file is an animation of several pictures."""
    if data[:4] == b"GIF8":
        controls = rb"\x21\xf9\x04.{4}\x00[\x21\x2c]"  # one before each picture
        return len(re.findall(controls, data, re.DOTALL)) > 1
    if data[:4] == b"\x89PNG":
        return b"acTL" in data[: max(data.find(b"IDAT"), 0)]
    if data[4:12] == b"ftypavis":
        return True
    return data[:4] == b"RIFF" and data[8:16] == b"WEBPVP8X" and any(b & 2 for b in data[20:21])


def why_unread(data: bytes, name: str) -> str:
    """What keeps OpenCV from reading any picture of this kind; empty where nothing does."""
    if pathlib.PurePath(name).suffix.lower() in UNREAD or data[4:12] in HEIF:
        return "of a kind that is not read: convert it to jpg"
    import cv2

    newer = tuple(int(part) for part in cv2.__version__.split(".")[:2]) >= (4, 12)
    late = data[:4] == b"GIF8" or data[4:8] == b"ftyp" or (data[:4] == b"RIFF" and moves(data))
    return "" if newer or not late else f"OpenCV reads it from 4.12 on, this is {cv2.__version__}"


def scans_of(data: bytes) -> int:
    """How often a progressive jpg goes over its pixels; 1 of all other pictures."""
    place, scans, progressive = 2, 0, False
    for _ in range(_PARTS):
        found = _MARKER.search(data, place) if data[:2] == b"\xff\xd8" else None
        if not found or found[1] == b"\xd9" or (found[1] == b"\xda" and not progressive):
            return max(scans, 1)
        progressive |= found[1] in (b"\xc2", b"\xc6", b"\xca")
        scans += found[1] == b"\xda"
        place = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
    return _PARTS


def is_cut_short(data: bytes) -> bool:
    """Whether a jpg or png ends early; decoders fill what is missing with grey, silently."""
    if data[:4] == b"\x89PNG":
        return data.rfind(b"IEND") < 0  # from the end, where it is
    if data[:2] != b"\xff\xd8":
        return False
    scan = 2  # past the headers, of which one may hold a whole thumbnail
    for _ in range(_PARTS):
        mark = _FILL.match(data, scan)  # any number of these may come before a marker
        if not mark or data[mark.end() : mark.end() + 1] == b"\xda":
            break
        scan = mark.end() + 1 + int.from_bytes(data[mark.end() + 1 : mark.end() + 3], "big")
    return data.rfind(b"\xff\xd9", scan) < 0
