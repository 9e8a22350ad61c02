import shutil

import nbformat
import pytest
from nbclient import NotebookClient
from places import ROOT

TUTORIALS = ROOT / "tutorials"


@pytest.mark.apart
@pytest.mark.parametrize("path", sorted(TUTORIALS.glob("*.ipynb")), ids=lambda p: p.stem)
def test_a_tutorial_runs_from_start_to_end(path, tmp_path):
    shutil.copytree(TUTORIALS, tmp_path / "tutorials")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=240, resources={"metadata": {"path": tmp_path / "tutorials"}}
    ).execute()
