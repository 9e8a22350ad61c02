"""Measures records: peak memory of writing and of training, and the rate beside that of memory.

    python tools/record_rates.py --out rates.json [--faces 20000] [--folder FOLDER]

On faces of a thousand made-up pictures, and a process of its own for each part, so that its peak
(VmHWM) is the part's.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import keras
import numpy as np

from keras_landmarks import data, files, geometry, losses, models
from keras_landmarks.pictures import write_image

SIZE, BATCH, ROUNDS, STEPS = (64, 64), 64, 5, 20
PICTURES = 1000  # each is there as often as the number of faces asks
KINDS = {"memory": None, "raw": "raw", "jpeg": "jpeg"}


def made_up(folder, count):
    """Made-up faces, whose pictures are files; the first part draws them."""
    points = folder / "landmarks.npy"
    if not points.exists():
        folder.mkdir(exist_ok=True)
        shapes = np.empty((PICTURES, 68, 2), np.float32)
        for i in range(PICTURES):
            image, shapes[i] = data.made_up_face((0, i))
            write_image(folder / f"{i}.jpg", image)
        np.save(points, shapes)
    faces = []
    shapes = np.load(points)
    for i in np.arange(count) % PICTURES:
        box = geometry.box_from_landmarks(shapes[i])
        faces.append(data.Face(folder / f"{i}.jpg", shapes[i], "ibug68", box))
    return faces


def network():
    """A small network, compiled: the smaller, the more its data's rate counts."""
    model = models.cnn(size=SIZE[0], filters=(16, 32, 48, 64), hidden=96)
    model.compile("adam", losses.Wing(), jit_compile=False)
    return model


def samples(folder, faces, kind):
    """The faces' samples, in memory or in records."""
    records = KINDS[kind] and folder / KINDS[kind]
    given = {"augmentation": data.Augmentation(), "batch": BATCH, "records": records}
    return data.Samples(faces, SIZE, **given)


def write(folder, faces):
    """Seconds of writing either kind."""
    seconds = {}
    for kind, quality in (("raw", None), ("jpeg", 95)):
        shutil.rmtree(folder / kind, ignore_errors=True)
        start = time.perf_counter()
        data.write_records(folder / kind, faces, SIZE, quality=quality)
        size = sum(path.stat().st_size for path in (folder / kind).iterdir())
        spent = round(time.perf_counter() - start, 1)
        seconds |= {f"{kind}_seconds": spent, f"{kind}_mib": round(size / 2**20)}
    return seconds


def train(folder, faces):
    """An epoch from raw records."""
    network().fit(samples(folder, faces, "raw").dataset(), verbose=0)
    return {}


def rates(folder, faces):
    """Faces a second of training, and of CPU time, in turns: the median of rounds."""
    model, found = network(), {kind: [] for kind in KINDS}
    batches = {kind: samples(folder, faces, kind).dataset().repeat() for kind in KINDS}
    for turn in range(ROUNDS + 1):
        for kind, each in batches.items():
            clock, cpu = time.perf_counter(), time.process_time()
            model.fit(each, steps_per_epoch=STEPS, verbose=0)
            spent = time.perf_counter() - clock, time.process_time() - cpu
            found[kind] += [STEPS * BATCH / np.array(spent)] if turn else []
    medians = {kind: np.median(rows, axis=0) for kind, rows in found.items()}
    shares = {
        f"{kind}_of_memory": (rate / medians["memory"]).round(3) for kind, rate in medians.items()
    }
    return {key: value.tolist() for key, value in {**medians, **shares}.items()}


PARTS = {"write": write, "train": train, "rates": rates}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", required=True, help="JSON of the figures")
    parser.add_argument("--faces", type=int, default=20000)
    parser.add_argument("--folder", help="for pictures and records, new or of a run before")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        folder = pathlib.Path(options.folder)
        keras.utils.set_random_seed(0)
        faces = made_up(folder / "pictures", options.faces)
        found = PARTS[options.part](folder, faces)
        status = pathlib.Path("/proc/self/status").read_text()
        peak = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 2**20
        files.write_json(options.out, found | {"peak_gib": round(peak, 3)})
        return
    found = {"faces": options.faces, "cores": os.cpu_count(), "load": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as own:
        folder = pathlib.Path(options.folder or own)
        folder.mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            out, count = folder / f"{part}.json", str(options.faces)
            given = ["--part", part, "--out", out, "--folder", folder, "--faces", count]
            subprocess.run([sys.executable, __file__, *map(str, given)], check=True)
            found[part] = json.loads(out.read_text())
    files.write_json(options.out, found)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
