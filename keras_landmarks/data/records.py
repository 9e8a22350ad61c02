"""Faces' surroundings in TFRecord files instead of memory, for sets that are larger than it.

A folder of records holds `index.npz` (points, boxes, and where each record lies) and shards of 256
faces, TFRecord files of `tf.train.Example` with the features `image` (raw pixels or a JPEG),
`shape`, `landmarks`, `visible`, `box` and `name`. `Samples` reads what a batch needs from any place
in them, so that order, balancing and resuming are what they are in memory.
"""

import concurrent.futures
import hashlib
import io
import json
import os
import pathlib
import zipfile
import zlib

import cv2
import numpy as np

from keras_landmarks import files
from keras_landmarks.data.cuts import AROUND, cropped, cut_faces
from keras_landmarks.data.face import faces_of
from keras_landmarks.names import number, sides

VERSION, SHARD, INDEX = 1, 256, "index.npz"


def write_records(
    folder,
    faces,
    size,
    margin=1.25,
    box="annotation",
    quality=None,
    skip_broken=False,
    workers=4,
):
    """Writes the surroundings of faces, for `Samples(faces, size, margin, box, records=folder)`.

    Besides TensorFlow itself, memory holds one picture a worker and 16 bytes for each point. The
    folder appears when all of it is written; of a run that was killed a hidden `.part-...` folder
    stays beside it, which nothing reads.

    Args:
        folder: path, which must not hold anything yet.
        faces: list of `Face` of one scheme.
        size: `(height, width)` of the crops.
        margin: side of a crop over the longer side of the box.
        box: which box to crop (see `Samples`).
        quality: of JPEG compression, 1 to 100: a seventh of the size or less, but the pixels are
            not quite the same (at 95 by a grey level or two). None writes them as they are.
        skip_broken: whether to warn of a picture that cannot be read and go on without it.
        workers: threads that read pictures and write shards.

    Raises:
        ImportError: without TensorFlow.
        ValueError: if the folder holds something, there are no faces, schemes differ, an argument
            is out of its range, or a picture cannot be read.
    """
    tensorflow = _tensorflow()
    folder, faces = files.as_path(folder), faces_of(faces)
    if not faces:
        raise ValueError("Records need at least one face.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} holds something: records are written to a folder of their own.")
    if len(schemes := {face.scheme for face in faces}) > 1:
        raise ValueError(f"Faces of one scheme, not of {sorted(schemes)}.")
    if quality is not None:
        quality = int(number("quality", quality, least=1, most=100, whole=True))
    number("workers", workers, least=1, whole=True)
    size, margin = sides("size", size), number("margin", margin, above=0)
    facts = made_of(faces, size, margin, cropped(box)) | {"jpeg": quality}  # before hours of it
    parts = np.array_split(np.arange(len(faces)), -(-len(faces) // SHARD))

    def write(number, part):
        path, rows, offset = _shard(partial, number), [], 0
        some = [faces[i] for i in part]
        with tensorflow.io.TFRecordWriter(str(path)) as writer:
            for i, pixels, points, edges in cut_faces(some, box, size, margin, skip_broken):
                image = pixels.tobytes() if quality is None else _jpeg(pixels, quality)
                record = _example(tensorflow, some[i], image, pixels.shape, points, edges)
                writer.write(record)
                start = offset + 12 + record.index(image)
                place = number, start, len(image), zlib.crc32(image), *pixels.shape
                rows.append((part[i], points, edges, place))
                offset += len(record) + 16  # its length before, and a check sum on either side
        return rows, offset

    with files.whole(folder) as partial:
        partial.mkdir()
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            rows, ends = zip(*pool.map(write, range(len(parts)), parts))
        rows = [row for shard in rows for row in shard]
        if not rows:
            raise ValueError("None of the pictures could be read.")
        columns = dict(zip(("faces", "landmarks", "boxes", "places"), map(np.stack, zip(*rows))))
        content = io.BytesIO()
        np.savez(content, **columns, ends=np.int64(ends), facts=json.dumps(facts))
        (partial / INDEX).write_bytes(content.getvalue())


def made_of(faces, size, margin, box):
    """What must be the same for records to be of these samples, as plain values.

    Pictures go by their names, without their folders, and by their annotation.
    """
    digest = hashlib.sha256()
    for face in faces:
        picture = face.image
        named = isinstance(picture, (str, pathlib.Path))
        try:
            name = os.fsencode(pathlib.Path(picture).name) if named else None
            digest.update(np.ascontiguousarray(picture) if name is None else name)
        except (ValueError, OSError):  # of a picture that cannot be read, of which cutting tells
            digest.update(os.fsencode(face.name))
        digest.update(np.float32(face.landmarks).tobytes())
        digest.update(np.float32(face.square(box)).tobytes())
    crop = {"size": [int(n) for n in size], "margin": float(margin), "box": box, "around": AROUND}
    made = {"version": VERSION, "scheme": faces[0].scheme, "number of faces": len(faces)}
    return made | crop | {"faces": digest.hexdigest()}


class Records:
    """The pixels of records by number, read when they are asked for.

    Args:
        folder: path of what `write_records` wrote.
        expected: `made_of` the samples that want them.

    Attributes:
        faces: `(k,)` numbers of the faces whose pictures could be read.
        landmarks: `(k, n, 2)` float32, in pixels of the records.
        boxes: `(k, 4)` float64.

    Raises:
        ValueError: if the folder is none of records, is broken, or is of other faces or crops; it
            says what differs.
    """

    def __init__(self, folder, expected):
        self._folder = folder
        try:
            with np.load(folder / INDEX, allow_pickle=False) as index:
                facts = json.loads(str(index["facts"]))
                self.faces, self.landmarks, self.boxes = (
                    index[name] for name in ("faces", "landmarks", "boxes")
                )
                self._places, ends = index["places"], index["ends"]
        except (OSError, KeyError, ValueError, zipfile.BadZipFile, EOFError) as error:
            raise ValueError(f"{folder} is no whole folder of records: {error}") from error
        self._checked = np.zeros(len(self.faces), bool)  # once is enough
        self._jpeg = facts.pop("jpeg", None) is not None
        for what, value in expected.items():
            if facts.get(what) != value:
                raise ValueError(
                    f"{folder} holds records of another {what}: {facts.get(what)}, not {value}. "
                    "Name another folder, or delete this one."
                )
        for shard, end in enumerate(ends.tolist()):
            path = _shard(folder, shard)
            there = path.stat().st_size if path.exists() else None
            if there != end:
                there = "is not there" if there is None else f"has {there} bytes, not {end}"
                raise ValueError(f"The records are broken: {path} {there}.")

    def __len__(self):
        return len(self.faces)

    def __getitem__(self, i):
        """The pixels of a record, `(height, width, 3)` uint8 RGB."""
        number, start, length, check, *shape = self._places[i].tolist()
        path, pixels = _shard(self._folder, number), np.empty(length, np.uint8)
        with open(path, "rb", buffering=0) as shard:
            shard.seek(start)
            if shard.readinto(pixels) != length:
                raise ValueError(f"The records are broken: {path} ends before number {i}.")
        if not self._checked[i] and zlib.crc32(pixels) != check:
            raise ValueError(f"The records are broken: number {i}, in {path}, is damaged.")
        self._checked[i] = True
        if self._jpeg:
            return cv2.cvtColor(cv2.imdecode(pixels, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        return pixels.reshape(shape)


def records_of(folder, faces, size, margin, box, skip_broken):
    """The `Records` of samples; written where the folder holds nothing yet."""
    folder = files.as_path(folder)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        write_records(folder, faces, size, margin, box, skip_broken=skip_broken)
    return Records(folder, made_of(faces, size, margin, box))


def _shard(folder, number):
    return folder / f"faces-{number:05d}.tfrecord"


def _jpeg(pixels, quality):
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR]
    settings.append(cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)  # colours as fine as light
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, settings)[1].tobytes()


def _example(tensorflow, face, image, shape, landmarks, box):
    train = tensorflow.train

    def numbers(values):
        return train.Feature(float_list=train.FloatList(value=np.ravel(values)))

    def whole(values):
        return train.Feature(int64_list=train.Int64List(value=values))

    def text(value):
        return train.Feature(bytes_list=train.BytesList(value=[value]))

    feature = {"image": text(image), "name": text(os.fsencode(face.name)), "shape": whole(shape)}
    feature |= {"landmarks": numbers(landmarks), "box": numbers(box)}
    feature["visible"] = whole(face.visible.astype(int))
    example = train.Example(features=train.Features(feature=feature))
    return example.SerializeToString(deterministic=True)  # processes that write the same agree


def _tensorflow():
    try:
        import tensorflow
    except ImportError as error:
        said = f"Records are written with TensorFlow: pip install tensorflow ({error})"
        raise ImportError(said) from error
    return tensorflow
