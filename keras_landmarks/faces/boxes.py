"""Boxes of faces, and how detectors and annotators lay them.

Every detector frames a face in its own way. A `Convention` says how, so that its boxes can be
turned into the ones that a model was trained on; `detectors.calibrate` measures it.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from keras_landmarks import geometry
from keras_landmarks.names import known_name, number
from keras_landmarks.schemes import Scheme, get_scheme

Detector: TypeAlias = Callable[[np.ndarray], Any]


@dataclasses.dataclass(frozen=True)
class Convention:
    """How boxes lie on faces, on average, relative to the square around the landmarks.

    Args:
        x: how far the box's centre lies right of the square's, as a fraction of the square.
        y: how far it lies below.
        scale: the box's longer side over the square's.

    Raises:
        ValueError: if one is no finite number, or the scale not above 0.
    """

    x: float
    y: float
    scale: float

    def __post_init__(self) -> None:
        number("x", self.x)
        number("y", self.y)
        number("scale", self.scale, above=0)


SMALLEST = 2
"""Side of a box, in pixels: shorter ones are taken for fractions of a picture."""

BOXES = "boxes (faces, 4), each (left, top, right, bottom) in pixels"

CONVENTIONS = {
    # The square around the true landmarks.
    "truth": Convention(0.0, 0.0, 1.0),
    # The boxes of the 300W annotators' detector: as large as the landmarks' square.
    "annotation": Convention(0.0, 0.0, 1.0),
    # Measured by `calibrate` on 400 faces of 300w/train.
    "mtcnn": Convention(-0.013, -0.171, 1.237),
    "blazeface": Convention(0.002, -0.073, 1.049),
    # The rectangles of WFLW: medians of 206 test faces (each half alone is within 0.004 of them).
    "wflw": Convention(0.004, -0.137, 1.238),
    # The squares of AFLW: medians of 4,000 training faces of AFLW-19.
    "aflw": Convention(0.005, -0.063, 1.273),
}


def check_detector(detector: Detector) -> Detector:
    """The detector, if it is one.

    Raises:
        ValueError: if it is none.
    """
    if not callable(detector) or isinstance(detector, type):
        raise ValueError(f"A detector is a callable, as faces.BlazeFace(), not {detector!r}.")
    return detector


def get_convention(convention: Convention | str) -> Convention:
    """The `Convention` of a name; a `Convention` is returned as it is.

    Raises:
        ValueError: if the name is unknown.
    """
    if isinstance(convention, Convention):
        return convention
    return CONVENTIONS[known_name("box convention", convention, CONVENTIONS)]


def square_convention(scheme: Scheme | str) -> Convention:
    """How the squares around the points of a scheme lie on faces: `Scheme.square`.

    Args:
        scheme: a `Scheme` or its name.
    """
    return Convention(*(get_scheme(scheme).square or (0.0, 0.0, 1.0)))


def convert_boxes(
    boxes: ArrayLike, source: Convention | str, target: Convention | str
) -> np.ndarray:
    """Square boxes as another detector would have drawn them around the same faces.

    Args:
        boxes: `(..., 4)` boxes; squared from their longer side.
        source: their convention or its name.
        target: the wanted convention or its name.

    Returns:
        `(..., 4)` square boxes.
    """
    source, target = get_convention(source), get_convention(target)
    boxes = geometry.square_box(np.asarray(boxes, np.float32))
    face = (boxes[..., 2:] - boxes[..., :2]) / source.scale
    shift = np.array([target.x - source.x, target.y - source.y], np.float32) * face
    centre, half = (boxes[..., :2] + boxes[..., 2:]) / 2 + shift, face * target.scale / 2
    return np.concatenate([centre - half, centre + half], axis=-1)


def check_boxes(boxes: ArrayLike, image: np.ndarray) -> np.ndarray:
    """Boxes as an array, if they are boxes of faces in a picture.

    Args:
        boxes: `(faces, 4)` boxes, or one `(4,)`; empty where there is no face.
        image: `(height, width, 3)` picture.

    Returns:
        `(faces, 4)` float32.

    Raises:
        ValueError: if the shape is another one, or a box cannot be used (see `fault`).
    """
    boxes = as_boxes(boxes)
    for box in boxes:
        if wrong := fault(box, image):
            raise ValueError(wrong)
    return boxes


def as_boxes(boxes: Any) -> np.ndarray:
    """Anything that holds boxes as an array `(faces, 4)` float32.

    Raises:
        ValueError: if it holds something else.
    """
    try:
        boxes = list(boxes) if isinstance(boxes, Iterator) else boxes
        boxes = np.array(boxes, np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Expected {BOXES}, got {str(boxes)[:80]}.") from error
    boxes = boxes.reshape(-1, 4) if boxes.size == 0 or boxes.shape == (4,) else boxes
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"Expected {BOXES}, got the shape {boxes.shape}.")
    return boxes


def fault(box: np.ndarray, image: np.ndarray) -> str | None:
    """Why a box `(4,)` can be none of a face in a picture, in words; None where it can.

    It can not if it is not finite or beyond `geometry.FAR`, inverted, empty, wholly outside of the
    picture or shorter than `SMALLEST`.
    """
    height, width = image.shape[:2]
    left, top, right, bottom = box.tolist()
    named = f"Box (left, top, right, bottom) = {(left, top, right, bottom)}"
    if not (np.abs(box) < geometry.FAR).all():
        return f"{named} is not finite, or beyond any picture."
    if right <= left or bottom <= top:
        return f"{named} is inverted or empty. Was it (left, top, width, height)?"
    if max(right - left, bottom - top) < SMALLEST:
        return (
            f"{named} is less than {SMALLEST} pixels long. Boxes are in pixels; fractions are not: "
            f"multiply them by the width {width} and the height {height}."
        )
    if right <= 0 or bottom <= 0 or left >= width or top >= height:
        return f"{named} lies outside of the picture of {width} x {height} pixels."
    return None


def overlap(boxes: ArrayLike, box: ArrayLike) -> np.ndarray:
    """Intersection over union of `(faces, 4)` boxes with one `(4,)` box: `(faces,)`."""
    boxes, box = np.asarray(boxes, np.float64), np.asarray(box, np.float64)
    low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])
    shared = np.prod(np.maximum(high - low, 0), axis=-1)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1) + np.prod(box[2:] - box[:2])
    return shared / (area - shared)
