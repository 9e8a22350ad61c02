"""One row a face, in a CSV or Parquet file."""

import json
import os
import pathlib
import re
import warnings

import numpy as np

from keras_landmarks.data.face import Face
from keras_landmarks.data.readers.contents import Rows, existing_file, needed, read_text
from keras_landmarks.data.readers.finding import Pictures, folders_of
from keras_landmarks.data.readers.rows import BrokenFile, read_faces, scheme_of
from keras_landmarks.files import as_path
from keras_landmarks.schemes import get_scheme

BOX = ("left", "top", "right", "bottom")
"""The columns of a box, on pixel edges."""
MISSING = ("", "na", "n/a", "nan", "none", "null")
"""What tables have in cells without a number, in small letters."""
_BYTES = re.compile(r"\\u(dc[89a-f][0-9a-f])")
_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*")


def read_table(path, images=None, scheme=None, skip_broken=False, labelled=True) -> list[Face]:
    """Reads faces from the columns image, x0, y0, x1, y1, ... (0-based pixels).

    What `keras-landmarks detect --out points.csv` writes is read, too: its column is picture, its
    rows of pictures without a face (face 0) are passed over, and its boxes are the detector's:
    `blazeface`'s unless a column convention names another.

    Other columns are taken where they are there: left, top, right, bottom (the box, on pixel
    edges), visible0, visible1, ... (1 or 0, True or False), name, photo, scheme, convention (of the
    box). An empty cell of a point, or NA, NaN, None or null, is one that nobody marked; a flag that
    is empty or has no column is 1. Where cells are parted by semicolons or tabs, decimals may have
    commas.

    Args:
        path: of a `.parquet` file (needs pyarrow), of a `.jsonl` file of `detect`, or of a text
            file of cells parted by commas, semicolons or tabs.
        images: folder of the pictures; None takes the file's, `images/` in it or, of a file in
            `annotations/`, the folder above and `images/` there.
        scheme: of the points, or its name; None takes the column's, or else the one that data sets
            of so many points have.
        skip_broken: whether to warn of a broken row, or one without its picture, and go on.
        labelled: whether points are read; without, boxes alone, of faces to be learnt from a
            `training.Teacher`. A scheme is needed then.

    Returns:
        List of `Face`.

    Raises:
        FileNotFoundError: if the file or the folder is missing.
        ValueError: if the scheme is unknown or another than the column's, a column is missing, or a
            row is broken.
    """
    path = existing_file(path)
    columns, rows = {".parquet": _parquet, ".jsonl": _lines}.get(path.suffix.lower(), _text)(path)
    if "picture" in columns and "image" not in columns:  # of `keras-landmarks detect`
        columns |= {"image"}
        rows = (
            {"convention": "blazeface"} | row | {"image": row["picture"]}
            for row in rows
            if str(row.get("face")) != "0"
        )
        rows = rows if labelled else _upright(rows, path)
    corners = [name for name in BOX if name in columns]
    if labelled and 1 < len(corners) < len(BOX):
        raise ValueError(f"{path}: a box needs the columns {', '.join(BOX)}, found {corners}.")
    fixed = None if scheme is None else get_scheme(scheme)
    if fixed is None and "scheme" not in columns and labelled:
        count = next(i for i in range(len(columns) + 1) if f"x{i}" not in columns)
        if not count:
            found = ", ".join(sorted(map(str, columns))[:12]) or "none"
            raise ValueError(f"{path}: expected the columns x0, y0, x1, ..., found {found}.")
        fixed = get_scheme(scheme_of(count, None, f"{path}, without a column scheme"))
    pictures = Pictures(*folders_of(path, images))

    def face(row):
        number, cells = row
        where = f"{path}, row {number} ({cells.get('image')})"
        points = get_scheme(cells.get("scheme")) if fixed is None else fixed
        if labelled and (own := _word(cells, "scheme") or points.name) != points.name:
            raise ValueError(f"{where} is of {own}, not of {points.name}.")
        _check(columns, points, path, labelled)
        if not (isinstance(cells["image"], str) and cells["image"].strip()):
            raise ValueError(f"{path}, row {number}: names no image.")
        if any(cells.get(None) or ()):
            raise ValueError(f"{where} has more cells than the table has columns.")
        written = cells["image"]
        if "picture" in cells:  # in which bytes that are no UTF-8 stand as \udce9
            written = _BYTES.sub(lambda found: chr(int(found[1], 16)), written)
        image = pathlib.Path(os.path.expanduser(written))
        here = image.is_absolute() or "picture" in cells  # and not below the pictures' folder
        if images or not (here and image.is_file()):
            try:
                image = pictures.find(written)
            except ValueError as error:
                if images or "picture" not in cells:
                    raise
                where = "name the folder in which `detect` ran (images=, --images, --data)"
                raise ValueError(
                    f"{error} Tables of `detect` tell names as seen there: {where}."
                ) from error
        count = points.count if labelled else 0
        landmarks = [[_number(cells, f"{a}{i}", where) for a in "xy"] for i in range(count)]
        box = [_number(cells, k, where) for k in BOX] if set(BOX) <= columns else [np.nan] * 4
        flags = [_flag(cells, f"visible{i}", where) for i in range(count)]
        seen = None if not flags else ~(np.array(flags) <= 0)
        return Face(
            image,
            landmarks or None,
            points,
            None if np.isnan(box).all() else box,
            _word(cells, "name") or f"{cells['image']}#{number}",
            _word(cells, "photo") or pictures.photo(image),
            seen,
            convention=_word(cells, "convention"),
        )

    numbered = enumerate(rows, start=1)
    return read_faces(path, numbered, face, skip_broken, labelled, pictures=pictures)


