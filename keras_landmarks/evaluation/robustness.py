"""Faces and boxes that were disturbed, always in the same way: how much worse are points found?"""

import dataclasses
from typing import Any

import cv2
import numpy as np

from keras_landmarks import geometry
from keras_landmarks.data.face import Face, faces_of
from keras_landmarks.evaluation.occlusion import occlude
from keras_landmarks.names import known_name, number
from keras_landmarks.pictures import images

DISTURBANCES = {
    "box shift": (0.05, 0.1, 0.15),
    "box scale": (0.8, 0.9, 1.1, 1.25),
    "turn": (15, 30, 45, 90),
    "blur": (0.01, 0.02, 0.04),
    "JPEG": (50, 20, 5),
    "darkness": (0.5, 0.25, 0.1),
    "face size": (64, 48, 32, 24),
    "cover": (0.15, 0.3, 0.5),
}
"""What `disturb` does, and how much. Box shift: the share of the box's longer side by which it is
moved, in any direction. Box scale: about its centre. Turn: degrees of the picture, to either
side, by chance. Blur: sigma of a Gaussian, a share of the box's longer side. JPEG:
quality, written twice. Darkness: what is left of the light, with the noise of a sensor (sigma 2).
Face size: pixels of the box's longer side. Cover: the largest share of the face that is hidden (the
smallest is 0.1 less)."""

_LIMITS: dict[str, dict[str, Any]] = {
    "box scale": {"above": 0},
    "blur": {"above": 0},
    "JPEG": {"least": 1, "most": 100},
    "darkness": {"least": 0},
    "face size": {"above": 0},
    "cover": {"above": 0.1, "most": 1},
}


def disturb(faces, kind, amount, seed=0) -> list[Face]:
    """Disturbs the pictures or the boxes of faces, the same for the same arguments.

    Args:
        faces: list of `data.Face` with boxes.
        kind: one of `DISTURBANCES`.
        amount: how much, in that kind's unit.
        seed: of directions, noise and covers.

    Returns:
        List of faces, whose pictures are arrays where pixels were changed; landmarks and boxes
        move with them.

    Raises:
        ValueError: if the kind is unknown, the amount none of its, or a face has no box.
    """
    known_name("disturbance", kind, DISTURBANCES)
    number("amount", amount, **_LIMITS.get(kind, {}))
    faces = faces_of(faces)
    if without := [face.name for face in faces if face.box is None]:
        raise ValueError(f"{len(without)} faces have no box, the first is {without[0]}.")
    if kind == "cover":
        return [*occlude(faces, seed, amount - 0.1, amount)]
    change = {"box shift": _shift, "box scale": _scale, "turn": _turn, "face size": _resize}
    rngs = (np.random.default_rng((seed, number)) for number in range(len(faces)))
    if kind in change:
        return [change[kind](face, amount, rng) for face, rng in zip(faces, rngs)]
    paint = {"blur": _blur, "JPEG": _compress, "darkness": _darken}[kind]
    return [
        dataclasses.replace(face, image=paint(face.pixels(), face, amount, rng))
        for face, rng in zip(faces, rngs)
    ]


def _side(face):
    return float((face.box[2:] - face.box[:2]).max())


def _shift(face, share, rng):
    angle = rng.uniform(0, 2 * np.pi)
    way = share * _side(face) * np.array([np.cos(angle), np.sin(angle)])
    return dataclasses.replace(face, box=face.box + np.tile(way, 2))


def _scale(face, factor, rng):
    middle = np.tile((face.box[:2] + face.box[2:]) / 2, 2)
    return dataclasses.replace(face, box=middle + factor * (face.box - middle))


def _turn(face, degrees, rng):
    if face.convention not in (None, "annotation"):  # of which a turned box knows nothing
        face = dataclasses.replace(face, box=face.square(), convention="annotation")
    pixels = face.pixels()
    height, width = pixels.shape[:2]
    side = int(np.hypot(height, width)) + 1
    centre = (width - 1) / 2, (height - 1) / 2
    shift = (side - width) / 2, (side - height) / 2
    place = geometry.similarity_transform(1.0, rng.choice([-1, 1]) * degrees, centre, shift)
    return _moved(face, images.warp(pixels, np.float64(place), (side, side)), place)


def _resize(face, pixels, rng):
    picture = face.pixels()
    size = [max(round(side * pixels / _side(face)), 1) for side in picture.shape[:2]]
    small = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA)
    return _moved(face, small, geometry.resize_transform(picture.shape[:2], tuple(size)))


def _moved(face, picture, place):
    """A face in a picture that was transformed."""
    points = geometry.transform_points(np.float64(face.landmarks), np.float64(place))
    box = geometry.move_box(np.float64(face.box), np.float64(place))
    moved = {"landmarks": np.float32(points), "box": box, "size": picture.shape[:2]}
    return dataclasses.replace(face, image=picture, **moved)


def _blur(pixels, face, share, rng):
    return cv2.GaussianBlur(pixels, (0, 0), share * _side(face))


def _compress(pixels, face, quality, rng):
    quality = [cv2.IMWRITE_JPEG_QUALITY, round(quality)]
    for _ in range(2):
        _, data = cv2.imencode(".jpg", pixels[..., ::-1], quality)
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
    return np.ascontiguousarray(pixels)


def _darken(pixels, face, light, rng):
    dark = light * pixels + rng.normal(0, 2, pixels.shape)
    return np.rint(dark.clip(0, 255)).astype(np.uint8)
