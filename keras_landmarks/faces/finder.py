"""From pictures to landmarks: boxes, crops, a network's points, and back to the picture.

What a Keras model and an exported one share; nothing here needs Keras or TensorFlow.
"""

import collections
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from keras_landmarks import geometry
from keras_landmarks.faces.boxes import Convention, Detector, check_boxes, convert_boxes
from keras_landmarks.faces.detection import Detection
from keras_landmarks.faces.detectors import Framed, detect_faces
from keras_landmarks.faces.model import AT_ONCE, Model, predict_in_parts
from keras_landmarks.faces.upright import (
    CLEAR,
    TRAINED,
    best_score,
    in_other_directions,
    landmark_angle,
    lean,
    level_transform,
    turned,
    upright_box,
)
from keras_landmarks.pictures import images, read_ahead
from keras_landmarks.pictures.ahead import beside

PICTURES = 8
"""Pictures that are held so that their crops are computed together."""

View: TypeAlias = tuple[np.ndarray, np.ndarray, float | None, Convention | str]
"""A picture, and the box, the angle and the convention of a face in it."""

Output: TypeAlias = tuple[np.ndarray, dict[str, np.ndarray]]
"""The landmarks of a face, and what more is known of them."""


def find_faces(
    model: Model,
    image: Any,
    boxes: Any = None,
    detector: Detector | None = None,
    convention: Convention | str = "annotation",
    angles: Any = None,
    turns: bool = True,
) -> Any:
    """Finds the faces of a picture and their landmarks.

    Args:
        model: has `scheme`, `size`, `margin`, `box` and `detector` as a `Landmarker` has them, and
            `predict_on_batch`.
        image: see `Landmarker.detect`, as for the other arguments.
        boxes: of the faces.
        detector: finds the boxes.
        convention: of given boxes.
        angles: of the faces in given boxes.
        turns: whether pictures without a face are tried in other directions.

    Returns:
        List of `Detection`; for a batch, a list of lists; for an iterator, an iterator of lists.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the picture or a box cannot be used.
    """
    many = isinstance(image, (list, tuple)) or getattr(image, "ndim", 0) == 4
    endless = isinstance(image, collections.abc.Iterator) and not hasattr(image, "read")
    if not many and not endless:
        image, boxes, angles = [image], [boxes], [angles]
    if many:  # said before any picture is read
        boxes, angles = (given if given is None else list(given) for given in (boxes, angles))
        for name, given in (("boxes", boxes), ("angles", angles)):
            if given is not None and len(given) != len(image):
                raise ValueError(f"{len(image)} pictures, but {name} for {len(given)}.")

    def frame(picture: np.ndarray, boxes: Any, angles: Any) -> Framed:
        if boxes is None:
            return find_boxes(detector or model.detector, picture, turns)
        return _given(picture, boxes, angles, convention)

    one = not endless and len(image) == 1
    read: Iterator[Any]
    read = map(images.as_rgb, image) if one else (picture for _, picture in read_ahead(image))
    read = beside(beside(((picture,) for picture in read), boxes, "boxes"), angles, "angles")
    found = _find(model, ((picture, frame(picture, *more)) for picture, *more in read))
    if endless:
        return found
    found = list(found)
    return found if many else found[0]


def find_boxes(detector: Detector, picture: np.ndarray, turns: bool = True) -> Framed:
    """Where a detector sees faces in a `(height, width, 3)` picture: `Framed`.

    Args:
        detector: see `detectors`.
        picture: uint8 RGB.
        turns: whether a picture without a face, or but a doubtful one, is tried upside down and
            sideways; and one whose best face lies on its side or its head, turned back.
    """

    def find(image: np.ndarray) -> Framed:
        return detect_faces(detector, image)

    found = find(picture)
    if turns and best_score(found) < CLEAR:
        other = in_other_directions(find, picture)
        return other if best_score(other) > best_score(found) + 0.1 else found
    if turns and (back := lean(found)):
        other = in_other_directions(find, picture, [back])
        return other if np.nansum(other.scores) > np.nansum(found.scores) else found
    return found


