"""What a picture costs in each step on one core, and what a million and a billion of them cost.

python tools/costs.py [cnn6-300w ...]
"""

import argparse
import os
import pathlib
import tempfile
import time

import numpy as np
from timing import photos, use_threads

COLUMNS = ("picture", "MB", "decode", "detect", "crop", "network", "all", "core hours of a million")


def milliseconds(call, seconds=1):
    """The median CPU time of a call: what else the machine does has little say in it."""
    call()
    times = []
    while len(times) < 5 or sum(times) < seconds:
        begun = time.process_time()
        call()
        times.append(time.process_time() - begun)
    return 1000 * float(np.median(times))


def encoded(picture):
    """A picture as a JPEG file of quality 90."""
    import cv2

    return cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def steps(model, data):
    """CPU milliseconds of each step of finding the faces of a picture file, and of all together."""
    from keras_landmarks.faces.finder import find_boxes
    from keras_landmarks.faces.looking import cut_crops
    from keras_landmarks.pictures import as_rgb

    picture = as_rgb(data)
    found = find_boxes(model.detector, picture)
    words = model, picture, found.boxes, found.convention, np.nan_to_num(found.angles)
    crops = np.stack([crop for crop, _ in cut_crops(*words)])
    return {
        "decode": milliseconds(lambda: as_rgb(data)),
        "detect": milliseconds(lambda: find_boxes(model.detector, picture)),
        "crop": milliseconds(lambda: list(cut_crops(*words))),
        "network": milliseconds(lambda: model.predict_on_batch(crops)),
        "all": milliseconds(lambda: model.detect(data)),
    }


def feeding(size, augmentation):
    """Training crops a second that one core makes, of 16 faces and a batch of 64."""
    from keras_landmarks.data import Samples, made_up_faces

    words = {"augmentation": augmentation, "indices": [*range(16)] * 4, "batch": 64}
    samples = Samples(made_up_faces(16, size=256), (size, size), **words)
    return 64_000 / milliseconds(lambda: samples.batch_at(0))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=["unet-fast-300w", "unet-300w"])
    names = parser.parse_args().names
    use_threads(1)
    from keras_landmarks import data, load, runtime

    pictures = {name: encoded(picture) for name, picture in photos().items()}
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "model.tflite"
            load(name).export(path, "tflite")
            model = runtime.open_model(path)
            print(f"\n{name}, CPU milliseconds\n\n| {' | '.join(COLUMNS)} |")
            print("|---" * len(COLUMNS) + "|")
            for kind, file in pictures.items():
                spent = steps(model, file)
                hours = spent["all"] * 1e6 / 1000 / 3600
                cells = [kind, f"{len(file) / 1e6:.2f}", *(f"{ms:.1f}" for ms in spent.values())]
                print(f"| {' | '.join(cells)} | {hours:.1f} |", flush=True)
            faces = model.detect(pictures["group"])
            rows = len(str([face.to_dict() for face in faces])) / len(faces)
            print(
                f"\n{rows:.0f} bytes a face as JSON; {4 * (5 + 2 * model.scheme.count)} of numbers"
            )
    for size in (64, 128):
        for word in ("LIGHT", "STRONG", "HARD"):
            rate = feeding(size, getattr(data, word))
            print(f"{rate:.0f} training crops/s a core of {size} x {size}, {word}", flush=True)
    print(f"{os.cpu_count()} cores")


if __name__ == "__main__":
    main()
