"""Points that annotators saw, and those that they placed under a cover."""

import numpy as np

from keras_landmarks.errors import face_errors
from keras_landmarks.evaluation.predicting import numbers_of_points, percent


def visible_points(faces, shared):
    """Which points of another scheme are seen, `(faces, n)`: where all are that they come from."""
    rows = [np.float64(face.visible) for face in faces]
    return numbers_of_points(rows, faces[0].scheme, shared) > 0.999 if faces else None


def compared(truth, faces):
    """True landmarks `(faces, n, 2)` with at least one point a face.

    Raises:
        ValueError: if a face has none; it is named.
    """
    without = np.isnan(truth).all(axis=(1, 2)) if len(truth) else np.zeros(0, bool)
    if without.any():
        raise ValueError(
            f"{faces[without.argmax()].name} has none of the points that are compared."
        )
    return truth


def by_visibility(evaluation, kind=None):
    """The mean errors of visible and of covered points, each over the faces that have such.

    Args:
        evaluation: `Evaluation`.
        kind: normaliser, as of `Evaluation.distances`.

    Returns:
        `{"visible_points": count, "visible_nme_percent": percent, "covered_points": ...}`; empty
        where no marked point is covered.
    """
    marked = ~np.isnan(evaluation.truth[..., 0])
    visible = marked if evaluation.visible is None else evaluation.visible & marked
    found, distances = {}, evaluation.distances(kind)
    for name, chosen in (("visible", visible), ("covered", marked & ~visible)):
        faces = chosen.any(axis=1)
        truth = np.where(chosen[..., None], evaluation.truth, np.nan)[faces]
        errors = face_errors(
            truth, evaluation.predicted[faces], evaluation.scheme, distances[faces]
        )
        found |= {f"{name}_points": int(chosen.sum())}
        found |= {f"{name}_nme_percent": percent(np.mean, errors)}
    return found if found["covered_points"] else {}
