"""Pictures read on threads, ahead of their use."""

import collections
import concurrent.futures
import functools
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from keras_landmarks.files import Path
from keras_landmarks.pictures.images import as_rgb

THREADS, AHEAD, BYTES = 4, 8, 2**28
"""Threads that read, and pictures that are kept ready; fewer of these where they are larger."""


def read_ahead(
    sources: Iterable[Any] | Path, broken: Callable[[Any, Exception], object] | None = None
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
    for source, picture, _ in look_ahead(sources, lambda picture: None, broken):
        yield source, picture


def look_ahead(
    sources: Iterable[Any] | Path,
    look: Callable[[np.ndarray], Any],
    broken: Callable[[Any, Exception], object] | None = None,
) -> Iterator[tuple[Any, np.ndarray, Any]]:
    """Reads pictures as `read_ahead` does, and has them looked at on the threads that read.

    Args:
        sources: as of `read_ahead`.
        look: called with each picture; threads share it.
        broken: as of `read_ahead`; also called where `look` ends in such an error.

    Yields:
        `(source, picture, what look gives)`.
    """
    sources = [sources] if isinstance(sources, str | os.PathLike) else sources
    pictures = map(_taken if isinstance(sources, Iterator) else _given, sources)
    waiting: collections.deque[tuple[Any, concurrent.futures.Future[tuple[np.ndarray, Any]]]]
    waiting, fault, most = collections.deque(), None, AHEAD
    pool = concurrent.futures.ThreadPoolExecutor(THREADS)
    try:
        while True:
            while fault is None and len(waiting) < most:
                try:
                    source, read = next(pictures)
                except StopIteration:
                    break
                except Exception as error:  # of a later picture: those before it first
                    fault = error
                else:
                    waiting.append((source, pool.submit(_looked_at, read, look)))
            if not waiting:
                if fault is not None:
                    raise fault
                return
            source, future = waiting.popleft()
            try:
                picture, seen = future.result()
            except (ValueError, OSError) as error:
                if broken is None:
                    raise
                broken(source, error)
                continue
            finally:
                del future  # whose error holds this frame, and pictures: a circle
            most = min(max(BYTES // max(picture.nbytes, 1), 1), AHEAD)
            yield source, picture, seen
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        fault = None


def _looked_at(
    read: Callable[[], np.ndarray], look: Callable[[np.ndarray], Any]
) -> tuple[np.ndarray, Any]:
    picture = read()
    return picture, look(picture)


def _given(source: Any) -> tuple[Any, Callable[[], np.ndarray]]:
    """A picture, and what reads it."""
    return source, functools.partial(as_rgb, source)


def _taken(source: Any) -> tuple[Any, Callable[[], np.ndarray]]:
    """The same of a picture as it is now: an iterator may make the next one in the same place."""
    if isinstance(source, bytearray | memoryview):
        return _given(bytes(source))
    kinds = ("__array__", "getexif", "read")  # of arrays and tensors, PIL, and open files
    own = isinstance(source, np.ndarray) and source.base is None and not source.flags.writeable
    if own or not any(hasattr(source, kind) for kind in kinds):
        return _given(source)
    try:
        return _given(np.array(as_rgb(source)))
    except (ValueError, OSError) as error:
        return source, functools.partial(_raise, error)  # when its turn comes


def _raise(error: Exception) -> np.ndarray:
    raise error


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
