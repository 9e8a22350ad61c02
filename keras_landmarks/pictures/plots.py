"""Plots, where matplotlib is installed."""

import contextlib
import io
import pathlib
from collections.abc import Iterator
from typing import Any

from keras_landmarks.files import Path, write_bytes


def need_matplotlib() -> None:
    """Raises an `ImportError` that says how to install matplotlib, where it is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError("Plots need matplotlib: pip install matplotlib") from error


@contextlib.contextmanager
def figure(path: Path, size: tuple[float, float] = (6, 4)) -> Iterator[Any]:
    """A matplotlib figure that is written as a picture when the block ends, whole or not at all.

    Args:
        path: of the picture; its folder is made if need be.
        size: `(width, height)` in inches.

    Raises:
        ImportError: if matplotlib is not installed.
    """
    need_matplotlib()
    from matplotlib.figure import Figure

    drawn = Figure(figsize=size, layout="constrained")
    yield drawn
    picture = io.BytesIO()
    drawn.savefig(picture, format=pathlib.Path(path).suffix[1:] or "png")
    write_bytes(path, picture.getvalue())
