"""Where annotated points are not where a trained model sees them, whatever their scheme is."""

import dataclasses

import numpy as np

from keras_landmarks.schemes import can_convert, convert, get_scheme

FOLDS, FEWEST = 5, 30
"""Parts of the faces that points are foretold for by the others, and faces that this needs."""


@dataclasses.dataclass(frozen=True, eq=False)
class Suspicion:
    """How far faces' points are from where a model expects them; NaN of faces that it cannot tell.

    Args:
        errors: `(faces,)` mean distance of the points, as a fraction of the face's square.
        mirrored: `(faces,)` the same if each point were the one of the other side.
        nearest: `(faces,)` the same if each were the point that lies nearest.
        against: what the points were compared with, in words.
    """

    errors: np.ndarray
    mirrored: np.ndarray
    nearest: np.ndarray
    against: str

    @property
    def is_mirrored(self):
        """`(faces,)`: left and right are exchanged."""
        return (self.mirrored < 0.6 * self.errors) & (self.errors > 0.04)

    @property
    def is_shuffled(self):
        """`(faces,)`: the points lie where points belong, in another order."""
        other = (self.nearest < 0.35 * self.errors) & (self.errors > 0.06)
        return other & ~self.is_mirrored


def suspect(faces, found, model):
    """Compares annotated points with those that a model found in the same squares.

    Where the model's scheme converts to the faces', point by point. Where it does not, by what the
    model's points foretell: a linear function, fitted on four fifths of the faces for the last.

    Args:
        faces: list of `data.Face` of one scheme.
        found: `(faces, n, 2)` landmarks that the model found of each, in picture pixels.
        model: `Landmarker` of the zoo.

    Returns:
        `Suspicion`; all NaN where the schemes do not convert and there are too few faces to fit.
    """
    scheme, found = get_scheme(faces[0].scheme), np.asarray(found)
    squares = np.stack([face.square("truth") for face in faces])
    truth = _in_square(np.stack([face.landmarks for face in faces]), squares)
    if can_convert(model.scheme, scheme):
        expected = _in_square(convert(found, model.scheme, scheme), squares)
        against = f"{model.name}'s points"
    elif len(faces) >= FEWEST:
        expected = _foretold(_in_square(found, squares), truth)
        against = f"what {model.name}'s {model.scheme.name} points foretell"
    else:
        expected = np.full_like(truth, np.nan)
        against = f"nothing: {len(faces)} faces are too few to fit {scheme.name}"
    nearest = []
    for one, other in zip(truth, expected):  # of all at once the memory would not hold
        distances = np.linalg.norm(one[:, None] - other, axis=-1)
        nearest.append(np.where(np.isnan(distances), np.inf, distances).min(axis=1))
    nearest = np.array(nearest)
    return Suspicion(
        _mean(np.linalg.norm(truth - expected, axis=-1)),
        _mean(np.linalg.norm(truth - expected[:, list(scheme.mirror)], axis=-1)),
        _mean(np.where(np.isinf(nearest), np.nan, nearest)),
        against,
    )


def _in_square(points, squares):
    """Points `(faces, n, 2)` as fractions of the faces' squares `(faces, 4)`."""
    low, side = squares[:, None, :2] - 0.5, squares[:, None, 2:3] - squares[:, None, :1]
    side = np.where(side > 0, side, np.nan)  # of a single point
    return (points - low) / side - 0.5


def _mean(distances):
    """The mean over the points that there are, NaN of faces without any."""
    count = np.isfinite(distances).sum(axis=1)
    return np.where(count, np.nansum(distances, axis=1) / np.maximum(count, 1), np.nan)


def _foretold(found, truth):
    """`truth` `(faces, n, 2)` as a linear function of `found`, of the other folds' faces each.

    Faces that lie far from their first fit are left out of a second one.
    """
    inputs = np.concatenate([found.reshape(len(found), -1), np.ones((len(found), 1))], axis=1)
    kept = np.ones(len(found), bool)
    for _ in range(2):
        expected = _fitted(inputs, truth, kept)
        errors = _mean(np.linalg.norm(truth - expected, axis=-1))
        kept = errors <= 2 * np.nanmedian(errors)
    return expected


def _fitted(inputs, truth, kept):
    fold = np.random.default_rng(0).permutation(len(truth)) % FOLDS
    expected, seen = np.full(truth.shape, np.nan), np.isfinite(inputs).all(axis=1)
    for part in range(FOLDS):
        for point in range(truth.shape[1]):
            rows = (fold != part) & kept & seen & np.isfinite(truth[:, point, 0])
            if rows.sum() >= FEWEST // 2:
                x = inputs[rows]
                ridge = 1e-3 * len(x) * np.eye(x.shape[1])
                weights = np.linalg.solve(x.T @ x + ridge, x.T @ truth[rows, point])
                expected[fold == part, point] = inputs[fold == part] @ weights
    return expected
