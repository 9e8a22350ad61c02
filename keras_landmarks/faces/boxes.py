"""Boxes of faces, how detectors lay them, and what a detector is.

A detector is a callable that takes a `(height, width, 3)` uint8 RGB picture and returns
`(boxes, scores)`: `(faces, 4)` boxes on pixel edges and `(faces,)` scores, or the boxes alone.
Every detector frames a face in its own way. A `Convention` says how, so that its boxes can be
turned into the ones that a model was trained on; a callable says its own by an attribute
`convention` (a `Convention` or a name of `CONVENTIONS`; without one its boxes are taken as
`annotation`), and `calibrate` measures it.
"""

import dataclasses

import numpy as np

from keras_landmarks import geometry


@dataclasses.dataclass(frozen=True)
class Convention:
    """How boxes lie on faces, on average, relative to the square around the landmarks.

    Args:
        x: how far the box's centre lies right of the square's, as a fraction of the square.
        y: how far it lies below.
        scale: the box's longer side over the square's.
    """

    x: float
    y: float
    scale: float


CONVENTIONS = {
    # The square around the true landmarks.
    "truth": Convention(0.0, 0.0, 1.0),
    # The boxes of the 300W annotators' detector: as large as the landmarks' square.
    "annotation": Convention(0.0, 0.0, 1.0),
    # Measured by `calibrate` on 400 faces of 300w/train.
    "mtcnn": Convention(-0.013, -0.171, 1.237),
    "blazeface": Convention(0.004, -0.073, 1.05),
}


def get_convention(convention):
    """The `Convention` of a name; a `Convention` is returned as it is.

    Raises:
        ValueError: if the name is unknown.
    """
    if isinstance(convention, Convention):
        return convention
    if convention not in CONVENTIONS:
        raise ValueError(f"Unknown box convention {convention!r}. Known: {', '.join(CONVENTIONS)}.")
    return CONVENTIONS[convention]


def convention_of(detector):
    """How a detector's boxes lie on faces: its attribute `convention`, else `annotation`."""
    return getattr(detector, "convention", "annotation")


def convert_boxes(boxes, source, target):
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


def detect_boxes(detector, image):
    """Calls a detector and checks what it returns.

    Args:
        detector: see the module's description.
        image: `(height, width, 3)` uint8 RGB.

    Returns:
        `(boxes, scores)`: `(faces, 4)` and `(faces,)` float32; scores are NaN where the detector
        gives none.

    Raises:
        ValueError: if it does not return boxes in the picture (see `check_boxes`), or another
            number of scores.
    """
    result = detector(image)
    scored = isinstance(result, tuple) and len(result) == 2
    scored = scored and not np.shape(result[0]) == np.shape(result[1]) == (4,)  # but two boxes
    boxes, scores = result if scored else (result, None)
    boxes = check_boxes(boxes, image)
    scores = np.full(len(boxes), np.nan) if scores is None else scores
    scores = np.asarray(scores, np.float32).ravel()
    if len(scores) != len(boxes):
        raise ValueError(f"The detector returned {len(boxes)} boxes, but {len(scores)} scores.")
    return boxes, scores


def check_boxes(boxes, image):
    """Boxes as an array, if they are boxes of faces in a picture.

    Args:
        boxes: `(faces, 4)` boxes, or one `(4,)`; empty where there is no face.
        image: `(height, width, 3)` picture.

    Returns:
        `(faces, 4)` float32.

    Raises:
        ValueError: if the shape is another one, or a box is not finite, inverted, empty or wholly
            outside of the picture.
    """
    boxes = np.asarray(boxes, np.float32)
    boxes = boxes.reshape(-1, 4) if boxes.size == 0 or boxes.shape == (4,) else boxes
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"Expected boxes (faces, 4), got {boxes.shape}.")
    height, width = image.shape[:2]
    for box in boxes:
        left, top, right, bottom = box.tolist()
        if not np.isfinite(box).all():
            raise ValueError(f"Box {box.tolist()} is not finite.")
        if right <= left or bottom <= top:
            raise ValueError(
                f"Box {box.tolist()} is inverted or empty; expected (left, top, right, bottom)."
            )
        if right <= 0 or bottom <= 0 or left >= width or top >= height:
            raise ValueError(
                f"Box {box.tolist()} lies outside of the picture of {width} x {height} pixels."
            )
    return boxes


def overlap(boxes, box):
    """Intersection over union of `(faces, 4)` boxes with one `(4,)` box: `(faces,)`."""
    boxes, box = np.asarray(boxes), np.asarray(box)
    low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])
    shared = np.prod(np.maximum(high - low, 0), axis=-1)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1) + np.prod(box[2:] - box[:2])
    return shared / (area - shared)


def find_face(detector, image, box):
    """The detector's box about a known face, whose box is given as of `annotation`, or None.

    It is the one that overlaps the face's box most, by 30 % at least, once it is converted.
    """
    boxes, _ = detect_boxes(detector, image)
    if not len(boxes):
        return None
    shares = overlap(convert_boxes(boxes, convention_of(detector), "annotation"), box)
    best = int(np.argmax(shares))
    return boxes[best] if shares[best] >= 0.3 else None


def calibrate(detector, faces):
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
    rows = []
    for face in faces:
        truth = geometry.square_box(face.truth_box)
        boxes, _ = detect_boxes(detector, face.pixels())
        middle = (truth[:2] + truth[2:]) / 2
        boxes = boxes[((boxes[:, :2] < middle) & (middle < boxes[:, 2:])).all(axis=1)]
        if len(boxes):
            box = geometry.square_box(boxes[np.argmax(overlap(boxes, truth))])
            side = truth[2] - truth[0]
            shift = ((box[:2] + box[2:]) - (truth[:2] + truth[2:])) / 2 / side
            rows.append((*shift, (box[2] - box[0]) / side))
    if not rows:
        raise ValueError(f"The detector found none of {len(faces)} faces.")
    return Convention(*np.median(rows, axis=0).tolist())
