"""Times whole photos, detector and landmarks, in one run: zoo/photos.json and its table.

    python tools/photo_times.py [MODEL ...] [--photo FILE ...] [--mediapipe PYTHON]

Models of the zoo beside the mtcnn package, which finds boxes and five points; all in one process,
on one thread, in turns. MediaPipe's face mesh is asked in a process of its own, by the interpreter
of an environment that has it, as its packages would not go with TensorFlow's (0.10.21 has it, 1.2.3
has not), on one core, too. What is not of all of them is printed alone. `benchmark.py` runs this,
too.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from timing import photos, use_threads

from keras_landmarks import files
from keras_landmarks.pictures import images

MODELS = ["tiny-ibug68", "unet-fast-300w", "unet-300w"]
ROUNDS, SECONDS = 15, 40
"""How often all are asked in turns, or for how long, of each photo."""
MEDIAPIPE = """
import json, sys, time
import os
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])
import cv2, mediapipe, numpy
mesh = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=50)
found = {}
for kind, path in json.loads(sys.argv[1]).items():
    picture, times = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB), []
    for _ in range(int(sys.argv[2]) + 2):
        start = time.perf_counter()
        faces = mesh.process(picture).multi_face_landmarks or []
        times.append(1000 * (time.perf_counter() - start))
    found[kind] = {"ms": float(numpy.median(times[2:])), "faces": len(faces)}
print("\\n" + json.dumps({"version": mediapipe.__version__, "photos": found}))
"""
"""What is run where MediaPipe is installed."""


def in_turns(calls):
    """The median milliseconds of each of `{name: call}`, and how many faces it finds."""
    faces = {name: len(call()) for name, call in calls.items()}
    times, start = {name: [] for name in calls}, time.perf_counter()
    for turn in range(ROUNDS + 1):  # the first one warms up
        for name, call in calls.items():
            before = time.perf_counter()
            call()
            times[name].append(1000 * (time.perf_counter() - before))
        if turn and time.perf_counter() - start > SECONDS:
            break
    return {n: {"ms": float(np.median(t[1:])), "faces": faces[n]} for n, t in times.items()}


def measure(names, pictures):
    """`{who: {photo: milliseconds and faces}}` of the models and of mtcnn."""
    from keras_landmarks import load
    from keras_landmarks.faces import BlazeFace

    use_threads(1)
    finders = {name: load(name).detect for name in names}
    detector = BlazeFace()
    finders["BlazeFace alone"] = lambda picture: detector(picture)[0]
    try:
        import mtcnn

        finders["mtcnn, boxes alone"] = mtcnn.MTCNN().detect_faces
    except ImportError as error:
        print(f"mtcnn is left out: {error}")
    rows = {name: {} for name in finders}
    for kind, picture in pictures.items():
        calls = {name: lambda f=find, p=picture: f(p) for name, find in finders.items()}
        for name, row in in_turns(calls).items():
            rows[name][kind] = row
    return rows


def measure_mediapipe(python, pictures):
    """The row of MediaPipe's face mesh, `{who: {photo: ...}}`; empty, and a line, without it."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {kind: str(pathlib.Path(folder) / f"{i}.png") for i, kind in enumerate(pictures)}
        for kind, picture in pictures.items():
            images.write_image(paths[kind], picture)
        command = [python, "-c", MEDIAPIPE, json.dumps(paths), str(ROUNDS)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            reason = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1]
            print(f"MediaPipe is left out: {python} cannot run its face mesh ({reason})")
            return {}
    found = json.loads(done.stdout.splitlines()[-1])
    return {f"MediaPipe {found['version']}, face mesh": found["photos"]}


def main():
    import index

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=MODELS, help="models (default: %(default)s)")
    parser.add_argument("--photo", action="append", default=[], help="a photo beside those made")
    parser.add_argument("--mediapipe", metavar="PYTHON", help="an interpreter that has MediaPipe")
    options = parser.parse_args()
    pictures = photos() | {pathlib.Path(p).stem: images.read_image(p) for p in options.photo}
    rows = measure(options.names, pictures)
    if options.mediapipe:
        rows |= measure_mediapipe(options.mediapipe, pictures)
    for name, row in rows.items():
        for kind, one in row.items():
            print(f"{name}, {kind}: {one['ms']:.1f} ms, {one['faces']} face(s)")
    everyone = len(rows) == len(MODELS) + 3  # BlazeFace, mtcnn and MediaPipe
    if options.names != MODELS or options.photo or not everyone:
        print(f"{index.PHOTOS} stays: it is of all in one run.")
        return
    sizes = {kind: list(picture.shape[1::-1]) for kind, picture in pictures.items()}
    files.write_json(index.PHOTOS, {"sizes": sizes, "rows": rows})
    index.main()


if __name__ == "__main__":
    sys.exit(main())
