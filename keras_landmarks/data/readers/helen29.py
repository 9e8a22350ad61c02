"""The 348 HELEN faces with 29 points of Zhou, Brandt and Lin (ICCV 2013)."""

import re

import numpy as np

from keras_landmarks.data.face import Face
from keras_landmarks.data.readers.contents import read_mat
from keras_landmarks.data.readers.finding import Pictures
from keras_landmarks.data.readers.rows import read_faces
from keras_landmarks.files import as_path


def read_helen29(folder, skip_broken=False) -> list[Face]:
    """Reads `helen.mat` and names its pictures in `img/`.

    Args:
        folder: holds `helen.mat` and `img/`. Needs SciPy.
        skip_broken: whether to warn of a broken face and go on.

    Returns:
        List of `Face`, scheme cofw29; without boxes (the landmarks' own are taken).

    Raises:
        FileNotFoundError: if `helen.mat` is missing.
        ValueError: if it is not the expected MATLAB file, or a picture of it is missing.
    """
    path = as_path(folder) / "helen.mat"
    names, points = (content.ravel() for content in read_mat(path, "imgs", "Pts"))
    pictures = Pictures(folder, ["img"])

    def face(row):
        name = str(np.asarray(row[0]).ravel()[0])
        try:
            image = pictures.find(name)
        except ValueError as error:
            raise ValueError(f"{path} names {name}, but {error}") from error
        # 1-based, x in the first row and y in the second.
        points, called = np.asarray(row[1]).T - 1, f"helen29/{name}"
        photo = re.sub(r"_\d+\.\w+$", "", called)  # each face of a photo has a picture of its own
        return Face(image, points, "cofw29", name=called, photo=photo)

    return read_faces(path, zip(names, points), face, skip_broken)
