"""Points, boxes and transforms: the conventions of the package and their arithmetic.

* A **point** is `(x, y)` in pixels, and pixel centres are integers: the centre of the first
  pixel is `(0, 0)`. Resizing by `s` moves a point to `(p + 0.5) * s - 0.5`; mirroring a picture
  of width `w` moves it to `w - 1 - x`.
* A **size** is `(height, width)`.
* A **box** is `(left, top, right, bottom)` on pixel *edges*: the box of a whole picture is
  `(0, 0, width, height)`, so `right - left` is a width and a box edge `e` lies at the point
  coordinate `e - 0.5`.
* A **transform** is an affine matrix of shape `(2, 3)`, named `target_from_source`: it takes
  source points to target points.

Every function but `move_box` takes leading batch dimensions, and works on NumPy arrays (data code)
and on tensors of any Keras backend (layers) alike: arrays in, arrays out; tensors in, tensors out.
"""

import sys
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any
"""A NumPy array or a tensor of any Keras backend; no type says both."""


def namespace(*arrays: Array) -> Any:
    """The module whose functions fit the arguments: `numpy` for arrays, else `keras.ops`."""
    if all(isinstance(array, np.ndarray) for array in arrays):  # asking Keras is slow
        return np
    keras = sys.modules.get("keras")  # where it was not imported, nothing is a tensor
    if keras is None:
        return np
    tensors = (keras.KerasTensor, keras.Variable)
    return (
        keras.ops if any(keras.ops.is_tensor(a) or isinstance(a, tensors) for a in arrays) else np
    )


FAR = 1e6
"""Pixels. No picture is as large: what is further away is nowhere."""


def finite(values: Array) -> Array:
    """The values within `FAR` of zero; those beyond, and NaN, become `FAR` or `-FAR`.

    Also in exported graphs, where a choice between numbers may be computed as a sum of products,
    of which NaN and infinity would spoil both sides.
    """
    xp = namespace(values)
    return xp.clip(xp.where(xp.isnan(values), FAR, values), -FAR, FAR)


def _matrix(xp: Any, a: Array, b: Array, c: Array, d: Array, e: Array, f: Array) -> Array:
    """Stacks six `(...)` numbers into transforms `[[a, b, c], [d, e, f]]`: `(..., 2, 3)`."""
    if xp is np and not np.ndim(a):  # one transform: `stack` is slow
        return np.array([[a, b, c], [d, e, f]])
    return xp.stack([xp.stack([a, b, c], axis=-1), xp.stack([d, e, f], axis=-1)], axis=-2)


# Boxes


def box_from_landmarks(landmarks: Array) -> Array:
    """The smallest box that holds every landmark's pixel.

    Args:
        landmarks: `(..., n, 2)` points in pixels.

    Returns:
        `(..., 4)` boxes.
    """
    xp = namespace(landmarks)
    low, high = xp.min(landmarks, axis=-2), xp.max(landmarks, axis=-2)
    return xp.concatenate([low, high + 1.0], axis=-1)


def square_box(box: Array, scale: float = 1.0) -> Array:
    """The square about a box's centre, as long as its longer side times `scale`: `(..., 4)`."""
    xp = namespace(box)
    low, high = box[..., :2] / 2.0, box[..., 2:] / 2.0  # halves of integers do not overflow
    centre, half = low + high, xp.max(high - low, axis=-1, keepdims=True) * scale
    return xp.concatenate([centre - half, centre + half], axis=-1)


def move_box(box: Array, transform: Array) -> Array:
    """The box about where a similarity takes a box's centre, larger by its scale but not turned.

    Args:
        box: `(4,)` box on pixel edges.
        transform: `(2, 3)` similarity.

    Returns:
        `(4,)` box.
    """
    xp = namespace(box, transform)
    a, b = transform[0, 0], transform[0, 1]
    centre = transform_points((box[None, :2] + box[None, 2:]) / 2.0 - 0.5, transform)[0] + 0.5
    half = (box[2:] - box[:2]) / 2.0 * xp.sqrt(a * a + b * b)
    return xp.concatenate([centre - half, centre + half])


# Transforms


def box_transform(box: Array, size: tuple[int, int]) -> Array:
    """The transform `crop_from_picture` that fills a crop of `size` with what is in `box`.

    Args:
        box: `(..., 4)` boxes on pixel edges.
        size: `(height, width)` of the crop.

    Returns:
        `(..., 2, 3)` transforms.
    """
    xp = namespace(box)
    left, top, right, bottom = (box[..., i] for i in range(4))
    sx, sy = size[1] / (right - left), size[0] / (bottom - top)
    zero = left * 0.0
    return _matrix(xp, sx, zero, (0.5 - left) * sx - 0.5, zero, sy, (0.5 - top) * sy - 0.5)


def similarity_transform(
    scale: Array, degrees: Array, centre: Array, shift: Array = (0.0, 0.0)
) -> Array:
    """Scales and rotates about `centre`, then shifts: `(..., 2, 3)` float32 transforms.

    Args:
        scale: factor, `(...)` or one number.
        degrees: angle, `(...)` or one number; positive turns x towards y (clockwise on a picture).
        centre: the point that only the shift moves.
        shift: `(x, y)` in pixels.
    """
    xp, angle = namespace(scale, degrees), degrees * (np.pi / 180)
    a, b = scale * xp.cos(angle), scale * xp.sin(angle)
    (x, y), (dx, dy) = centre, shift
    transform = _matrix(xp, a, -b, x - a * x + b * y + dx, b, a, y - b * x - a * y + dy)
    return transform.astype(np.float32) if xp is np else transform


