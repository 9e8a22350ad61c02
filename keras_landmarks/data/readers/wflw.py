"""WFLW: 98 points, boxes and six attributes in one list of text."""

import math

from keras_landmarks.data.face import Face
from keras_landmarks.data.readers.contents import read_text
from keras_landmarks.data.readers.finding import Pictures, plain_stem
from keras_landmarks.data.readers.rows import corner_box, points_of, read_faces
from keras_landmarks.files import as_path
from keras_landmarks.names import known_name

ATTRIBUTES = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")
"""The attributes of WFLW in the order of its lists."""

LISTS = "WFLW_annotations/list_98pt_rect_attr_train_test"
_NUMBERS = 98 * 2


def read_wflw(folder, part="test", attribute=None, skip_broken=False) -> list[Face]:
    """Reads a list of the official layout.

    Args:
        folder: holds `WFLW_images/` and `WFLW_annotations/`.
        part: `train` or `test`.
        attribute: one of `ATTRIBUTES`, for the faces that have it, or `none`, for those that have
            none of them; None takes all.
        skip_broken: whether to warn of a broken line, or one without its picture, and go on.

    Returns:
        List of `Face`, scheme wflw98; `facts` says which attributes a face has.

    Raises:
        FileNotFoundError: if the list or the folder is missing.
        ValueError: if the part or the attribute is unknown, or a line is broken or without its
            picture.
    """
    known_name("part", part, ("train", "test"))
    if attribute is not None:
        known_name("attribute", attribute, (*ATTRIBUTES, "none"))
    folder = as_path(folder)
    path = folder / LISTS / f"list_98pt_rect_attr_{part}.txt"
    faces = read_wflw_list(path, folder, skip_broken)
    if attribute == "none":
        return [face for face in faces if face.facts and not any(face.facts.values())]
    return [face for face in faces if attribute is None or face.facts.get(attribute)]


def read_wflw_list(path, images, skip_broken=False) -> list[Face]:
    """Reads a list of WFLW, with boxes and attributes or without.

    Args:
        path: of the list: a line of 98 points, box, attributes (both in some lists) and a name.
        images: folder of the pictures.
        skip_broken: whether to warn of a broken line, or one without its picture, and go on.

    Returns:
        List of `Face`, scheme wflw98.
    """
    pictures = Pictures(images, ["WFLW_images"])

    def face(row):
        number, line = row
        where, words = f"{path}, line {number}", line.split()
        count = next((i for i, word in enumerate(words) if not _is_number(word)), len(words))
        count = min(count, len(words) - 1)
        name = " ".join(words[count:])
        if count not in (_NUMBERS, _NUMBERS + 10):
            coordinates = count - 10 if count > _NUMBERS else count
            raise ValueError(f"{where}: {name}: expected 98 points, found {coordinates / 2:g}.")
        points = points_of(words[:_NUMBERS], 98, f"{where}: {name}")
        box, facts = None, {}
        if count > _NUMBERS:
            box = corner_box(words[_NUMBERS : _NUMBERS + 4])
            facts = {k: int(v) == 1 for k, v in zip(ATTRIBUTES, words[_NUMBERS + 4 :])}
        image = pictures.find(name)
        # A photograph has many faces, each a line: its box tells them apart.
        face_name = f"wflw/{image.name}#{number}"
        photo = f"wflw/{plain_stem(pictures.called(image).removeprefix('WFLW_images/'))}"
        laid = None if box is None else "wflw"
        return Face(image, points, "wflw98", box, face_name, photo, None, facts, laid)

    lines = enumerate(read_text(path).splitlines(), start=1)
    return read_faces(path, ((n, line) for n, line in lines if line.strip()), face, skip_broken)


def _is_number(word):
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False
