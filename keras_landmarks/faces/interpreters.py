"""Interpreters of TFLite files that threads may share: each call has one to itself."""

import contextlib
import os
import pathlib
from collections.abc import Iterator
from typing import Any


class Interpreters:
    """The interpreters of one file: as many as calls run at once, made when they are needed.

    An interpreter keeps the numbers of its last call, so that two threads must not use one
    together. After a fork the child makes its own.

    Args:
        path: of the `.tflite` file.
        threads: how many each of them may use.

    Raises:
        ImportError: if `ai-edge-litert` is not installed.
        ValueError: if the file is damaged.
    """

    def __init__(self, path: str | os.PathLike[str], threads: int = 1) -> None:
        self.path, self.threads = str(path), threads
        self._content = pathlib.Path(path).read_bytes()  # the file may change before the next one
        self._start()
        self._idle.append(self._open())

    def _start(self) -> None:
        self._process = os.getpid()
        self._idle: list[Any] = []
        self._parents: list[list[Any]] = []

    def _open(self) -> Any:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            message = f"{self.path} needs LiteRT: pip install ai-edge-litert ({error})"
            raise ImportError(message) from error
        interpreter = Interpreter(model_content=self._content, num_threads=self.threads)
        interpreter.allocate_tensors()
        return interpreter

    @contextlib.contextmanager
    def take(self) -> Iterator[Any]:
        """An interpreter that nobody else has while the block runs."""
        if self._process != os.getpid():
            self._parents.append(self._idle)  # ending those would wait for threads left behind
            self._idle, self._process = [], os.getpid()
        idle = self._idle
        try:
            interpreter = idle.pop()
        except IndexError:
            interpreter = self._open()
        try:
            yield interpreter
        finally:
            idle.append(interpreter)

    def __getstate__(self) -> dict[str, Any]:
        return {name: vars(self)[name] for name in ("path", "threads", "_content")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._start()
