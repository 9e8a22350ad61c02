"""From pictures to faces: pictures read, boxes found or checked, faces looked at together.

What a Keras model and an exported one share; nothing here needs Keras or TensorFlow.
"""

import collections
import functools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from keras_landmarks.faces.boxes import Convention, Detector, check_boxes, get_convention
from keras_landmarks.faces.detectors import Framed, detect_faces
from keras_landmarks.faces.looking import locate
from keras_landmarks.faces.model import AT_ONCE, Model
from keras_landmarks.faces.shown import Detections, recall
from keras_landmarks.faces.upright import CLEAR, best_score, in_other_directions, lean
from keras_landmarks.pictures import images, read_ahead
from keras_landmarks.pictures.ahead import beside, look_ahead

PICTURES, BYTES = 8, 2**28
"""Pictures that are held so that their crops are computed together, and of how many bytes."""


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
        turns: whether pictures are tried in other directions, too.

    Returns:
        List of `Detection`, a `Detections`; for a batch, a list of lists; for an iterator, an
        iterator of lists.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the picture or a box cannot be used.
    """
    get_convention(convention)  # is it one?
    lonely = "angles are those of given boxes, of which there are none."
    if angles is not None and boxes is None:
        raise ValueError(lonely)
    many = isinstance(image, (list, tuple)) or getattr(image, "ndim", 0) == 4
    endless = isinstance(image, collections.abc.Iterator) and not hasattr(image, "read")  # a file
    if not many and not endless:
        image, boxes, angles = [image], [boxes], [angles]
    if many:  # said before any picture is read
        for name, given in (("boxes", boxes), ("angles", angles)):
            if given is not None and not hasattr(given, "__len__"):
                raise ValueError(f"{name} of {len(image)} pictures are a list, not {given!r:.80}.")
            if given is not None and len(given) != len(image):
                raise ValueError(f"{len(image)} pictures, but {name} for {len(given)}.")

    def frame(picture: np.ndarray, boxes: Any, angles: Any) -> Framed:
        if boxes is None and angles is not None:
            raise ValueError(lonely)
        if boxes is None:
            return find_boxes(detector or model.detector, picture, turns)
        return _given(picture, boxes, angles, convention)

    one = not endless and len(image) == 1
    framed: Iterator[tuple[np.ndarray, Framed]]
    seeing = None if boxes is not None else detector or model.detector
    if seeing is not None and not one and getattr(seeing, "of_threads", False):
        look = functools.partial(find_boxes, seeing, turns=turns)
        framed = ((picture, seen) for _, picture, seen in look_ahead(image, look))
    else:
        read: Iterator[Any]
        read = map(images.as_rgb, image) if one else (picture for _, picture in read_ahead(image))
        read = beside(beside(((picture,) for picture in read), boxes, "boxes"), angles, "angles")
        framed = ((picture, frame(picture, *more)) for picture, *more in read)
    found = (faces for batch in _batches(framed) for faces in locate(model, *zip(*batch)))
    if endless:
        return found
    if not many:
        return Detections(next(found), recall(image[0]))
    array = isinstance(image, np.ndarray)
    recalled = [recall(image, i) if array else recall(one) for i, one in enumerate(image)]
    return Detections(map(Detections, found, recalled))


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
    try:
        angles = unknown if angles is None else np.asarray(angles, np.float32).reshape(-1)
    except (TypeError, ValueError) as error:
        raise ValueError(f"angles are degrees, one for each box, not {angles!r}.") from error
    if len(angles) != len(boxes):
        raise ValueError(f"{len(boxes)} boxes, but angles for {len(angles)}.")
    if np.isinf(angles).any():
        raise ValueError(f"angles are degrees, not {angles.tolist()}.")
    return Framed(boxes, unknown, angles, convention)


def _batches(
    framed: Iterable[tuple[np.ndarray, Framed]],
) -> Iterator[list[tuple[np.ndarray, Framed]]]:
    """`(picture, Framed)` pairs, as many together as hold enough faces."""
    batch, fault, framed = [], None, iter(framed)
    while True:
        try:
            batch.append(next(framed))
        except StopIteration:
            break
        except Exception as error:  # of a later picture: those before it first
            fault = error
            break
        many = sum(len(faces.boxes) for _, faces in batch) >= AT_ONCE
        large = sum(picture.nbytes for picture, _ in batch) >= BYTES
        if len(batch) == PICTURES or many or large:
            yield batch
            batch = []
    if batch:
        yield batch
    if fault is not None:
        try:
            raise fault
        finally:
            del fault  # which holds this frame, and pictures: a circle
