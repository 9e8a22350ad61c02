"""What a model says of one annotated face."""

import dataclasses

import numpy as np

from keras_landmarks import geometry
from keras_landmarks.data.face import faces_of, unique_names
from keras_landmarks.errors import normaliser
from keras_landmarks.faces.boxes import convert_boxes, square_convention
from keras_landmarks.faces.detectors import convention_of, find_face
from keras_landmarks.names import number
from keras_landmarks.schemes import convert


def check(model, faces):
    """The faces as a list, no two of a name, if they are faces and the model is one.

    Raises:
        ValueError: otherwise.
    """
    if not hasattr(model, "scheme") or not hasattr(model, "detect"):
        raise ValueError(f"Expected a model, as load() gives it, not {model!r:.80}.")
    faces = faces_of(faces)
    pairs = zip(faces, unique_names(faces))
    return [f if f.name == name else dataclasses.replace(f, name=name) for f, name in pairs]


def need_boxes(faces):
    """Raises a `ValueError` where faces have no annotated box."""
    if without := sum(face.box is None for face in faces):
        raise ValueError(
            f"{without} of {len(faces)} faces have no annotated box (a boxes.csv gives them); "
            "take box='detector', or 'truth' (--box)."
        )


def lacking(faces, kind=None):
    """Those of some faces that have not what a normaliser is, of `Evaluation.distances`."""
    if kind == "face_box":
        return [face for face in faces if face.box is None]
    points = [(face, face.landmarks[None]) for face in faces]
    return [face for face, at in points if not normaliser(at, face.scheme, kind)[0] > 0]


def framed(face, box, model):
    """`Face.framed`, but for how points of the model's scheme lie as its training measured it."""
    given, convention = face.framed(box)
    own = face.box is None or box == "truth"
    if own and face.scheme == model.scheme.name:
        convention = square_convention(model.scheme)
    return given, convention


def predict_face(model, face, box, detector):
    """What is found of a face, a `Detection`; None if the detector does not find it."""
    pixels = face.pixels()
    given, convention = framed(face, box if box != "detector" else "truth", model)
    if box != "detector":
        return model.detect(pixels, given, convention=convention)[0]
    if face.missing.any():  # the others may be a small part of the face
        given, convention = framed(face, "annotation", model)
    about = convert_boxes(geometry.square_box(np.float64(given)), convention, "annotation")
    found = find_face(detector, pixels, about)
    convention = convention_of(detector)
    return None if found is None else model.detect(pixels, found, None, convention)[0]


def numbers_of_points(rows, scheme, shared):
    """A number for each point of faces, of the points of another scheme: `(faces, n)`."""
    rows = [row for row in rows if row is not None]
    return convert(np.stack([rows, rows], axis=-1), scheme, shared)[..., 0] if rows else None


def percent(mean, errors):
    """A mean of errors in percent; None of none."""
    return round(100 * float(mean(errors)), 3) if len(errors) else None


def known(distances, names, kind=None):
    """The normalisers of faces, which have names.

    Args:
        distances: `(faces,)`.
        names: of the faces.
        kind: normaliser, which may be the distances themselves.

    Raises:
        ValueError: if a face lacks the points of its own, or was given no distance.
    """
    given = not (kind is None or isinstance(kind, str))
    for name, distance in zip(names, distances) if given else ():
        number(f"The distance of {name}", float(distance), above=0)
    if without := [name for name, distance in zip(names, distances) if not distance > 0]:
        other = "face_box" if kind == "box" else "box"
        said = f"{len(without)} faces lack the points of the normaliser: take '{other}'"
        raise ValueError(f"{said} (--normaliser {other}). The first is {without[0]}.")
    return distances
