"""The files that models are exported to, as Keras and its converters write them."""

import functools
import json

import keras
import numpy as np

FORMATS = {
    "saved_model": ("", 0.05),
    "tflite": (".tflite", 0.05),
    "tflite-fp16": (".tflite", 0.2),
    "tflite-int8": (".tflite", None),
    "onnx": (".onnx", 0.05),
}
"""Ending of the file, and how far in pixels its landmarks may be from those of Keras; others of its
outputs, in percent of their range."""

DTYPES = ("float32", "uint8")
"""What the crops may be that a file takes."""

KERAS_NAMES = {"tf_saved_model": "saved_model", "litert": "tflite"}


def format_of(path):
    """The first format of the ending of a path.

    Raises:
        ValueError: if there is none.
    """
    for format, (ending, _) in FORMATS.items():
        if _ending(path) == ending:
            return format
    raise ValueError(
        f"{path} ends as no format does: it is .tflite, .onnx, or nothing for a SavedModel; "
        "model.save writes .keras."
    )


def check_ending(path, format):
    """Raises a `ValueError` where a path does not end as those of a format do."""
    ending, found = FORMATS[format][0], _ending(path)
    if found != ending:
        fitting = [name for name, (other, _) in FORMATS.items() if found and other == found]
        hint = f" For {found} take format={' or '.join(map(repr, fitting))}." if fitting else ""
        ends = repr(ending or "no suffix")
        raise ValueError(f"{path}: the name of this format, {format}, ends in {ends}.{hint}")


def _ending(path):
    """The suffix in small letters; a folder's version, as 1.5, has none."""
    return "" if path.suffix[1:].isdecimal() else path.suffix.lower()


def need_packages(format):
    """Raises ImportError, saying how to install it, if a package is missing."""
    needed = {"onnx": ("tf2onnx", "onnxruntime")}.get(format, ("tensorflow",))
    needed += ("ai_edge_litert",) if format.startswith("tflite") else ()
    for package in needed:
        try:
            __import__(package)
        except ImportError as error:
            name = package.replace("_", "-")
            said = f"Exporting {format} needs {name}: pip install {name} ({error})"
            raise ImportError(said) from error
    if keras.backend.backend() != "tensorflow":
        raise ImportError("Exporting needs Keras' TensorFlow backend.")


def write(model, path, format, dtype, facts, **converter):
    """Writes the model unchecked; into a file, with the facts.

    Args:
        model: `Landmarker`.
        path: of the file, or of the folder of a SavedModel.
        format: one of `FORMATS`.
        dtype: of the crops that it takes.
        facts: dict, what a reader must know.
        converter: options of TensorFlow's converter.

    Raises:
        RuntimeError: if the format lacks an operation of the network.
    """
    shape = tuple(facts["inputs"]["crops"]["shape"])
    signature = [keras.InputSpec(shape=shape, dtype=dtype, name="crops")]
    if format == "tflite-fp16":
        import tensorflow as tf

        converter = {
            "optimizations": [tf.lite.Optimize.DEFAULT],
            "target_spec": {"supported_types": [tf.float16]},
        }
    kind = "litert" if format.startswith("tflite") else format
    there = path.with_suffix(".tflite") if kind == "litert" else path  # Keras knows small letters
    try:
        if format == "saved_model":  # of which `Model.export` writes each variable twice
            archive = keras.export.ExportArchive()
            archive.add_endpoint("serve", functools.partial(model, training=False), signature)
            archive.write_out(str(path), verbose=False)
        else:
            keras.Model.export(
                model,
                str(there),
                format=kind,
                verbose=False,
                input_signature=signature,
                **converter,
            )
    except Exception as error:
        if type(error).__name__ != "ConverterError":
            raise
        raise RuntimeError(lacking(format, error)) from error
    if there != path:
        there.rename(path)
    if format == "onnx":
        import onnx

        written = onnx.load(path)
        onnx.helper.set_model_props(written, {"keras_landmarks": json.dumps(facts)})
        onnx.save(written, path)
    elif kind == "litert":
        embed(path, facts)


def lacking(format, error):
    """What is said where a format has no such operation as a network."""
    said = " ".join(str(error).split())[:200]
    return f"The network has an operation that {format} has not, or has not in this way: {said}"


def embed(path, facts):
    """Puts the facts into a TFLite file's own metadata."""
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    written = flatbuffer_utils.read_model(str(path))
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    entry.name, entry.buffer = "keras_landmarks", len(written.buffers)
    written.buffers.append(buffer)
    written.metadata = [*(written.metadata or []), entry]
    flatbuffer_utils.write_model(written, str(path))
