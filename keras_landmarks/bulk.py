"""Annotates large archives of pictures on Ray Data: `annotate(paths, "model.tflite", "points")`.

On a laptop or a cluster; needs `pip install ".[ray]"` in a clone.
"""

import collections
import contextlib
import hashlib
import json
import os
import pathlib
from collections.abc import Iterable
from typing import Any

from keras_landmarks import files
from keras_landmarks.files import Path
from keras_landmarks.names import number
from keras_landmarks.runtime import open_model

FACTS = "_model.json"
"""The file in the folder of the results that says which model they are of; readers overlook it."""

_TRIES = 3
"""How often a batch is done again whose worker died, as of a picture that ends every process."""


def annotate(
    pictures: Path | Iterable[Path],
    model: Path,
    out: Path,
    workers: int | None = None,
    address: str = "auto",
    batch: int = 64,
) -> dict[str, int]:
    """Finds the faces of many pictures and their landmarks, and writes them as Parquet files.

    A run that was stopped goes on where it was: what stands in `out` is not done again. Each file
    appears when it is whole and holds all faces of its pictures.

    Args:
        pictures: paths of picture files; or a Parquet file, or a folder of such, with a column
            `path` and perhaps one `bytes` that holds the picture files themselves (a worker takes
            a row group at a time).
        model: path of an exported model (`.tflite` or `.onnx`), which every machine can read.
        out: folder for the results, on a disk that all machines share. A row is a face: `path`
            (absolute, or as beside `bytes`), `face` (from 1), `box`, `score`, `points` (x0, y0, x1,
            ...), `error` and `pose` (yaw, pitch, roll), in pixels and degrees. A picture without a
            face has one row with face 0; one that cannot be read, and says why in `broken`, too.
        workers: processes that find faces, a core each; None takes all cores.
        address: of the Ray cluster; `auto` is the one this machine belongs to, or this machine
            alone where there is none; `local` is this machine alone.
        batch: pictures in a file.

    Returns:
        How many `pictures`, `faces` and `broken` pictures `out` holds.

    Raises:
        FileNotFoundError: if there is no such model or Parquet file.
        ImportError: if Ray is not installed.
        ValueError: if a number is out of its range, there are no pictures, a path is not in UTF-8,
            the table is none, has no paths, or one twice beside `bytes`, or `out` holds it, or
            another model's results.
    """
    number("batch", batch, least=1, whole=True)
    if workers is not None:
        number("workers", workers, least=1, whole=True)
    ray, arrow, parquet = _packages()
    model, out = files.as_path(model).resolve(), files.as_path(out).resolve()
    facts = {"model": open_model(model).name}
    facts["sha256"] = hashlib.sha256(model.read_bytes()).hexdigest()
    if (out / FACTS).is_file() and (before := json.loads((out / FACTS).read_text())) != facts:
        raise ValueError(f"{out} holds the results of {before}, not of {facts}.")
    done = frozenset(_column(parquet, out, "path")) if (out / FACTS).is_file() else frozenset()
    left = _left(arrow, parquet, pictures, done, out)
    files.write_json(out / FACTS, facts)
    if len(left):
        known = done if "file" in left.column_names else frozenset()  # else nothing of it is left
        words = {"model": str(model), "out": str(out), "done": known, "size": batch}
        _run(ray, left, words, workers, address)
    faces, broken = (_column(parquet, out, name) for name in ("face", "broken"))
    alone, unread = sum(face == 0 for face in faces), sum(text is not None for text in broken)
    pictures = alone + sum(face == 1 for face in faces)
    return {"pictures": pictures, "faces": len(faces) - alone, "broken": unread}


class Annotator:
    """A process that holds the model, finds the faces of batches of pictures and writes them.

    Args:
        model: path of an exported model.
        out: folder.
        done: paths of pictures that are not done again.
        size: pictures in a file that is written.

    Call arguments:
        batch: dict of arrays: `path` of pictures; or `file` and `group`, row groups of Parquet
            files that hold pictures.

    Returns:
        Dict of an array: how many `pictures` were done.
    """

    def __init__(self, model: str, out: str, done: frozenset[str], size: int) -> None:
        import cv2

        cv2.setNumThreads(1)  # a worker has a core
        self.model, self.out = open_model(model), pathlib.Path(out)
        self._key = hashlib.sha256(pathlib.Path(model).read_bytes()).hexdigest()
        self.done, self.size = done, size

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[int]]:
        from pyarrow.parquet import ParquetFile

        if "path" in batch:
            paths = batch["path"].tolist()
            return {"pictures": [self._write(paths, paths)]}
        count = 0
        for file, group in zip(batch["file"].tolist(), batch["group"].tolist()):
            words = {"row_groups": [group], "columns": ["path", "bytes"]}
            for part in ParquetFile(file).iter_batches(self.size, **words):
                paths, pictures = (part[name].to_pylist() for name in ("path", "bytes"))
                count += self._write(paths, pictures, f"{file} {group}")
        return {"pictures": [count]}

    def _write(self, paths: list[str], sources: list[Any], place: str = "") -> int:
        """Annotates those pictures that are not done, and writes their rows."""
        import pyarrow
        import pyarrow.parquet

        left = [(path, source) for path, source in zip(paths, sources) if path not in self.done]
        # One name for the same pictures and model: Ray does a batch again whose worker died.
        key = "\n".join([self._key, place, *(path for path, _ in left)])
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        target = self.out / f"{name}.parquet"
        if left and not target.is_file():
            rows = [row for path, source in left for row in self._annotated(path, source)]
            table = pyarrow.Table.from_pylist(rows, schema=_schema(pyarrow))
            with files.whole(target) as partial:
                pyarrow.parquet.write_table(table, partial)
        return len(left)

    def _annotated(self, path: str, source: Any) -> list[dict[str, Any]]:
        try:
            faces = self.model.detect(source)
        except (ValueError, OSError) as error:
            return [{"path": path, "face": 0, "broken": str(error)}]
        rows = []
        for place, face in enumerate(faces, start=1):
            row = {"path": path, "face": place, "box": face.box, "score": face.score}
            row |= {"points": face.landmarks.ravel(), "error": face.error, "pose": face.pose}
            rows.append(row)
        return rows or [{"path": path, "face": 0}]


