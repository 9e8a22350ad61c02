"""Plots, where matplotlib is installed."""

import contextlib
import io
import pathlib
from collections.abc import Iterator
from typing import Any

from keras_landmarks.files import Path, write_bytes
from keras_landmarks.names import known_name


def need_matplotlib(path: Path) -> str:
    """The format that a plot has by its path's ending; png without one.

    Raises:
        ImportError: if matplotlib is missing; says how to install it.
        ValueError: if it draws no such pictures.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f"Plots need matplotlib: pip install matplotlib ({error})") from error
    known = Figure().canvas.get_supported_filetypes()
    return known_name("ending of a plot", pathlib.Path(path).suffix[1:].lower() or "png", known)


@contextlib.contextmanager
def figure(path: Path, size: tuple[float, float] = (6, 4)) -> Iterator[Any]:
    """A matplotlib figure that is written as a picture when the block ends, whole or not at all.

    Args:
        path: of the picture; its folder is made if need be.
        size: `(width, height)` in inches.

    Raises:
        ImportError: if matplotlib is not installed.
        ValueError: if the ending is none of a picture.
    """
    format = need_matplotlib(path)
    from matplotlib.figure import Figure

    drawn = Figure(figsize=size, layout="constrained")
    yield drawn
    picture = io.BytesIO()
    drawn.savefig(picture, format=format)
    write_bytes(path, picture.getvalue())
