"""The cells of the tutorials run one after the other, in the process of the tests.

A kernel of its own for each would start TensorFlow anew; cells are plain Python, without magic.
"""

import json
import shutil

import pytest
from matplotlib import pyplot as plt
from places import ROOT

TUTORIALS = ROOT / "tutorials"


SHORTER = {
    "epochs=10": "epochs=6",  # of a DAN
    'load("dan-300w")': 'load("tiny-ibug68")',
    'load("cnn6-300w")': 'load("tiny-ibug68")',
    "--epochs 3": "--epochs 1",
}


def shorter(source):
    for words, fewer in SHORTER.items():
        source = source.replace(words, fewer)
    return source


@pytest.mark.apart
@pytest.mark.parametrize("path", sorted(TUTORIALS.glob("*.ipynb")), ids=lambda p: p.stem)
def test_a_tutorial_runs_from_start_to_end(path, tmp_path, monkeypatch):
    shutil.copytree(TUTORIALS, tmp_path / "tutorials")
    monkeypatch.chdir(tmp_path / "tutorials")
    names = {"__name__": "__main__"}
    for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
        if cell["cell_type"] == "code":
            source = shorter("".join(cell["source"]))
            exec(compile(source, f"{path.name}, cell {number}", "exec"), names)
            for figure in map(plt.figure, plt.get_fignums()):
                figure.canvas.draw()  # as a notebook shows it below its cell
            plt.close("all")
