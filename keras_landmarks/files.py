"""Files that appear only when they are whole."""

import contextlib
import json
import pathlib
from collections.abc import Iterator
from typing import Any, TypeAlias

Path: TypeAlias = str | pathlib.Path


@contextlib.contextmanager
def whole(path: Path) -> Iterator[pathlib.Path]:
    """A name to write to, which becomes the file when the block ends well, and else is removed.

    Args:
        path: of the file; its folder is made if need be. What stood there stays until then.

    Yields:
        A path beside it with the same ending, on which many formats depend.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file: never half of it."""
    with whole(path) as partial:
        partial.write_bytes(data)


def write_json(path: Path, facts: Any) -> None:
    """Writes facts as indented JSON: never half a file."""
    write_bytes(path, (json.dumps(facts, indent=1) + "\n").encode())
