"""Points that nobody marked, from those that are: a model of shapes learnt from incomplete ones."""

import dataclasses

import numpy as np

from keras_landmarks import geometry
from keras_landmarks.schemes import get_scheme


def complete(faces, most=0.1):
    """Faces with their unmarked points put where the marked ones, and the other faces, want them.

    For training alone: completed points are no truth to measure by. They stay not `visible`. Sound
    where points are missing by chance, or because they are covered; where they are missing
    because of where they would be, as on the far side of a turned head, no face tells of them.

    Args:
        faces: list of `Face` of one scheme; their mirror images are learnt from, too.
        most: the largest expected error of a point that is completed, as a fraction of the face's
            size (the root mean square of its points' distances from their middle). Other points,
            and those of faces with fewer than two marked ones, stay missing.

    Returns:
        List of `Face`: new ones in place of those that lack points.

    Raises:
        ValueError: if schemes differ, a point is missing in all faces, or `most` is not above 0.
    """
    if not most > 0:
        raise ValueError(f"most must be above 0, not {most}.")
    if len({face.scheme for face in faces}) > 1:
        raise ValueError(f"Faces of one scheme, not of {sorted({f.scheme for f in faces})}.")
    if not any(face.missing.any() for face in faces):
        return list(faces)
    scheme = get_scheme(faces[0].scheme)
    landmarks = np.stack([face.landmarks for face in faces])
    both = np.concatenate([landmarks, scheme.mirrored(landmarks, 1)])
    shapes, errors = (values[: len(faces)] for values in complete_shapes(both))
    shapes = np.where(errors[..., None] <= most, shapes, landmarks)
    return [
        dataclasses.replace(face, landmarks=shape, visible=face.visible)
        if face.missing.any()
        else face
        for face, shape in zip(faces, shapes)
    ]


def complete_shapes(shapes, factors=24, rounds=10):
    """Shapes with their missing points, by factor analysis of those that are marked.

    Shapes are laid over each other by similarities of their marked points. A point is then its mean
    and a sum of a few factors, which all points of a face share, and noise; expectation
    maximisation finds them from what is marked alone.

    Args:
        shapes: `(faces, n, 2)` points; NaN where one is missing.
        factors: at most; an eighth of the number of faces if that is less.
        rounds: of laying over and of expectation maximisation.

    Returns:
        `(shapes, errors)`: `(faces, n, 2)` float64, marked points as they were; and `(faces, n)`
        how far completed points are expected to be off, as a fraction of the face's size (the root
        mean square of its points' distances from their middle), 0 where a point is marked. A face
        with fewer than two marked points stays as it is, with infinite errors.

    Raises:
        ValueError: if no face has one of the points.

    Reference:
        Rubin and Thayer, EM algorithms for ML factor analysis, Psychometrika 47(1), 1982; for
        missing values Ghahramani and Jordan, Supervised learning from incomplete data via an EM
        approach, 1994.
    """
    shapes = np.asarray(shapes, np.float64)
    marked = np.isfinite(shapes[..., 0])
    if not marked.any(axis=0).all():
        point = int(marked.any(axis=0).argmin())
        raise ValueError(f"Point {point} is missing in all {len(shapes)} faces.")
    enough = marked.sum(axis=1) > 1
    if marked.all():
        return shapes, np.zeros(marked.shape)
    filled = np.where(marked[..., None], shapes, 0.0)
    aligned, mean_from_face = _align(filled, marked & enough[:, None], rounds)
    weights = np.repeat(np.where(enough[:, None], marked, 0.0), 2, axis=1)
    values, variances = _analyse(
        aligned.reshape(weights.shape), weights, min(factors, len(shapes) // 8), rounds
    )
    found = geometry.transform_points(values.reshape(shapes.shape), geometry.invert(mean_from_face))
    errors = np.sqrt(variances.reshape(shapes.shape).sum(axis=-1)) / 100
    errors = np.where(enough[:, None], errors, np.inf)
    found = np.where(marked[..., None] | ~enough[:, None, None], shapes, found)
    return found, np.where(marked, 0.0, errors)


def _align(shapes, marked, rounds):
    """Shapes laid over their mean, 100 in size, by their marked points; and how they came there."""
    first = marked.sum(axis=1).argmax()
    mean, known = shapes[first], marked[first]
    for _ in range(rounds):
        mean = mean - mean[known].mean(axis=0)
        mean = 100 * mean / np.sqrt(np.square(mean[known]).sum(axis=-1).mean())
        shared = np.float64(marked & known)
        target = np.broadcast_to(mean, shapes.shape)
        transforms = geometry.fit_similarity(shapes, target, shared)
        aligned = geometry.transform_points(shapes, transforms)
        placed = marked & (shared.sum(axis=1) > 1)[:, None]
        count = placed.sum(axis=0)
        known = count > 0
        mean = (aligned * placed[..., None]).sum(axis=0) / np.maximum(count, 1)[:, None]
    return aligned, transforms


def _analyse(values, weights, factors, rounds):
    """What a factor model learns of the values `(faces, d)` of weight 1, and says of the others.

    Returns:
        `(values, variances)`, each `(faces, d)`: all values as expected, and how sure that is.
    """
    count = np.maximum(weights.sum(axis=0), 1)
    mean = (weights * values).sum(axis=0) / count
    centred = weights * (values - mean)
    squares, noise = (weights * values**2).sum(axis=0), np.square(centred).sum(axis=0) / count
    strengths, ways = np.linalg.eigh(centred.T @ centred / len(values))
    loadings = (ways * np.sqrt(np.maximum(strengths, 0)))[:, len(noise) - factors :]
    blocks = np.array_split(np.arange(len(values)), -(-len(values) // 2048))  # fit into memory
    for _ in range(rounds):
        moments = products = 0.0
        for block in blocks:
            some = weights[block]
            z, spread = _factors(values[block] - mean, some / noise, loadings)
            both = np.concatenate([z, np.ones((len(z), 1))], axis=1)
            squared = both[:, :, None] * both[:, None, :]
            squared[:, :factors, :factors] += spread
            moments = moments + some.T @ squared.reshape(len(z), -1)
            products = products + (some * values[block]).T @ both
        moments = moments.reshape(-1, factors + 1, factors + 1)
        # Loadings and mean of each value, by regression on the factors; a little towards zero.
        held = moments + np.diag([1.0] * factors + [1e-6])
        found = np.linalg.solve(held, products[..., None])[..., 0]
        loadings, mean = found[:, :factors], found[:, factors]
        rest = squares - 2 * (found * products).sum(axis=1)
        rest = rest + np.einsum("di,dij,dj->d", found, moments, found)
        noise = np.maximum(rest / count, 0.01)
    expected, variances = np.empty_like(values), np.empty_like(values)
    for block in blocks:
        z, spread = _factors(values[block] - mean, weights[block] / noise, loadings)
        expected[block] = mean + z @ loadings.T
        variances[block] = np.einsum("dq,nqr,dr->nd", loadings, spread, loadings, optimize=True)
    return expected, variances + noise


def _factors(values, scaled, loadings):
    """The factors of each face, `(faces, q)`, by its values over their noise, and covariances."""
    faces, (_, factors) = len(values), loadings.shape
    squares = (loadings[:, :, None] * loadings[:, None, :]).reshape(len(loadings), -1)
    spread = np.linalg.inv(np.eye(factors) + (scaled @ squares).reshape(faces, factors, factors))
    return np.einsum("nqr,nr->nq", spread, (scaled * values) @ loadings), spread
