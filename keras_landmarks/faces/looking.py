"""What a network sees of faces: crops, points, and back to the picture; levelled and doubtful ones.

A doubtful face is looked at from its other sides. A model that expects errors says itself how sure
it is; of another one that is how far its points move when their crop is turned a little, to either
side: on a face that stands upright they stay where they are, on one that does not they turn with
the crop.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from keras_landmarks import geometry
from keras_landmarks.faces.boxes import Convention, convert_boxes
from keras_landmarks.faces.detection import Detection
from keras_landmarks.faces.detectors import Framed, face_square, likely_lay
from keras_landmarks.faces.model import Model, predict_in_parts
from keras_landmarks.faces.upright import (
    TRAINED,
    TURNS,
    landmark_angle,
    level_transform,
    turned,
)
from keras_landmarks.pictures import images

SURE = 0.5
"""Mean confidence of a face that stands as it was taken: of 671 covered, dark and small ones nearly
all have more, and none that was turned wrongly."""

SURER = 0.25
"""By how much more another side must have to count. Of 930 held-out faces, half covered by pieces
of others, 14 were turned to such a piece (33 if 0.5 was enough), and of 775 that were turned 774
stood upright again."""

PLAIN = 0.8
"""Score of a detector below which a face may be doubtful to a model that expects no errors."""

LITTLE = 12
"""Degrees by which a crop is turned to see whether the points stay where they are."""

View: TypeAlias = tuple[np.ndarray, np.ndarray, float | None, Convention | str]
"""A picture, and the box, the angle and the convention of a face in it."""


def locate(
    model: Model,
    pictures: Sequence[np.ndarray],
    framed: Sequence[Framed],
    sides: bool = True,
) -> list[list[Detection]]:
    """The landmarks of faces of which it is known where they are.

    A face that turns out to be tilted past what networks were trained for is looked at again,
    levelled by the points that were found; and a doubtful one from its other sides, of which one
    counts where the model is much surer of it.

    Args:
        model: see `find_faces`.
        pictures: list of `(height, width, 3)` uint8 RGB.
        framed: list of `Framed`, one for each.
        sides: whether doubtful faces are looked at from other sides.

    Returns:
        List of lists of `Detection`.
    """
    views: list[View] = [
        (picture, box, None if np.isnan(angle) else float(angle), faces.convention)
        for picture, faces in zip(pictures, framed)
        for box, angle in zip(faces.boxes, faces.angles)
    ]
    scores = np.concatenate([faces.scores for faces in framed] or [np.zeros(0)])
    found = _levelled(model, views)
    if sides:
        _turn_doubtful(model, views, found, scores)
    rest = iter(found)
    return [
        [_named(next(rest), box, score) for box, score in zip(faces.boxes, faces.scores)]
        for faces in framed
    ]


def _named(found: Detection, box: np.ndarray, score: float) -> Detection:
    """A face with its box as it was detected or given, and its score."""
    sure = None if np.isnan(score) else float(score) * (1 - abs(turned(found.angle, 0)) / 360)
    return dataclasses.replace(found, box=box, score=sure)


def _levelled(model: Model, views: Sequence[View]) -> list[Detection]:
    """The faces in views, those that are tilted past what networks know seen again."""
    views, found = list(views), _look(model, views)
    again: Sequence[int] = range(len(views))
    for _ in range(2):
        tilts = {i: landmark_angle(found[i].landmarks, model.scheme, found[i].angle) for i in again}
        again = [i for i in again if abs(turned(tilts[i], found[i].angle)) > TRAINED]
        for i in again:
            views[i] = _about(views[i], found[i], tilts[i])
        for i, face in zip(again, _look(model, [views[i] for i in again])):
            found[i] = face
    return found


def _turn_doubtful(
    model: Model, views: Sequence[View], found: list[Detection], scores: np.ndarray
) -> None:
    """Puts another side of a doubtful face in its place, where the model is surer of that one."""
    asked = [i for i, face in enumerate(found) if face.error is not None or scores[i] < PLAIN]
    first = _sureness(model, [views[i] for i in asked], [found[i] for i in asked])
    doubtful = [(i, sure) for i, sure in zip(asked, first) if sure < SURE]
    sides: list[View] = []
    for i, _ in doubtful:
        picture, box, angle, convention = views[i]
        sides += [(picture, box, turned((angle or 0.0) + turn, 0), convention) for turn in TURNS]
    faces = _levelled(model, sides)
    sure = np.reshape(_sureness(model, sides, faces), (-1, len(TURNS)))
    for (i, before), row, others in zip(doubtful, sure, range(0, len(faces), len(TURNS))):
        if row.max() > before + SURER:
            found[i] = faces[others + int(row.argmax())]


def _about(view: View, face: Detection, angle: float) -> View:
    """The view of a face from where its landmarks are."""
    picture, box, _, convention = view
    known = convert_boxes(box, convention, "truth")
    lay = likely_lay(face.landmarks, angle, face.scheme, known)
    return picture, face_square(face.landmarks, angle, lay), angle, "truth"


def _sureness(model: Model, views: Sequence[View], faces: Sequence[Detection]) -> np.ndarray:
    """How sure a model is of each face, `(faces,)` in 0..1 (see the module's description)."""
    if faces and faces[0].error is None:
        about = [_about(view, face, face.angle)[:2] for view, face in zip(views, faces)]
        leaning: list[View] = [
            (picture, box, face.angle + turn, "truth")
            for turn in (LITTLE, -LITTLE)
            for (picture, box), face in zip(about, faces)
        ]
        still = np.stack([face.landmarks for face in faces] * 2)
        moved = np.stack([face.landmarks for face in _look(model, leaning)]) - still
        by = np.linalg.norm(moved, axis=-1).reshape(2, len(faces), -1).mean(axis=0)
        faces = [dataclasses.replace(face, error=error) for face, error in zip(faces, by)]
    return np.nan_to_num(np.array([face.face_confidence for face in faces], np.float64))


def _look(model: Model, views: Sequence[View]) -> list[Detection]:
    """The face in each view."""
    crops, places = [], []
    for picture, box, angle, convention in views:
        crop, place = next(cut_crops(model, picture, box[None], convention, [angle or 0.0]))
        crops.append(crop)
        places.append(place)
    if not crops:
        return []
    predicted = predict_in_parts(model.predict_on_batch, np.stack(crops))
    picture_from_crop = geometry.invert(np.stack(places))
    landmarks = geometry.transform_points(predicted["landmarks"], picture_from_crop)
    scale = np.sqrt(np.abs(np.linalg.det(picture_from_crop[:, :, :2])))
    found = []
    for i, (_, box, angle, _) in enumerate(views):
        more: dict[str, Any] = {}
        if "error" in predicted:
            more["error"] = np.array(predicted["error"][i] * scale[i], np.float32)
        points = landmarks[i].astype(np.float32)
        if "score" in predicted:  # of each point, or the face's
            score = np.broadcast_to(predicted["score"][i], len(points))
            more["point_score"] = np.array(score, np.float32)
        found.append(Detection(points, box, model.scheme, angle=angle or 0.0, **more))
    return found


def cut_crops(
    model: Model,
    picture: np.ndarray,
    boxes: np.ndarray,
    convention: Convention | str,
    angles: Iterable[float] | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The crops that a model looks at.

    Args:
        model: see `find_faces`.
        picture: `(height, width, 3)` uint8 RGB.
        boxes: `(faces, 4)` boxes of faces.
        convention: how they lie on faces: a `Convention` or its name.
        angles: by how many degrees the faces are turned clockwise; None where they are not.

    Yields:
        `(crop, crop_from_picture)` of each face: `(height, width, 3)` uint8 and `(2, 3)` float64.
    """
    squares = convert_boxes(boxes, convention, model.box)
    angles = itertools.repeat(0.0) if angles is None else angles
    for box, square, angle in zip(boxes, geometry.square_box(squares, model.margin), angles):
        transform = level_transform(box, square, angle, model.size)
        yield images.warp(picture, transform, model.size), transform