def mirror_transform(width: int) -> np.ndarray:
    """The transform that mirrors a picture of `width` pixels: `x -> width - 1 - x`."""
    return np.array([[-1, 0, width - 1], [0, 1, 0]], np.float32)


def resize_transform(source_size: tuple[int, int], target_size: tuple[int, int]) -> np.ndarray:
    """The transform `target_from_source` of resizing a picture: `p -> (p + 0.5) * s - 0.5`."""
    sy, sx = target_size[0] / source_size[0], target_size[1] / source_size[1]
    return np.array([[sx, 0, sx / 2 - 0.5], [0, sy, sy / 2 - 0.5]], np.float32)


def resize_points(points: Array, scale: float) -> Array:
    """Where points `(..., 2)` lie after resizing a picture by `scale`."""
    return (points + 0.5) * scale - 0.5


def points_from_map(points: Array, stride: float, offset: float | None = None) -> Array:
    """Points `(..., 2)` in pixels of a map as points in pixels of the picture.

    Args:
        points: in pixels of the map.
        stride: pixels of the picture from one pixel of the map to the next.
        offset: where in the picture the first pixel of the map lies; None takes that of a picture
            that was resized, `(stride - 1) / 2`.
    """
    return points * stride + ((stride - 1) / 2 if offset is None else offset)


def points_on_map(points: Array, stride: float, offset: float | None = None) -> Array:
    """The inverse of `points_from_map`."""
    return (points - ((stride - 1) / 2 if offset is None else offset)) / stride


def transform_points(points: Array, transform: Array) -> Array:
    """Takes points `(..., n, 2)` through transforms `(..., 2, 3)`."""
    xp = namespace(points, transform)
    linear = xp.swapaxes(transform[..., :2], -1, -2)
    return xp.matmul(points, linear) + transform[..., None, :, 2]


def compose(second: Array, first: Array) -> Array:
    """One transform for two: `compose(c_from_b, b_from_a)` is `c_from_a`."""
    xp = namespace(second, first)
    linear = xp.matmul(second[..., :2], first)
    moved = linear[..., 2:] + second[..., 2:]
    return xp.concatenate([linear[..., :2], moved], axis=-1)


def invert(transform: Array) -> Array:
    """The inverse: `invert(b_from_a)` is `a_from_b`; infinities or NaN of a singular one."""
    xp = namespace(transform)
    if xp is np and np.ndim(transform) == 2:  # Python's own numbers are quicker
        a, b, c, d, e, f = map(transform.dtype.type, transform.ravel().tolist())
    else:
        a, b, c = (transform[..., 0, i] for i in range(3))
        d, e, f = (transform[..., 1, i] for i in range(3))
    determinant = a * e - b * d
    a, b, d, e = e / determinant, -b / determinant, -d / determinant, a / determinant
    return _matrix(xp, a, b, -(a * c + b * f), d, e, -(d * c + e * f))


def fit_similarity(source: Array, target: Array, weights: Array | None = None) -> Array:
    """The least-squares similarity (scale, rotation, shift; no mirroring) from source to target.

    In the plane Umeyama's solution has a closed form: with both sets centred, the transform's
    `a = s cos` and `b = s sin` are the sums of the points' dot and cross products over the
    source's squared norm.

    Args:
        source: `(..., n, 2)` points.
        target: `(..., n, 2)` points.
        weights: `(..., n)` of the points' squared distances, 0 or more; None for equal ones.

    Returns:
        `(..., 2, 3)` transforms `target_from_source`, never singular. Where the best one would
        be, or shrinks to less than a thousandth (all points of a set that have a weight are equal,
        or one set is the other mirrored, as far as it is symmetric), the identity is returned, with
        finite gradients; so it is where a source point is not finite, or further than `FAR`.

    Reference:
        Umeyama, Least-squares estimation of transformation parameters between two point
        patterns, PAMI 1991.
    """
    xp = namespace(source, target)
    source = finite(source)
    near = xp.all(xp.abs(source) < FAR, axis=(-2, -1), keepdims=True)
    source = xp.where(near, source, xp.zeros_like(source))  # all equal
    if weights is None:
        weights = xp.ones_like(source[..., 0])
    largest = xp.max(weights, axis=-1, keepdims=True)  # by which even the smallest weigh
    weights = weights / xp.where(largest > 0, largest, xp.ones_like(largest))
    share = weights[..., None] / xp.maximum(xp.sum(weights, axis=-1), 1e-6)[..., None, None]
    source_mean = xp.sum(share * source, axis=-2, keepdims=True)
    target_mean = xp.sum(share * target, axis=-2, keepdims=True)
    p, q = source - source_mean, target - target_mean
    weighted = p * share * source.shape[-2]
    norm = xp.sum(p * weighted, axis=(-2, -1))
    # Not `eps`: 1e-7 would vanish in half precision, and a pixel grid has no smaller spread.
    equal = norm < 1e-4
    norm = xp.where(equal, xp.ones_like(norm), norm)
    a = xp.sum(weighted * q, axis=(-2, -1)) / norm
    b = xp.sum(weighted[..., 0] * q[..., 1] - weighted[..., 1] * q[..., 0], axis=-1) / norm
    degenerate = xp.logical_or(equal, a * a + b * b < 1e-6)  # shrunk to a thousandth
    x, y = source_mean[..., 0, 0], source_mean[..., 0, 1]
    u, v = target_mean[..., 0, 0], target_mean[..., 0, 1]
    a, b = xp.where(degenerate, xp.ones_like(a), a), xp.where(degenerate, xp.zeros_like(b), b)
    c = xp.where(degenerate, xp.zeros_like(a), u - a * x + b * y)
    f = xp.where(degenerate, xp.zeros_like(a), v - b * x - a * y)
    return _matrix(xp, a, -b, c, b, a, f)
