"""The curve of the errors of many faces."""

from keras_landmarks.errors import ced
from keras_landmarks.pictures import plots


def plot_ced(evaluations, path, threshold=0.08, kind=None):
    """Draws the cumulative error distribution of one or several evaluations.

    A curve ends at the fraction of the faces that were found.

    Args:
        evaluations: list of `Evaluation`.
        path: of the picture.
        threshold: where the axis ends, as a fraction of the normaliser.
        kind: normaliser; None takes the scheme's usual one.
    """
    with plots.figure(path) as figure:
        axes = figure.add_subplot(
            xlabel="error of a face, % of the normaliser",
            ylabel="fraction of the faces",
            xlim=(0, 100 * threshold),
            ylim=(0, 1),
        )
        for evaluation in evaluations:
            errors, fractions = ced(evaluation.all_errors(kind))
            label = evaluation.model
            if len(errors):
                label += f": NME {100 * errors.mean():.2f} %"
            if evaluation.missed:
                label += f" of {len(errors)} found, {evaluation.missed} missed"
            axes.step(100 * errors, fractions, where="post", label=label)
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right")
