"""COFW: 29 points with their occlusion in MATLAB 7.3 files, and the 68 points of COFW-68."""

import functools

import numpy as np

from keras_landmarks.data.face import Face
from keras_landmarks.data.readers.contents import (
    existing_file,
    existing_folder,
    files_of,
    needed,
    read_mat,
)
from keras_landmarks.data.readers.finding import LazyPicture
from keras_landmarks.data.readers.rows import points_of, read_faces, side_box
from keras_landmarks.files import as_path
from keras_landmarks.names import known_name

_VARIABLES = {
    "train": ("COFW_train_color.mat", "IsTr", "phisTr", "bboxesTr"),
    "test": ("COFW_test_color.mat", "IsT", "phisT", "bboxesT"),
}


def read_cofw(folder, part="test", skip_broken=False) -> list[Face]:
    """Reads `COFW_train_color.mat` or `COFW_test_color.mat`, which hold their pictures.

    Args:
        folder: holds the file. Needs h5py.
        part: `train` or `test`.
        skip_broken: whether to warn of a broken face and go on.

    Returns:
        List of `Face`, scheme cofw29, with boxes; covered points are not `visible`. A picture is
        read from the file when its pixels are asked for.

    Raises:
        FileNotFoundError: if the file is missing.
        ValueError: if the part is unknown, or the file or a face is broken.
    """
    path, pictures, shapes, boxes = _content(folder, part)

    def face(i):
        numbers = shapes[i]
        if len(numbers) != 3 * 29:
            raise ValueError(
                f"{path}, face {i + 1}: expected 29 points with their occlusion (87 numbers), "
                f"found {len(numbers)} numbers."
            )
        x, y, covered = numbers.reshape(3, 29)
        name = f"cofw/{part}/{i + 1}"
        points = np.stack([x, y], axis=1) - 1
        box = side_box(boxes[i], first=1)
        return Face(pictures[i], points, "cofw29", box, name, visible=covered < 0.5)

    return read_faces(path, range(len(shapes)), face, skip_broken)


def read_cofw68(folder, annotations=None, skip_broken=False) -> list[Face]:
    """Reads the 68 points that Ghiasi and Fowlkes (2014) gave to COFW's test faces.

    Args:
        folder: holds `COFW_test_color.mat`. Needs SciPy and h5py.
        annotations: holds `1_points.mat`, ..., in itself or a folder of it, and
            `cofw68_test_bboxes.mat`; None takes `folder`.
        skip_broken: whether to warn of a broken face and go on.

    Returns:
        List of `Face`, scheme ibug68, with boxes; covered points are not `visible`.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file or face is broken.
    """
    annotations = existing_folder(folder if annotations is None else annotations)
    path, pictures, _, _ = _content(folder, "test")
    files = {p.stem: p for p in files_of(annotations, ".mat")}
    if "cofw68_test_bboxes" not in files:
        raise FileNotFoundError(f"No cofw68_test_bboxes.mat in {annotations}.")
    (boxes,) = read_mat(files["cofw68_test_bboxes"], "bboxes")
    numbers = [stem.removesuffix("_points") for stem in files if stem.endswith("_points")]

    def face(number):
        file = files[f"{number}_points"]
        points, covered = read_mat(file, "Points", "Occ")
        if not 0 < number <= min(len(pictures), len(boxes)):
            raise ValueError(f"{file}: {path} holds no face {number}.")
        return Face(
            pictures[number - 1],
            points_of(points, 68, file, first=1),
            "ibug68",
            side_box(boxes[number - 1], first=1),
            f"cofw68/test/{number}",
            visible=np.ravel(covered) == 0,
        )

    return read_faces(annotations, sorted(int(n) for n in numbers), face, skip_broken)


def _content(folder, part):
    """`(path, lazy pictures, (faces, 87) numbers, (faces, 4) boxes)` of a file."""
    known_name("part", part, _VARIABLES)
    name, images, shapes, boxes = _VARIABLES[part]
    path = existing_file(as_path(folder) / name)
    h5py = needed("h5py", "h5py")
    try:
        with h5py.File(path) as file:
            count = file[images].size
            # Columns of MATLAB are rows here.
            shapes, boxes = (_by_face(file[key][()], count) for key in (shapes, boxes))
    except (KeyError, OSError) as error:
        wanted = ", ".join(f"`{key}`" for key in (images, shapes, boxes) if isinstance(key, str))
        raise ValueError(f"{path}: expected a MATLAB 7.3 file with {wanted}: {error}") from error
    if not count == len(shapes) == len(boxes):
        raise ValueError(
            f"{path}: expected as many pictures, shapes and boxes, found {count}, {len(shapes)} "
            f"and {len(boxes)}."
        )
    pictures = [LazyPicture(functools.partial(_picture, path, images, i)) for i in range(count)]
    return path, pictures, shapes, boxes


def _by_face(numbers, count):
    return np.float64(numbers.T if numbers.shape[-1] == count else numbers)


def _picture(path, images, i):
    with needed("h5py", "h5py").File(path) as file:
        return file[file[images][()].ravel()[i]][()].T
