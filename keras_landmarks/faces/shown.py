"""The faces of a picture as a list that notebooks show drawn."""

import os
import weakref
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from keras_landmarks.pictures import draw
from keras_landmarks.pictures.html import picture_html

T = TypeVar("T")


class Detections(list[T]):
    """The faces of a picture, or such lists of the pictures of a batch.

    A list in every respect. A notebook shows it drawn, as long as the picture can be had: its file
    is read again, and an array or a PIL picture is not kept, so that it must be in use elsewhere.

    Args:
        found: `Detection` objects, or `Detections`.
        picture: called without arguments; returns the picture, or None where it is gone.
    """

    def __init__(self, found: Iterable[T] = (), picture: Callable[[], Any] = lambda: None) -> None:
        super().__init__(found)
        self._picture = picture

    def __reduce__(self) -> Any:
        return Detections, (list(self),)

    def _repr_html_(self) -> str | None:
        parts: list[Any] = list(self)
        if any(isinstance(one, list) for one in parts):
            return "".join(one._repr_html_() or "" for one in parts) or None
        try:
            picture = self._picture()
            drawn = None if picture is None else draw(picture, self)
        except (OSError, ValueError):  # the file is gone
            drawn = None
        count = f"{len(self) or 'no'} face{'s' * (len(self) > 1)}"
        return None if drawn is None else picture_html(drawn, count)


def recall(image: Any, index: int | None = None) -> Callable[[], Any]:
    """How to come by a picture later, without keeping it.

    Args:
        image: what `detect` was called with.
        index: of the picture, where it is an array of several.
    """
    if isinstance(image, (str, os.PathLike)):
        return lambda: image
    try:
        held = weakref.ref(image)
    except TypeError:  # bytes
        return lambda: None

    def picture() -> Any:
        found = held()
        return found if found is None or index is None else found[index]

    return picture
