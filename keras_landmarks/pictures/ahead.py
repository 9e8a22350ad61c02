"""Pictures read on threads, ahead of their use."""

import collections
import concurrent.futures
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from keras_landmarks.pictures.images import as_rgb

THREADS, AHEAD = 4, 8
"""Threads that read, and pictures that are kept ready."""


def read_ahead(
    sources: Iterable[Any], broken: Callable[[Any, Exception], object] | None = None
) -> Iterator[tuple[Any, np.ndarray]]:
    """Reads pictures in their order, some ahead.

    Args:
        sources: iterable of what `as_rgb` takes, or one path.
        broken: called with `(source, error)` of what cannot be read, which is then left out; None
            raises the error.

    Yields:
        `(source, picture)` with `(height, width, 3)` uint8 RGB.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a picture cannot be read.
    """
    sources = [sources] if isinstance(sources, str | os.PathLike) else sources
    sources = map(_taken, sources) if isinstance(sources, Iterator) else iter(sources)
    waiting: collections.deque[tuple[Any, concurrent.futures.Future[np.ndarray]]]
    waiting, fault = collections.deque(), None
    pool = concurrent.futures.ThreadPoolExecutor(THREADS)
    try:
        while True:
            while fault is None and len(waiting) < AHEAD:
                try:
                    source = next(sources)
                except StopIteration:
                    break
                except Exception as error:  # of a later picture: those before it first
                    fault = error
                else:
                    waiting.append((source, pool.submit(as_rgb, source)))
            if not waiting:
                if fault is not None:
                    raise fault
                return
            source, future = waiting.popleft()
            try:
                picture = future.result()
            except (ValueError, OSError) as error:
                if broken is None:
                    raise
                broken(source, error)
                continue
            yield source, picture
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _taken(source: Any) -> Any:
    """A picture as it is now: an iterator may make the next one in the same place."""
    if isinstance(source, bytearray | memoryview):
        return bytes(source)
    kinds = ("__array__", "getexif", "read")  # of arrays and tensors, PIL, and open files
    if not any(hasattr(source, kind) for kind in kinds):
        return source
    try:
        return np.array(as_rgb(source))
    except (ValueError, OSError):  # which is raised when its turn comes
        return source


def beside(rows: Iterable[tuple[Any, ...]], given: Any, name: str) -> Iterator[tuple[Any, ...]]:
    """Puts to each picture what is given for it.

    Args:
        rows: `(picture, ...)` of each.
        given: iterable with one thing for each, or `itertools.repeat`; None gives None.
        name: what messages call the things.

    Yields:
        `(picture, ..., thing)`.

    Raises:
        ValueError: if there are fewer or more things than pictures.
    """
    rest, nothing = itertools.repeat(None) if given is None else iter(given), object()
    number = 0
    for number, row in enumerate(rows, start=1):
        if (thing := next(rest, nothing)) is nothing:
            raise ValueError(f"{name} for {number - 1} pictures, and there are more of these.")
        yield (*row, thing)
    endless = isinstance(rest, (itertools.repeat, itertools.cycle))
    if not endless and next(rest, nothing) is not nothing:
        raise ValueError(f"{name} for more than the {number} pictures.")
