"""Puts trained weights into the package as float16, their log and its curves beside the card.

    python tools/publish.py cnn6-300w --weights runs/cnn6-300w/best.safetensors

Then `tools/evaluate.py NAME` measures what was published.
"""

import argparse
import csv
import pathlib

import index
import numpy as np
from recipes import ZOO, read_recipe

from keras_landmarks import files, weights
from keras_landmarks.training.log import plot_history


def publish(name, source):
    """Checks weights against the recipe's model and writes them as `weights/NAME.safetensors`.

    The `log.csv` of their folder goes to `zoo/NAME/`, with its curves; where there is none, older
    ones are removed, as they are of other weights.
    """
    arrays, _ = weights.load_arrays(source)
    model = read_recipe(name).model()
    weights.set_weights(model, arrays)
    weights.save_arrays(
        weights.FOLDER / f"{name}.safetensors", {k: as_half(v) for k, v in arrays.items()}
    )
    (ZOO / name / "published.json").unlink(missing_ok=True)  # the network is the recipe's again
    log, kept = pathlib.Path(source).with_name("log.csv"), ZOO / name / "log.csv"
    if log.is_file():
        files.write_bytes(kept, log.read_bytes())
        draw(kept)
    else:
        for old in (kept, kept.with_name("loss.png")):
            old.unlink(missing_ok=True)
        print(f"There is no {log}: the card goes without the log of the training.")


def draw(log):
    """The curves of a `log.csv`, as `loss.png` beside it."""
    rows = csv.DictReader(log.read_text().splitlines())
    history = [{name: float(value) for name, value in row.items() if value} for row in rows]
    plot_history(history, log.with_name("loss.png"))


def as_half(array):
    """float16 without denormals (which cost time) and with a clear error beyond its range."""
    half = array.astype(np.float16)
    if not np.isfinite(half).all():
        raise ValueError("A weight is beyond the range of float16.")
    half[np.abs(half) < np.finfo(np.float16).tiny] = 0
    return half


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", help="a folder of zoo/")
    parser.add_argument("--weights", required=True, help="best.safetensors of a training")
    arguments = parser.parse_args()
    publish(arguments.name, arguments.weights)
    index.main()


if __name__ == "__main__":
    main()
