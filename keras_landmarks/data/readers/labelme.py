"""LabelMe's JSON files, one a picture: labelled points, and rectangles around them."""

import json
import warnings

import numpy as np

from keras_landmarks.data.face import Face
from keras_landmarks.data.readers.contents import existing_file, files_of, is_results, read_text
from keras_landmarks.data.readers.finding import Pictures, folders_of
from keras_landmarks.data.readers.labels import GROUPED, labelled_scheme, order_of, put_point
from keras_landmarks.data.readers.rows import BrokenFile, box_around, read_faces, size_of
from keras_landmarks.files import as_path


def read_labelme(path, images=None, scheme="ibug68", names=None, skip_broken=False) -> list[Face]:
    """Reads the faces of LabelMe's files: shapes of type `point`, and a `rectangle` around them.

    Faces of one picture have a `group_id` each; a point with the flag `occluded` is a covered one.
    LabelMe's coordinates are of the picture's edges:
    0 is the left edge of the first pixel.

    Args:
        path: of a file, or of a folder of them; those in its folders are left out, with a warning.
        images: folder of the pictures; None takes the files'.
        scheme: of the points, or its name; None takes the one whose points have these labels.
        names: the labels in the scheme's order; None takes the scheme's `point_names`, or numbers
            from 0 or 1. A label that a face lacks is a missing point.
        skip_broken: whether to warn of a broken face, or one without its picture, and go on.

    Returns:
        List of `Face`.

    Raises:
        FileNotFoundError: if the file or the folder is missing.
        ValueError: if a file is broken, a face is, or its picture is missing.
    """
    path = as_path(path)
    files = files_of(path, ".json", recursive=False) if path.is_dir() else [existing_file(path)]
    inside = files_of(path, ".json") if path.is_dir() else []
    files = [file for file in files if not is_results(file)] if path.is_dir() else files
    if deeper := [f for f in inside if f.parent != path and is_labelme(f)]:
        said = f"{len(deeper)} files in folders of {path} are left out, as {deeper[0]}"
        warnings.warn(f"{said}: read each folder by itself.", BrokenFile, stacklevel=2)
    rows = []
    for file in files:
        try:
            rows += [(file, *row) for row in _faces_of(file)]
        except ValueError as error:
            if not skip_broken or not files[1:]:
                raise
            warnings.warn(str(error), BrokenFile, stacklevel=2)
    labels = {label for *_, points, _ in rows for label, *_ in points}
    scheme = labelled_scheme(scheme, labels, names, path)
    order = order_of(names, scheme, labels)
    pictures = Pictures(*folders_of(files[0] if files else path / "none", images))

    def face(row):
        file, content, number, labelled, boxes = row
        picture = pictures.find(content.get("imagePath") or file.with_suffix("").name)
        points, seen = np.full((scheme.count, 2), np.nan), np.zeros(scheme.count, bool)
        for label, at, covered in labelled:
            put_point(points, order, label, at - 0.5, file, GROUPED)
            seen[order[label]] = not covered
        box, called = box_around(points + 0.5, boxes), pictures.called(picture)
        size = size_of(content.get("imageHeight"), content.get("imageWidth"))
        name, photo = f"{called}#{number}", pictures.photo(picture)
        return Face(picture, points, scheme, box, name, photo, seen, size=size)

    return read_faces(path, rows, face, skip_broken, pictures=pictures)


def is_labelme(path):
    """Whether a file is one of LabelMe's."""
    head = path.read_bytes()[:4096] if path.suffix.lower() == ".json" else b""
    return b'"shapes"' in head


def _faces_of(path):
    """`(content, number, points, boxes)` of each face of a file.

    Points are `(label, place, covered)`.
    """
    try:
        content = json.loads(read_text(path))
        points, boxes = {}, []
        for shape in content["shapes"]:
            places = np.array(shape["points"], np.float64).reshape(-1, 2)
            if shape.get("shape_type", "point") == "point":
                labelled = points.setdefault(shape.get("group_id"), [])
                covered = bool((shape.get("flags") or {}).get("occluded"))
                labelled.append((str(shape["label"]), places[0], covered))
            elif shape["shape_type"] == "rectangle":
                boxes.append(np.concatenate([places.min(axis=0), places.max(axis=0)]))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"{path}: expected LabelMe's `shapes`: {error!r}") from error
    groups = {key: {label for label, *_ in found} for key, found in points.items()}
    alone = groups.pop(None, ())
    if alone and groups and not any(alone & group for group in groups.values()):
        said = f"{', '.join(sorted(alone)[:3])} have no group_id, and other points have"
        raise ValueError(f"{path}: {said}: of which face are they?")
    return [(content, n, found, boxes) for n, found in enumerate(points.values(), start=1)]
