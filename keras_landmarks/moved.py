"""Names of version 0.1: modules, objects, arguments. They work for one release, with a warning."""

import functools
import importlib
import importlib.abc
import importlib.machinery
import sys
import types
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Thing = TypeVar("Thing", bound=Callable[..., Any])

MOVED = {
    "detection": ("faces.boxes", "faces.detectors", "faces.mtcnn"),
    "drawing": ("pictures.drawing",),
    "finder": ("faces.finder", "faces.looking", "faces.model", "faces.detection"),
    "images": ("pictures.images", "files"),
    "optimizers": ("training.optimizers",),
    "progress": ("training.progress", "training.log"),
    "recipe": ("training.recipe", "training.stage"),
    "smoothing": ("faces.smoothing",),
    "tracking": ("faces.tracking", "faces.followed"),
    "video": ("pictures.video", "pictures.kinds"),
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


def old_name(module: str, name: str, room: str) -> Any:
    """An object that has moved to another room; warns the caller's caller."""
    text = f"{module}.{name} is now keras_landmarks.{room}.{name}; the old name goes with 0.3."
    warnings.warn(text, DeprecationWarning, stacklevel=3)
    return getattr(importlib.import_module(f"keras_landmarks.{room}"), name)


def renamed(**names: str) -> Callable[[Thing], Thing]:
    """A decorator: old names of arguments, and of a class' attributes, work on with a warning.

    Where both names of a function's argument are given, that is an error. Of a class the old one
    holds: `dataclasses.replace` gives the new one beside it.

    Args:
        **names: `old="new"`.
    """

    def decorate(thing: Thing) -> Thing:
        if not isinstance(thing, type):
            return _with_old_arguments(thing, names, False)
        thing.__init__ = _with_old_arguments(thing.__init__, names, True)  # type: ignore[misc]
        for old, new in names.items():
            setattr(thing, old, _old_attribute(f"{thing.__module__}.{thing.__name__}", old, new))
        return thing

    return decorate


def new_names(thing: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A function's arguments, as a file or an older script has them, by the names of today."""
    names = getattr(thing, "renamed", {})
    return {names.get(name, name): value for name, value in arguments.items()}


def _with_old_arguments(function: Any, names: dict[str, str], old_holds: bool) -> Any:
    place = f"{function.__module__}.{function.__qualname__.removesuffix('.__init__')}"

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        for old in kwargs.keys() & names.keys():
            value, new = kwargs.pop(old), names[old]
            if new in kwargs and not old_holds:
                raise TypeError(f"{place} has one argument {new}, once called {old}: give one.")
            _warn(f"{place}: the argument {old} is now {new}")
            kwargs[new] = value
        return function(*args, **kwargs)

    wrapped.renamed = names  # type: ignore[attr-defined]
    return wrapped


def _old_attribute(place: str, old: str, new: str) -> property:
    def get(self: Any) -> Any:
        _warn(f"{place}.{old} is now {new}")
        return getattr(self, new)

    return property(get, doc=f"`{new}`, under its old name.")


def _warn(what: str) -> None:
    """Warns the caller's caller."""
    warnings.warn(f"{what}; the old name goes with 0.3.", DeprecationWarning, stacklevel=3)


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
