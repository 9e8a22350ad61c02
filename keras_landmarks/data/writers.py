"""Faces in files of other tools: `.pts`, CSV and Parquet, COCO, dlib. The readers read them back.

Coordinates are written in full (by `write_dlib`, unless told so, as whole pixels): points come back
exactly, and so do boxes of the convention `annotation`. But for tables, files do not say how a box
lies on its face, and readers take it for `annotation`'s: a box of another convention, and that
around points which are not of the whole face, is written as the square that it stands for
(`Face.square`), so that crops stay the same.
"""

import csv
import io
import os
import pathlib
import re
import xml.etree.ElementTree as ElementTree

import numpy as np

from keras_landmarks import files
from keras_landmarks.data.face import faces_of
from keras_landmarks.data.readers.contents import needed
from keras_landmarks.data.readers.rows import PHOTO
from keras_landmarks.data.readers.table import BOX
from keras_landmarks.faces.boxes import get_convention
from keras_landmarks.files import as_path, as_text
from keras_landmarks.schemes import get_scheme


def write_pts(path, landmarks):
    """Writes a `.pts` file, 1-based; what `readers.read_pts` gives back.

    Args:
        path: of the file.
        landmarks: `(n, 2)` points, 0-based; NaN for one that is missing, a line `nan nan`.

    Raises:
        ValueError: if they are others.
    """
    landmarks = np.asarray(landmarks, np.float64)
    fits = landmarks.ndim == 2 and landmarks.shape[1] == 2 and len(landmarks) > 0
    fits = fits and not np.isinf(landmarks).any()
    if not fits or np.diff(np.isnan(landmarks)).any():
        raise ValueError(f"{path}: a .pts file holds (n, 2) points, finite or missing as a whole.")
    lines = [f"{x + 1!r} {y + 1!r}" for x, y in landmarks.tolist()]
    lines = ["version: 1", f"n_points: {len(lines)}", "{", *lines, "}", ""]
    files.write_bytes(path, "\n".join(lines).encode())


def write_table(path, faces, images=None):
    """Writes a row for each face, as CSV or, where the name ends so, Parquet (needs pyarrow).

    A box of another convention is written as `annotation`'s square. Where it is known how boxes
    lie, the column `convention` says so.

    Args:
        path: of the file.
        faces: list of `Face` of one scheme, whose pictures are files.
        images: folder that the pictures' names begin at; None takes the file's.

    Raises:
        ValueError: if there are no faces, they have several schemes, or a picture is no file or has
            no name in UTF-8.
    """
    path, faces = as_path(path), faces_of(faces)
    scheme = _scheme(path, faces)
    names = ["image", "name", "photo", "scheme", *BOX]
    names += [f"{axis}{i}" for i in range(scheme.count) for axis in "xy"]
    names += [*(f"visible{i}" for i in range(scheme.count)), "convention"]
    rows = []
    for face in faces:
        box = [None] * 4 if face.box is None else _box(face).tolist()
        points = [None if np.isnan(v) else v for v in face.landmarks.ravel().tolist()]
        called = map(as_text, (_name(face, path, images), face.name, face.photo))
        laid = "annotation" if face.box is not None and face.convention else None
        rows.append([*called, scheme.name, *box])
        rows[-1] += [*points, *face.visible.astype(int).tolist(), laid]
    if path.suffix.lower() == ".parquet":
        pyarrow, parquet = needed("pyarrow", "pyarrow"), needed("pyarrow.parquet", "pyarrow")
        table = pyarrow.table({name: list(column) for name, column in zip(names, zip(*rows))})
        with files.whole(path) as partial:
            parquet.write_table(table, partial)
        return
    text = io.StringIO()
    csv.writer(text).writerows([names, *rows])
    files.write_bytes(path, text.getvalue().encode())