def _packages() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
        import ray.data
    except ImportError as error:
        raise ImportError(
            f"Annotating on Ray needs more packages: pip install 'keras_landmarks[ray]' ({error})"
        ) from error
    return ray, pyarrow, pyarrow.parquet


def _schema(arrow: Any) -> Any:
    numbers = arrow.list_(arrow.float32())
    kinds = {"path": arrow.string(), "face": arrow.int32(), "box": numbers}
    kinds |= {"score": arrow.float32(), "points": numbers, "error": numbers, "pose": numbers}
    return arrow.schema(list((kinds | {"broken": arrow.string()}).items()))


def _left(arrow: Any, parquet: Any, pictures: Any, done: frozenset[str], out: Any) -> Any:
    """A table of the pictures that are left; or of the row groups of files that hold pictures."""
    if isinstance(pictures, (str, os.PathLike)):
        table = files.as_path(pictures).resolve()
        if not table.exists():
            raise FileNotFoundError(f"No Parquet file at {table}.")
        if table in (out, *out.parents) or out in table.parents:
            raise ValueError(f"{out} holds {table}, or lies in it: name another folder.")
        try:
            found = parquet.ParquetDataset(table)
        except arrow.ArrowInvalid as error:
            said = "name pictures in a list, as files.files_in(folder) gives it"
            raise ValueError(f"{table} is no Parquet file, or holds another: {said}.") from error
        if "path" not in found.schema.names:
            raise ValueError(f"{table} has no column path, but {', '.join(found.schema.names)}.")
        paths = found.read(columns=["path"])["path"].to_pylist()
        if without := paths.count(None):
            raise ValueError(f"{table} has {without} pictures without a path.")
        if "bytes" in found.schema.names:
            ((most, times),) = collections.Counter(paths).most_common(1) or ((None, 0),)
            if times > 1:  # a run goes on by the pictures' paths
                raise ValueError(f"{table} has {times} pictures of the path {most}.")
            counts = {file: parquet.ParquetFile(file).num_row_groups for file in found.files}
            groups = [(file, group) for file, count in counts.items() for group in range(count)]
            return arrow.table(dict(zip(("file", "group"), zip(*groups))))
        pictures = paths
    paths = list(dict.fromkeys(files.as_text(os.path.abspath(files.as_path(p))) for p in pictures))
    if not paths:
        raise ValueError("There are no pictures to annotate.")
    left = [path for path in paths if path not in done]
    return arrow.table({"path": arrow.array(left, arrow.string())})


def _run(ray: Any, left: Any, words: dict[str, Any], workers: int | None, address: str) -> None:
    """Has workers annotate what is left."""
    own = not ray.is_initialized()
    if own:
        _start(ray, address)
    try:
        size = words["size"] if "path" in left.column_names else 1
        parts = [left.slice(start, size) for start in range(0, len(left), size)]
        pool = {"size": workers} if workers else {"min_size": 1, "max_size": None}
        rows = ray.data.from_arrow(parts).map_batches(
            Annotator,
            fn_constructor_kwargs=words,
            batch_size=size,
            compute=ray.data.ActorPoolStrategy(**pool),
            num_cpus=1,
            max_restarts=_TRIES,
            max_task_retries=_TRIES,
        )
        for _ in rows.iter_batches(batch_size=None):
            pass
    finally:
        if own:
            ray.shutdown()


def _start(ray: Any, address: str) -> None:
    """Joins a cluster, or makes one of this machine."""
    words: dict[str, Any] = {"log_to_driver": False}
    if address not in ("auto", "local"):
        ray.init(address, **words)
        return
    with contextlib.suppress(ConnectionError):
        if address == "auto":
            ray.init("auto", **words)
            return
    ray.init("local", include_dashboard=False, **words)


def _column(parquet: Any, folder: pathlib.Path, name: str) -> list[Any]:
    """The values of a column of all Parquet files in a folder."""
    there = any(folder.glob("*.parquet"))
    return parquet.read_table(folder, columns=[name])[name].to_pylist() if there else []
