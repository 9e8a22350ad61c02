"""Measures published models and writes zoo/NAME/results.json; results on other splits stay there.

python tools/evaluate.py cnn6-300w --data 300W
"""

import argparse
import re
import subprocess

import index
import numpy as np
from recipes import ZOO, names
from timing import milliseconds, use_threads

from keras_landmarks import Landmarker, data, evaluation, load
from keras_landmarks.evaluation.confidence import without_worst

PUBLISHED = "corners", "pupils", "diagonal"
"""The normalisers that results are published by."""


def picture(model, kind, split):
    """Where a curve of a model is drawn: those of the headline's split have the plain names."""
    mark = "" if split == index.SPLIT else "-" + split.replace("/", "-")
    return ZOO / model.name / f"{kind}{mark}.png"


def accuracy(model, faces, split):
    """Rows of figures: every box, every normaliser."""
    rows = []
    for box in evaluation.BOXES:
        result = evaluation.evaluate(model, faces, box)
        rows += [result.summary(kind) for kind in PUBLISHED]
        if box == "annotation":
            evaluation.plot_ced([result], picture(model, "ced", split))
    return rows


def stages(model, faces):
    """Rows of figures: what each stage of a cascade has found (corners, annotation box)."""
    found = [layer for layer in model.layers if re.fullmatch(r"stage\d+_landmarks", layer.name)]
    if not found or found[-1].output is not model.output["landmarks"]:
        return []
    rows = []
    for layer in found:
        facts = {"scheme": model.scheme, "margin": model.margin, "box": model.box}
        early = Landmarker(model.input, {"landmarks": layer.output}, **facts, name=layer.name)
        rows.append(evaluation.evaluate(early, faces).summary("corners"))
    return rows


def confidence(model, faces, split):
    """What a model that says how sure it is knows of its errors (corners, annotation box)."""
    if not {"error", "score"} & set(model.output):
        return None
    result = evaluation.evaluate(model, faces)
    if "error" in model.output:
        evaluation.plot_reliability(result, picture(model, "reliability", split))
    evaluation.plot_discarding(result, picture(model, "discarding", split), "corners")
    rng = np.random.default_rng(0)

    def left(percent, chance=None):
        return round(100 * float(result.discarded(percent / 100, "corners", chance).mean()), 3)

    def oracle(percent):
        return round(100 * float(without_worst(result, percent / 100, "corners").mean()), 3)

    return {
        "rank_correlation": round(result.rank_correlation(), 3),
        "nme_without_percent": {percent: left(percent) for percent in (0, 10, 20, 30)},
        "nme_without_any_percent": {percent: left(percent, rng) for percent in (10, 20, 30)},
        "nme_without_worst_percent": {percent: oracle(percent) for percent in (10, 20, 30)},
        "false_detection_auc": round(evaluation.false_detection_auc(model, faces), 4),
    }


def latency(model):
    """Milliseconds of the network on one face and one thread: the median of many calls."""
    crop = np.zeros((1, *model.size, 3), np.uint8)
    return round(milliseconds(lambda: model.predict_on_batch(crop), 100), 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "names", nargs="+", choices=names(), metavar="NAME", help="models of the zoo"
    )
    parser.add_argument("--data", required=True, help="folder that holds lfpw/testset")
    parser.add_argument("--split", default="300w/lfpw-test")
    arguments = parser.parse_args()
    use_threads(1)
    faces = data.read_300w(arguments.data, arguments.split)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True, cwd=ZOO
    ).stdout.strip()
    for name in arguments.names:
        model = load(name)
        found = {
            "commit": commit,
            "sha256": index.sha256_of(name),
            "accuracy": accuracy(model, faces, arguments.split),
            "stages": stages(model, faces),
            "confidence": confidence(model, faces, arguments.split),
        }
        index.put_results(name, arguments.split, found, latency_ms=latency(model))
        print(name, *found["accuracy"][:1])
    index.main()


if __name__ == "__main__":
    main()
