"""Random changes to training faces: where the crop lies, and its pixels. A batch at a time."""

import dataclasses
import functools

import cv2
import numpy as np

from keras_landmarks import geometry
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
        normal: whether rotation, shift (of the whole box then) and scale are drawn from normal
            distributions instead, with these fields as their sigma; at most three times that.

    Raises:
        ValueError: if a probability or a fraction is not in 0..1, or rotation or sigma too large.

    Reference:
        Feng et al., Wing Loss, CVPR 2018, section 7.1; for `normal` Kowalski et al., Deep
        Alignment Network, 2017, section 4.
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
    normal: bool = False

    def __post_init__(self):
        for name, most in (dict.fromkeys(vars(self), 1) | {"rotation": 180, "sigma": 99}).items():
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


def random_pixels(rng, augmentation, crops, count=None, first=0):
    """Crops `(faces, height, width, 3)` uint8 with their pixels disturbed, each on its own.

    Args:
        crops: of a batch, or a part of it, which is disturbed as it would be in the whole.
        count: of the crops of the whole batch; None where these are all.
        first: the place of the part's first crop in the batch.
    """
    a, count = augmentation, len(crops) if count is None else count
    chances = (a.patches, a.grey, a.blur, a.noise, a.jpeg)
    gates = rng.random((count, len(chances))) < chances
    colours = _colour_matrices(rng, count, a.colour) if a.colour else [None] * count
    sigmas = np.maximum(a.sigma * (rng.random(count) if a.vary_sigma else np.ones(count)), 0.1)
    more = rng.random((count, 2)) if a.shrink or a.dark else np.ones((count, 2))
    drawn = zip(gates, colours, sigmas, more)
    drawn = [_changes(rng, a, crops.shape[1:3], *numbers) for numbers in drawn]
    changed = np.empty_like(crops)
    for i, crop in enumerate(crops):
        changed[i] = functools.reduce(lambda made, change: change(made), drawn[first + i], crop)
    return changed


def _changes(rng, a, size, gates, colour, sigma, more):
    """What is done to a crop, in this order: functions of it. No pixel has a say in the numbers."""
    patches, grey, blur, noise, jpeg = gates
    found = []
    if patches:
        found.append(_patches(rng, size, a.cover))
    if colour is not None:
        found.append(lambda crop: cv2.transform(crop, colour))
    if grey:
        found.append(lambda crop: cv2.merge([cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)] * 3))
    if more[0] < a.dark:
        light = rng.uniform(0.15, 0.7)
        found.append(lambda crop: cv2.convertScaleAbs(crop, alpha=light))
    if more[1] < a.shrink:
        found.append(_coarse(rng, size))
    if blur:
        found.append(lambda crop: cv2.GaussianBlur(crop, (0, 0), sigma))
    if noise:
        found.append(_noise(rng, size, grey))
    if jpeg:
        found.append(_compression(int(rng.integers(15, 76))))
    return found


def _compression(quality):
    def compressed(crop):
        data = cv2.imencode(".jpg", crop[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)

    return compressed


def _patches(rng, size, cover):
    (height, width), shapes = size, []
    for _ in range(rng.integers(1, 4)):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        half = rng.uniform(min(0.05, cover), cover, 2) * (width, height)
        w, h = (half.astype(int) + 1).tolist()
        colour = rng.integers(0, 256, 3).tolist()
        angle = rng.uniform(0, 180) if rng.random() < 0.5 else None
        shapes.append((x, y, w, h, colour, angle))

    def covered(crop):
        crop = crop.copy()
        for x, y, w, h, colour, angle in shapes:
            if angle is None:
                cv2.rectangle(crop, (x - w, y - h), (x + w, y + h), colour, -1)
            else:
                cv2.ellipse(crop, (x, y), (w, h), angle, 0, 360, colour, -1)
        return crop

    return covered


def _coarse(rng, size):
    """The crop with fewer pixels, enlarged again."""
    share, size = rng.uniform(0.2, 0.67), size[::-1]
    few = [max(round(share * side), 1) for side in size]

    def coarse(crop):
        small = cv2.resize(crop, few, interpolation=cv2.INTER_AREA)
        return cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)

    return coarse


def _colour_matrices(rng, count, amount):
    """What the channels become, as `cv2.transform` takes it: `(count, 3, 4)`."""
    contrast, brightness, *channels = amount * rng.uniform(-1, 1, (5, count))
    gain = (1 + contrast) * (1 + np.array(channels) / 2)  # about the middle level
    matrices = np.zeros((count, 3, 4))
    matrices[:, range(3), range(3)] = gain.T
    matrices[:, :, 3] = (127.5 * (1 + brightness - gain)).T
    return matrices


@functools.cache
def _noise_tile(side):
    """Normal noise, sigma 1, that crops cut their piece from: drawing it anew is slow."""
    return np.random.default_rng(0).standard_normal((side, side, 3), np.float32)


def _noise(rng, size, grey):
    tile = _noise_tile(max(768, max(size) + 256))
    y, x = rng.integers(0, np.subtract(tile.shape[:2], size) + 1)
    piece, sigma = tile[y : y + size[0], x : x + size[1]], rng.uniform(0, 16)
    piece = cv2.merge([piece[..., 0]] * 3) if grey else piece

    def noisy(crop):
        found = cv2.scaleAdd(piece, sigma, crop.astype(np.float32))
        return np.rint(found.clip(0, 255)).astype(np.uint8)

    return noisy
