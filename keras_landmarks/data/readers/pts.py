"""iBUG `.pts` files: 1-based points between braces, or bare lines; and folders of them."""

import math
import pathlib
import re
import warnings

import numpy as np

from keras_landmarks.data.face import Face
from keras_landmarks.data.readers.contents import (
    Rows,
    existing_folder,
    files_of,
    read_mat,
    read_text,
)
from keras_landmarks.data.readers.finding import Pictures, plain, plain_stem
from keras_landmarks.data.readers.rows import corner_box, read_faces
from keras_landmarks.files import as_path
from keras_landmarks.pictures.kinds import PICTURES
from keras_landmarks.schemes import get_scheme


def read_pts(path, count=None):
    """Reads the points of a `.pts` file.

    With a header (`version: 1`, `n_points: 68`, `{`, a line `x y` for each point, `}`) or
    without (only the lines). Coordinates in the file are 1-based; a line `nan nan` is a point that
    nobody marked.

    Args:
        path: of the file.
        count: expected number of points; None takes what there is.

    Returns:
        `(n, 2)` float32 points, 0-based; NaN for one that nobody marked.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a brace is missing, a line is not two finite numbers, or the number of
            points is not the expected one or not the header's.
    """
    text = read_text(path).strip()
    declared = re.search(r"n_points\s*:\s*(\d+)", text)
    if "{" in text or declared or text.startswith("version"):
        if text.count("{") != 1 or not text.endswith("}"):
            raise ValueError(f"{path}: expected points between one '{{' and a closing '}}'.")
        text = text[text.index("{") + 1 : -1]
    points = [_point(path, line) for line in text.splitlines() if line.strip()]
    expected = [count] if count else []
    expected += [int(declared[1])] if declared else []
    for number in expected:
        if len(points) != number:
            raise ValueError(f"{path}: expected {number} points, found {len(points)}.")
    if not points:
        raise ValueError(f"{path}: holds no points.")
    return np.float32(np.array(points) - 1)


def _point(path, line):
    try:
        x, y = (float(word) for word in line.split())
    except ValueError:
        x = y = math.inf
    if math.isinf(x) or math.isinf(y) or math.isnan(x) != math.isnan(y):
        raise ValueError(f"{path}: expected two finite numbers a line, found {line.strip()!r}.")
    return x, y


def read_pts_folders(
    folder, parts=("",), scheme="ibug68", skip_broken=False, images=None, numbered=False
):
    """Reads pictures with a `.pts` file each, as 300W, 300W private and Menpo unpack.

    Several faces of a photo may be `NAME_1.pts`, `NAME_2.pts` with one `NAME.jpg`. Boxes are those
    of `read_boxes`.

    Args:
        folder: holds the parts.
        parts: folders in it, whose own folders are not read.
        scheme: of the points, or its name.
        skip_broken: whether to warn of a broken annotation, or a picture without one, and go on.
        images: folder of the pictures, in the same parts or, of a single part, without it; None
            takes those beside the `.pts` files.
        numbered: whether `NAME_1.jpg`, `NAME_2.jpg` are faces of one photo, as in these data sets;
            else each picture is a photo of its own.

    Returns:
        List of `Face` in the order of the parts and their names.

    Raises:
        FileNotFoundError: if a part, or the folder of the pictures, does not exist.
        ValueError: if a file is broken or without its partner.
    """
    folder, scheme = as_path(folder), get_scheme(scheme)
    boxes = read_boxes(folder)
    elsewhere = None if images is None else Pictures(images)
    pairs = _pairs if images is None else _annotations
    rows = [row for part in parts for row in pairs(existing_folder(folder / part), part)]
    source = f"{folder}: {', '.join(part for part in parts if part) or 'the folder'}"

    def face(row):
        if elsewhere:
            row = _found(elsewhere, *row)
        return _face(*row, scheme, boxes, numbered)

    faces = read_faces(source, rows, face, skip_broken, pictures=elsewhere)
    if boxes and all(face.box is None for face in faces):
        said = f"boxes are of names {next(iter(boxes))}, ... and none as {faces[0].name}"
        warnings.warn(f"{source}: {said}: faces are read without boxes.", stacklevel=2)
    return faces


