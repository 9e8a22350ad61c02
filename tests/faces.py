"""Made-up faces in the files of 300W."""

import csv

import numpy as np

from keras_landmarks.data import made_up_faces
from keras_landmarks.pictures.images import write_image

PARTS = ("afw", "helen/trainset", "lfpw/trainset", "lfpw/testset")


def write_pts(path, landmarks, header=True):
    """Writes a `.pts` file: 1-based, with or without its header."""
    lines = [f"{x + 1:.6f} {y + 1:.6f}" for x, y in np.float64(landmarks)]
    if header:
        lines = ["version: 1", f"n_points:  {len(lines)}", "{", *lines, "}"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def write_300w(folder, count_per_part):
    """Writes the official folder tree, with boxes.csv. Returns `{name: Face}` of what it holds.

    AFW has two faces a photo (`100_1.jpg`, `100_2.jpg`); LFPW is png, with a `testset`.
    """
    faces = iter(made_up_faces(len(PARTS) * count_per_part))
    written = {}
    for part in PARTS:
        for i in range(count_per_part):
            stem = {"a": f"{100 + i // 2}_{i % 2 + 1}", "h": f"{2000 + i}_1"}.get(
                part[0], f"image_{i + 1:04d}"
            )
            name = f"{part}/{stem}.{'png' if part[0] == 'l' else 'jpg'}"
            face = written[name] = next(faces)
            write_image(folder / name, face.image)
            write_pts(folder / part / f"{stem}.pts", face.landmarks)
    with (folder / "boxes.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "x0", "y0", "x1", "y1"])
        rows.writerows([n, *(f"{c - 0.5:.4f}" for c in f.box)] for n, f in written.items())
    return written
