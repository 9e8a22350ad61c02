"""What was found as a table, `.csv`, `.parquet` or `.jsonl`, that can be gone on with.

While it is made, each picture is a line of JSON in a file beside it; where one is left by a run
that was stopped, its pictures are not done again.
"""

import csv
import io
import json
import os
import pathlib

from keras_landmarks import files

ENDINGS = (".csv", ".parquet", ".jsonl")


def is_table(path):
    """Whether a name ends as a table's does."""
    return path is not None and pathlib.Path(path).suffix.lower() in ENDINGS


class Table:
    """The faces of pictures, one picture after the other.

    Args:
        path: of the table; its ending says in which format.
        facts: what must be the same in the run that is gone on with, such as the model; plain.
        key: what a picture is called in the table.
        pictures: of this run; None where a stopped one is not gone on with.

    Attributes:
        done: `{picture: its faces as dicts}`.
        more: `{picture: what else its rows hold}`, with a face and without; as a frame's time.

    Raises:
        ImportError: if the format's package is not installed.
        ValueError: if a run was stopped that had other facts, or pictures which are there and are
            none of this one.
    """

    def __init__(self, path, facts, key="picture", pictures=None):
        self.key, self.path = key, files.as_path(path)
        if self.path.suffix.lower() == ".parquet":
            _pyarrow()
        self.journal = self.path.with_name(f"{self.path.name}.unfinished")
        self.done, self.more = {}, {}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        stopped = self.journal.is_file()
        lines = self.journal.read_bytes().splitlines(keepends=True) if stopped else []
        whole = [line for line in lines if line.endswith(b"\n")]  # the last may be cut short
        whole = whole if len(whole) > 1 else []  # of no picture: there is nothing to go on with
        if whole and json.loads(whole[0]) != facts:
            raise ValueError(
                f"{self.journal} is left from a run with {json.loads(whole[0])}, not {facts}: "
                "finish that one, or remove the file."
            )
        for line in whole[1:]:
            row = json.loads(line)
            self.done[row["picture"]] = row["faces"]
        others = [] if pictures is None else [p for p in self.done if p not in pictures]
        if others and (len(others) == len(self.done) or any(map(os.path.isfile, others))):
            raise ValueError(
                f"{self.journal} is left from a run over other pictures, as {others[0]}: name them "
                "as there to finish that one, or remove the file."
            )
        files.write_bytes(self.journal, b"".join(whole or [_line(facts)]))
        self._file = self.journal.open("ab")

    def add(self, picture, faces):
        """The faces of one more picture, as dicts; kept even if the run is stopped at once."""
        self.done[picture] = faces
        self._file.write(_line({"picture": picture, "faces": faces}))
        self._file.flush()

    def finish(self):
        """Writes the table: a row for each face, and one with face 0 for a picture without."""
        self._file.close()
        rows = list(_rows(self.done, self.key, self.more))
        ending = self.path.suffix.lower()
        if ending == ".jsonl":
            of = self.more.get
            lines = [{self.key: p, **of(p, {}), "faces": f} for p, f in self.done.items()]
            files.write_bytes(self.path, b"".join(map(_line, lines)))
        elif ending == ".csv":
            text = io.StringIO(newline="")
            writer = csv.DictWriter(text, _columns(rows), restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            files.write_bytes(self.path, text.getvalue().encode())
        else:
            arrow, parquet = _pyarrow()
            names = _columns(rows)
            columns = {name: [row.get(name) for row in rows] for name in names}
            with files.whole(self.path) as partial:
                parquet.write_table(arrow.table(columns), partial)
        self.journal.unlink()

    def close(self):
        """Leaves the table unfinished, to be gone on with."""
        self._file.close()


def _line(numbers):
    return (json.dumps(numbers, allow_nan=False) + "\n").encode()


def _rows(done, key, more):
    for picture, faces in done.items():
        facts = more.get(picture, {})
        if isinstance(picture, str):  # bytes of a name that are no UTF-8 as JSON has them: \udce9
            picture = picture.encode(errors="backslashreplace").decode()
        if not faces:
            yield {key: picture, "face": 0, **facts}
        for number, face in enumerate(faces, start=1):
            box = dict(zip(("left", "top", "right", "bottom"), face["box"]))
            plain = {k: v for k, v in face.items() if isinstance(v, (int, float, str))}
            points = {
                f"{axis}{i}": value
                for i, point in enumerate(face["landmarks"])
                for axis, value in zip("xy", point)
            }
            head = {key: picture, "face": number, **facts}
            yield {**head, **plain, **box, **face.get("pose", {}), **points}


def _columns(rows):
    """The names of all columns, in the order of the fullest row."""
    return list(max(rows, key=len, default={}))


def _pyarrow():
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError("Parquet files need pyarrow: pip install pyarrow") from error
    return pyarrow, pyarrow.parquet
