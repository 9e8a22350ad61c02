"""Paths, and files and folders that appear only when they are whole."""

import contextlib
import json
import os
import pathlib
import re
import secrets
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from typing import Any, TypeAlias

Path: TypeAlias = str | os.PathLike[str]


def as_path(path: Path) -> pathlib.Path:
    """A path as it was given, but `~` is the home folder.

    Raises:
        TypeError: if it is no path.
        ValueError: if it is an address, as `https://...`: nothing is downloaded here.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"Expected a path, not {path!r:.80}.")
    if re.match(r"[A-Za-z][\w+.-]+:/|data:", os.fspath(path)):
        raise ValueError(f"{path} is an address, not a path: download the file first.")
    return pathlib.Path(os.path.expanduser(path))


def as_text(name: Path) -> str:
    """A name for what takes UTF-8 alone, as OpenCV's videos, Parquet and XML.

    Raises:
        ValueError: if it is of other bytes, as those of files from old archives.
    """
    text = os.fspath(name)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{text!a} is no name in UTF-8, as is needed here: rename it.") from None
    return text


def files_in(folder: Path, recursive: bool = True) -> list[pathlib.Path]:
    """The files in a folder and in those inside, sorted; links are followed, each folder once.

    What is hidden is left out: names that begin with a dot, as those of `whole` that a kill left.
    Of a folder inside that may not be listed a warning tells.

    Raises:
        OSError: if the folder itself may not be listed.
    """

    folder = as_path(folder)

    def refused(error: OSError) -> None:
        if error.filename == os.fspath(folder):
            raise error
        warnings.warn(f"{error.filename} is left out: {error.strerror}.", stacklevel=4)

    found: list[pathlib.Path] = []
    seen: set[str] = set()
    for here, folders, names in os.walk(folder, onerror=refused, followlinks=True):
        real = os.path.realpath(here)
        if real not in seen:
            found += [pathlib.Path(here, name) for name in names if not name.startswith(".")]
        inside = sorted(name for name in folders if not name.startswith("."))
        folders[:] = inside if recursive and real not in seen else []
        seen.add(real)
    return sorted(found, key=lambda path: path.parts)  # Windows' own order ignores case


@contextlib.contextmanager
def whole(path: Path) -> Iterator[pathlib.Path]:
    """A place to write to, which becomes the file or folder when the block ends well.

    Args:
        path: where it appears; the folder above is made if need be. What stood there stays until
            then, and stays where the block fails. A link stays one: what it names is replaced. A
            device or a pipe is written to.

    Yields:
        A path of the same name in a folder beside it, which is removed with all that is in it.

    Raises:
        OSError: if a file would replace a folder, or a folder a file; or if what stood there may
            not be replaced, as of files that are open elsewhere on Windows: then the new one has
            a name beside it, which the message tells.
        ValueError: if the path is an address.
    """
    path = as_path(path)
    device = path.exists() and not (path.is_file() or path.is_dir())
    path = path.resolve() if path.is_symlink() and not device else path
    path.parent.mkdir(parents=True, exist_ok=True)
    with _part(pathlib.Path(tempfile.gettempdir()) if device else path.parent) as folder:
        partial = folder / path.name
        yield partial
        if device:
            with partial.open("rb") as source, path.open("wb") as target:
                shutil.copyfileobj(source, target)
            return
        old = partial.with_name(path.name + ".old")
        try:
            if path.is_dir() and partial.is_dir():  # which does not replace a folder by itself
                _move(path, old)
            _move(partial, path)
        except OSError as error:
            if old.exists():
                old.replace(path)
            other = path.exists() and path.is_dir() != partial.is_dir()
            if other or not isinstance(error, PermissionError):
                raise
            mark = f"new-{folder.name[6:]}" if partial.is_dir() else "new"
            beside = path.with_name(f"{path.stem}.{mark}{path.suffix}")
            partial.replace(beside)
            said = f"{path} may not be replaced ({error.strerror}): is it open elsewhere?"
            raise PermissionError(f"{said} What was written is {beside}.") from error


@contextlib.contextmanager
def _part(beside: pathlib.Path) -> Iterator[pathlib.Path]:
    """A hidden folder for what is not whole yet."""
    if os.name != "nt":
        with tempfile.TemporaryDirectory(dir=beside, prefix=".part-") as name:
            yield pathlib.Path(name)
        return
    # There such a one is its owner's alone, and what is moved out of it stays so.
    folder = beside / f".part-{secrets.token_hex(4)}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move(path: pathlib.Path, place: pathlib.Path) -> None:
    """Moves a file or folder; on Windows virus scanners hold new ones for a moment."""
    for pause in (0.1, 0.3, 1.0, 2.0) if os.name == "nt" else ():
        try:
            path.replace(place)
            return
        except PermissionError:
            time.sleep(pause)
    path.replace(place)


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file: never half of it."""
    with whole(path) as partial:
        partial.write_bytes(data)


def write_json(path: Path, facts: Any) -> None:
    """Writes facts as indented JSON: never half a file."""
    write_bytes(path, (json.dumps(facts, indent=1) + "\n").encode())
