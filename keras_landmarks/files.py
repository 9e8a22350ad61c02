"""Files that appear only when they are whole."""

import contextlib
import json
import pathlib


@contextlib.contextmanager
def whole(path):
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


def write_bytes(path, data):
    """Writes a file: never half of it."""
    with whole(path) as partial:
        partial.write_bytes(data)


def write_json(path, facts):
    """Writes facts as indented JSON: never half a file."""
    write_bytes(path, (json.dumps(facts, indent=1) + "\n").encode())
