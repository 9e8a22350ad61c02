"""Shapes of faces: a dictionary of exemplars, and hidden points inferred from it."""

import numpy as np

from keras_landmarks import geometry
from keras_landmarks.geometry import namespace
from keras_landmarks.names import number, unlike


def align(shapes, rounds=3):
    """Shapes without place, size and turn: each taken to the mean of all by a similarity.

    Args:
        shapes: `(faces, n, 2)` points.
        rounds: how often the mean is computed anew.

    Returns:
        `(faces, n, 2)` float64; their mean has its middle at zero, and its points are about 100
        away from it in the root mean square.

    Reference:
        Gower, Generalized Procrustes analysis, 1975.
    """
    shapes = np.asarray(shapes, np.float64)
    mean = shapes[0]
    for _ in range(rounds):
        mean = mean - mean.mean(axis=0)
        mean = 100 * mean / np.sqrt(np.square(mean).sum(axis=-1).mean())
        target = np.broadcast_to(mean, shapes.shape)
        aligned = geometry.transform_points(shapes, geometry.fit_similarity(shapes, target))
        mean = aligned.mean(axis=0)
    return aligned


def learn_dictionary(shapes, count=256, sparsity=1, rounds=10, seed=0):
    """Exemplars that all shapes are sparse sums of, by K-SVD.

    Args:
        shapes: `(faces, n, 2)` points. Up to `count` faces are the exemplars themselves, repeated.
        count: of exemplars.
        sparsity: how many exemplars a shape is a sum of. With 1 each is what a
            group of faces is like.
        rounds: of sparse coding (scikit-learn's orthogonal matching pursuit) and of new exemplars.
        seed: of the faces that the dictionary starts from.

    Returns:
        `(count, n, 2)` float32 exemplars, aligned as by `align`.

    Raises:
        ValueError: if there are no shapes or exemplars, a point is not finite, or all points of a
            shape are one.
        ImportError: if scikit-learn is missing.

    Reference:
        Aharon et al., K-SVD, IEEE Transactions on Signal Processing 54(11), 2006; Yan et al.,
        Score-guided face alignment network under occlusions, section 3.3, which gives no sparsity.
        With the 1 that is usual here K-SVD is a clustering of shapes by their direction: no shape
        is a sum of several exemplars, before `reconstruct` combines them.
    """
    shapes = np.asarray(shapes, np.float64)
    number("count", count, whole=True)
    if shapes.ndim != 3 or shapes.shape[2] != 2 or not len(shapes) or count < 1:
        raise ValueError(f"Expected shapes (faces, n, 2) and count > 0: {shapes.shape}, {count}.")
    if not np.isfinite(shapes).all() or not np.ptp(shapes, axis=1).any(axis=-1).all():
        raise ValueError("Expected finite shapes, each of different points.")
    if len(shapes) <= count:
        return align(shapes)[np.arange(count) % len(shapes)].astype(np.float32)
    try:
        from sklearn.linear_model import orthogonal_mp
    except ImportError as error:
        install = "pip install scikit-learn"
        raise ImportError(f"Shapes are learnt with scikit-learn: {install} ({error})") from error

    signals = align(shapes).reshape(len(shapes), -1).T
    first = np.random.default_rng(seed).choice(len(shapes), count, replace=False)
    atoms = signals[:, first] / np.linalg.norm(signals[:, first], axis=0)
    for _ in range(rounds):
        codes = orthogonal_mp(atoms, signals, n_nonzero_coefs=sparsity).reshape(count, -1)
        rest = signals - atoms @ codes
        for k in range(count):
            users = np.flatnonzero(codes[k])
            if not len(users):  # start again from the shape that is told worst
                worst = np.argmax(np.square(rest).sum(axis=0))
                atoms[:, k] = signals[:, worst] / np.linalg.norm(signals[:, worst])
                rest[:, worst] = 0
                continue
            own = rest[:, users] + np.outer(atoms[:, k], codes[k, users])
            left, strength, right = np.linalg.svd(own, full_matrices=False)
            sign = np.sign(right[0].sum()) or 1.0
            atoms[:, k], codes[k, users] = sign * left[:, 0], sign * strength[0] * right[0]
            rest[:, users] = own - np.outer(atoms[:, k], codes[k, users])
    return align(atoms.T.reshape(count, *shapes.shape[1:])).astype(np.float32)


def infer(landmarks, weights, exemplars, neighbours=16, sure=0.5, trust=0.5, ridge=10.0):
    """Landmarks of which the unsure ones went to where the sure ones, and known shapes, want them.

    For any model that says how sure its points are. A landmark goes the further to the shape that
    `reconstruct` makes of all, the less sure it is.

    Args:
        landmarks: `(batch, n, 2)` points, in any pixels. Those not finite are replaced, whatever
            `trust` is.
        weights: `(batch, n)`, how sure each point is, 0..1.
        exemplars: `(count, n, 2)`, see `learn_dictionary`.
        neighbours: how many exemplars are combined.
        sure: landmarks of this weight or more stay where they are; below, they move in proportion.
        trust: the largest part of the way that a landmark moves, 0..1. By 1 one of weight 0 is
            replaced, as unsure ones are in the paper.
        ridge: see `reconstruct`.

    Returns:
        `(batch, n, 2)` landmarks.

    Raises:
        ValueError: if there are fewer exemplars than neighbours, or weights do not fit the points.

    Reference:
        Yan et al., Score-guided face alignment network under occlusions, section 3.3.
    """
    xp = namespace(landmarks, exemplars)
    if unlike(weights.shape, landmarks.shape[:-1]):
        raise ValueError(f"Weights {weights.shape} do not fit landmarks {landmarks.shape}.")
    weights = xp.clip(xp.where(xp.isnan(weights), 0.0, weights), 0.0, 1.0)
    shape = reconstruct(landmarks, weights, exemplars, neighbours, ridge)
    landmarks, known = _filled(xp, landmarks)
    kept = xp.clip(xp.maximum(weights / sure, 1 - trust), 0.0, 1.0)
    kept = xp.where(known, kept, 0.0)[..., None]
    return kept * landmarks + (1 - kept) * shape


