"""What a detector is, how it is called, and how its boxes are measured.

A detector is a callable that takes a `(height, width, 3)` uint8 RGB picture and returns the boxes
of its faces, `(faces, 4)` on pixel edges; or `(boxes, scores)`; or `(boxes, scores, more)`, where
`more` is by how many degrees each face is turned clockwise, `(faces,)`, or key points
`(faces, k, 2)` in pixels of which the first two are the right and the left eye (of the person: the
right eye of an upright face is on the picture's left). The box of a face that is turned is as of
the upright face about the same middle. None is no face.

A callable says how it frames faces by an attribute `convention` (a `Convention` or a name of
`CONVENTIONS`); without one its boxes are taken as `annotation`. `calibrate` measures it. One with
`of_threads = True` is called by several threads at once where there are many pictures.
"""

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_landmarks import geometry
from keras_landmarks.faces import boxes as laid
from keras_landmarks.faces.boxes import (
    Convention,
    Detector,
    convert_boxes,
    get_convention,
    overlap,
    square_convention,
)
from keras_landmarks.faces.upright import eye_angle, turn_points, upright_box
from keras_landmarks.schemes import Scheme

EXPECTED = (
    f"A detector returns {laid.BOXES}; or (boxes, scores); or (boxes, scores, angles or eyes)"
)


@dataclasses.dataclass(eq=False)
class Framed:
    """Where the faces of a picture are.

    Args:
        boxes: `(faces, 4)` float32.
        scores: `(faces,)` float32, NaN where there is none.
        angles: `(faces,)` float32 degrees clockwise, NaN where they are not known.
        convention: how the boxes lie on the faces.
    """

    boxes: np.ndarray
    scores: np.ndarray
    angles: np.ndarray
    convention: Convention | str

    def converted(self, target: Convention | str) -> "Framed":
        """The same faces in boxes of another convention, turned as the faces are."""
        boxes = convert_boxes(self.boxes, self.convention, target)
        middles = (self.boxes[:, :2] + self.boxes[:, 2:]) / 2
        shifts = (boxes[:, :2] + boxes[:, 2:]) / 2 - middles
        for box, shift, angle in zip(boxes, shifts, np.nan_to_num(self.angles)):
            box += np.tile(turn_points(np.asarray(shift, np.float64), angle) - shift, 2)
        return dataclasses.replace(self, boxes=boxes, convention=target)


def face_square(landmarks: np.ndarray, angle: float, lay: Convention | str) -> np.ndarray:
    """The square of a whole face as if it were upright, from its landmarks: `(4,)`, `truth`.

    Args:
        landmarks: `(n, 2)` points in pixels.
        angle: by which the face is turned, in degrees.
        lay: how the square around the landmarks lies on the face.
    """
    box = upright_box(landmarks, angle)
    if get_convention(lay) == get_convention("truth"):
        return box
    unknown, angles = np.full(1, np.nan, np.float32), np.full(1, angle, np.float32)
    return Framed(box[None], unknown, angles, lay).converted("truth").boxes[0]


def likely_lay(
    landmarks: np.ndarray, angle: float, scheme: Scheme | str, face: np.ndarray
) -> Convention:
    """How the square around landmarks lies on a face whose own square `(4,)` is known.

    As their scheme says; or as one around a whole face, where that fits better.
    """
    lays = [square_convention(scheme), get_convention("truth")]
    return max(lays, key=lambda lay: overlap(face_square(landmarks, angle, lay)[None], face)[0])


def convention_of(detector: Detector) -> Convention | str:
    """How a detector's boxes lie on faces: its attribute `convention`, else `annotation`."""
    return getattr(detector, "convention", "annotation")