def _upright(rows, path):
    """Rows of `detect`, but of faces on a side or their head, of which teachers know little."""
    for row in rows:
        if row.get("angle") is not None and abs(_number(row, "angle", path)) > 45:
            said = f"{path}: faces that are turned by more than 45 degrees are left out."
            warnings.warn(said, BrokenFile, stacklevel=2)
        else:
            yield row


def _check(columns, scheme, path, labelled):
    points = [f"{axis}{i}" for i in range(scheme.count) for axis in "xy"]
    wanted = ["image", *(points if labelled else BOX)]
    if missing := [name for name in wanted if name not in columns]:
        raise ValueError(
            f"{path}: {scheme.name} needs the column {missing[0]}"
            f"{f' and {len(missing) - 1} others' if missing[1:] else ''}."
        )
    if labelled and (extra := f"x{scheme.count}") in columns:
        raise ValueError(f"{path}: {scheme.name} has {scheme.count} points, but there is {extra}.")


def _number(cells, name, where):
    cell = cells.get(name, "")
    if cell is None:
        raise ValueError(f"{where} is cut short: it has no cell for {name}.")
    if isinstance(cell, str) and cell.strip().lower() in MISSING:
        return np.nan
    try:
        return float(cell)
    except ValueError as error:
        raise ValueError(f"{where}: {name} is {cell!r}, not a number.") from error


def _flag(cells, name, where):
    """1 or 0, also as pandas writes them, `True` and `False`; NaN where the cell is empty."""
    word = str(cells.get(name)).strip().lower()
    return float(word == "true") if word in ("true", "false") else _number(cells, name, where)


def _word(cells, name):
    """A cell as text, None where it is empty."""
    return None if cells.get(name) in (None, "") else str(cells[name])


def _text(path):
    head = read_text(path).split("\n", 1)[0]
    parted = max(",;\t", key=head.count)
    rows = Rows(path, delimiter=parted)
    names = rows.fieldnames = [name.strip() for name in rows.fieldnames or ()]
    taken = re.compile(r"[xy]\d+|visible\d+|image|picture|" + "|".join(BOX))
    if twice := [name for name in names if names.count(name) > 1 and taken.fullmatch(name)]:
        raise ValueError(f"{path}: the column {twice[0]} is there twice.")
    if parted == ",":
        return set(names), rows
    return set(names), ({name: _with_point(cell) for name, cell in row.items()} for row in rows)


def _with_point(cell):
    """A cell whose decimals have a comma, with a point."""
    comma = isinstance(cell, str) and _COMMA.fullmatch(cell)
    return cell.replace(",", ".") if comma else cell


def _lines(path):
    """The faces of a picture each line, as `keras-landmarks detect` writes them."""
    rows = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        try:
            picture = json.loads(line)
            for face in picture["faces"]:
                points = enumerate(face["landmarks"])
                row = {f"{a}{i}": value for i, point in points for a, value in zip("xy", point)}
                row |= {**dict(zip(BOX, face["box"])), "picture": picture["picture"]}
                words = {**picture, **face}.items()
                rows.append(row | {k: word for k, word in words if isinstance(word, (str, float))})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            said = "expected a picture and its faces, as `keras-landmarks detect` writes them"
            raise ValueError(f"{path}, line {number}: {said}: {error!r}") from error
    if not rows:
        raise ValueError(f"{path} holds no annotated picture.")
    return set().union(*rows), rows


def _parquet(path):
    parquet = needed("pyarrow.parquet", "pyarrow")
    try:
        table = parquet.read_table(path)
    except Exception as error:  # pyarrow raises many kinds, all its own
        raise ValueError(f"{as_path(path)}: expected a Parquet file: {error}") from error
    rows = table.to_pylist()
    return set(table.column_names), [
        {name: "" if cell is None else cell for name, cell in row.items()} for row in rows
    ]
