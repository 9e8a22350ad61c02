import pathlib
import shutil

import nbformat
import pytest
from nbclient import NotebookClient

TUTORIALS = pathlib.Path(__file__).parent.parent / "tutorials"


@pytest.mark.parametrize("path", sorted(TUTORIALS.glob("*.ipynb")), ids=lambda p: p.stem)
def test_a_tutorial_runs_from_start_to_end(path, tmp_path):
    shutil.copytree(TUTORIALS, tmp_path / "tutorials")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=240, resources={"metadata": {"path": tmp_path / "tutorials"}}
    ).execute()