def detect_faces(detector: Detector, image: np.ndarray) -> Framed:
    """Calls a detector and checks what it returns; a box that no face can have is left out.

    Args:
        detector: see the module's description.
        image: `(height, width, 3)` uint8 RGB.

    Returns:
        `Framed`. Warns of each box that is left out.

    Raises:
        ValueError: if the detector returns something else than boxes, scores and angles.
    """
    boxes, scores, more = _parts(laid.check_detector(detector)(image))
    try:
        boxes = laid.as_boxes(boxes)
        scores = np.full(len(boxes), np.nan) if scores is None else scores
        scores = np.asarray(scores, np.float32).ravel()
        more = np.full(len(boxes), np.nan) if more is None else np.asarray(more, np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{EXPECTED}. {error}") from error
    if len(scores) != len(boxes):
        raise ValueError(f"The detector returned {len(boxes)} boxes, but {len(scores)} scores.")
    points = more.ndim == 3 and more.shape[1] >= 2 and more.shape[2] == 2
    if len(more) != len(boxes) or not (points or more.ndim == 1):
        raise ValueError(
            f"{EXPECTED}, that is (faces,) degrees or (faces, k, 2) points: got {len(boxes)} boxes "
            f"and {more.shape}."
        )
    angles = eye_angle(more) if points else more
    kept = np.ones(len(boxes), bool)
    for i, box in enumerate(boxes):
        if wrong := laid.fault(box, image):
            warnings.warn(f"A box of the detector is left out. {wrong}", stacklevel=2)
            kept[i] = False
    angles = np.where(np.isfinite(angles), angles, np.nan).astype(np.float32)
    return Framed(boxes[kept], scores[kept], angles[kept], convention_of(detector))


def _parts(result: Any) -> tuple[Any, Any, Any]:
    """`(boxes, scores, angles or points)` of what a detector returned; None where it has none."""
    if result is None or (isinstance(result, tuple) and result and result[0] is None):
        result = []
    listed = isinstance(result, (tuple, list)) or np.ndim(result)
    if not listed or (len(result) and isinstance(result[0], dict)):
        kind = type(result[0] if listed else result).__name__
        raise ValueError(f"{EXPECTED}, not {kind}s: got {str(result)[:80]}.")
    parts = isinstance(result, tuple) and len(result) in (2, 3)
    if not parts or all(np.shape(part) == (4,) for part in result):  # but two or three boxes
        return result, None, None
    return (*result, None)[:3]


def detect_boxes(detector: Detector, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Calls a detector and checks what it returns, as `detect_faces` does.

    Args:
        detector: see the module's description.
        image: `(height, width, 3)` uint8 RGB.

    Returns:
        `(boxes, scores)`: `(faces, 4)` and `(faces,)` float32; scores are NaN where the detector
        gives none.
    """
    found = detect_faces(detector, image)
    return found.boxes, found.scores


def find_face(detector: Detector, image: np.ndarray, box: ArrayLike) -> np.ndarray | None:
    """The detector's box about a known face, whose box is given as of `annotation`, or None.

    It is the one that overlaps the face's box most, by 30 % at least, once it is converted.
    """
    boxes = detect_faces(detector, image).boxes
    if not len(boxes):
        return None
    shares = overlap(convert_boxes(boxes, convention_of(detector), "annotation"), box)
    best = int(np.argmax(shares))
    return boxes[best] if shares[best] >= 0.3 else None


def calibrate(detector: Detector, faces: Sequence[Any]) -> Convention:
    """Measures a detector's convention on annotated faces: the medians over those it finds.

    A face is found by the box that holds its middle and overlaps its square most.

    Args:
        detector: see the module's description.
        faces: list of annotated faces (`data.Face`).

    Returns:
        `Convention`.

    Raises:
        ValueError: if it finds none of the faces.
    """
    faces = list(faces)
    squares = [
        convert_boxes(face.truth_box, square_convention(face.scheme), "truth") for face in faces
    ]
    found = [box_about(detector, face.pixels(), square) for face, square in zip(faces, squares)]
    return _beside(found, squares)[0]


def box_about(detector: Detector, image: np.ndarray, box: ArrayLike) -> np.ndarray | None:
    """The detector's box about a known face, whose box is of any convention, or None.

    Of the boxes that hold the known box's middle it is the one that overlaps it most.
    """
    square = geometry.square_box(np.asarray(box))
    boxes = detect_faces(detector, image).boxes
    middle = (square[:2] + square[2:]) / 2
    boxes = boxes[((boxes[:, :2] < middle) & (middle < boxes[:, 2:])).all(axis=1)]
    return boxes[np.argmax(overlap(boxes, square))] if len(boxes) else None


def measure_boxes(
    boxes: Sequence[ArrayLike], found: Sequence[ArrayLike | None], convention: Convention | str
) -> tuple[Convention, int]:
    """Measures how boxes of any kind lie on faces, beside those of a detector.

    Args:
        boxes: `(4,)` of each face.
        found: the detector's about the same faces (see `box_about`), None where it finds none.
        convention: of the detector's boxes.

    Returns:
        `(convention, count)`: the medians over the faces that were found, and how many these are.

    Raises:
        ValueError: if there are none.
    """
    known, (beside, count) = get_convention(convention), _beside(found, boxes)
    scale = known.scale / beside.scale
    return Convention(known.x - beside.x * scale, known.y - beside.y * scale, scale), count


def _beside(
    found: Sequence[ArrayLike | None], boxes: Sequence[ArrayLike]
) -> tuple[Convention, int]:
    """How found boxes lie on others, on the median, and how many there are."""
    rows = []
    for one, other in zip(found, boxes):
        if one is not None:
            box, square = (geometry.square_box(np.asarray(b)) for b in (one, other))
            side = square[2] - square[0]
            shift = ((box[:2] + box[2:]) - (square[:2] + square[2:])) / 2 / side
            rows.append((*shift, (box[2] - box[0]) / side))
    if not rows:
        raise ValueError(f"The detector found none of {len(boxes)} faces.")
    return Convention(*np.median(rows, axis=0).tolist()), len(rows)
