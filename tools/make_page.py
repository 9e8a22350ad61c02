"""Writes what the browser page in `web/` needs of Python: networks as ONNX, and facts.

    python tools/make_page.py [--out web/models]

`make web` calls it and builds the page.
"""

import argparse
import dataclasses
import pathlib
import sys

import numpy as np

from keras_landmarks import catalogue, files, load
from keras_landmarks.faces import blazeface, looking, upright
from keras_landmarks.faces.blaze_network import SIDES, network_file
from keras_landmarks.faces.boxes import CONVENTIONS
from keras_landmarks.faces.interpreters import Interpreters

OUT = pathlib.Path(__file__).resolve().parent.parent / "web" / "models"
MODELS = {"fast": "unet-fast-300w", "accurate": catalogue.DEFAULT}


def export_detector(name, path):
    """Writes a network of BlazeFace as ONNX, and checks that it is the same function.

    Raises:
        ValueError: if it is not.
    """
    import onnxruntime
    import tf2onnx

    source = network_file(name)
    tf2onnx.convert.from_tflite(str(source), opset=18, output_path=str(path))
    shape = (1, SIDES[name], SIDES[name], 3)
    square = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(None, {session.get_inputs()[0].name: square})
    with Interpreters(source).take() as interpreter:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], square)
        interpreter.invoke()
        outputs = interpreter.get_output_details()
        expected = [interpreter.get_tensor(output["index"]) for output in outputs]
    difference = max(np.abs(a - b).max() for a, b in zip(found, expected))
    if not difference < 1e-3:  # pixels of the square, and logits
        raise ValueError(f"{path} is {difference} off the network that it was made of.")


def export_landmarker(name, path):
    """Writes a model of the zoo as ONNX, and returns what the page must know of it."""
    model = load(name)
    model.export(path, "onnx", "uint8")
    return {
        "name": name,
        "file": path.name,
        "size": model.size,
        "margin": model.margin,
        "box": model.box,
        "licence": model.licence,
        "nme": catalogue.list_models()[name]["nme"],
    }


def facts_of(models):
    """What the page must know: nothing of it is typed there again."""
    scheme = load(MODELS["accurate"]).scheme
    return {
        "models": models,
        "scheme": {
            "name": scheme.name,
            "right_eye": scheme.right_eye,
            "left_eye": scheme.left_eye,
            "contours": [{"points": p, "closed": closed} for p, closed in scheme.contours.values()],
        },
        "conventions": {name: dataclasses.asdict(c) for name, c in CONVENTIONS.items()},
        "blazeface": {
            "sides": SIDES,
            "least": blazeface.LEAST,
            "tilted": blazeface.TILTED,
            "first": blazeface.FIRST,
            "sure": blazeface.SURE,
            "surest": blazeface.SUREST,
            "threshold": blazeface.BlazeFace().threshold,
        },
        "upright": {
            "clear": upright.CLEAR,
            "sure": looking.SURE,
            "surer": looking.SURER,
            "trained": upright.TRAINED,
            "turns": upright.TURNS,
        },
    }


def main(words=()):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=OUT, metavar="FOLDER")
    out = parser.parse_args(words).out
    with files.whole(out) as partial:
        partial.mkdir()
        for name in SIDES:
            export_detector(name, partial / f"{name}.onnx")
        models = {
            choice: export_landmarker(name, partial / f"{name}.onnx")
            for choice, name in MODELS.items()
        }
        for side in partial.glob("*.onnx.json"):
            side.unlink()
        files.write_json(partial / "facts.json", facts_of(models))
    print(f"{out} holds the networks of the page.")


if __name__ == "__main__":
    main(sys.argv[1:])
