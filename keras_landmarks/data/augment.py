"""Random changes to training faces: where the crop lies, and its pixels. A batch at a time."""

import dataclasses
import functools

import cv2
import numpy as np

from keras_landmarks import geometry


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What is changed at random, and by how much. The defaults are the Wing loss paper's.

    Args:
        rotation: largest rotation, in degrees.
        mirror: probability of mirroring left to right.
        shift: largest shift of the box's upper left and of its lower right corner, each on its
            own, as a fraction of the box.
        scale: largest further change of the box's size, as a fraction.
        blur: probability of a Gaussian blur.
        sigma: largest sigma of the blur in crop pixels; the paper has always 1.
        vary_sigma: whether sigma is drawn from 0 to its largest instead.
        colour: largest change of contrast, brightness and of each channel, as a fraction.
        grey: probability of a picture without colour.
        patches: probability of hiding parts of the face under up to three plain patches.
        cover: largest half side of such a patch, as a fraction of the crop.
        shrink: probability of a low resolution: a fifth to two thirds of the crop's pixels a side.
        dark: probability of a dark picture: 15 to 70 % of the light.
        noise: probability of Gaussian noise with a sigma of up to 16 grey levels.
        jpeg: probability of JPEG compression with a quality of 15 to 75.
        normal: whether rotation, shift (of the whole box then) and scale are drawn from normal
            distributions instead, with these fields as their sigma; at most three times that.

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
"""Drawn from normal distributions, with every disturbance: what most recipes of the zoo vary."""

HARD = dataclasses.replace(
    STRONG,
    rotation=15,
    shift=0.05,
    scale=0.08,
    patches=0.4,
    cover=0.3,
    shrink=0.1,
    dark=0.1,
)
"""More of each, with large covers, low resolution and darkness: for long trainings."""

LIGHT = dataclasses.replace(
    STRONG, rotation=8, shift=0.03, scale=0.04, blur=0.2, patches=0.2, noise=0.1, jpeg=0.1
)
"""The same, less of each: for the last stages of a training."""


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
    return np.concatenate([centre - half, centre + half], axis=-1)


def random_transform(rng, augmentation, crops_from_pictures, size):
    """The crops' transforms with a rotation about the middle and perhaps mirrored.

    Args:
        crops_from_pictures: `(..., 2, 3)` transforms.
        size: `(height, width)` of the crops.

    Returns:
        `(transforms, mirrored)`, `mirrored` `(...)` booleans; landmarks of a mirrored crop still
        need `Scheme.mirror`.
    """
    height, width = size
    shape = crops_from_pictures.shape[:-2]
    degrees = _draw(rng, augmentation, shape) * augmentation.rotation
    turn = geometry.similarity_transform(1.0, degrees, ((width - 1) / 2, (height - 1) / 2))
    mirrored = rng.random(shape) < augmentation.mirror
    turned_back = geometry.compose(geometry.mirror_transform(width), turn)
    turn = np.where(mirrored[..., None, None], turned_back, turn)
    return geometry.compose(turn, crops_from_pictures), mirrored


def random_pixels(rng, augmentation, crops):
    """Crops `(batch, height, width, 3)` uint8 with their pixels disturbed, each on its own."""
    a, count = augmentation, len(crops)
    chances = (a.patches, a.grey, a.blur, a.noise, a.jpeg)
    gates = rng.random((count, len(chances))) < chances
    colours = _colour_matrices(rng, count, a.colour) if a.colour else [None] * count
    sigmas = np.maximum(a.sigma * (rng.random(count) if a.vary_sigma else np.ones(count)), 0.1)
    more = rng.random((count, 2)) if a.shrink or a.dark else np.ones((count, 2))
    changed = np.empty_like(crops)
    for i, (crop, colour, sigma) in enumerate(zip(crops, colours, sigmas)):
        patches, grey, blur, noise, jpeg = gates[i]
        if patches:
            crop = _patches(rng, crop, a.cover)
        if colour is not None:
            crop = cv2.transform(crop, colour)
        if grey:
            crop = cv2.cvtColor(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        if more[i, 0] < a.dark:
            crop = cv2.convertScaleAbs(crop, alpha=rng.uniform(0.15, 0.7))
        if more[i, 1] < a.shrink:
            crop = _coarse(rng, crop)
        if blur:
            crop = cv2.GaussianBlur(crop, (0, 0), sigma)
        if noise:
            crop = _noise(rng, crop)
        if jpeg:
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 76))]
            crop = cv2.imdecode(cv2.imencode(".jpg", crop, quality)[1], cv2.IMREAD_COLOR)
        changed[i] = crop
    return changed


def _patches(rng, crop, cover):
    height, width = crop.shape[:2]
    crop = crop.copy()
    for _ in range(rng.integers(1, 4)):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        w, h = (rng.uniform(0.05, cover, 2) * (width, height)).astype(int) + 1
        colour = rng.integers(0, 256, 3).tolist()
        if rng.random() < 0.5:
            cv2.ellipse(crop, (x, y), (int(w), int(h)), rng.uniform(0, 180), 0, 360, colour, -1)
        else:
            cv2.rectangle(crop, (x - int(w), y - int(h)), (x + int(w), y + int(h)), colour, -1)
    return crop


def _coarse(rng, crop):
    """The crop with fewer pixels, enlarged again."""
    height, width = crop.shape[:2]
    share = rng.uniform(0.2, 0.67)
    size = max(round(share * width), 1), max(round(share * height), 1)
    small = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


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


def _noise(rng, crop):
    height, width = crop.shape[:2]
    tile = _noise_tile(max(768, height + 256, width + 256))
    y, x = rng.integers(0, (tile.shape[0] - height + 1, tile.shape[1] - width + 1))
    piece = tile[y : y + height, x : x + width]
    noisy = cv2.scaleAdd(piece, rng.uniform(0, 16), crop.astype(np.float32))
    return np.rint(noisy.clip(0, 255)).astype(np.uint8)
