"""AFLW with 19 points, as Zhu et al. (CVPR 2016) give it: `AFLWinfo_release.mat`."""

import numpy as np

from keras_landmarks.data.face import Face
from keras_landmarks.data.readers.contents import read_mat
from keras_landmarks.data.readers.finding import Pictures
from keras_landmarks.data.readers.rows import corner_box, read_faces
from keras_landmarks.files import as_path
from keras_landmarks.names import known_name

TRAINING = 20000
"""So many of the order `ra` are the training faces; the others are the test faces."""


def read_aflw(folder, part="full", skip_broken=False) -> list[Face]:
    """Reads `AFLWinfo_release.mat` and names its pictures.

    The points that the annotators did not see are guessed in the file: `visible` says which.

    Args:
        folder: holds the file, and the pictures beside it or in `flickr/`, `data/flickr/` or
            `aflw/data/flickr/`. Needs SciPy.
        part: `train`, `full` (all test faces) or `frontal` (those of them with all points seen).
        skip_broken: whether to warn of a broken face and go on.

    Returns:
        List of `Face`, scheme aflw19, with their boxes (some reach out of the picture).

    Raises:
        FileNotFoundError: if the file is missing.
        ValueError: if the part is unknown, or the file or a face is broken.
    """
    known_name("part", part, ("train", "full", "frontal"))
    path = as_path(folder) / "AFLWinfo_release.mat"
    names = ("nameList", "bbox", "data", "mask_new", "ra")
    names, boxes, points, masks, order = read_mat(path, *names)
    order = np.int64(order).ravel() - 1
    order = order[:TRAINING] if part == "train" else order[TRAINING:]
    if part == "frontal":
        order = order[np.asarray(masks)[order].astype(bool).all(axis=1)]
    names, points = names.ravel(), np.asarray(points, np.float64)
    if points.shape[1] != 38:
        raise ValueError(f"{path}: expected 19 points, found {points.shape[1] / 2:g}.")
    pictures = Pictures(folder, ["flickr", "data/flickr", "aflw/data/flickr", "images"])

    def face(i):
        name = str(np.asarray(names[i]).ravel()[0])
        left, right, top, bottom = boxes[i]
        return Face(
            pictures.find(name),
            points[i].reshape(2, 19).T,  # x1 ... x19, y1 ... y19
            "aflw19",
            corner_box([left, top, right, bottom]),
            f"aflw/{name}#{i + 1}",
            f"aflw/{name}",
            np.asarray(masks[i]).astype(bool),
            convention="aflw",
        )

    return read_faces(path, order, face, skip_broken)
