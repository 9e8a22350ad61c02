"""What a comparison measures of a training, and what it makes of several."""

import numpy as np

from keras_landmarks import data, metrics
from keras_landmarks.pictures import plots

SIDEWAYS = 0.2
"""The fraction of the faces, those with the largest yaw, that count as turned sideways."""


def measure(model, samples):
    """NME in percent over all faces, and over those turned sideways."""
    crops, landmarks = samples.arrays()
    predicted = model.predict(crops, batch_size=64, verbose=0)["landmarks"]
    errors = 100 * metrics.face_errors(landmarks, predicted)
    yaw = np.abs(data.balance_poses(landmarks).coefficients)
    sideways = yaw >= np.quantile(yaw, 1 - SIDEWAYS)
    return round(float(errors.mean()), 3), round(float(errors[sideways].mean()), 3)


def likelihood(differences):
    """How likely differences as large as these, one a seed, come by chance: words for a line."""
    from scipy.stats import ttest_1samp

    if len(differences) < 2 or np.ptp(differences) == 0:
        return ", of one seed" if len(differences) < 2 else ""
    return f" (p = {ttest_1samp(differences, 0).pvalue:.2g}, {len(differences)} seeds)"


def table(rows):
    """The variants: means and standard deviations over the seeds, and what parts them."""
    names = "variant", "held out", "lfpw-test", "its 20 % most sideways", "to the first", "steps"
    lines = [f"| {' | '.join(names)} | minutes |", 7 * "|---" + "|"]
    first = _errors(next(iter(rows.values())))
    for variant, figures in rows.items():
        errors = (_errors(figures, key) for key in ("held_out", "lfpw_test", "sideways"))
        means = " | ".join(_spread(e) for e in errors)
        apart = _errors(figures) - first[: len(figures)]
        apart = f"{apart.mean():+.2f}{likelihood(apart)}" if apart.any() else "-"
        minutes = _errors(figures, "minutes").mean()
        lines.append(f"| {variant} | {means} | {apart} | {figures[0]['steps']} | {minutes:.1f} |")
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


def _spread(errors):
    """The mean, and the standard deviation that one more seed may be expected to have."""
    return f"{errors.mean():.2f}" + (f" ± {errors.std(ddof=1):.2f}" if len(errors) > 1 else "")


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
