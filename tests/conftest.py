"""What every test finds: a thread a process, this checkout's package, groups, shared models."""

import collections
import functools
import gc
import os

from places import ROOT

# Before TensorFlow is imported. Two workers with two threads each would wait for one another.
for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(name, "1")
# JAX compiles every operation anew: plainly is quick enough for what runs once.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
# Processes that tests start import what is tested, not what is installed.
os.environ["PYTHONPATH"] = os.pathsep.join(str(ROOT / name) for name in ("", "tests", "tools"))

import pytest  # noqa: E402

LONG = {f"test_{n}" for n in ["two_devices", "hosts", "page", "wheel", "registration", "compare"]}
"""Files of few tests that take long."""


def pytest_addoption(parser):
    parser.addoption("--run-large", action="store_true", help="every published model, every format")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config, items):
    """A file is a group, and so shares its fixtures; tests marked `apart` are one each.

    Those come first, then long files, and then those of many tests: the last ones are short, and no
    worker waits long for another.
    """
    if not config.getoption("--run-large"):
        large = [item for item in items if item.get_closest_marker("large")]
        config.hook.pytest_deselected(items=large)
        items[:] = [item for item in items if item not in large]
    tests = collections.Counter(item.path for item in items)

    def late(item):
        long = item.path.stem in LONG
        return not item.get_closest_marker("apart"), not long, -tests[item.path]

    items.sort(key=late)
    for item in items if config.pluginmanager.hasplugin("xdist") else ():
        if not item.get_closest_marker("xdist_group"):
            apart = item.get_closest_marker("apart")
            item.add_marker(pytest.mark.xdist_group(item.name if apart else item.path.stem))


def pytest_collection_finish():
    """What TensorFlow's import leaves is half a million objects: not to be gone over again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def plainly():
    """TensorFlow's graphs, which run once or twice, are left to XLA where a test asks for it alone:
    it takes longer to compile them than to trace them. JAX's pass compiles all."""
    import keras

    with pytest.MonkeyPatch.context() as patch:
        if keras.backend.backend() == "tensorflow":
            patch.setattr(keras.Model, "_resolve_auto_jit_compile", lambda model: False)
        yield


@pytest.fixture
def eagerly():
    """TensorFlow runs no graphs, which take longer to trace than a few steps."""
    import keras

    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def tiny():
    """The published model of tests. It is shared: load one of your own to change it."""
    from loaded import load  # not above: xdist's own process needs no TensorFlow

    return load("tiny-ibug68")


@pytest.fixture(scope="session")
def known(tiny, tmp_path_factory):
    """`known(format, dtype)`: path and facts of the tiny model's file alone in a folder, written
    once: not to be changed."""
    from keras_landmarks.export import FORMATS

    @functools.cache
    def known(kind, dtype="float32"):
        path = tmp_path_factory.mktemp("tiny") / f"model{FORMATS[kind][0]}"
        return path, tiny.export(path, kind, dtype)

    return known