def _pairs(folder, part):
    """`(name, pictures, annotation)` of all in a folder: one picture each where all is well."""
    pictures, annotations = {}, {}
    for file in sorted(folder.iterdir()):
        if file.name.startswith("."):  # also what macOS leaves on other disks, `._NAME`
            continue
        if file.suffix.lower() in PICTURES:
            pictures.setdefault(file.stem, []).append(file)
        elif file.suffix.lower() == ".pts":
            annotations[file.stem] = file
    for stem in {*pictures} - {*annotations}:  # of dlib's copy of 300W
        if stem.removesuffix("_mirror") in annotations:
            del pictures[stem]
    alike = {plain(stem): stem for stem in annotations if stem not in pictures}
    for stem in pictures:
        if stem not in annotations and plain(stem) in alike:
            annotations[stem] = annotations.pop(alike.pop(plain(stem)))
    shared = {stem for stem in annotations if stem not in pictures and _photo(stem) in pictures}
    alone = {_photo(stem) for stem in shared} - set(annotations)
    for stem in sorted((set(pictures) - alone) | set(annotations)):
        images = pictures.get(_photo(stem) if stem in shared else stem, [])
        ending = images[-1].suffix if images else ".jpg"
        name = f"{stem}{ending}"
        yield f"{part}/{name}" if part else name, images, annotations.get(stem)


def _annotations(folder, part):
    """`(name, annotation)` of all in a folder, names as `_pairs` has them but without ending."""
    files = files_of(folder, ".pts", recursive=False)
    return [(f"{part}/{file.stem}" if part else file.stem, file) for file in files]


def _found(pictures, name, annotation):
    """`(name, pictures, annotation)` as of `_pairs`, of a picture that lies elsewhere."""
    try:
        image = pictures.find(name)
    except ValueError as error:
        try:
            image = pictures.find(_photo(name))
        except ValueError:
            raise error from None
    return name + image.suffix, [image], annotation


def _photo(stem):
    """The photo of a face called `PHOTO_1`, `PHOTO_2`, ... (not of lfpw's `image_0001`)."""
    return re.sub(r"_\d{1,2}$", "", stem)


def _face(name, pictures, annotation, scheme, boxes, numbered):
    if len(pictures) > 1:
        raise ValueError(f"{pictures[0]} and {pictures[-1]} share one annotation.")
    if not pictures:
        raise ValueError(f"{annotation} has no picture: expected {annotation.stem}.jpg or .png.")
    (image,) = pictures
    if annotation is None:
        raise ValueError(f"{image} has no annotation: expected {image.with_suffix('.pts').name}.")
    landmarks = read_pts(annotation, count=scheme.count)
    stem = _photo(image.stem) if numbered else image.stem
    photo = str(pathlib.PurePosixPath(name).parent / stem)
    box = boxes.get(plain_stem(name))
    return Face(image, landmarks, scheme.name, box, name, photo, convention="annotation")


def read_boxes(folder):
    """The boxes of faces by their names without endings, `{name: (4,)}`; none if there are none.

    They stand in `boxes.csv` (image, x0, y0, x1, y1: 0-based points), or in the official
    `bounding_boxes_*.mat` of 300W (the detector's; 1-based points) in the folder or in one of it.
    """
    path = folder / "boxes.csv"
    if path.is_file():
        return _boxes_of_table(path)
    boxes = {}
    for path in sorted(
        (*folder.glob("bounding_boxes_*.mat"), *folder.glob("*/bounding_boxes_*.mat"))
    ):
        part = path.stem.removeprefix("bounding_boxes_").replace("_", "/")
        rows = read_bounding_boxes(path)
        boxes.update({plain_stem(f"{part}/{name}"): box for name, (box, _) in rows.items()})
    return boxes


def read_bounding_boxes(path):
    """Reads a `bounding_boxes_*.mat` of 300W. Needs SciPy.

    Returns:
        `{picture: (detector's box, landmarks' box)}`, boxes on pixel edges, `(4,)`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is another kind of file.
    """
    (rows,) = read_mat(path, "bounding_boxes")
    boxes = {}
    try:
        for row in rows.ravel():
            name, *pair = (row[k].ravel()[0] for k in ("imgName", "bb_detector", "bb_ground_truth"))
            boxes[str(np.ravel(name)[0])] = tuple(corner_box(box, 1) for box in pair)
    except (IndexError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path}: expected imgName, bb_detector and bb_ground_truth: {error}"
        ) from error
    return boxes


def _boxes_of_table(path):
    rows = Rows(path, skipinitialspace=True)
    try:
        return {
            plain_stem(row["image"]): corner_box([float(row[k]) for k in ("x0", "y0", "x1", "y1")])
            for row in rows
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{path}, line {rows.line_num}: expected image,x0,y0,x1,y1: {error}"
        ) from error
