"""Forked processes have none of the backend's threads, and hang where they wait for one."""

import functools
import os
import sys
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

import keras

F = TypeVar("F", bound=Callable[..., Any])
_forked = False  # after the backend ran


def check(process: int) -> None:
    """Looks whether the backend's threads are in this process.

    Args:
        process: the one in which the backend was used before.

    Raises:
        RuntimeError: if this is a process that was forked from it, or from one in which the
            backend had run.
    """
    torch = keras.backend.backend() == "torch"  # which lives on in a fork
    if not torch and (_forked or os.getpid() != process):
        raise RuntimeError(
            "This process was forked after the model was loaded, or the backend had run, and the "
            "backend's threads are not in it: it would hang. Start processes by "
            "multiprocessing.get_context('spawn') (PyTorch's DataLoader: "
            "multiprocessing_context='spawn') and load the model there."
        )


def checked(method: F) -> F:
    """A method that first asks whether this is the model's process, `_process`."""

    @functools.wraps(method)
    def first(self: Any, *args: Any, **kwargs: Any) -> Any:
        check(self._process)
        return method(self, *args, **kwargs)

    return cast(F, first)


def _ran() -> bool:
    """Whether TensorFlow or JAX has computed something: from then on it has threads."""
    context = getattr(sys.modules.get("tensorflow.python.eager.context"), "_context", None)
    backends = getattr(sys.modules.get("jax._src.xla_bridge"), "_backends", None)
    return bool(getattr(context, "_initialized", False) or backends)


def _look(alone: bool = True) -> None:
    global _forked
    _forked = _forked or (alone and _ran())


if os.path.isdir("/proc/self/task"):  # forked before this was imported: no threads but Python's
    _look(len(os.listdir("/proc/self/task")) <= threading.active_count())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_look)
