"""Random changes to training faces: what they are, and where the crop lies. A batch at a time."""

import dataclasses

import numpy as np

from keras_landmarks import geometry
from keras_landmarks.data import elastic
from keras_landmarks.names import number


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What is changed at random, and by how much. The defaults are the Wing loss paper's.

    Args:
        rotation: largest rotation, in degrees.
        mirror: probability of mirroring left to right.
        shift: largest shift of the box's upper left and of its lower right corner, each on its
            own, as a fraction of the box; its longer side, which is cut, grows by half of it.
        scale: largest further change of the box's size, as a fraction; a tenth of it is left.
        blur: probability of a Gaussian blur.
        sigma: largest sigma of the blur in crop pixels; the paper has always 1.
        vary_sigma: whether sigma is drawn from 0 to its largest instead.
        colour: largest change of contrast and of brightness, as a fraction; of a channel half.
        grey: probability of a picture without colour.
        patches: probability of hiding parts of the face under up to three plain patches.
        cover: largest half side of such a patch, as a fraction of the crop.
        shrink: probability of a low resolution: a fifth to two thirds of the crop's pixels a side.
        dark: probability of a dark picture: 15 to 70 % of the light.
        noise: probability of Gaussian noise with a sigma of up to 16 grey levels.
        jpeg: probability of JPEG compression with a quality of 15 to 75.
        elastic: largest displacement of the face's parts by a smooth field, as a fraction of the
            crop, 0.2 at most: faces are stretched and bent, each by another share of it.
        normal: whether rotation, shift (of the whole box then) and scale are drawn from normal
            distributions instead, with these fields as their sigma; at most three times that.

    Raises:
        ValueError: if a probability or a fraction is not in 0..1, or rotation or sigma too large.

    Reference:
        Feng et al., Wing Loss, CVPR 2018, section 7.1; for `normal` Kowalski et al., Deep
        Alignment Network, 2017, section 4; for `elastic` Simard et al., Best practices for
        convolutional neural networks, ICDAR 2003, section 2, with waves for smoothed noise.
    """

    rotation: float = 30.0
    mirror: float = 0.5
    shift: float = 0.05
    scale: float = 0.0
    blur: float = 0.5
    sigma: float = 1.0
    vary_sigma: bool = False
    colour: float = 0.0
    grey: float = 0.0
    patches: float = 0.0
    cover: float = 0.2
    shrink: float = 0.0
    dark: float = 0.0
    noise: float = 0.0
    jpeg: float = 0.0
    elastic: float = 0.0
    normal: bool = False

    def __post_init__(self):
        largest = {"rotation": 180, "sigma": 99, "elastic": elastic.MOST}
        for name, most in (dict.fromkeys(vars(self), 1) | largest).items():
            number(name, getattr(self, name), least=0, most=most)


STRONG = Augmentation(
    normal=True,
    rotation=12,
    shift=0.04,
    scale=0.06,
    blur=0.3,
    vary_sigma=True,
    colour=0.3,
    patches=0.25,
    noise=0.15,
    jpeg=0.15,
)
"""Drawn from normal distributions, with most disturbances: what most recipes of the zoo vary."""

HARD = dataclasses.replace(
    STRONG, rotation=15, shift=0.05, scale=0.08, patches=0.4, cover=0.3, shrink=0.1, dark=0.1
)
"""The same with larger moves, more and larger covers, low resolution, darkness: long trainings."""

LIGHT = dataclasses.replace(
    STRONG, rotation=8, shift=0.03, scale=0.04, blur=0.2, patches=0.2, noise=0.1, jpeg=0.1
)
"""As `STRONG`, with smaller moves, less blur, covers, noise and JPEG: for last stages."""


def _draw(rng, augmentation, shape):
    """Random numbers of the augmentation's distribution."""
    if augmentation.normal:
        return np.clip(rng.normal(size=shape), -3, 3)
    return rng.uniform(-1, 1, shape)


def random_box(rng, augmentation, boxes):
    """Boxes `(..., 4)` with their corners and size disturbed."""
    size = boxes[..., 2:] - boxes[..., :2]
    draws = _draw(rng, augmentation, (*boxes.shape[:-1], 5))
    if augmentation.normal:
        draws[..., 2:4] = draws[..., :2]
    boxes = boxes + draws[..., :4] * augmentation.shift * np.concatenate([size, size], axis=-1)
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    half = (boxes[..., 2:] - boxes[..., :2]) / 2 * (1 + draws[..., 4:] * augmentation.scale)
    half = np.maximum(half, size / 20)  # else draws that are far out turn it round
    return np.concatenate([centre - half, centre + half], axis=-1)


def random_transform(rng, augmentation, crops_from_pictures, size):
    """The crops' transforms with the picture turned about their middle and perhaps mirrored.

    Args:
        crops_from_pictures: `(..., 2, 3)` transforms of upright pictures.
        size: `(height, width)` of the crops.

    Returns:
        `(transforms, mirrored)`, `mirrored` `(...)` booleans; landmarks of a mirrored crop still
        need `Scheme.mirror`.
    """
    (height, width), shape = size, crops_from_pictures.shape[:-2]
    degrees = _draw(rng, augmentation, shape) * augmentation.rotation
    stretch = np.round(crops_from_pictures[..., 0, 0] / crops_from_pictures[..., 1, 1], 6)
    middle = (width - 1) / 2 / stretch, (height - 1) / 2
    turn = geometry.similarity_transform(1.0, degrees, middle)
    turn[..., 0, 1:] *= stretch[..., None]
    turn[..., 1, 0] /= stretch
    mirrored = rng.random(shape) < augmentation.mirror
    turned_back = geometry.compose(geometry.mirror_transform(width), turn)
    turn = np.where(mirrored[..., None, None], turned_back, turn)
    return geometry.compose(turn, crops_from_pictures), mirrored
