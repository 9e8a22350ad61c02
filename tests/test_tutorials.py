"""The cells of the tutorials run one after the other, in the process of the tests.

A kernel of its own for each would start TensorFlow anew; cells are plain Python, without magic.
"""

import json
import shutil

import pytest
from matplotlib import pyplot as plt
from places import ROOT

TUTORIALS = ROOT / "tutorials"


@pytest.mark.apart
@pytest.mark.parametrize("path", sorted(TUTORIALS.glob("*.ipynb")), ids=lambda p: p.stem)
def test_a_tutorial_runs_from_start_to_end(path, tmp_path, monkeypatch):
    shutil.copytree(TUTORIALS, tmp_path / "tutorials")
    monkeypatch.chdir(tmp_path / "tutorials")
    names = {"__name__": "__main__"}
    for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
        if cell["cell_type"] == "code":
            source = "".join(cell["source"]).replace("epochs=10", "epochs=6")  # of a DAN
            exec(compile(source, f"{path.name}, cell {number}", "exec"), names)
            for figure in map(plt.figure, plt.get_fignums()):
                figure.canvas.draw()  # as a notebook shows it below its cell
            plt.close("all")
