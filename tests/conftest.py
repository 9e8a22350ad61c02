"""What every test finds: a thread a process, this checkout's package, groups, shared models."""

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
from loaded import load  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--run-large", action="store_true", help="every published model, every format")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config, items):
    """A file is a group, and so shares its fixtures; tests marked `apart` are one each."""
    if not config.getoption("--run-large"):
        large = [item for item in items if item.get_closest_marker("large")]
        config.hook.pytest_deselected(items=large)
        items[:] = [item for item in items if item not in large]
    for item in items if config.pluginmanager.hasplugin("xdist") else ():
        if not item.get_closest_marker("xdist_group"):
            apart = item.get_closest_marker("apart")
            item.add_marker(pytest.mark.xdist_group(item.name if apart else item.path.stem))


@pytest.fixture(scope="session")
def tiny():
    """The published model of tests. It is shared: load one of your own to change it."""
    return load("tiny-ibug68")
