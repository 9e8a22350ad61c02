"""Modules of version 0.1 under their old names, for one release, with a warning."""

import importlib
import importlib.abc
import importlib.machinery
import sys
import types
import warnings

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


def old_module(name):
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

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        package, _, name = fullname.rpartition(".")
        if package == "keras_landmarks" and name in MOVED:
            return importlib.machinery.ModuleSpec(fullname, Loader)
        return None

    @staticmethod
    def create_module(spec):
        return old_module(spec.name.rpartition(".")[2])

    @staticmethod
    def exec_module(module):
        sys.modules[module.__name__] = module


sys.meta_path.insert(0, Loader)
