"""Imports point one way, and docs/DESIGN.md, the map of the rooms, names every file."""

import ast
import fnmatch
import graphlib
import os
import re
import subprocess
import sys

import pytest
from places import ROOT

PACKAGE = ROOT / "keras_landmarks"
DESIGN = ROOT / "docs" / "DESIGN.md"
MAY_IMPORT = {
    "moved": set(),
    "names": set(),
    "forks": set(),
    "registration": set(),
    "files": set(),
    "scheme_tables": set(),
    "conversion_tables": {"scheme_tables"},
    "schemes": {"scheme_tables", "conversion_tables"},
    "own_schemes": {"schemes"},
    "geometry": set(),
    "errors": {"schemes", "geometry"},
    "shapes": {"geometry"},
    "pictures": {"schemes", "geometry", "files"},
    "faces": {"schemes", "geometry", "pictures"},
    "layers": {"geometry", "shapes"},
    "metrics": {"schemes", "errors"},
    "losses": {"schemes", "geometry", "layers", "metrics"},
    "models": {"moved", "schemes", "geometry", "layers"},
    "weights": {"files"},
    "data": {"moved", "schemes", "geometry", "shapes", "files", "pictures", "faces"},
    "runtime": {"schemes", "files", "faces"},
    "bulk": {"files", "runtime"},
    "export": {"schemes", "geometry", "errors", "files", "pictures", "faces", "data", "runtime"},
    "landmarker": {"schemes", "faces", "forks", "pictures", "export", "losses", "metrics"},
    "catalogue": {"pictures"},
    "zoo": {"moved", "catalogue", "schemes", "models", "landmarker", "weights"},
    "evaluation": {"moved", "schemes", "geometry", "errors", "pictures", "faces", "data"},
    "training": {
        "moved",
        "catalogue",
        "schemes",
        "geometry",
        "files",
        "pictures",
        "data",
        "landmarker",
        "losses",
    }
    | {"metrics", "models", "weights", "zoo"},
    "recipes": {"data", "geometry", "layers", "losses", "models", "training", "weights", "zoo"},
}
KERAS_FREE = (
    "bulk",
    "data",
    "errors",
    "evaluation",
    "faces",
    "files",
    "geometry",
    "pictures",
    "runtime",
    "schemes",
    "shapes",
)
MOST_LINES = 250
FREE = {"__init__", "__main__", "cli"}
TENSORFLOW = {"data", "layers", "training", "export"}


def sources():
    return sorted(PACKAGE.rglob("*.py"))


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path):
    """`(module, whether at the top level)` of every import of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = set(ast.walk(ast.Module(body=[n for n in tree.body if not inner(n)], type_ignores=[])))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module == "keras_landmarks":
                yield from ((f"keras_landmarks.{alias.name}", node in top) for alias in node.names)
            else:
                yield node.module, node in top


def inner(node):
    return isinstance(node, (ast.FunctionDef, ast.ClassDef))


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_imports_only_what_its_room_may(path):
    here = room(path)
    if here in FREE:
        return
    assert rooms_of(path) - {here, "names"} <= MAY_IMPORT[here]


def rooms_of(path):
    """The rooms that a file imports."""
    return {m.split(".")[1] for m, _ in imported(path) if m.startswith("keras_landmarks.")}


def test_the_arrows_make_no_circle():
    order = tuple(graphlib.TopologicalSorter(MAY_IMPORT).static_order())  # raises on one
    assert set(order) == set(MAY_IMPORT)
    assert set(MAY_IMPORT) | FREE == {room(path) for path in sources()}


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_file_is_past_250_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def entries():
    """`{name: words}` of the map: what it says of each room, module at the top, and `tools`."""
    (rooms,) = re.findall(r"^## The rooms\n```\n(.*?)^```", DESIGN.read_text("utf-8"), re.M | re.S)
    told = re.split(r"^ {0,2}(?=\S)", rooms, flags=re.M)[1:]  # what is further in goes on
    return {re.match(r"\w*", text)[0]: set(re.findall(r"\w[\w*]*", text)) for text in told}


BY_RULE = {"recipes", "readers"}
"""Folders of which the map says how a file is named."""


def test_the_map_names_every_file():
    told, missing = entries(), []
    anywhere = set().union(*told.values())
    for path in [*sources(), *(ROOT / "tools").glob("*.py")]:
        words = told.get(room(path) if PACKAGE in path.parents else "tools", anywhere)
        by_rule = path.parent.name in BY_RULE or path.stem.startswith("__")
        if not by_rule and not any(fnmatch.fnmatch(path.stem, word) for word in words):
            missing.append(str(path.relative_to(ROOT)))
    assert not missing


def test_these_rooms_are_imported_without_keras():
    lines = [f"import keras_landmarks.{room}" for room in KERAS_FREE]
    lines += ["import sys", "assert not {'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)"]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True, cwd=ROOT)


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_tensorflow_is_imported_only_inside_functions_that_need_its_engine(path):
    for module, at_top in imported(path):
        if module.split(".")[0] == "tensorflow":
            assert room(path) in TENSORFLOW
            assert not at_top


def test_the_package_never_imports_tools_or_tests():
    for path in sources():
        assert not {m.split(".")[0] for m, _ in imported(path)} & {"tools", "tests", "recipes"}


LOAD = """
import sys, keras_landmarks
keras_landmarks.load("tiny-ibug68")
rooms = {"training", "recipes", "data"}
print(sorted(r for r in rooms if f"keras_landmarks.{r}" in sys.modules))
"""


def test_a_published_model_is_loaded_without_what_trained_it():
    command, light = [sys.executable, "-c", LOAD], {**os.environ, "KERAS_BACKEND": "numpy"}
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=light)
    assert found.stdout.split("\n")[-2] == "[]", found.stderr