def _given(picture: np.ndarray, boxes: Any, angles: Any, convention: Convention | str) -> Framed:
    boxes = check_boxes(boxes, picture)
    unknown = np.full(len(boxes), np.nan, np.float32)
    angles = unknown if angles is None else np.asarray(angles, np.float32).reshape(-1)
    if len(angles) != len(boxes):
        raise ValueError(f"{len(boxes)} boxes, but angles for {len(angles)}.")
    return Framed(boxes, unknown, angles, convention)


def _find(model: Model, framed: Iterable[tuple[np.ndarray, Framed]]) -> Iterator[list[Detection]]:
    """The faces of each picture; those of several pictures go through the network together."""
    for batch in _batches(framed):
        yield from locate(model, *zip(*batch))


def _batches(
    framed: Iterable[tuple[np.ndarray, Framed]],
) -> Iterator[list[tuple[np.ndarray, Framed]]]:
    """`(picture, Framed)` pairs, as many together as hold enough faces."""
    batch = []
    for picture, faces in framed:
        batch.append((picture, faces))
        if len(batch) == PICTURES or sum(len(faces.boxes) for _, faces in batch) >= AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def locate(
    model: Model, pictures: Sequence[np.ndarray], framed: Sequence[Framed]
) -> list[list[Detection]]:
    """The landmarks of faces of which it is known where they are.

    A face that turns out to be tilted past what networks were trained for is looked at again,
    levelled by the points that were found.

    Args:
        model: see `find_faces`.
        pictures: list of `(height, width, 3)` uint8 RGB.
        framed: list of `Framed`, one for each.

    Returns:
        List of lists of `Detection`.
    """
    views: list[View] = [
        (picture, box, None if np.isnan(angle) else float(angle), faces.convention)
        for picture, faces in zip(pictures, framed)
        for box, angle in zip(faces.boxes, faces.angles)
    ]
    outputs = _look(model, views)
    again: Sequence[int] = range(len(views))
    for _ in range(2):
        tilts = {i: landmark_angle(outputs[i][0], model.scheme) for i in again}
        again = [i for i in again if abs(turned(tilts[i], views[i][2] or 0.0)) > TRAINED]
        for i in again:
            box = upright_box(outputs[i][0], tilts[i])
            views[i] = views[i][0], box, tilts[i], "truth"
        for i, output in zip(again, _look(model, [views[i] for i in again])):
            outputs[i] = output
    found = iter(zip(views, outputs))
    return [
        [
            _detection(model, box, score, *next(found))
            for box, score in zip(faces.boxes, faces.scores)
        ]
        for faces in framed
    ]


def _detection(
    model: Model, box: np.ndarray, score: float, view: View, output: Output
) -> Detection:
    angle, (landmarks, more) = view[2] or 0.0, output
    sure = None if np.isnan(score) else float(score) * (1 - abs(turned(angle, 0)) / 360)
    return Detection(landmarks, box, model.scheme, sure, angle=angle, **more)


def _look(model: Model, views: Sequence[View]) -> list[Output]:
    """`(landmarks, more)` of each `(picture, box, angle, convention)`, in pixels of its picture."""
    crops = [
        next(cut_crops(model, picture, box[None], convention, [angle or 0.0]))
        for picture, box, angle, convention in views
    ]
    return list(_outputs(model, *zip(*crops))) if crops else []


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


def _outputs(
    model: Model, crops: Sequence[np.ndarray], picture_transforms: Sequence[np.ndarray]
) -> Iterator[Output]:
    """Landmarks `(n, 2)` of each face and what more is known of them, in picture pixels."""
    predicted = predict_in_parts(model.predict_on_batch, np.stack(crops))
    picture_from_crop = geometry.invert(np.stack(picture_transforms))
    landmarks = geometry.transform_points(predicted["landmarks"], picture_from_crop)
    scale = np.sqrt(np.abs(np.linalg.det(picture_from_crop[:, :, :2])))
    for face, points in enumerate(landmarks.astype(np.float32)):
        more = {}
        if "error" in predicted:
            more["error"] = np.array(predicted["error"][face] * scale[face], np.float32)
        if "score" in predicted:
            more["point_score"] = np.array(predicted["score"][face], np.float32)
        yield points, more
