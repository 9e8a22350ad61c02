"""Writes a model in a format, and looks whether it still finds what Keras finds.

The written model takes raw crops (RGB of 0..255) and puts landmarks out in crop pixels; scaling and
mean shape are inside. What a reader must know to use it stands in a `.json` beside it, and in the
file itself.
"""

import dataclasses
import functools

import keras
import numpy as np

import keras_landmarks
from keras_landmarks import errors, files
from keras_landmarks.export.crops import crops_of
from keras_landmarks.export.formats import (
    DTYPES,
    FORMATS,
    KERAS_NAMES,
    check_ending,
    lacking,
    need_packages,
    write,
)
from keras_landmarks.export.integer import write_integer, write_mostly_integer
from keras_landmarks.export.precision import in_float32
from keras_landmarks.faces.boxes import get_convention
from keras_landmarks.faces.model import AT_ONCE, predict_filled, predict_in_parts
from keras_landmarks.names import known_name, number
from keras_landmarks.runtime import open_model
from keras_landmarks.schemes import scheme_config

INT8_LIMIT = 0.8
"""How far the landmarks (and errors) of an int8 model may lie from those of Keras: the mean over
points and faces, in percent of the mean distance of the pupils; scores, in percent of 1. So far off
in any direction, an error of 3.5 % grows by less than 3 % of itself."""


def export(
    model,
    path,
    format="saved_model",
    dtype="float32",
    representative=None,
    verbose=False,
    batch=None,
):
    """Writes a model for a phone, a server or a browser, checked against Keras.

    The file takes crops, named `crops`, and puts out what the model does, by name. A
    file that was there is replaced when the new one is whole and checked. A model of half precision
    is written, and checked, in float32; outputs of one's own are checked by their range, but for
    int8. The detector does not go with it.

    Args:
        model: `Landmarker`.
        path: of the file (`.tflite`, `.onnx`), or of the folder of a SavedModel.
        format: `saved_model`, `tflite` (float32, built-in operations only), `tflite-fp16`,
            `tflite-int8` or `onnx`. int8 is full-integer where the landmarks stay where they were;
            else, with `representative` faces, from the last wide convolution on in float, if few
            weights lie there; else weights are int8 and the rest is computed from them in float
            or, inside a layer, in int8 scaled anew for each face ("dynamic range").
        dtype: of the crops that the file takes: `float32` or `uint8`.
        representative: for int8: a folder with pictures of faces, or crops
            `(faces, height, width, 3)`; None takes made-up faces.
        verbose: whether to print what was written, in a line.
        batch: how many crops the file takes at once, where what runs it (a phone's GPU or NPU)
            needs sizes that are known before; None takes any number.

    Returns:
        The facts that are written beside the model, as a dict: scheme, point names, crop, inputs,
        outputs, licence of the training data, and what the check found.

    Raises:
        ValueError: if format, dtype or the path's ending is another one, the folder holds no
            pictures of faces, the path holds something that is no SavedModel, or Keras has
            quantized the model.
        FileNotFoundError: if there is no such folder.
        ImportError: if a package is missing that the format needs, or Keras runs on another engine
            than TensorFlow.
        RuntimeError: if the written model does not find the landmarks that Keras finds, or the
            format lacks an operation of the network.
    """
    if not isinstance(model, keras.Model) or not hasattr(model, "scheme"):
        raise ValueError(f"Expected a model as load() gives it, a Landmarker, not {type(model)}.")
    format = KERAS_NAMES.get(format, format)
    path = files.as_path(path)
    ending, limit = FORMATS[known_name("format", format, FORMATS)]
    check_ending(path, format)
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be {' or '.join(DTYPES)}, not {dtype!r}.")
    empty = not ending and path.is_dir() and not any(path.iterdir())
    other = path.is_dir() if ending else not (path / "saved_model.pb").is_file()
    if path.exists() and other and not empty:
        kind = "file" if ending else "SavedModel"
        raise ValueError(f"{path} is there, and no {kind} to replace.")
    layers = model._flatten_layers(include_self=False)
    if quantized := [la.name for la in layers if "_from_" in la.dtype_policy.name]:
        said = "take the model as it was, and format='tflite-int8'"
        raise ValueError(f"{model.name} is quantized by Keras ({quantized[0]}, …): {said}.")
    if batch is not None:
        batch = int(number("batch", batch, least=1, whole=True))
    need_packages(format)
    model = in_float32(model)
    crops = crops_of(model, representative)
    with files.whole(path) as made:
        facts = _facts(model, format, dtype, batch)
        if format == "tflite-int8":
            facts |= _write_int8(model, made, dtype, facts, crops, representative is not None)
        else:
            write(model, made, format, dtype, facts)
            facts |= _check(model, made, crops, dtype, batch)
            if not facts["largest_difference_px"] <= limit:
                raise RuntimeError(
                    f"The {format} model's landmarks lie up to {facts['largest_difference_px']} px "
                    f"from those of Keras; {limit} px are allowed."
                )
            for name, off in facts.get("others_percent", {}).items():
                if not off <= limit:
                    raise RuntimeError(
                        f"The {format} model's {name} lies up to {off} % of its range from that of "
                        f"Keras; {limit} % are allowed."
                    )
        inside, beside = made / "assets.extra/landmarks.json", path.with_name(path.name + ".json")
        files.write_json(inside if made.is_dir() else beside, facts)
    if verbose:
        kind = ", ".join(facts[key] for key in ("format", "arithmetic") if key in facts)
        print(
            f"{path}: {kind}; landmarks within {facts['largest_difference_px']} px of Keras "
            f"(crop pixels). Licence of the training data: {facts['licence']}."
        )
    return facts


