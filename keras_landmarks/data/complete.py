"""Points that nobody marked, from those that are: a model of shapes learnt from incomplete ones."""

import numpy as np

from keras_landmarks import geometry


def complete_shapes(shapes, factors=24, rounds=10):
    """Shapes with their missing points, by factor analysis of those that are marked.

    Shapes are laid over each other by similarities of their marked points. A point is then its mean
    and a sum of a few factors, which all points of a face share, and noise; expectation
    maximisation finds them from what is marked alone. Sound where points are missing by chance, or
    because they are covered; where they are missing because of where they would be, as on the far
    side of a turned head, no face tells of them.

    Args:
        shapes: `(faces, n, 2)` points; NaN where one is missing.
        factors: at most; an eighth of the number of faces or the number of points if that is less.
        rounds: of laying over and of expectation maximisation.

    Returns:
        `(faces, n, 2)` float64, marked points as they were. A face stays as it is where fewer than
        two places are marked, or so few that others have that it cannot be laid over them.

    Raises:
        ValueError: if a point is missing in all faces but such.

    Reference:
        Rubin and Thayer, EM algorithms for ML factor analysis, Psychometrika 47(1), 1982; for
        missing values Ghahramani and Jordan, Supervised learning from incomplete data via an EM
        approach, 1994.
    """
    shapes = np.asarray(shapes, np.float64)
    missing = np.isnan(shapes[..., 0])
    if not missing.any() or shapes.shape[1] == 1:
        return shapes
    used = ~missing & have_extent(shapes)[:, None]
    _check(used)
    filled = np.where(missing[..., None], 0.0, shapes)
    aligned, mean_from_face, placed = _align(filled, used, rounds)
    used &= placed[:, None]
    _check(used)
    weights = np.repeat(np.float64(used), 2, axis=1)
    factors = min(factors, len(shapes) // 8, shapes.shape[1])
    found = _expected(aligned.reshape(weights.shape), weights, factors, rounds)
    found = geometry.transform_points(found.reshape(shapes.shape), geometry.invert(mean_from_face))
    completed = missing & used.any(axis=1)[:, None]
    return np.where(completed[..., None], found, shapes)


def have_extent(shapes):
    """Whether shapes `(faces, n, 2)` have points, NaN where missing, at two places at least."""
    missing = np.isnan(shapes[..., :1])
    first = np.take_along_axis(shapes, missing.argmin(axis=1)[:, None], axis=1)
    return (np.ptp(np.where(missing, first, shapes), axis=1) > 0).any(axis=1)


def _check(used):
    if not used.any(axis=0).all():
        point = int(used.any(axis=0).argmin())
        raise ValueError(f"Point {point} is missing in all faces, or all that have others' points.")


def _align(shapes, marked, rounds):
    """Shapes laid over their mean, 100 in size, by their marked points; how they came there; and
    which of them could be laid, `(faces,)`."""
    first = marked.sum(axis=1).argmax()
    mean, known = shapes[first], marked[first]
    for _ in range(rounds):
        mean = mean - mean[known].mean(axis=0)
        mean = 100 * mean / np.sqrt(np.square(mean[known]).sum(axis=-1).mean())
        shared = np.float64(marked & known)
        target = np.broadcast_to(mean, shapes.shape)
        transforms = geometry.fit_similarity(shapes, target, shared)
        aligned = geometry.transform_points(shapes, transforms)
        laid = (transforms != np.eye(2, 3)).any(axis=(1, 2)) & (shared.sum(axis=1) > 1)
        placed = marked & laid[:, None]
        count = placed.sum(axis=0)
        known = count > 0
        mean = (aligned * placed[..., None]).sum(axis=0) / np.maximum(count, 1)[:, None]
    return aligned, transforms, laid


def _expected(values, weights, factors, rounds):
    """What a factor model that learns from the values `(faces, d)` of weight 1 says of all."""
    count = np.maximum(weights.sum(axis=0), 1)
    mean = (weights * values).sum(axis=0) / count
    centred = weights * (values - mean)
    squares = (weights * values**2).sum(axis=0)
    noise = np.maximum(np.square(centred).sum(axis=0) / count, 0.01)
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
    expected = np.empty_like(values)
    for block in blocks:
        z, _ = _factors(values[block] - mean, weights[block] / noise, loadings)
        expected[block] = mean + z @ loadings.T
    return expected


def _factors(values, scaled, loadings):
    """The factors of each face, `(faces, q)`, by its values over their noise, and covariances."""
    faces, (_, factors) = len(values), loadings.shape
    squares = (loadings[:, :, None] * loadings[:, None, :]).reshape(len(loadings), -1)
    spread = np.linalg.inv(np.eye(factors) + (scaled @ squares).reshape(faces, factors, factors))
    return np.einsum("nqr,nr->nq", spread, (scaled * values) @ loadings), spread


def mirrored_shapes(shapes, mirror):
    """Shapes about the origin, and their mirror images, without missing points.

    Without mirror images where no point has a partner. Missing points are put where the others want
    them (see `complete_shapes`); faces with fewer than two points are left out.

    Args:
        shapes: `(faces, n, 2)`; NaN for a missing point.
        mirror: n indices, the scheme's.

    Returns:
        `(m, n, 2)`.
    """
    if list(mirror) != sorted(mirror):
        shapes = np.concatenate([shapes, shapes[:, list(mirror)] * (-1, 1)])
    shapes = complete_shapes(shapes)
    return shapes[np.isfinite(shapes).all(axis=(1, 2))]
