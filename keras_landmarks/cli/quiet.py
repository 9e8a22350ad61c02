"""Keras without what TensorFlow's libraries say of themselves."""

import os
import sys
import tempfile


def import_keras():
    """Imports Keras, without the lines that TensorFlow's libraries write while they are loaded.

    These go past Python, and heed `TF_CPP_MIN_LOG_LEVEL` only later; it is 3 behind this. Where the
    user has set it or the import fails, all lines are shown.
    """
    if "keras" in sys.modules or "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    try:
        shown = os.dup(2)
    except OSError:  # of a process without it: there is nothing to see
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        hidden = tempfile.TemporaryFile()  # noqa: SIM115
    except OSError:  # where nothing may be written: the lines are seen
        os.close(shown)
        return
    with hidden as said:
        os.dup2(said.fileno(), 2)
        try:
            import keras  # noqa: F401
        except BaseException:
            said.seek(0)
            os.write(shown, said.read())
            raise
        finally:
            os.dup2(shown, 2)
            os.close(shown)
