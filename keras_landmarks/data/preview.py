"""Faces as a training sees them: people find the errors of their annotations there."""

import dataclasses

import cv2
import numpy as np

from keras_landmarks import geometry
from keras_landmarks.pictures import draw, write_image
from keras_landmarks.pictures.sheet import contact_sheet


@dataclasses.dataclass
class Drawn:
    """Points to be drawn, as `pictures.draw` takes them."""

    landmarks: np.ndarray
    scheme: str
    box: np.ndarray | None = None


def draw_points(crop, landmarks, scheme, side):
    """A crop enlarged or reduced to `side` x `side` pixels, with its points and contours."""
    size = (side, side)
    large = cv2.resize(crop, size, interpolation=cv2.INTER_LINEAR)
    points = geometry.resize_points(np.asarray(landmarks), side / np.array(crop.shape[1::-1]))
    return draw(large, [Drawn(points, scheme)])


def draw_samples(samples, path, count=24):
    """Writes a picture of the first crops of a training, augmented, with their points.

    Args:
        samples: `Samples`.
        path: of the picture.
        count: of the crops.
    """
    drawn, step = [], 0
    while len(drawn) < count and step < len(samples):
        crops, landmarks = samples.batch_at(step)
        drawn += [draw_points(c, p, samples.scheme, 192) for c, p in zip(crops, landmarks)]
        step += 1
    write_image(path, contact_sheet(drawn[:count], columns=6))