def write_coco(path, faces, images=None):
    """Writes COCO's JSON, with the fields that mmpose reads.

    A covered point has 1, a seen one 2, a missing one 0, 0, 0. Where a face has no box, its
    landmarks' own is written; a box of another convention as `annotation`'s square. An image's
    `source_photo` is the photo that it was cut from, where that is another.

    Args:
        path: of the file.
        faces: list of `Face` of one scheme, whose pictures are files.
        images: folder that the pictures' names begin at; None takes the file's.

    Raises:
        ValueError: if there are no faces, they have several schemes, a picture is no file, or
            all points of all faces are covered.
    """
    path, faces = as_path(path), faces_of(faces)
    scheme = _scheme(path, faces)
    if not any(face.visible.any() for face in faces):
        raise ValueError(f"{path}: no point is visible, which COCO's flags could not say.")
    pictures, annotations = {}, []
    for number, face in enumerate(faces, start=1):
        name = _name(face, path, images)
        if name not in pictures:
            height, width = face.pixels().shape[:2]
            facts = {"id": len(pictures) + 1, "file_name": name, "height": height, "width": width}
            pictures[name] = facts | _photo(face)
        seen = np.where(face.missing, 0, np.where(face.visible, 2, 1)).tolist()
        points = np.where(face.missing[:, None], 0, np.float64(face.landmarks))
        left, top, right, bottom = _box(face).tolist()
        flagged = [v for point, flag in zip(points.tolist(), seen) for v in (*point, flag)]
        annotations.append(
            {
                "id": number,
                "image_id": pictures[name]["id"],
                "category_id": 1,
                "iscrowd": 0,
                "keypoints": flagged,
                "num_keypoints": len(seen) - seen.count(0),
                "bbox": [left, top, right - left, bottom - top],
                "area": (right - left) * (bottom - top),
            }
        )
    category = {"id": 1, "name": "face", "keypoints": scheme.point_names, "skeleton": []}
    facts = {"images": list(pictures.values()), "annotations": annotations}
    files.write_json(path, facts | {"categories": [category | {"supercategory": "person"}]})


def write_dlib(path, faces, images=None, whole=True):
    """Writes the XML of dlib's tools, which end at the first number that is not whole.

    A missing point is left out. Where a face has no box, its landmarks' own is written; a box of
    another convention as `annotation`'s square. An image's `source_photo` is as of `write_coco`.

    Args:
        path: of the file.
        faces: list of `Face` of one scheme, whose pictures are files.
        images: folder that the pictures' names begin at; None takes the file's.
        whole: whether points and boxes are rounded to pixels. `readers.read_dlib` also reads
            fractions.

    Raises:
        ValueError: if there are no faces, they have several schemes, a picture is no file or has
            a name that is not in UTF-8 or not of letters, or a point is missing in all faces.
    """
    path, faces = as_path(path), faces_of(faces)
    scheme = _scheme(path, faces)
    if (nowhere := np.all([face.missing for face in faces], axis=0)).any():
        raise ValueError(f"{path}: point {int(nowhere.argmax())} is missing in all faces.")
    root = ElementTree.Element("dataset")
    ElementTree.SubElement(root, "name").text = "faces"
    pictures, digits = {}, len(str(scheme.count - 1))
    parent = ElementTree.SubElement(root, "images")
    for face in faces:
        name = as_text(_name(face, path, images))
        if re.search(r"[\x00-\x1f]", name):
            raise ValueError(f"{path}: XML has no letter for what is in {name!a}: rename it.")
        if name not in pictures:
            pictures[name] = ElementTree.SubElement(parent, "image", file=name, **_photo(face))
        box, points = (np.floor(a + 0.5) if whole else a for a in (_box(face), face.landmarks))
        left, top, right, bottom = box.tolist()
        sides = {"top": top, "left": left, "width": right - left, "height": bottom - top}
        sides = {side: _short(number) for side, number in sides.items()}
        box = ElementTree.SubElement(pictures[name], "box", sides)
        for i, (x, y) in enumerate(np.float64(points).tolist()):
            if not face.missing[i]:
                part = {"name": f"{i:0{digits}d}", "x": _short(x), "y": _short(y)}
                ElementTree.SubElement(box, "part", part)
    ElementTree.indent(root)
    files.write_bytes(path, ElementTree.tostring(root, "utf-8", xml_declaration=True))


def _photo(face):
    """What tells the photo that a picture was cut from, where that is another and has a name."""
    own = face.photo in (face.name, str(face.image))
    named = isinstance(face.photo, str) and face.photo.isprintable()
    return {PHOTO: face.photo} if named and not own else {}


def _box(face):
    """A face's box, or its landmarks' own, as `annotation` has it."""
    box, laid = face.framed()
    same = get_convention(laid) == get_convention("annotation")
    return np.float64(box if same else face.square())


def _short(number):
    """A number without a needless `.0`."""
    return repr(int(number)) if number == int(number) else repr(number)


def _scheme(path, faces):
    names = sorted({face.scheme for face in faces})
    if len(names) != 1:
        raise ValueError(f"{path}: expected faces of one scheme, found {names or 'no faces'}.")
    return get_scheme(names[0])


def _name(face, path, images):
    """How a file calls a face's picture."""
    if not isinstance(face.image, (str, pathlib.Path)):
        raise ValueError(f"{path}: the picture of {face.name} is no file that could be named.")
    picture, folder = (
        pathlib.Path(os.path.abspath(as_path(p))) for p in (face.image, images or path.parent)
    )
    for called, within in ((picture, folder), (picture.resolve(), folder.resolve())):
        if within in called.parents:  # first without what links stand for
            return called.relative_to(within).as_posix()
    return picture.as_posix()
