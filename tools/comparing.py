"""What the comparisons at short schedules (compare_*.py) share."""

import argparse

import numpy as np
from recipes import ZOO

from keras_landmarks import data, files, metrics

SIDEWAYS = 0.2
"""The fraction of the faces, those with the largest yaw, that count as turned sideways."""


def parser(doc, model):
    """A parser of the name of such a model, and the folders of the data and the trainings."""
    found = argparse.ArgumentParser(description=doc.split("\n")[0])
    found.add_argument("name", help=model)
    found.add_argument("--data", required=True, help="folder that holds afw/, helen/, lfpw/")
    found.add_argument("--out", required=True, help="folder for the trainings")
    return found


def measure(model, samples):
    """NME in percent over all faces, and over those turned sideways."""
    crops, landmarks = samples.arrays()
    predicted = model.predict(crops, batch_size=64, verbose=0)["landmarks"]
    errors = 100 * metrics.face_errors(landmarks, predicted)
    yaw = np.abs(data.balance_poses(landmarks).coefficients)
    sideways = yaw >= np.quantile(yaw, 1 - SIDEWAYS)
    return round(float(errors.mean()), 3), round(float(errors[sideways].mean()), 3)


def write(name, file, rows):
    """Writes a model's figures beside its recipe."""
    files.write_json(ZOO / name / file, rows)
