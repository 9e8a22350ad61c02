"""`keras-landmarks detect FOLDER --ray auto --out points`: large archives, by many processes."""

import pathlib

from keras_landmarks import bulk
from keras_landmarks.cli.named import digest, is_exported, read_model
from keras_landmarks.cli.table import is_table

NOT_THERE = {"json": None, "pose": False, "smallest": None, "threshold": None, "upright": False}
"""Options that are not of it, and their values where they are not given."""


def run_ray(options, photos):
    """Annotates photos on Ray.

    Args:
        options: the words of the command line.
        photos: paths of all pictures.

    Returns:
        1 if a picture could not be read and that is to be strict about, or else 0.
    """
    for name, value in NOT_THERE.items():
        if getattr(options, name) != value:
            raise ValueError(f"--{name} is not there with --ray.")
    if options.detector != "blazeface":
        raise ValueError("With --ray the detector is blazeface.")
    if not options.out or is_table(options.out) or pathlib.Path(options.out).is_file():
        raise ValueError("--ray writes several Parquet files: name a folder, --out points.")
    found = bulk.annotate(photos, _exported(options), options.out, address=options.ray)
    print("{}: {faces} faces in {pictures} pictures".format(options.out, **found), end="")
    print(f", {found['broken']} could not be read" if found["broken"] else "")
    return int(bool(found["broken"]) and options.strict)


def _exported(options):
    """The path of the model's file; of a model of the zoo, one is made beside the results."""
    if is_exported(options.model):
        return pathlib.Path(options.model)
    name, out = f"_{pathlib.Path(options.model).name}", pathlib.Path(options.out)
    path = out / f"{name}-{digest(options.model)}.tflite"
    older = out / f"{name}.tflite"  # of an earlier version, whose results are gone on with
    if older.is_file() and not path.is_file():
        return older
    if not path.is_file():
        read_model(options.model).export(path, "tflite")
    return path
