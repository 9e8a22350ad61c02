"""Random changes to training crops: bent faces, and other pixels. A batch at a time."""

import functools

import cv2
import numpy as np

from keras_landmarks.data import elastic


def random_changes(rng, augmentation, crops, landmarks, part):
    """A part of a batch, `(crops, landmarks)`, with all that is changed once the faces are cut.

    Args:
        crops: `(faces, height, width, 3)` uint8, of the part.
        landmarks: `(batch, n, 2)` of the whole batch, as those that return.
        part: slice of the batch.
    """
    if most := augmentation.elastic:
        crops, landmarks = elastic.random_bend(rng, most, crops, landmarks, part)
    return random_pixels(rng, augmentation, crops, len(landmarks), part.start or 0), landmarks


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