def _facts(model, format, dtype, batch):
    """What a reader must know; the first key is the mark by which it is found in a file."""
    units = {
        "landmarks": "pixels of the crop; (0, 0) is the centre of its first pixel",
        "error": "expected distance from the truth, in pixels of the crop",
        "score": "how sure each point is, 0..1",
    }
    if "score" in model.output and model.output["score"].shape[1] != model.scheme.count:
        units["score"] = "how sure the face is, 0..1"
    outputs = {}
    for name, tensor in model.output.items():
        kind = keras.backend.standardize_dtype(tensor.dtype)
        outputs[name] = {"shape": [batch, *tensor.shape[1:]], "dtype": kind}
        if name in units:  # a user's model may put out more
            outputs[name]["unit"] = units[name]
    return {
        "keras_landmarks": keras_landmarks.__version__,
        "model": model.name,
        "format": format,
        "scheme": scheme_config(model.scheme),
        "points": model.scheme.point_names,
        "crop": {
            "size": list(model.size),
            "margin": model.margin,
            "box": model.box,
            "meaning": "the square of margin times the box's longer side about the box's centre",
            "convention": dataclasses.asdict(get_convention(model.box)),
        },
        "geometry": {
            "mirror": [*model.scheme.mirror],
            "right_eye": [*model.scheme.right_eye],
            "left_eye": [*model.scheme.left_eye],
            "contours": [{"points": [*p], "closed": c} for p, c in model.scheme.contours.values()],
        },
        "inputs": {
            "crops": {"shape": [batch, *model.size, 3], "dtype": dtype, "range": [0, 255]}
            | {"channels": "RGB"}
        },
        "outputs": outputs,
        "licence": model.licence,
    }


def _write_int8(model, path, dtype, facts, crops, of_faces):
    """The arithmetic of the fewest floats whose landmarks stay where they were."""
    import tensorflow as tf

    tries = {"full-integer": functools.partial(write_integer, crops=crops)}
    if of_faces:  # made-up ones do not show how large values become
        last = functools.partial(write_mostly_integer, crops=crops)
        tries["integer, the last layers in float"] = last
    tries["dynamic range"] = lambda model, path, dtype, facts: write(
        model, path, "tflite-int8", dtype, facts, optimizations=[tf.lite.Optimize.DEFAULT]
    )
    tried = {}
    for arithmetic, write_as in tries.items():
        try:
            write_as(model, path, dtype, {**facts, "arithmetic": arithmetic})
            found = _check(model, path, crops, dtype, facts["inputs"]["crops"]["shape"][0])
        except (RuntimeError, ValueError) as error:  # as a division in integers
            tried[arithmetic] = str(error).splitlines()[0]
            continue
        tried[arithmetic] = found["mean_difference_percent"]
        if tried[arithmetic] <= INT8_LIMIT:
            return {"arithmetic": arithmetic, **found}
    raise RuntimeError(
        f"int8 moves the landmarks by more than {INT8_LIMIT} % of the eyes' distance: {tried}."
    )


def _check(model, path, crops, dtype, batch=None):
    """How far the landmarks, errors and scores of the written model lie from those of Keras.

    Of other outputs, which have units of their own, in percent of the largest value.
    """
    expected = predict_in_parts(model.predict_on_batch, crops)
    if path.is_dir():
        import tensorflow as tf

        written = tf.saved_model.load(str(path))
        serve, count = (lambda part: written.serve(part.astype(dtype))), batch or AT_ONCE
        found = predict_filled(serve, crops, count)
    else:
        try:
            found = predict_in_parts(open_model(path).predict_on_batch, crops)
        except (ValueError, RuntimeError) as error:  # the runtime does not know what is in it
            raise RuntimeError(lacking(path.suffix[1:], error.__cause__ or error)) from error
    distance = np.linalg.norm(found["landmarks"] - expected["landmarks"], axis=-1)
    kind = "pupils" if model.scheme.right_eye else None
    eyes = errors.normaliser(expected["landmarks"], model.scheme, kind)
    eyes = np.nanmean(eyes) if np.isfinite(eyes).any() else max(model.size) / 3  # as in a crop
    shares = [distance.mean() / eyes]
    if "error" in expected:
        shares.append(np.abs(found["error"] - expected["error"]).mean() / eyes)
    if "score" in expected:
        shares.append(np.abs(found["score"] - expected["score"]).mean())
    off = {name: np.abs(np.float64(found[name]) - expected[name]).max() for name in expected}
    own = [off.pop(name) for name in ("landmarks", "error", "score") if name in off]
    facts = {
        "largest_difference_px": round(float(np.max(own)), 4),  # Python's may overlook NaN
        "mean_difference_percent": round(100 * float(np.max(shares)), 3),
    }
    ranges = {name: float(np.abs(expected[name]).max()) or 1.0 for name in off}
    others = {name: round(100 * float(off[name] / ranges[name]), 4) for name in off}
    return facts | ({"others_percent": others} if others else {})
