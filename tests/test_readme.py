"""The Python of the README and of the site runs as it stands, but for the length of a training.

Blocks of the README are each by itself; those of a page follow one another.
"""

import os
import re
import shutil

import pytest
from places import DATA, PORTRAIT, ROOT

from keras_landmarks.pictures import images
from keras_landmarks.pictures.video import VideoWriter

BLOCK = re.compile(r"```python\n(.*?)```", re.S)
BLOCKS = BLOCK.findall((ROOT / "README.md").read_text())
ELSEWHERE = {"scale.md", "serving.md"}
"""Pages whose blocks want a cluster or a server."""
PAGES = [
    path
    for path in sorted(ROOT.glob("docs/**/*.md"))
    if BLOCK.search(path.read_text()) and path.name not in ELSEWHERE
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where a reader stands: beside a photo and a video."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(PORTRAIT, "photo.jpg")
    with VideoWriter("video.mp4", 25) as video:
        for _ in range(3):
            video.write(images.read_image("photo.jpg"))


def run(blocks, name):
    names = {"__name__": "readme"}
    for block in blocks:
        for data in ("300W", "HELEN-29"):
            if f'"{data}"' in block:
                if not DATA:
                    pytest.skip("KERAS_LANDMARKS_DATA names no folder")
                os.symlink(DATA / data, data)
        block = block.replace("epochs=20", "epochs=2")
        exec(compile(block, name, "exec"), names)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_a_block_of_the_readme_runs(block, folder):
    run([block], "README.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_the_blocks_of_a_page_run_one_after_the_other(page, folder, monkeypatch):
    from keras_landmarks.schemes import SCHEMES

    monkeypatch.setattr("keras_landmarks.schemes.SCHEMES", dict(SCHEMES))
    run(BLOCK.findall(page.read_text()), page.name)


def test_the_readme_is_short_and_begins_with_a_picture():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 150
    (picture,) = re.findall(r"!\[.+\]\((.+)\)", "\n".join(lines[:10]))
    assert (ROOT / picture).stat().st_size < 300_000


def test_the_readme_says_of_each_paper_what_was_confirmed_and_what_not():
    rows = r"^\| (Wing loss|DAN|FFLD|Validation|Score-guided) \| (.+) \| (.+) \|$"
    found = re.findall(rows, (ROOT / "README.md").read_text(), re.M)
    papers = re.findall(r"^\| (\w[\w -]+) \(\[", (ROOT / "docs/papers.md").read_text(), re.M)
    assert [paper for paper, *_ in found] == papers


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "zoo/README.md"])
def test_what_a_page_links_to_is_in_the_repository(name):
    page = ROOT / name
    for target in re.findall(r"\]\(([^)#:]+)[)#]", page.read_text()):
        assert (page.parent / target).exists(), target
