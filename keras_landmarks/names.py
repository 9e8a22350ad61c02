"""Names, numbers and shapes that are given: as they must be, or told what was expected."""

import difflib
import math
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np


def known_name(what: str, name: Any, known: Iterable[str]) -> str:
    """The name, if it is known.

    Args:
        what: that is named, for the message.
        name: that was given.
        known: all that there are.

    Raises:
        ValueError: if it is not; names those that are like it, and all.
    """
    known = list(known)
    if isinstance(name, str) and name in known:
        return name
    close = difflib.get_close_matches(str(name).lower(), known, n=3, cutoff=0.4)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    raise ValueError(f"Unknown {what} {name!r}. Known: {', '.join(known)}.{hint}")


def number(
    name: str,
    value: Any,
    *,
    above: float = -math.inf,
    least: float = -math.inf,
    below: float = math.inf,
    most: float = math.inf,
    whole: bool = False,
) -> Any:
    """The number, if it is one, is not NaN and lies within its limits.

    Args:
        name: of the argument, for the message.
        value: that was given.
        above: what it must be larger than.
        least: what it must at least be.
        below: what it must be smaller than.
        most: what it must at most be.
        whole: whether it must be an integer.

    Raises:
        ValueError: if it is something else; says what was expected.
    """
    real = isinstance(value, numbers.Integral if whole else numbers.Real)
    if real and above < value < below and least <= value <= most:
        return value
    limits = (("above", above), ("of at least", least), ("below", below), ("of at most", most))
    said = " and ".join(f"{word} {limit:g}" for word, limit in limits if math.isfinite(limit))
    kind = "a whole number" if whole else "a finite number"
    raise ValueError(f"{name} must be {kind}{' ' * bool(said)}{said}, not {value!r}.")


def sides(name: str, value: Any) -> tuple[int, int]:
    """A size `(height, width)` in whole pixels as a tuple, if it is one.

    Args:
        name: of the argument, for the message.
        value: that was given.

    Raises:
        ValueError: if it is something else.
    """
    try:
        height, width = (number(name, side, least=1, whole=True) for side in value)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must be (height, width), two whole numbers of at least 1, not {value!r}."
        ) from None
    return height, width


def numbers_of(what: str, values: Any, count: int) -> np.ndarray:
    """Numbers of some of `count` things, counted from 0, as an array `(k,)` of at least one.

    Args:
        what: the things are, for the message.
        values: that were given.
        count: of the things.

    Raises:
        ValueError: if they are something else, as a mask.
    """
    found = np.array(values)
    whole = found.ndim == 1 and found.size > 0 and found.dtype.kind in "iu"
    if not whole or not 0 <= found.min() <= found.max() < count:
        raise ValueError(
            f"Indices are of some of the {count} {what}, whole numbers from 0, not {values!r:.80}."
        )
    return found


def unlike(first: Iterable[int | None], second: Iterable[int | None]) -> bool:
    """Whether two shapes differ where both are known."""
    first, second = tuple(first), tuple(second)
    known = (pair for pair in zip(first, second) if None not in pair)
    return len(first) != len(second) or any(a != b for a, b in known)


def of_shape(what: str, shape: Iterable[int | None], *wanted: str | int) -> None:
    """Raises a `ValueError` where a tensor's shape is another one.

    Args:
        what: the tensor is, for the message.
        shape: of it; None where a side is not known yet.
        wanted: the number of each side, or its name where it may be any.
    """
    shape = tuple(shape)
    fits = [isinstance(side, str) or found in (None, side) for side, found in zip(wanted, shape)]
    if len(shape) != len(wanted) or not all(fits):
        raise ValueError(f"Expected {what} ({', '.join(map(str, wanted))}), got {shape}.")
