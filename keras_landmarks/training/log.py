"""The log of a training: a table and its curves."""

import contextlib
import csv
import io

from keras_landmarks.files import write_bytes
from keras_landmarks.pictures import plots


def write_log(history, folder):
    """Writes `log.csv`, whole or not at all.

    Keras' `CSVLogger` adds lines to a file: a kill would leave some that a resumed training writes
    again.

    Args:
        history: list of dicts with `epoch`, `loss`, `nme` and perhaps `val_nme` (fractions).
        folder: of the table.
    """
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in history for name in row))
    table = csv.DictWriter(text, names, lineterminator="\n")
    table.writeheader()
    table.writerows(history)
    write_bytes(folder / "log.csv", text.getvalue().encode())


def plot_history(history, path):
    """Draws loss and errors over the epochs; does nothing where matplotlib is not installed.

    Args:
        history: list of dicts with `epoch`, `loss`, `nme` and perhaps `val_nme` (fractions).
        path: of the picture.
    """
    with contextlib.suppress(ImportError), plots.figure(path, (9, 3.5)) as figure:
        for axes, names in zip(figure.subplots(1, 2), (("loss",), ("nme", "val_nme"))):
            for name in names:
                points = [(row["epoch"], row[name]) for row in history if name in row]
                if points:
                    axes.plot(*zip(*points), label=name)
            axes.set(xlabel="epoch", yscale="log")
            axes.legend()
