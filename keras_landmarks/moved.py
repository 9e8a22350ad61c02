"""Objects and modules of version 0.1 under their old names, for one release, with a warning."""

import importlib
import warnings


def old_name(module, name, room):
    """An object that has moved to another room; warns the caller's caller."""
    new = f"keras_landmarks.{room}.{name}"
    text = f"{module}.{name} is now {new}; the old name goes with 0.3."
    warnings.warn(text, DeprecationWarning, stacklevel=3)
    return getattr(importlib.import_module(f"keras_landmarks.{room}"), name)
