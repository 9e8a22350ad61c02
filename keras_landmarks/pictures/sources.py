"""Where a video's frames come from, and those of them that come by themselves."""

import atexit
import numbers
import os
import pathlib
import threading
from collections.abc import Generator, Iterable
from typing import Any, TypeVar

from keras_landmarks.files import Path, as_path

Item = TypeVar("Item")


def newest(items: Iterable[Item]) -> Generator[Item, None, None]:
    """Items that are read by a thread as they come; those that nobody has waited for are left out.

    Args:
        items: read until they end, or the generator is closed; an error of theirs is raised here.

    Yields:
        The newest of the items, each once, in their order; at the end the last one.
    """
    changed, last, ended = threading.Condition(), list[Any](), list[BaseException | None]()

    def read() -> None:
        error = None
        try:
            for item in items:
                with changed:
                    if ended:
                        return
                    last[:] = [item]
                    changed.notify()
        except BaseException as raised:  # which the one who waits is told
            error = raised
        with changed:
            ended.append(error)
            changed.notify()

    def leave() -> None:
        with changed:
            ended.append(None)
        if thread is not threading.current_thread():  # else where rubbish is collected
            thread.join(5)  # for a frame, which closes the source; not for one that never comes

    thread = threading.Thread(target=read, daemon=True)
    atexit.register(leave)  # Python ends the process where a thread is still in OpenCV
    thread.start()
    try:
        while True:
            with changed:
                while not changed.wait_for(lambda: last or ended, 0.5):
                    pass  # Ctrl-C, which Windows does not hear while it waits
                if not last:
                    break
                item = last.pop()
            yield item
        if ended[0]:
            raise ended[0]
    finally:
        atexit.unregister(leave)
        leave()


def video_source(source: Path | int | numbers.Integral) -> pathlib.Path | int | str:
    """A video's source as OpenCV takes it: a camera's index or a name."""
    if isinstance(source, numbers.Integral):  # also NumPy's
        if isinstance(source, bool) or source < 0:
            raise ValueError(f"A camera's index is 0 or more, not {source}.")
        return int(source)
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(f"Expected a path or a camera's index, not {type(source).__name__}.")
    source = os.fsdecode(source)
    if "://" in source:
        return source
    path = as_path(source)
    device = path.resolve().name.removeprefix("video") if path.is_char_device() else ""
    if device.isdecimal():
        return int(device)
    if not path.is_file():
        camera = f" A camera's index is a number: {path}." if path.name.isdigit() else ""
        raise FileNotFoundError(f"No video at {path}.{camera}")
    return path
