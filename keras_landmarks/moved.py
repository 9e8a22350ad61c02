"""Modules of version 0.1 under their old names, for one release, with a warning."""

import importlib
import importlib.abc
import importlib.machinery
import sys
import types
import warnings
from typing import Any

MOVED = {
    "detection": ("faces.boxes", "faces.detectors", "faces.mtcnn"),
    "drawing": ("pictures.drawing",),
    "finder": ("faces.finder", "faces.detection"),
    "images": ("pictures.images", "files"),
    "smoothing": ("faces.smoothing",),
    "tracking": ("faces.tracking",),
    "video": ("pictures.video",),
}
"""`{old name: where its objects are now}`, in this package."""


def old_module(name: str) -> types.ModuleType:
    """A module of `MOVED` with the objects of the new ones; warns the caller's caller."""
    homes = [f"keras_landmarks.{home}" for home in MOVED[name]]
    text = f"keras_landmarks.{name} is now {' and '.join(homes)}; the old name goes with 0.3."
    warnings.warn(text, DeprecationWarning, stacklevel=3)
    module = types.ModuleType(f"keras_landmarks.{name}", text)
    for home in map(importlib.import_module, reversed(homes)):
        vars(module).update({k: v for k, v in vars(home).items() if not k.startswith("__")})
    return module


class Loader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Python's import system asks it first, and it knows the old names alone."""

    def find_spec(
        self, fullname: str, path: Any = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        package, _, name = fullname.rpartition(".")
        known = package == "keras_landmarks" and name in MOVED
        return importlib.machinery.ModuleSpec(fullname, self) if known else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return old_module(spec.name.rpartition(".")[2])

    def exec_module(self, module: types.ModuleType) -> None:
        sys.modules[module.__name__] = module


sys.meta_path.insert(0, Loader())
