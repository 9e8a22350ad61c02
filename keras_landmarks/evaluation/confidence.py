"""How well a model knows its own errors."""

import numpy as np

from keras_landmarks.errors import point_errors
from keras_landmarks.faces.boxes import overlap
from keras_landmarks.pictures import plots


def false_detection_auc(model, faces, seed=0):
    """How well a model's expected errors tell faces from places where there is none.

    Args:
        model: `Landmarker` that tells its expected errors.
        faces: list of `data.Face` with boxes.
        seed: of the places, which are boxes of half the face's side elsewhere in its picture.

    Returns:
        The area under the ROC curve: the probability that the mean expected error, over the box's
        side (of a model with scores, the mean of what they lack of 1), is larger where there is no
        face. 0.5 is chance, 1 perfect. Pictures without room for another box are left out.

    Raises:
        ValueError: if the model does not say how sure it is, or no picture has room for another
            box.

    Reference:
        Fuhl and Kasneci, Learning to validate the quality of detected landmarks, section 7.
    """
    rng, real, false = np.random.default_rng(seed), [], []
    for face in faces:
        picture, (box, convention) = face.pixels(), face.framed()
        side = (box[2:] - box[:2]).max() / 2
        for _ in range(20):
            corner = rng.uniform(0, 1, 2) * np.maximum(picture.shape[1::-1] - side, 0)
            other = np.concatenate([corner, corner + side])
            if overlap(other[None], box)[0] == 0:
                found = model.detect(picture, np.stack([box, other]), convention=convention)
                if found[0].confidence is None:
                    raise ValueError(f"{model.name} does not say how sure it is.")
                for list_, detection in zip((real, false), found):
                    list_.append(_expected_error(detection))
                break
    if not real:
        raise ValueError("No picture has room for a box without the face.")
    larger = np.subtract.outer(false, real)
    return float(np.mean(larger > 0) + 0.5 * np.mean(larger == 0))


def _expected_error(detection):
    """Of a whole face, relative to its box; of a model with scores, what they lack of 1."""
    if detection.error is None:
        return 1 - detection.face_confidence
    return detection.error.mean() / (detection.box[2:] - detection.box[:2]).max()


def spearman(expected, errors):
    """Spearman's rank correlation of two arrays, of those points whose error is no NaN."""
    try:
        from scipy.stats import spearmanr
    except ImportError as error:
        raise ImportError(f"Rank correlation needs SciPy: pip install scipy ({error})") from error
    return float(spearmanr(np.stack([expected, errors], axis=-1)[~np.isnan(errors)]).statistic)


def without_unsure(errors, expected, fraction):
    """The mean errors of faces without a fraction of their points, the least sure: `(faces,)`.

    Args:
        errors: `(faces, n)`; NaN where a point is not marked.
        expected: `(faces, n)` errors that put points in order.
        fraction: of each face's marked points.
    """
    missing = np.isnan(errors)
    marked = errors.shape[1] - missing.sum(axis=1)
    kept = np.maximum(marked - np.rint(fraction * marked).astype(int), 1)
    order = np.argsort(np.where(missing, np.inf, expected), axis=1, kind="stable")
    first = np.arange(errors.shape[1]) < kept[:, None]
    return np.mean(np.take_along_axis(errors, order, axis=1), axis=1, where=first)


def without_worst(evaluation, fraction, kind=None):
    """The errors of faces without the points that are truly the worst, `(faces,)`.

    What a model would reach that knew its errors (see `Evaluation.discarded`).

    Args:
        evaluation: `Evaluation`.
        fraction: of each face's points that are left out.
        kind: normaliser; None takes the scheme's usual one.
    """
    distances = evaluation.distances(kind)
    errors = point_errors(evaluation.truth, evaluation.predicted, evaluation.scheme, distances)
    return without_unsure(errors, errors, fraction)


def plot_reliability(evaluation, path, bins=10):
    """Draws true against expected errors: points in groups of as many, by their expected error.

    Args:
        evaluation: `Evaluation` of a model that tells its expected errors.
        path: of the picture.
        bins: number of groups.

    Raises:
        ValueError: if the model does not tell its expected errors.
    """
    if evaluation.expected_error is None:
        raise ValueError(f"{evaluation.model} does not tell its expected errors.")
    expected = evaluation.expected_error.ravel()
    distance = np.linalg.norm(evaluation.truth - evaluation.predicted, axis=-1).ravel()
    expected, distance = expected[~np.isnan(distance)], distance[~np.isnan(distance)]
    groups = np.array_split(np.argsort(expected), min(bins, len(expected)))
    with plots.figure(path) as figure:
        axes = figure.add_subplot(xlabel="expected error, px", ylabel="true distance, px")
        x = [expected[group].mean() for group in groups]
        axes.plot(x, [np.median(distance[group]) for group in groups], "o-", label="median")
        low, high = ([np.quantile(distance[g], q) for g in groups] for q in (0.1, 0.9))
        axes.fill_between(x, low, high, alpha=0.2, label="10 to 90 %")
        axes.legend()


def plot_discarding(evaluation, path, kind=None):
    """Draws the error over the fraction of points that are left out: unsure, any, the worst ones.

    Args:
        evaluation: `Evaluation` of a model that says how sure it is, by expected errors or scores.
        path: of the picture.
        kind: normaliser; None takes the scheme's usual one.

    Raises:
        ValueError: if the model says neither.
    """
    fractions, rng = np.linspace(0, 0.5, 11), np.random.default_rng(0)
    with plots.figure(path) as figure:
        axes = figure.add_subplot(xlabel="points left out, %", ylabel="NME, %")
        for label, chance in (("the least sure", None), ("at random", rng)):
            errors = [evaluation.discarded(f, kind, chance).mean() for f in fractions]
            axes.plot(100 * fractions, 100 * np.array(errors), label=label)
        errors = [without_worst(evaluation, f, kind).mean() for f in fractions]
        axes.plot(100 * fractions, 100 * np.array(errors), "--", label="the worst (oracle)")
        axes.grid(alpha=0.3)
        axes.legend()
