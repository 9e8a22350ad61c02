"""Runs the notebooks and keeps in them what they print and draw, in small pictures.

python tools/run_tutorials.py [NOTEBOOK ...]
"""

import base64
import io
import pathlib
import re
import sys

import nbformat
from nbclient import NotebookClient
from PIL import Image

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tutorials"
COLOURS, WIDEST = 96, 720


def small(data):
    """A PNG in base64 with fewer colours and pixels."""
    image = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
    image.thumbnail((WIDEST, WIDEST))
    file = io.BytesIO()
    image.quantize(COLOURS, kmeans=2).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def run(path):
    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": FOLDER}}
    NotebookClient(notebook, timeout=600, resources=place, coalesce_streams=True).execute()
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            timed = "perf_counter" in cell.source
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr" and not timed]
            for output in cell.outputs:
                if "metadata" in output:
                    output.metadata = {}
                if "text" in output:  # without what TensorFlow says of its temporary files
                    output.text = re.sub(r"^INFO:.*\n", "", output.text, flags=re.M)
                data = output.get("data", {})
                if "text/html" in data:
                    del data["text/plain"]
                if "image/png" in data:
                    data["image/png"] = small(data["image/png"])
            cell.outputs = [o for o in cell.outputs if o.get("text") != ""]
    nbformat.write(notebook, path)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(FOLDER.glob("*.ipynb")):
        run(pathlib.Path(name))
