"""Every block of the README's Python runs as it stands, but for the length of a training."""

import os
import re
import shutil

import pytest
from places import DATA, PORTRAIT, ROOT

from keras_landmarks.pictures import images
from keras_landmarks.pictures.video import VideoWriter

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_a_block_of_the_readme_runs(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(PORTRAIT, "photo.jpg")
    with VideoWriter("video.mp4", 25) as video:
        for _ in range(3):
            video.write(images.read_image("photo.jpg"))
    for name in ("300W", "HELEN-29"):
        if f'"{name}"' in block:
            if not DATA:
                pytest.skip("KERAS_LANDMARKS_DATA names no folder")
            os.symlink(DATA / name, name)
    block = block.replace("epochs=20", "epochs=2")
    exec(compile(block, "README.md", "exec"), {"__name__": "readme"})
