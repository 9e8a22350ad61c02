"""Names that people type: known, or told which they may have meant."""

import difflib
from collections.abc import Iterable
from typing import Any


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
