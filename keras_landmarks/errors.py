"""How far predicted landmarks lie from the truth, and how that is summed up over faces.

All errors are fractions (0.04 is 4 %) of a distance that belongs to the true face, the
*normaliser*:

* `corners`: between the outer eye corners (the official 300W protocol, "inter-ocular");
* `pupils`: between the pupils, each the mean of those points around its eye that are marked;
* `box`: the geometric mean of width and height of what the true landmarks span (AFLW's own
  protocol takes the width of its annotated square box instead: not comparable to a few percent);
* `diagonal`: the diagonal of that box.

Functions take NumPy arrays or tensors of any Keras backend, and need NumPy alone for arrays.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_landmarks.geometry import Array, namespace
from keras_landmarks.names import known_name, number
from keras_landmarks.schemes import NORMALISERS, Scheme, get_scheme

__all__ = [
    "NORMALISERS",
    "auc",
    "ced",
    "face_errors",
    "failure_rate",
    "normaliser",
    "point_errors",
    "region_errors",
]


def normaliser(
    landmarks: Array, scheme: Scheme | str = "ibug68", kind: str | Array | None = None
) -> Array:
    """The distance that a face's errors are divided by, in pixels.

    Args:
        landmarks: `(batch, n, 2)` true landmarks; NaN where one is missing.
        scheme: the landmarks' scheme or its name.
        kind: one of `NORMALISERS`, or the distances themselves, `(batch,)`, as of given boxes;
            None takes the scheme's usual one.

    Returns:
        `(batch,)`; NaN of a face without its points, or where they coincide. Of an eye that is
        marked in part, `pupils` take the part: some points of six move a pupil by up to a fifth of
        the distance.

    Raises:
        ValueError: if the kind is unknown, the scheme has no such distance, the landmarks are not
            the scheme's, or there is not one distance for each face.
    """
    scheme = get_scheme(scheme)
    kind = scheme.normaliser if kind is None else kind
    xp, shape = namespace(landmarks), tuple(landmarks.shape)
    if not isinstance(kind, str):
        kind = kind if hasattr(kind, "shape") else np.asarray(kind, np.float64)
        if len(kind.shape) != 1 or len({kind.shape[0], shape[0]} - {None}) > 1:
            raise ValueError(
                f"Expected one distance for each of {shape[0]} faces, got {tuple(kind.shape)}."
            )
        return kind
    if None not in shape[1:] and shape[1:] != (scheme.count, 2):
        raise ValueError(f"Expected landmarks (batch, {scheme.count}, 2), got {shape}.")
    landmarks = _wide(xp, landmarks)
    missing = xp.isnan(landmarks)
    if kind in ("box", "diagonal"):
        high = xp.max(xp.where(missing, -np.inf, landmarks), axis=1)
        extent = high - xp.min(xp.where(missing, np.inf, landmarks), axis=1)
        if kind == "box":
            distance = xp.sqrt(extent[:, 0] * extent[:, 1])
        else:
            distance = xp.sqrt(xp.sum(extent * extent, axis=-1))
        return xp.where((distance > 0) & (distance < np.inf), distance, np.nan)
    known_name("normaliser", kind, NORMALISERS)
    eyes = scheme.eye_corners if kind == "corners" else (scheme.right_eye, scheme.left_eye)
    if eyes is None:
        raise ValueError(f"Scheme {scheme.name} has no eye corners; take 'pupils' or 'box'.")
    if () in eyes:
        raise ValueError(f"Scheme {scheme.name} has no eyes; take 'box'.")
    right, left = (_mean(xp, landmarks, missing, np.atleast_1d(eye)) for eye in eyes)
    distance = xp.sqrt(xp.sum((right - left) ** 2, axis=-1))
    return xp.where(distance > 0, distance, np.nan)


def _wide(xp: Any, values: Array) -> Array:
    """Values whose squares fit: neither whole numbers nor in half precision."""
    if getattr(values.dtype, "name", str(values.dtype)).endswith(("float32", "float64")):
        return values
    return values.astype(np.float64) if xp is np else xp.cast(values, "float32")


def _mean(xp: Any, landmarks: Array, missing: Array, points: np.ndarray) -> Array:
    """The mean of those of some points that are marked, `(batch, 2)`; NaN where none is."""
    landmarks, missing = (xp.take(values, points, axis=1) for values in (landmarks, missing))
    marked = xp.sum(xp.where(missing, 0.0, xp.ones_like(landmarks)), axis=1)
    total = xp.sum(xp.where(missing, 0.0, landmarks), axis=1)
    return xp.where(marked > 0, total / xp.maximum(marked, 1.0), np.nan)


def point_errors(
    y_true: Array, y_pred: Array, scheme: Scheme | str = "ibug68", kind: str | Array | None = None
) -> Array:
    """The normalised error of every landmark.

    Args:
        y_true: `(batch, n, 2)` landmarks.
        y_pred: `(batch, n, 2)` landmarks.
        scheme: their scheme or its name.
        kind: normaliser; None takes the scheme's usual one.

    Returns:
        `(batch, n)` fractions of the normaliser; NaN where the true point is missing, and for all
        points of a face whose normaliser's points are.

    Raises:
        ValueError: if the shapes differ or are not `(batch, n, 2)` of the scheme.
    """
    count = get_scheme(scheme).count
    shapes = tuple(y_true.shape), tuple(y_pred.shape)
    batches = {shape[:1] for shape in shapes} - {(None,)}  # None: not known before it runs
    if any(shape[1:] != (count, 2) for shape in shapes) or len(batches) > 1:
        raise ValueError(
            f"Expected landmarks (batch, {count}, 2), got truth {shapes[0]} and "
            f"prediction {shapes[1]}."
        )
    xp = namespace(y_true, y_pred)
    y_true, y_pred = _wide(xp, y_true), _wide(xp, y_pred)
    distances = xp.sqrt(xp.sum((y_true - y_pred) ** 2, axis=-1))
    return distances / normaliser(y_true, scheme, kind)[:, None]


def face_errors(
    y_true: Array,
    y_pred: Array,
    scheme: Scheme | str = "ibug68",
    kind: str | Array | None = None,
    weights: Array | None = None,
) -> Array:
    """The normalised mean error of every face, over the points that are marked: `(batch,)`.

    NaN of a face without any, or without those of its normaliser.

    Args:
        y_true: `(batch, n, 2)` landmarks; NaN where one is missing.
        y_pred: `(batch, n, 2)` landmarks.
        scheme: their scheme or its name.
        kind: normaliser; None takes the scheme's usual one.
        weights: `(batch, n)` of the points in the mean; None for ones.
    """
    errors = point_errors(y_true, y_pred, scheme, kind)
    xp = namespace(y_true, y_pred)
    missing = xp.isnan(xp.sum(y_true, axis=-1))
    weights = xp.where(missing, 0.0, xp.ones_like(errors) if weights is None else weights)
    total = xp.sum(xp.multiply(weights, xp.where(missing, 0.0, errors)), axis=-1)
    return xp.divide(total, xp.sum(weights, axis=-1))


def region_errors(
    y_true: Array, y_pred: Array, scheme: Scheme | str = "ibug68", kind: str | Array | None = None
) -> dict[str, float]:
    """The mean error by region (jaw, brows, nose, eyes, mouth): `{region: fraction}`.

    Of the points that are marked, in faces with a normaliser; a region without any is not in it.
    NaN where a prediction is.
    """
    errors = point_errors(y_true, y_pred, scheme, kind)
    xp = namespace(errors)
    distances = normaliser(y_true, scheme, kind)
    marked = ~xp.isnan(xp.sum(y_true, axis=-1) / distances[:, None])
    if xp is not np:
        errors, marked = xp.convert_to_numpy(errors), xp.convert_to_numpy(marked)
    regions = {name: list(points) for name, points in get_scheme(scheme).regions.items()}
    parts = {name: errors[:, points][marked[:, points]] for name, points in regions.items()}
    return {name: float(part.mean()) for name, part in parts.items() if part.size}


def _array(errors: ArrayLike) -> np.ndarray:
    """Errors as an array, also of a tensor that has a gradient."""
    xp = namespace(errors)
    return np.asarray(errors if xp is np else xp.convert_to_numpy(errors))


def failure_rate(errors: ArrayLike, threshold: float = 0.08) -> float:
    """The fraction of faces with an error of a threshold or more, or with none (NaN).

    Args:
        errors: `(faces,)` errors of faces; infinite, or NaN, of faces that were not found.
        threshold: in the errors' unit, above 0.

    Reference:
        Kowalski et al., Deep Alignment Network, 2017, section 4: "0.08 or greater" is a failure.
    """
    number("threshold", threshold, above=0)
    return float((~(_array(errors) < threshold)).mean())


def ced(errors: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """The cumulative error distribution: what fraction of faces has at most which error.

    Args:
        errors: `(faces,)` errors of faces; infinite, or NaN, of faces that were not found.

    Returns:
        `(errors, fractions)`, each `(found,)`: the sorted finite errors, and the steps of the
        curve, which ends at the fraction of the faces that were found.
    """
    errors = np.asarray(_array(errors), np.float64)
    found = np.sort(errors[np.isfinite(errors)])
    return found, np.arange(1, len(found) + 1) / len(errors)


def auc(errors: ArrayLike, threshold: float = 0.08) -> float:
    """The area under the CED curve up to a threshold, as a fraction of the whole: 1 is perfect.

    Exact: the area under the empirical curve up to t is the mean of `max(t - error, 0)`.

    Args:
        errors: `(faces,)` errors of faces; infinite, or NaN, of faces that were not found.
        threshold: in the errors' unit, above 0.
    """
    number("threshold", threshold, above=0)
    errors = np.nan_to_num(np.asarray(_array(errors), np.float64), nan=np.inf)
    return float(np.maximum(threshold - errors, 0).mean() / threshold)
