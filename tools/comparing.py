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


def plot(rows, path):
    """Draws the errors on lfpw-test, a point a seed, and their mean."""
    with plots.figure(path, (6, 1 + 0.3 * len(rows))) as figure:
        axes = figure.subplots()
        for at, figures in enumerate(rows.values()):
            errors = [row["lfpw_test"] for row in figures]
            axes.plot(errors, [at] * len(errors), "o", color="tab:blue", alpha=0.5)
            axes.plot([np.mean(errors)], [at], "|", color="black", markersize=16)
        axes.set_yticks(range(len(rows)), list(rows))
        axes.invert_yaxis()
        axes.set_xlabel("NME on lfpw-test, %")
