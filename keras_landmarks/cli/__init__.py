"""The command line: `keras-landmarks detect | list | info | …`, one file a command."""

import argparse
import contextlib
import io
import os
import signal
import sys
import threading
import warnings

from keras_landmarks import __version__
from keras_landmarks.cli import check, detect, evaluate, export, info, list_models, train, web
from keras_landmarks.cli.named import import_keras_for

COMMANDS = {
    "detect": detect,
    "list": list_models,
    "info": info,
    "evaluate": evaluate,
    "train": train,
    "check": check,
    "export": export,
    "web": web,
}


def main(arguments=None):
    """Runs the command line.

    Args:
        arguments: list of words; None takes those of the process.

    Returns:
        0, or 1 after an error, which is said in one line; 130 where Ctrl-C was pressed, or the
        system told the process to end.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser(arguments[:1]).parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may be no text
    with warnings.catch_warnings(), _stopping():
        warnings.showwarning = _warn
        try:
            words = vars(options).values()
            if "" in words or any("" in many for many in words if isinstance(many, list)):
                raise ValueError("A name is empty: is a variable of the shell unset?")
            if options.run not in (list_models.run, web.run):
                import_keras_for(options)
            code = options.run(options) or 0
            if sys.stdout is not None:
                sys.stdout.flush()
            return code
        except (ValueError, OSError, ImportError, RuntimeError, FloatingPointError) as error:
            if detect.is_left(error):  # as by `| head`: whoever reads has seen enough
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return 1
            print(f"keras-landmarks: {_MEMORY if _is_full(error) else error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("keras-landmarks: stopped", file=sys.stderr)
            return 130
        except Exception as error:
            if not _is_full(error):
                raise
            print(f"keras-landmarks: {_MEMORY}", file=sys.stderr)
            return 1


def _warn(message, *_):
    """Says a warning, where it can be said: not on Windows' console while Keras is imported."""
    with contextlib.suppress(OSError):
        print(f"warning: {message}", file=sys.stderr)


_MEMORY = "the memory is too small: a smaller --batch, fewer faces, or --records, need less"


def _is_full(error):
    """Whether it is one of a full memory: Python's, TensorFlow's, PyTorch's or JAX's."""
    names = "MemoryError", "ResourceExhaustedError", "OutOfMemoryError"
    return type(error).__name__ in names or str(error).startswith("RESOURCE_EXHAUSTED")


@contextlib.contextmanager
def _stopping():
    """Lets what a system sends to end a process (SIGTERM) stop it as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():  # which alone may say so
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def _parser(chosen):
    parser = argparse.ArgumentParser(
        prog="keras-landmarks", description="Finds the landmarks of faces in pictures."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    words = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        word = words.add_parser(name, **command.WORDS)
        word.set_defaults(run=command.run)
        if name in chosen:  # the others' tables, and what they import, stay unread
            command.add_arguments(word)
    return parser
