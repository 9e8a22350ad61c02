"""The 348 HELEN faces with 29 points of Zhou, Brandt and Lin (ICCV 2013)."""

import pathlib

import numpy as np

from keras_landmarks.data.face import Face


def read_helen29(folder):
    """Reads `helen.mat` and names its pictures in `img/`.

    Args:
        folder: holds `helen.mat` and `img/`. Needs SciPy.

    Returns:
        List of `Face`, scheme cofw29; without boxes (the landmarks' own are taken).

    Raises:
        FileNotFoundError: if `helen.mat` is missing.
        ValueError: if it is not the expected MATLAB file, or a picture of it is missing.
    """
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise ImportError("MATLAB files need SciPy: pip install scipy") from error

    folder = pathlib.Path(folder)
    path = folder / "helen.mat"
    if not path.is_file():
        raise FileNotFoundError(f"No helen.mat in {folder}.")
    try:
        content = loadmat(path)
        names, points = content["imgs"].ravel(), content["Pts"].ravel()
    except Exception as error:  # SciPy raises many kinds, some of its own
        message = f"{path}: expected a MATLAB file with `imgs` and `Pts`: {error}"
        raise ValueError(message) from error
    faces = []
    for name, shape in zip(names, points):
        name = str(np.asarray(name).ravel()[0])
        image = folder / "img" / name
        if not image.is_file():
            raise ValueError(f"{path} names {name}, but {image} does not exist.")
        # 1-based, x in the first row and y in the second.
        faces.append(Face(image, np.asarray(shape).T - 1, "cofw29", name=f"helen29/{name}"))
    return faces
