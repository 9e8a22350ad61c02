"""What was found as a table, `.csv`, `.parquet` or `.jsonl`, that can be gone on with.

While it is made, each picture is a line of JSON in a file beside it; where one is left by a run
that was stopped, its pictures are not done again.
"""

import csv
import itertools
import json
import os
import pathlib

from keras_landmarks import files

ENDINGS = (".csv", ".parquet", ".jsonl")
KINDS = "null", "int64", "float64", "string"
"""Of the columns of a Parquet file, each for what the ones before hold, too."""
ROWS = 4096
"""Of a Parquet file that are in memory at once."""


def is_table(path):
    """Whether a name ends as a table's does."""
    return path is not None and pathlib.Path(path).suffix.lower() in ENDINGS


def is_own(path):
    """Whether a file begins as one that `Table` has written of pictures."""
    path = files.as_path(path)
    if path.suffix.lower() == ".parquet":
        return _pyarrow()[1].read_schema(path).names[:2] == ["picture", "face"]
    with path.open("rb") as file:
        return file.read(16).startswith((b"picture,face", b'{"picture"'))


class Table:
    """The faces of pictures, one picture after the other.

    Args:
        path: of the table; its ending says in which format.
        facts: what must be the same in the run that is gone on with, such as the model; plain.
        key: what a picture is called in the table.
        pictures: of this run; None where a stopped one is not gone on with.
        shared: what all rows hold besides, as a dict.

    Attributes:
        done: `{picture: how many faces}`; the faces themselves are in the file.

    Raises:
        ImportError: if the format's package is not installed.
        ValueError: if it is a folder, or another run is at it, or what a stopped one left is
            broken, or had other facts, or pictures which are there and are none of this one.
    """

    def __init__(self, path, facts, key="picture", pictures=None, shared=None):
        self.key, self.path, self.shared = key, files.as_path(path), shared or {}
        if self.path.is_dir():
            raise ValueError(f"{self.path} is a folder; name a file.")
        if self.path.suffix.lower() == ".parquet":
            _pyarrow()
        self.journal = self.path.with_name(f"{self.path.name}.unfinished")
        self.done = {}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _locked(self.journal)
        try:
            self._go_on(facts, pictures)
        except BaseException:
            self._file.close()
            raise

    def _go_on(self, facts, pictures):
        """Takes what a stopped run has left, if it may, or begins anew."""
        size, lines = 0, _whole_lines(self.journal)
        before = next(lines, b"")
        try:
            for line in lines:
                row, size = json.loads(line), size + len(line)
                self.done[row["picture"]] = len(row["faces"])
            left = json.loads(before) if self.done else facts
            if "weights" not in left:  # of an earlier version
                facts = {name: value for name, value in facts.items() if name != "weights"}
        except ValueError as error:
            raise ValueError(f"{self.journal} is broken: remove the file. {error}.") from error
        if left != facts and (pictures is not None or "video" not in left):
            raise ValueError(
                f"{self.journal} is left from a run with {left}, not {facts}: "
                "finish that one, or remove the file."
            )
        others = [] if pictures is None else [p for p in self.done if p not in pictures]
        if others and (len(others) == len(self.done) or any(map(os.path.isfile, others))):
            raise ValueError(
                f"{self.journal} is left from a run over other pictures, as {others[0]}: name them "
                "as there to finish that one, or remove the file."
            )
        if self.done and pictures is not None:
            self._file.truncate(len(before) + size)
        else:
            self.done = {}
            self._file.truncate(0)
            self._file.write(_line(facts))
            self._file.flush()

    def add(self, picture, faces, **more):
        """The faces of one more picture, as dicts; kept even if the run is stopped at once.

        Args:
            picture: its name.
            faces: list of dicts.
            **more: what else its rows hold, with a face and without; as a frame's time.
        """
        self.done[picture] = len(faces)
        self._file.write(_line({"picture": picture, "faces": faces, "more": more}))
        self._file.flush()

    def pictures(self):
        """`(picture, faces, more)` of all that are done, with what all rows share."""
        lines = _whole_lines(self.journal)
        next(lines)  # the facts
        for line in lines:
            row = json.loads(line)
            yield row["picture"], row["faces"], {**self.shared, **row.get("more", {})}

    def finish(self, points):
        """Writes the table: a row for each face, and one with face 0 for a picture without.

        Args:
            points: of a face; their columns are there if none was found, too.
        """
        self._file.close()
        ending = self.path.suffix.lower()
        names = [] if ending == ".jsonl" else list(max(self._rows(), key=len, default={}))
        if "x0" not in names and ending != ".jsonl":
            nowhere = {"box": [None] * 4, "landmarks": [[None, None]] * points}
            names = list({**dict.fromkeys(names), **_row({}, nowhere)})
        with files.whole(self.path) as partial:
            if ending == ".jsonl":
                with partial.open("wb") as file:
                    for picture, faces, more in self.pictures():
                        file.write(_line({self.key: picture, **more, "faces": faces}))
            elif ending == ".csv":
                with partial.open("w", newline="", encoding="utf-8") as file:
                    writer = csv.DictWriter(file, names, restval="", lineterminator="\n")
                    writer.writeheader()
                    writer.writerows(self._rows())
            else:
                arrow, parquet = _pyarrow()
                schema, rows = arrow.schema(self._kinds(names)), self._rows()
                with parquet.ParquetWriter(partial, schema) as writer:
                    while some := list(itertools.islice(rows, ROWS)):  # all would fill the memory
                        writer.write_table(arrow.Table.from_pylist(some, schema))
        self.journal.unlink()

    def close(self):
        """Leaves the table unfinished, to be gone on with where there is something in it."""
        self._file.close()
        if not self.done:
            self.journal.unlink(missing_ok=True)

    def _kinds(self, names):
        """`(name, kind)` of columns: the last of `KINDS` that is met in them."""
        kinds = dict.fromkeys(names, 0)
        for row in self._rows():
            for name, value in row.items():
                if value is not None and name in kinds:
                    kind = 3 if isinstance(value, str) else 1 + isinstance(value, float)
                    kinds[name] = max(kinds[name], kind)
        return [(name, KINDS[kind]) for name, kind in kinds.items()]

    def _rows(self):
        for picture, faces, more in self.pictures():
            if isinstance(picture, str):  # bytes of a name that are no UTF-8: \udce9 in JSON
                picture = picture.encode(errors="backslashreplace").decode()
            if not faces:
                yield {self.key: picture, "face": 0, **more}
            for number, face in enumerate(faces, start=1):
                yield _row({self.key: picture, "face": number, **more}, face)


def _row(head, face):
    """A face's columns."""
    box = dict(zip(("left", "top", "right", "bottom"), face["box"]))
    plain = {k: v for k, v in face.items() if isinstance(v, (int, float, str))}
    points = {
        f"{axis}{i}": value
        for i, point in enumerate(face["landmarks"])
        for axis, value in zip("xy", point)
    }
    return {**head, **plain, **box, **face.get("pose", {}), **points}


def _whole_lines(path):
    """The lines of a file, but for a last one that is cut short; none where there is no file."""
    if path.is_file():
        with path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))


def _locked(path):
    """A file to append to, that no other run has open so, where the system can tell.

    Raises:
        ValueError: if another run has.
    """
    file = path.open("ab")
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(2**31 - 2)  # what is locked is read by nobody else: a byte beyond the end
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # not every file system has locks
        if isinstance(error, PermissionError if os.name == "nt" else BlockingIOError):
            file.close()
            message = f"{path} is being written by another run: wait until it ends."
            raise ValueError(message) from None
    return file


def _line(numbers):
    return (json.dumps(numbers, allow_nan=False) + "\n").encode()


def _pyarrow():
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(f"Parquet files need pyarrow: pip install pyarrow ({error})") from error
    return pyarrow, pyarrow.parquet
