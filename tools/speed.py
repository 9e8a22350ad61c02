"""Measures every published model in every runtime, in one run: zoo/speed.json, docs/speed.md.

    python tools/speed.py [MODEL ...]

A process of its own for each model, runtime and number of threads; the same crops for all. dlib's
68-point regression trees are measured beside them where `dlib` (or `dlib-bin`) and
`face_recognition_models` are installed. What is not of all of these is printed alone.
"""

import argparse
import json
import math
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

import numpy as np
from timing import PORTRAIT, PORTRAIT_BOX, milliseconds, use_threads

from keras_landmarks import files
from keras_landmarks.pictures import images

FORMATS = {"Keras": None, "LiteRT": "tflite", "LiteRT int8": "tflite-int8", "ONNX Runtime": "onnx"}
BATCHES = 1, 32


def open_in(runtime, name, file, threads):
    """A model in a runtime."""
    if runtime != "Keras":
        from keras_landmarks.runtime import open_model

        return open_model(file, threads)
    from keras_landmarks import load

    use_threads(threads)
    return load(name)


def measure(runtime, name, file, threads):
    """Milliseconds of the network on batches, of `detect` with a box, and the peak memory."""
    import cv2

    cv2.setNumThreads(threads)
    model = open_in(runtime, name, file, threads)
    picture = images.read_image(PORTRAIT)
    crop = images.warp(picture, np.float64([[0.5, 0, -60], [0, 0.5, 0]]), model.size)
    row = {}
    for batch in BATCHES:
        crops = np.repeat(crop[None], batch, axis=0)
        row[str(batch)] = milliseconds(lambda crops=crops: model.predict_on_batch(crops), 100, 3)
    row["detect"] = milliseconds(lambda: model.detect(picture, PORTRAIT_BOX), 100, 3)
    row["memory_mib"] = peak_memory()
    return {key: round(value, 3) for key, value in row.items()}


def peak_memory():
    """The most memory that this process has held, in MiB."""
    status = pathlib.Path("/proc/self/status")
    if status.exists():  # what `resource` says counts the parent process in, on Linux
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_dlib():
    """Milliseconds of dlib's regression trees on a face whose box is known."""
    import dlib
    import face_recognition_models

    predict = dlib.shape_predictor(face_recognition_models.pose_predictor_model_location())
    picture, box = images.read_image(PORTRAIT), dlib.rectangle(*PORTRAIT_BOX)
    return milliseconds(lambda: predict(picture, box))


def measure_detector():
    """Milliseconds of MTCNN on the portrait."""
    from keras_landmarks.faces.mtcnn import Mtcnn

    use_threads(1)
    detector, picture = Mtcnn(), images.read_image(PORTRAIT)
    return milliseconds(lambda: detector(picture), 30)


def measure_arithmetic():
    """Multiply-adds a second of one thread: float32 matrix products that fit the cache."""
    side = 512
    a, b = np.random.default_rng(0).normal(size=(2, side, side)).astype(np.float32)
    return side**3 / (milliseconds(lambda: a @ b) / 1000)


def multiply_adds(model):
    """The multiply-adds of a model's convolutions and linear layers, for one face."""
    total = 0
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is None:
            continue
        if hasattr(layer, "equation"):
            found, weights = layer.equation.split("->")[0].split(",")
            sizes = dict(zip(found, layer.input.shape)) | dict(zip(weights, kernel.shape))
            total += math.prod(sizes[letter] for letter in sizes if letter != found[0])
        else:
            places = layer.output if hasattr(layer, "kernel_size") else layer.input
            total += math.prod(places.shape[1:-1]) * math.prod(kernel.shape)
    return total


def in_process(*arguments):
    """The result of this file's function of a name, in a process of its own, on few threads."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    command = [sys.executable, __file__, "--call", json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"{arguments}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure_all(names):
    """Everything, as a dict for JSON."""
    from keras_landmarks import load

    result = {"detector_ms": in_process("measure_detector"), "models": {}}
    result["multiply_adds_a_second"] = in_process("measure_arithmetic")
    dlib_times = []  # between the models, as other work on the machine comes and goes
    for name in names:
        if None not in dlib_times:
            dlib_times.append(time_dlib())
            if None in dlib_times:
                print("Without dlib and face_recognition_models nothing is written.", flush=True)
        model, rows = load(name), []
        work = multiply_adds(model)
        with tempfile.TemporaryDirectory() as folder:
            for runtime, kind in FORMATS.items():
                file = pathlib.Path(folder) / (f"m.{kind.split('-')[0]}" if kind else "none")
                if kind:
                    model.export(file, kind)
                row = {"runtime": runtime, "bytes": file.stat().st_size if kind else None}
                for threads in (1, 2):
                    row[str(threads)] = in_process("measure", runtime, name, str(file), threads)
                print(name, row)
                rows.append(row)
        result["models"][name] = {"multiply_adds": work, "rows": rows}
    result["dlib_ms"] = None if None in dlib_times else float(np.median(dlib_times))
    return result


def time_dlib():
    """What `measure_dlib` measures, or None where dlib is not installed."""
    try:
        return in_process("measure_dlib")
    except RuntimeError:
        return None


def main():
    if "--call" in sys.argv:  # a runtime's process, which imports neither Keras nor TensorFlow
        function, *values = json.loads(sys.argv[-1])
        print(json.dumps(globals()[function](*values)))
        return
    import index

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    published = [name for name in index.names() if index.weights_of(name).is_file()]
    parser.add_argument("names", nargs="*", default=published, help="models (default: all)")
    arguments = parser.parse_args()
    result = measure_all(arguments.names)
    if arguments.names != published or result["dlib_ms"] is None:
        print(json.dumps(result, indent=1))
        print(f"{index.SPEED} stays: it is of all models and of dlib, in one run.")
        return
    files.write_json(index.SPEED, result)
    index.main()


if __name__ == "__main__":
    main()
