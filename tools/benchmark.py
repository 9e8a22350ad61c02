"""Measures speed: network, `detect`, data pipeline, training step and memory, in one run.

    python tools/benchmark.py [MODEL ...] [--data 300W] [--photos] [--runtimes]

Network and detect run on one thread; the pipeline on one core; training on all.
Without --data, faces are cut from the bundled portrait.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import time

import network_parts
import numpy as np
from timing import PORTRAIT, PORTRAIT_BOX, milliseconds, use_threads

MODELS = ["cnn6-300w", "cnn6-7-300w", "resnet18-ffld-300w", "dan-300w"]


def measure_detect(name):
    """Network and whole `detect` with given boxes, on batches of 1 and 32 faces, one thread."""
    from keras_landmarks import load
    from keras_landmarks.pictures import images

    use_threads(1)
    model = load(name)
    picture = images.read_image(PORTRAIT)
    rows = {}
    for count in (1, 32):
        boxes = np.repeat([PORTRAIT_BOX], count, axis=0)
        crops = np.zeros((count, *model.size, 3), np.uint8)
        repeats = 200 if count == 1 else 30
        network = milliseconds(lambda crops=crops: model.predict_on_batch(crops), repeats)
        detect = milliseconds(lambda boxes=boxes: model.detect(picture, boxes), repeats)
        rows[count] = {"network_ms": network, "detect_ms": detect, "added_ms": detect - network}
    return rows


def measure_tracking(name):
    """Jitter on a still face and lag behind a moving one, in a made video of the portrait."""
    from keras_landmarks import Tracker, geometry, load
    from keras_landmarks.pictures import images

    model, portrait = load(name), images.read_image(PORTRAIT)
    rng = np.random.default_rng(0)

    def frame(x):
        picture = images.warp(portrait, np.array([[1, 0, x - 80], [0, 1, 0]]), (256, 320))
        return np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)

    def spread(faces):
        return float(np.std([face.landmarks for face in faces], axis=0).mean())

    still = [frame(0) for _ in range(61)]
    tracker = Tracker(model)
    tracked = [tracker(picture)[0] for picture in still]
    alone = [model.detect(picture)[0] for picture in still[31:]]
    speed = 2.0  # pixels a frame
    moving = [frame(speed * t) for t in range(30)]
    tracker_of_moving = Tracker(model)
    faces = [tracker_of_moving(picture)[0] for picture in moving]
    box = geometry.box_from_landmarks(alone[0].landmarks)
    boxes = [box + (speed * t, 0) * 2 for t in range(30)]
    truth = [model.detect(f, b, None, "truth")[0] for f, b in zip(moving, boxes)]
    behind = [(a.landmarks - b.landmarks)[:, 0].mean() for a, b in zip(truth, faces)]
    return {
        "jitter_px": spread(alone),
        "tracked_jitter_px": spread(tracked[31:]),
        "lag_frames": float(np.mean(behind[15:])) / speed,
        "detections": tracker.detections,
        "frames_s": 1000 / milliseconds(lambda: tracker(still[0]), 60),
        "frames": len(still),
    }


def made_samples(size, folder, batch):
    """Augmented samples of the 300W faces, or of the portrait if there is no folder."""
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    from recipes import read_recipe

    from keras_landmarks import data, load

    recipe = read_recipe("cnn6-300w")
    if folder:
        faces = data.read_300w(folder, "300w/train")
    else:
        points = load("tiny-ibug68").detect(PORTRAIT, PORTRAIT_BOX)[0].landmarks
        faces = [data.Face(PORTRAIT, points, "ibug68", PORTRAIT_BOX)] * 256
    return recipe, data.Samples(faces, size, augmentation=recipe.augmentation, batch=batch)


def measure_pipeline(size, folder):
    """Samples a second of one core."""
    import cv2

    cv2.setNumThreads(1)
    _, samples = made_samples((size, size), folder, 64)
    seconds = milliseconds(lambda: samples.batch_at(np.random.randint(1000)), 20) / 1000
    return samples.batch / seconds


def measure_training(folder):
    """Steps a second of `cnn6-300w`, on a constant batch and fed, and peak memory of training."""
    import dataclasses
    import tempfile

    import keras
    import tensorflow as tf

    from keras_landmarks import training

    recipe, samples = made_samples((64, 64), folder, 64)
    keras.config.set_dtype_policy(recipe.precision)
    model = recipe.model(mean_shape=samples.mean_shape())
    stage = recipe.stages[0]
    model.compile(stage.optimizer(1000), {"landmarks": stage.loss}, jit_compile=False)
    crops, landmarks = samples.batch_at(0)
    constant = tf.data.Dataset.from_tensors((crops, {"landmarks": landmarks})).repeat()

    def rate(dataset, steps=40):
        model.fit(dataset, steps_per_epoch=10, verbose=0)
        start = time.perf_counter()
        model.fit(dataset, steps_per_epoch=steps, verbose=0)
        return steps / (time.perf_counter() - start)

    fed, still = [], []
    for _ in range(6):  # in turns, and the best counts: other work only ever slows down
        still.append(rate(constant))
        fed.append(rate(samples.dataset().repeat()))
    short = dataclasses.replace(recipe, stages=(dataclasses.replace(stage, epochs=2),))
    with tempfile.TemporaryDirectory() as out:  # with held-out faces and checkpoints, as in earnest
        training.train(short, samples, samples, out, verbose=0)
    return {
        "constant_steps_s": max(still),
        "fed_steps_s": max(fed),
        "fed_over_constant": max(fed) / max(still),
        "faces_s": samples.batch * max(fed),
        "peak_memory_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=MODELS, help="models (default: %(default)s)")
    parser.add_argument("--data", help="folder of 300W faces for pipeline and training")
    parser.add_argument(
        "--runtimes",
        action="store_true",
        help="every model in every runtime besides, into the table of docs/speed.md (ten minutes)",
    )
    parser.add_argument(
        "--photos", action="store_true", help="whole photos besides, by photo_times.py"
    )
    parser.add_argument("--mediapipe", metavar="PYTHON", help="as of photo_times.py")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:  # each measurement has a process of its own: threads are set once
        kind, _, argument = options.part.partition(":")
        result = {
            "detect": lambda: measure_detect(argument),
            "connections": lambda: network_parts.measure_connections(argument),
            "stages": lambda: network_parts.measure_stages(argument),
            "tracking": lambda: measure_tracking(argument),
            "pipeline": lambda: measure_pipeline(int(argument), options.data),
            "training": lambda: measure_training(options.data),
        }[kind]()
        print("\n" + json.dumps(result))
        return
    for name in options.names:
        for count, row in run_part(f"detect:{name}", options).items():
            print(
                f"{name}, {count} face(s), one thread: network {row['network_ms']:.2f} ms, "
                f"detect {row['detect_ms']:.2f} ms ({row['added_ms'] / int(count):+.2f} ms a face)"
            )
    for name in options.names:
        if not name.startswith("dan"):
            continue
        for count, row in run_part(f"connections:{name}", options).items():
            share = row["connection_ms"] / row["stage_ms"]
            print(
                f"{name}, {count} face(s), one thread: stage one {row['stage_ms']:.2f} ms, "
                f"connection layers {row['connection_ms']:.2f} ms ({100 * share:.1f} %)"
            )
    for name in options.names:
        if "ffld" in name:
            row = run_part(f"stages:{name}", options)
            text = ", ".join(f"{part} {value:.2f} ms" for part, value in row.items())
            print(f"{name}, 1 face, one thread: {text}")
    row = run_part(f"tracking:{options.names[-1]}", options)
    print(
        f"tracking, {options.names[-1]}: jitter on a still face {row['tracked_jitter_px']:.2f} px "
        f"(untracked {row['jitter_px']:.2f}), lag {row['lag_frames']:.2f} frames, detector called "
        f"{row['detections']} times in {row['frames']} frames, {row['frames_s']:.0f} frames/s"
    )
    for size in (64, 224):
        rate = run_part(f"pipeline:{size}", options)
        print(f"pipeline, {size} px, one core: {rate:.0f} samples/s")
    row = run_part("training:", options)
    print(
        f"training cnn6-300w: constant batch {row['constant_steps_s']:.2f} steps/s, fed "
        f"{row['fed_steps_s']:.2f} steps/s ({row['fed_over_constant']:.2f} x), "
        f"{row['faces_s']:.0f} faces/s, peak memory {row['peak_memory_gib']:.2f} GiB"
    )
    if options.photos:
        command = [sys.executable, pathlib.Path(__file__).with_name("photo_times.py")]
        command += ["--mediapipe", options.mediapipe] if options.mediapipe else []
        subprocess.run(command, check=True)
    if options.runtimes:
        subprocess.run([sys.executable, pathlib.Path(__file__).with_name("speed.py")], check=True)


def run_part(part, options):
    command = [sys.executable, __file__, "--part", part]
    command += ["--data", options.data] if options.data else []
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output.strip().splitlines()[-1])


if __name__ == "__main__":
    main()
