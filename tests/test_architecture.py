"""Imports point one way: docs/DESIGN.md, 'Who may import whom'."""

import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PACKAGE = ROOT / "keras_landmarks"
MAY_IMPORT = {
    "moved": set(),
    "schemes": set(),
    "geometry": set(),
    "images": {"geometry"},
    "weights": {"images"},
    "shapes": {"geometry"},
    "layers": {"geometry", "shapes"},
    "losses": {"schemes", "geometry", "layers", "metrics"},
    "metrics": {"schemes", "geometry", "layers"},
    "models": {"moved", "schemes", "layers"},
    "plots": {"images"},
    "data": {"moved", "schemes", "geometry", "images", "plots", "shapes"},
    "detection": {"geometry"},
    "finder": {"schemes", "geometry", "images", "detection"},
    "runtime": {"schemes", "detection", "finder"},
    "landmarker": {"schemes", "detection", "finder", "export"},
    "export": {"geometry", "images", "metrics", "data", "detection", "finder", "runtime"},
    "video": set(),
    "smoothing": set(),
    "tracking": {"geometry", "images", "detection", "finder", "smoothing", "video"},
    "zoo": {"models", "landmarker", "weights"},
    "drawing": {"schemes"},
    "evaluation": {"data", "metrics", "landmarker", "detection", "schemes", "plots"},
    "training": {"data", "images", "layers", "losses", "metrics", "plots", "weights"},
    "recipes": {"data", "geometry", "layers", "losses", "models", "training", "weights", "zoo"},
}
TENSORFLOW = {"data", "training", "export"}


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
    if here in ("__init__", "cli", "commands"):
        return
    rooms = {m.split(".")[1] for m, _ in imported(path) if m.startswith("keras_landmarks.")}
    assert rooms - {here} <= MAY_IMPORT[here]


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
rooms = {"training", "recipes", "data", "losses"}
print(sorted(r for r in rooms if f"keras_landmarks.{r}" in sys.modules))
"""


def test_a_published_model_is_loaded_without_what_trained_it():
    found = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, cwd=ROOT)
    assert found.stdout.split("\n")[-2] == "[]", found.stderr
