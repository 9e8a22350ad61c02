"""TFLite files that compute in integers, their ranges calibrated on crops of faces."""

import functools
import pathlib
import tempfile

import numpy as np

from keras_landmarks.export.formats import embed, write


def write_integer(model, path, dtype, facts, crops):
    """Writes a model all of whose layers compute in int8. Arguments as of `formats.write`.

    Args:
        crops: `(faces, height, width, 3)` uint8, that show how large values become.
    """
    import tensorflow as tf

    write(
        model,
        path,
        "tflite-int8",
        dtype,
        facts,
        optimizations=[tf.lite.Optimize.DEFAULT],
        representative_dataset=functools.partial(_calibration, crops, dtype, facts),
        target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
    )


def write_mostly_integer(model, path, dtype, facts, crops):
    """The same, but from the last convolution wider than a pixel on in float32.

    What places points by heatmaps needs finer values than 256 there: a softmax tells of the
    differences of a few of them.

    Raises:
        ValueError: if the network has no such convolution, or nothing before it, or if it keeps
            most of its weights behind it, as a head of dense layers does.
    """
    import tensorflow as tf

    debug = tf.lite.experimental
    with tempfile.TemporaryDirectory() as folder:
        write(model, folder, "saved_model", dtype, facts)
        plain = tf.lite.TFLiteConverter.from_saved_model(folder).convert()
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        data = functools.partial(_calibration, crops, dtype, facts)
        converter.representative_dataset = data
        options = debug.QuantizationDebugOptions(denylisted_nodes=_last_layers(plain))
        made = debug.QuantizationDebugger(
            converter=converter, debug_dataset=data, debug_options=options
        )
        file = made.get_nondebug_quantized_model()
    if len(file) > len(plain) / 2:
        raise ValueError("Most of the weights would stay in float.")
    pathlib.Path(path).write_bytes(file)
    embed(path, facts)


def _calibration(crops, dtype, facts):
    count = facts["inputs"]["crops"]["shape"][0] or 1
    for crop in crops:
        yield [np.repeat(crop[None], count, axis=0).astype(dtype)]


def _last_layers(file):
    """The names of what a TFLite file computes from its last wide convolution on, and beside it."""
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    read = flatbuffer_utils.convert_bytearray_to_object(file)
    graph, kinds = read.subgraphs[0], read.operatorCodes
    steps = graph.operators
    wide = [
        i
        for i, step in enumerate(steps)
        if kinds[step.opcodeIndex].builtinCode == schema.BuiltinOperator.CONV_2D
        and max(graph.tensors[step.inputs[1]].shape[1:3]) > 1
    ]
    if not wide:
        raise ValueError("The network has no convolution wider than a pixel.")
    kept, needed = steps[wide[-1] :], set(steps[wide[-1]].inputs)
    for step in reversed(steps[: wide[-1]]):
        if needed.isdisjoint(step.outputs):
            kept.append(step)
        else:
            needed.update(step.inputs)
    return [graph.tensors[number].name.decode() for step in kept for number in step.outputs]
