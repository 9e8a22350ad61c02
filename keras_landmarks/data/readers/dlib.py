"""The XML of dlib's tools (imglab): a box and its parts for each face."""

import contextlib
import xml.etree.ElementTree as ElementTree

import numpy as np

from keras_landmarks.data.face import Face
from keras_landmarks.data.readers.contents import existing_file, read_text
from keras_landmarks.data.readers.finding import Pictures, folders_of
from keras_landmarks.data.readers.labels import own_order
from keras_landmarks.data.readers.rows import PHOTO, read_faces, scheme_of, side_box, size_of


def read_dlib(path, images=None, scheme=None, names=None, skip_broken=False) -> list[Face]:
    """Reads the faces of a dlib XML file. Its points are 0-based.

    Boxes to be ignored, and those without any part, are left out.

    Args:
        path: of the file.
        images: folder of the pictures; None takes the file's, `images/` in it or, of a file in
            `annotations/`, the folder above and `images/` there.
        scheme: of the points, or its name; None takes the one that data sets of so many have.
        names: of the parts in the scheme's order; None takes the scheme's `point_names`, or, of
            numbers and where the scheme has no names, those of the file, numbers by their value
            (dlib sorts them as text: 10 comes before 2, unless it is 02). A part that a face lacks
            is a missing point.
        skip_broken: whether to warn of a broken face, or one without its picture, and go on.

    Returns:
        List of `Face` with boxes.

    Raises:
        FileNotFoundError: if the file or the folder is missing.
        ValueError: if the file is broken, a face is, or its picture is missing.
    """
    path = existing_file(path)
    root = parse_xml(path)
    boxes = [
        (image, number, box)
        for image in root.iter("image")
        for number, box in enumerate(image.iter("box"), start=1)
        if box.get("ignore") != "1" and box.find("part") is not None
    ]
    if names is None:
        found = {part.get("name", "") for *_, box in boxes for part in box.iter("part")}
        names = own_order(sorted(found), scheme, path) or sorted(
            found, key=lambda n: (not n.isdigit(), int(n) if n.isdigit() else 0, n)
        )
    pictures = Pictures(*folders_of(path, images))
    files = {image.get("file", "") for image in root.iter("image")}

    def face(row):
        element, number, box = row
        image, size = element.get("file", ""), size_of(element.get("height"), element.get("width"))
        where = f"{path}, face {number} of {image}"
        picture = pictures.find(image)
        parts = {part.get("name", ""): part for part in box.iter("part")}
        if unknown := set(parts) - set(names):
            raise ValueError(f"{where}: unknown part {sorted(unknown)[0]!r}.")
        points = np.full((len(names), 2), np.nan)
        try:
            for i, name in enumerate(names):
                if name in parts:
                    points[i] = float(parts[name].get("x")), float(parts[name].get("y"))
            edges = side_box([float(box.get(k)) for k in ("left", "top", "width", "height")])
        except (TypeError, ValueError) as error:
            raise ValueError(f"{where}: expected numbers: {error}") from error
        kind = scheme_of(len(names), scheme, where)
        original = image.replace("_mirror.", ".")  # of a picture that dlib's tools mirrored
        shown = pictures.find(original) if original in files - {image} else picture
        photo = element.get(PHOTO) or pictures.photo(shown)
        return Face(picture, points, kind, edges, f"{image}#{number}", photo, size=size)

    return read_faces(path, boxes, face, skip_broken, pictures=pictures)


def parse_xml(path):
    """The root of an XML file: in UTF-8, whatever it declares (imglab's do so), or as declared.

    Raises:
        ValueError: if it is none.
    """
    with contextlib.suppress(ElementTree.ParseError, ValueError):
        return ElementTree.fromstring(read_text(path).lstrip())
    try:
        return ElementTree.fromstring(path.read_bytes())
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise ValueError(f"{path}: expected an XML file: {error}") from error
