"""Files and folders that appear only when they are whole."""

import contextlib
import json
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any, TypeAlias

Path: TypeAlias = str | pathlib.Path


@contextlib.contextmanager
def whole(path: Path) -> Iterator[pathlib.Path]:
    """A place to write to, which becomes the file or folder when the block ends well.

    Args:
        path: where it appears; the folder above is made if need be. What stood there stays until
            then, and stays where the block fails.

    Yields:
        A path of the same name in a folder beside it, which is removed with all that is in it.

    Raises:
        OSError: if a file would replace a folder, or a folder a file.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".part-") as folder:
        partial = pathlib.Path(folder) / path.name
        yield partial
        if path.is_dir() and partial.is_dir():  # which does not replace a folder by itself
            path.replace(partial.with_name(path.name + ".old"))
        partial.replace(path)


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file: never half of it."""
    with whole(path) as partial:
        partial.write_bytes(data)


def write_json(path: Path, facts: Any) -> None:
    """Writes facts as indented JSON: never half a file."""
    write_bytes(path, (json.dumps(facts, indent=1) + "\n").encode())
