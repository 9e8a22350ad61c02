"""Measures the exported files of published models: every format, the same real crops.

    python tools/check_formats.py cnn6-300w [NAME ...] --data 300W

Adds `formats`, and the sha256 of the weights that they are of, to the results of lfpw-test in
zoo/NAME/results.json, and writes the table of docs/guides/export.md. int8 is measured twice where
it computes in integers once crops of 200 training faces show it how large values become.
"""

import argparse
import pathlib
import sys
import tempfile

import index
import keras
import numpy as np
from recipes import names

from keras_landmarks import data, errors, export, load, runtime


def open_file(path):
    """A function from crops to landmarks."""
    if path.is_dir():
        import tensorflow as tf

        model = tf.saved_model.load(str(path))
        return lambda crops: model.serve(crops.astype(np.float32))["landmarks"].numpy()
    model = runtime.open_model(path, threads=2)
    return lambda crops: model.predict_on_batch(crops)["landmarks"]


def compare(model, faces, training):
    """A row for each format, and one for int8 calibrated on crops of training faces."""

    def cut(faces):
        return data.Samples(faces, model.size, model.margin, model.box).arrays()

    crops, truth = cut(faces)
    parts = np.array_split(crops, -(-len(crops) // 16))

    def nme(predicted):
        return round(100 * float(np.mean(errors.face_errors(truth, predicted, model.scheme))), 3)

    expected = np.concatenate([model.predict_on_batch(part)["landmarks"] for part in parts])
    ways = [(kind, None) for kind in export.FORMATS]
    ways.insert(list(export.FORMATS).index("tflite-int8") + 1, ("tflite-int8", cut(training)[0]))
    rows, live = [], sys.stdout.isatty()
    bar = keras.utils.Progbar(len(ways), unit_name="format", verbose=live)
    for kind, calibration in ways:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / f"model{export.FORMATS[kind][0]}"
            facts = model.export(path, kind, representative=calibration)
            bar.add(1)
            if calibration is not None and facts["arithmetic"] == "dynamic range":
                continue
            find = open_file(path)
            found = np.concatenate([find(part) for part in parts])
            files = [file for file in (path, *path.rglob("*")) if file.is_file()]
            rows.append(
                {
                    "format": kind,
                    **{key: facts[key] for key in ("arithmetic",) if key in facts},
                    "bytes": sum(file.stat().st_size for file in files),
                    "largest_difference_px": round(float(np.abs(found - expected).max()), 4),
                    "keras_nme_percent": nme(expected),
                    "nme_percent": nme(found),
                }
            )
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "names", nargs="+", choices=names(), metavar="NAME", help="models of the zoo"
    )
    parser.add_argument("--data", required=True, help="folder that holds afw/, helen/, lfpw/")
    arguments = parser.parse_args()
    faces = data.read_300w(arguments.data, index.SPLIT)
    training = data.read_300w(arguments.data, "300w/train")
    training = training[:: max(len(training) // 200, 1)][:200]
    for name in arguments.names:
        rows = compare(load(name), faces, training)
        found = {"formats": rows, "formats_sha256": index.sha256_of(name)}
        index.put_results(name, index.SPLIT, found)
    index.main()


if __name__ == "__main__":
    main()
