"""Classes that Keras saves, made known to it: `keras.models.load_model` finds them by that."""

import importlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Sequence
from typing import Any


class Registration(importlib.abc.MetaPathFinder):
    """Imports rooms of the package once Keras is imported, whoever imports it, and when.

    Python's import system asks it first. It looks at Keras and at our own rooms, since one that
    imports Keras is not whole yet at that moment: then it waits until that room is.

    Args:
        rooms: names of the rooms, as `layers`.
    """

    def __init__(self, rooms: Sequence[str]) -> None:
        self.rooms, self._depth = rooms, 0

    def start(self) -> None:
        """Imports the rooms if Keras is there, or else waits for it."""
        if "keras" in sys.modules:
            self._import()
        else:
            sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Any = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "keras" and not fullname.startswith("keras_landmarks."):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return None
        whole = spec.loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            self._depth += 1
            try:
                whole(module)
            finally:
                self._depth -= 1
            if not self._depth and "keras" in sys.modules and self in sys.meta_path:
                sys.meta_path.remove(self)
                self._import()

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec

    def _import(self) -> None:
        for room in self.rooms:
            importlib.import_module(f"keras_landmarks.{room}")
