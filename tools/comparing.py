"""What a comparison measures of a training, and what it makes of several."""

import numpy as np

from keras_landmarks import data, metrics
from keras_landmarks.evaluation.confidence import without_unsure
from keras_landmarks.pictures import plots

SIDEWAYS = 0.2
"""The fraction of the faces, those with the largest yaw, that count as turned sideways."""


def measure(model, samples):
    """Figures of a trained model, in percent, AUC a fraction.

    The NME of all faces, and of those turned sideways; AUC and failures at 8 %; and where the model
    tells expected errors, the NME without the 30 % of each face's points that it trusts least.
    """
    crops, landmarks = samples.arrays()
    found = model.predict(crops, batch_size=64, verbose=0)
    errors = metrics.face_errors(landmarks, found["landmarks"])
    yaw = np.abs(data.balance_poses(landmarks).coefficients)
    sideways = yaw >= np.quantile(yaw, 1 - SIDEWAYS)
    figures = {"nme": 100 * errors.mean(), "sideways": 100 * errors[sideways].mean()}
    figures |= {"auc": metrics.auc(errors), "failures": 100 * metrics.failure_rate(errors)}
    if "error" in found:
        points = metrics.point_errors(landmarks, found["landmarks"])
        figures["trusted"] = 100 * without_unsure(points, found["error"], 0.3).mean()
    return {name: round(float(figure), 3) for name, figure in figures.items()}


def likelihood(differences):
    """How likely differences as large as these, one a seed, come by chance: words for a line."""
    from scipy.stats import ttest_1samp

    if len(differences) < 2 or np.ptp(differences) == 0:
        return ", of one seed" if len(differences) < 2 else ""
    return f" (p = {ttest_1samp(differences, 0).pvalue:.2g}, {len(differences)} seeds)"


MORE = {
    "auc": "AUC at 8 %",
    "failures": "≥ 8 %, %",
    "trusted": "without the 30 % least sure",
    "covered": "covered in part",
}
"""Figures that the studies of before lack, and networks without expected errors."""


def table(rows):
    """The variants: means and standard deviations over the seeds, and what parts them."""
    names = ["variant", "held out", "lfpw-test", "its 20 % most sideways", "to the first", "steps"]
    more = [key for key in MORE if any(key in row for f in rows.values() for row in f)]
    names += ["minutes", *(MORE[key] for key in more)]
    lines = [f"| {' | '.join(names)} |", len(names) * "|---" + "|"]
    first = _errors(next(iter(rows.values())))
    for variant, figures in rows.items():
        cells = [_spread(_errors(figures, key)) for key in ("held_out", "lfpw_test", "sideways")]
        apart = _errors(figures) - first[: len(figures)]
        cells += [f"{apart.mean():+.2f}{likelihood(apart)}" if apart.any() else "-"]
        cells += [f"{figures[0]['steps']}", f"{_errors(figures, 'minutes').mean():.1f}"]
        for key in more:
            known, digits = all(key in row for row in figures), 3 if key == "auc" else 2
            cells.append(_spread(_errors(figures, key), digits) if known else "-")
        lines.append(f"| {variant} | {' | '.join(cells)} |")
    return "\n".join(lines)


def sentence(claim, short, rows):
    """What a study says: the claim, what came out on lfpw-test, how sure it is."""
    order = sorted(rows, key=lambda variant: _errors(rows[variant]).mean())
    means = ", ".join(f"{variant} {_errors(rows[variant]).mean():.2f}" for variant in order)
    said = f"The paper: {claim} Here, after {100 * short:.3g} % of the epochs: {means} %"
    if len(order) < 2:
        return f"{said}."
    best, second = (_errors(rows[variant]) for variant in order[:2])
    seeds = min(len(best), len(second))
    apart = second[:seeds] - best[:seeds]
    return f"{said}; the first two are {apart.mean():.2f} apart{likelihood(apart)}."


def _spread(errors, digits=2):
    """The mean, and the standard deviation that one more seed may be expected to have."""
    numbers = [errors.mean(), errors.std(ddof=1)] if len(errors) > 1 else [errors.mean()]
    return " ± ".join(f"{number:.{digits}f}" for number in numbers)


def _errors(figures, key="lfpw_test"):
    return np.array([row[key] for row in figures])


def plot(rows, path):
    """Draws the errors on lfpw-test, a point a seed, and their mean."""
    with plots.figure(path, (6, 1 + 0.3 * len(rows))) as figure:
        axes = figure.subplots()
        for at, figures in enumerate(rows.values()):
            errors = _errors(figures)
            axes.plot(errors, [at] * len(errors), "o", color="tab:blue", alpha=0.5)
            axes.plot([np.mean(errors)], [at], "|", color="black", markersize=16)
        axes.set_yticks(range(len(rows)), list(rows))
        axes.invert_yaxis()
        axes.set_xlabel("NME on lfpw-test, %")
