"""CVAT's export "for images": an XML file with points, or skeletons, and boxes."""

import collections

import numpy as np

from keras_landmarks.data.face import Face
from keras_landmarks.data.readers.contents import existing_file
from keras_landmarks.data.readers.dlib import parse_xml
from keras_landmarks.data.readers.finding import Pictures, folders_of
from keras_landmarks.data.readers.labels import GROUPED, labelled_scheme, order_of, put_point
from keras_landmarks.data.readers.rows import (
    box_around,
    points_of,
    read_faces,
    scheme_of,
    size_of,
    turned_box,
)
from keras_landmarks.schemes import get_scheme


def read_cvat(path, images=None, scheme="ibug68", names=None, skip_broken=False) -> list[Face]:
    """Reads the faces of `annotations.xml`, format "CVAT for images 1.1".

    A face is a `skeleton`, whose points are labelled, or a `points` shape in the scheme's order, or
    shapes of one labelled point each, of several faces in a group each.
    The `box` of the same picture that holds most of its points, and fits them best, is its box; of
    one that is turned it is the upright one around it. CVAT's coordinates are of edges: 0 is the
    left edge of the first pixel.

    Args:
        path: of the file.
        images: folder of the pictures; None takes the file's, `images/` in it or, of a file in
            `annotations/`, the folder above and `images/` there.
        scheme: of the points, or its name; None takes the one that has so many points, or these
            labels.
        names: the labels of points in the scheme's order; None takes the scheme's
            `point_names`, or numbers from 0 or 1. A point that is outside is a missing one, and
            an occluded one is not `visible`.
        skip_broken: whether to warn of a broken face, or one without its picture, and go on.

    Returns:
        List of `Face`.

    Raises:
        FileNotFoundError: if the file or the folder is missing.
        ValueError: if the file is broken, a face is, or its picture is missing.
    """
    path = existing_file(path)
    root = parse_xml(path)
    if root.find("track") is not None:
        raise ValueError(f'{path} is "CVAT for video": export "CVAT for images 1.1".')
    many = scheme is None or get_scheme(scheme).count > 1
    rows = [
        (image, number, *shape)
        for image in root.iter("image")
        for number, shape in enumerate(_shapes(image, many), start=1)
    ]
    labels = [part.get("label", "") for *_, parts in rows for part in parts or ()]
    if scheme is None and rows and not labels:  # all are shapes of points in their order
        sizes = [(shape.get("points") or "").count(";") for *_, shape, _ in rows]
        usual, _ = collections.Counter(sizes).most_common(1)[0]
        image, number, shape, _ = rows[sizes.index(usual)]
        where = f"{path}, face {number} of {image.get('name')}"
        scheme = scheme_of(len(_numbers(shape.get("points"), where)) // 2, None, where)
    scheme = labelled_scheme(scheme, labels, names, path)
    order = order_of(names, scheme, labels) if labels else {}
    pictures = Pictures(*folders_of(path, images))

    def face(row):
        image, number, shape, parts = row
        name = _name(image, pictures.folder)
        where, picture = f"{path}, face {number} of {name}", pictures.find(name)
        if parts is not None:
            points, seen = np.full((scheme.count, 2), np.nan), np.zeros(scheme.count, bool)
            for part in parts:
                if part.get("outside") != "1":
                    at = points_of(_numbers(part.get("points"), where), 1, where)[0] - 0.5
                    put_point(points, order, part.get("label"), at, where, GROUPED)
                    seen[order[part.get("label")]] = part.get("occluded") != "1"
        else:
            points = points_of(_numbers(shape.get("points"), where), scheme.count, where) - 0.5
            seen = np.full(scheme.count, shape.get("occluded") != "1")
        box = box_around(points + 0.5, [_box(box, where) for box in image.iter("box")])
        face_name, photo = f"{name}#{number}", pictures.photo(picture)
        size = size_of(image.get("height"), image.get("width"))
        return Face(picture, points, scheme, box, face_name, photo, seen, size=size)

    return read_faces(path, rows, face, skip_broken, pictures=pictures)


def _shapes(image, many):
    """`(shape, parts)` of each face of a picture: its labelled points; None of points in order."""
    faces, groups = [], {}
    for shape in image:
        parts = list(shape.iter("points")) if shape.tag == "skeleton" else None
        alone = shape.tag == "points" and ";" not in shape.get("points", "") and many
        if alone and (group := shape.get("group_id")) in groups:
            groups[group].append(shape)
        elif alone:
            groups[group] = [shape]
            faces.append((shape, groups[group]))
        elif shape.tag in ("points", "skeleton"):
            faces.append((shape, parts))
    return faces


def _name(image, folder):
    """What a picture is called, with its part's name where an export has that as a folder."""
    name, part = image.get("name", ""), image.get("subset")
    own = part and any((folder / place / part / name).is_file() for place in ("", "images"))
    return f"{part}/{name}" if own else name


def _numbers(text, where):
    try:
        return [float(word) for word in (text or "").replace(";", ",").split(",")]
    except ValueError as error:
        raise ValueError(f"{where}: expected x,y;x,y;...: {error}") from error


def _box(box, where):
    """A box on pixel edges, around its middle turned by its degrees."""
    edges = [box.get(k, "nan") for k in ("xtl", "ytl", "xbr", "ybr")]
    edges = np.array(_numbers(",".join(edges), where))
    (degrees,) = _numbers(box.get("rotation", "0"), where)
    return turned_box(edges, degrees, (edges[:2] + edges[2:]) / 2)
