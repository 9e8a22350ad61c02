"""Named splits of 300W, read from the official folder tree, and splits by source photo."""

import csv
import pathlib
import re
import warnings

import numpy as np

from keras_landmarks.data.face import Face
from keras_landmarks.data.readers.pts import read_pts

SPLITS = {
    "300w/train": ("afw", "helen/trainset", "lfpw/trainset"),
    "300w/lfpw-test": ("lfpw/testset",),
    "300w/helen-test": ("helen/testset",),
    "300w/common": ("helen/testset", "lfpw/testset"),
    "300w/challenging": ("ibug",),
    "300w/full": ("helen/testset", "lfpw/testset", "ibug"),
}
"""The folders of each named split, as the 300W archives unpack."""

_PICTURES = (".jpg", ".jpeg", ".png")


class BrokenFile(UserWarning):
    """A file that was left out because it could not be used."""


def read_300w(folder, split="300w/train", skip_broken=False):
    """Reads the faces of a named split.

    Takes the original archives (jpg and png; several faces of a photo as `NAME_1.jpg`,
    `NAME_2.jpg`, each with its `.pts`; or as `NAME_1.pts`, `NAME_2.pts` beside one `NAME.jpg`).
    A `boxes.csv` in the folder (image, x0, y0, x1, y1: 0-based points) gives the boxes; without
    one they are the landmarks' own.

    Args:
        folder: holds `afw/`, `helen/`, `lfpw/`, `ibug/`.
        split: a name of `SPLITS`. Folders of it that do not exist are left out with a warning.
        skip_broken: whether to warn of a broken annotation, or a picture without one, and go on.

    Returns:
        List of `Face`, scheme ibug68, in the order of their names.

    Raises:
        FileNotFoundError: if none of the split's folders exists.
        ValueError: if the split is unknown, or a file is broken or without its partner.
    """
    folder = pathlib.Path(folder)
    if split not in SPLITS:
        raise ValueError(f"Unknown split {split!r}. Known: {', '.join(SPLITS)}.")
    there = [part for part in SPLITS[split] if (folder / part).is_dir()]
    missing = [part for part in SPLITS[split] if part not in there]
    if not there:
        raise FileNotFoundError(
            f"{folder} holds none of the folders of {split}: {', '.join(missing)}. "
            "Unpack the 300W archives there."
        )
    if missing:
        without = ", ".join(missing)
        warnings.warn(f"{split} is read without {without}: not in {folder}.", stacklevel=2)
    boxes = _read_boxes(folder / "boxes.csv")
    faces = []
    for part in there:
        for name, pictures, annotation in _pairs(folder, part):
            try:
                faces.append(_face(name, pictures, annotation, boxes))
            except ValueError as error:
                if not skip_broken:
                    raise
                warnings.warn(str(error), BrokenFile, stacklevel=2)
    if not faces:
        raise ValueError(f"{folder}: the folders of {split} hold no annotated picture.")
    return faces


def _pairs(folder, part):
    """`(name, pictures, annotation)` of all in a folder: one picture each where all is well."""
    pictures, annotations = {}, {}
    for file in sorted((folder / part).iterdir()):
        if file.suffix.lower() in _PICTURES:
            pictures.setdefault(file.stem, []).append(file)
        elif file.suffix.lower() == ".pts":
            annotations[file.stem] = file
    shared = {stem for stem in annotations if stem not in pictures and _photo(stem) in pictures}
    alone = {_photo(stem) for stem in shared} - set(annotations)
    for stem in sorted((set(pictures) - alone) | set(annotations)):
        images = pictures.get(_photo(stem) if stem in shared else stem, [])
        ending = images[-1].suffix if images else ".jpg"
        yield f"{part}/{stem}{ending}", images, annotations.get(stem)


def _photo(stem):
    """The photo of a face called `PHOTO_1`, `PHOTO_2`, ... (not of lfpw's `image_0001`)."""
    return re.sub(r"_\d{1,2}$", "", stem)


def _face(name, pictures, annotation, boxes):
    if len(pictures) > 1:
        raise ValueError(f"{pictures[0]} and {pictures[-1]} share one annotation.")
    if not pictures:
        raise ValueError(f"{annotation} has no picture: expected {annotation.stem}.jpg or .png.")
    (image,) = pictures
    if annotation is None:
        raise ValueError(f"{image} has no annotation: expected {image.with_suffix('.pts').name}.")
    landmarks = read_pts(annotation, count=68)
    photo = str(pathlib.PurePosixPath(name).parent / _photo(image.stem))
    return Face(image, landmarks, "ibug68", boxes.get(name), name, photo)


def _read_boxes(path):
    """Boxes by picture, `{name: (4,)}`; none if there is no such file."""
    if not path.is_file():
        return {}
    with path.open(newline="") as file:
        rows = csv.DictReader(file)
        try:
            # Corners in the file are points; boxes lie on pixel edges.
            return {
                row["image"]: np.array([float(row[k]) for k in ("x0", "y0", "x1", "y1")]) + 0.5
                for row in rows
            }
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path}, line {rows.line_num}: expected image,x0,y0,x1,y1: {error}"
            ) from error


def split_by_photo(faces, fraction=0.1, seed=0):
    """Parts faces in two so that no source photo is on both sides.

    Args:
        faces: list of `Face`.
        fraction: of the photos, for the second part; above 0 and below 1.
        seed: of the draw.

    Returns:
        `(training, validation)` lists of `Face`.

    Raises:
        ValueError: if the fraction is not between 0 and 1, or there are fewer than two photos.
    """
    photos = sorted({face.photo for face in faces})
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must be above 0 and below 1, not {fraction}.")
    if len(photos) < 2:
        raise ValueError(f"Parting needs faces of at least two photos, got {len(photos)}.")
    count = min(max(round(len(photos) * fraction), 1), len(photos) - 1)
    held = set(np.random.default_rng(seed).permutation(photos)[:count])
    training = [face for face in faces if face.photo not in held]
    return training, [face for face in faces if face.photo in held]