def _filled(xp, landmarks):
    """Landmarks of which those not finite lie in the middle of the others, and which are known."""
    finite = geometry.finite(landmarks)
    known = xp.all(xp.abs(finite) < geometry.FAR, axis=-1)
    share = xp.where(known, xp.ones_like(finite[..., 0]), 0.0)[..., None]
    count = xp.maximum(xp.sum(share, axis=-2, keepdims=True), 1.0)
    middle = xp.sum(share * finite, axis=-2, keepdims=True) / count
    return share * finite + (1 - share) * middle, known


def reconstruct(landmarks, weights, exemplars, neighbours=16, ridge=10.0):
    """A face's shape from its sure points: the exemplars nearest to them, combined.

    The face is first taken to the exemplars' mean by a weighted similarity, so that they need not
    know its place, size and turn; what is combined are the neighbours' differences to their mean.

    Args:
        landmarks: `(batch, n, 2)` points, in any pixels. Those not finite take no part.
        weights: `(batch, n)`, how sure each point is, 0..1; below a thousandth all are alike.
        exemplars: `(count, n, 2)`, see `learn_dictionary`.
        neighbours: how many exemplars are combined.
        ridge: of the least squares: how strongly the combination is held to the neighbours' mean.

    Returns:
        `(batch, n, 2)` all points of the shape, in the pixels of the landmarks.

    Raises:
        ValueError: if there are fewer exemplars than neighbours, or they have other points.

    Reference:
        Yan et al., Score-guided face alignment network under occlusions, eq. 2.
    """
    xp = namespace(landmarks, exemplars)
    count, points = exemplars.shape[:2]
    if number("neighbours", neighbours, least=1, whole=True) > count:
        raise ValueError(f"neighbours must be at most {count} (exemplars), not {neighbours}.")
    if tuple(landmarks.shape[-2:]) != (points, 2):
        raise ValueError(f"Exemplars of {points} points do not fit landmarks {landmarks.shape}.")
    landmarks, known = _filled(xp, landmarks)
    share = xp.where(known, xp.square(xp.maximum(weights, 1e-3)), 0.0)
    share = xp.where(xp.sum(share, axis=-1, keepdims=True) > 0, share, 1.0)  # none is known
    share = share / xp.sum(share, axis=-1, keepdims=True)
    mean = xp.mean(exemplars, axis=0) + xp.zeros_like(landmarks)
    aligned_from_given = geometry.fit_similarity(landmarks, mean, share)
    aligned = geometry.transform_points(landmarks, aligned_from_given)
    # |W s - W e|^2 less |W s|^2, which is the same for all
    products = xp.matmul(
        xp.reshape(share[..., None] * aligned, (-1, 2 * points)),
        xp.transpose(xp.reshape(exemplars, (count, 2 * points))),
    )
    norms = xp.matmul(share, xp.transpose(xp.sum(xp.square(exemplars), axis=-1)))
    nearest = xp.argsort(norms - 2 * products, axis=-1)[:, :neighbours]
    chosen = xp.take(exemplars, nearest, axis=0)
    middle = xp.mean(chosen, axis=1)
    ways = xp.reshape(chosen - middle[:, None], (-1, neighbours, 2 * points))
    weighted = ways * xp.reshape(xp.stack([share, share], axis=-1), (-1, 1, 2 * points))
    held = xp.array(ridge * np.eye(neighbours, dtype="float32"))
    square = xp.matmul(weighted, xp.swapaxes(ways, 1, 2)) + held
    offset = xp.reshape(aligned - middle, (-1, 2 * points, 1))
    ways = xp.swapaxes(ways, 1, 2)
    found = xp.matmul(ways, _solve(xp, square, xp.matmul(weighted, offset)))
    shape = middle + xp.reshape(found, (-1, points, 2))
    return geometry.transform_points(shape, geometry.invert(aligned_from_given))


def _solve(xp, matrix, right):
    """Solves positive definite `(batch, k, k)` systems by elimination, as every export can."""
    size = matrix.shape[-1]
    both, unit = xp.concatenate([matrix, right], axis=-1), xp.array(np.eye(size, dtype="float32"))
    for i in range(size):
        row = both[:, i : i + 1] / both[:, i : i + 1, i : i + 1]
        both = both - (both[:, :, i : i + 1] - unit[:, i : i + 1]) * row
    return both[:, :, size:]
