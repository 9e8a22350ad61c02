"""iBUG `.pts` files: 1-based points between braces, or bare lines."""

import pathlib
import re

import numpy as np


def read_pts(path, count=None):
    """Reads the points of a `.pts` file.

    With a header (`version: 1`, `n_points: 68`, `{`, a line `x y` for each point, `}`) or
    without (only the lines). Coordinates in the file are 1-based.

    Args:
        path: of the file.
        count: expected number of points; None takes what there is.

    Returns:
        `(n, 2)` float32 points, 0-based.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a brace is missing, a line is not two finite numbers, or the number of
            points is not the expected one or not the header's.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"No annotation at {path}.")
    text = path.read_text(encoding="utf-8", errors="replace").strip()
    declared = re.search(r"n_points\s*:\s*(\d+)", text)
    if "{" in text or declared or text.startswith("version"):
        if text.count("{") != 1 or not text.endswith("}"):
            raise ValueError(f"{path}: expected points between one '{{' and a closing '}}'.")
        text = text[text.index("{") + 1 : -1]
    points = [_point(path, line) for line in text.splitlines() if line.strip()]
    expected = [count] if count else []
    expected += [int(declared[1])] if declared else []
    for number in expected:
        if len(points) != number:
            raise ValueError(f"{path}: expected {number} points, found {len(points)}.")
    if not points:
        raise ValueError(f"{path}: holds no points.")
    return np.array(points, np.float32) - 1


def _point(path, line):
    try:
        x, y = (float(word) for word in line.split())
    except ValueError:
        x = y = np.nan
    if not np.isfinite([x, y]).all():
        raise ValueError(f"{path}: expected two finite numbers a line, found {line.strip()!r}.")
    return x, y
