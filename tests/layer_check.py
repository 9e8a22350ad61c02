"""One check that every layer of the package passes."""

import pathlib
import tempfile

import keras
import numpy as np
from gradients import compiled, gradients
from keras import ops

POLICIES = {"jax": ("mixed_bfloat16",)}.get(
    keras.backend.backend(), ("mixed_float16", "mixed_bfloat16")
)


def check_layer(layer, inputs, atol=1e-5, differentiable=None, coordinates=True):
    """Checks what Keras and the package's house rules ask of a layer, outside of training.

    `Exports` checks what becomes of it in files.

    Args:
        layer: the layer, not yet called.
        inputs: its float32 arrays, batch first.
        atol: how far outputs of copies of the layer may lie apart.
        differentiable: which inputs have gradients; None for all.
        coordinates: whether it takes or gives coordinates, and so stays float32.
    """
    model = functional(layer, inputs)
    output = called(layer, inputs)
    check_shape(layer, inputs, output)
    check_config(layer, inputs, output, atol)
    check_saving(model, inputs, output, atol)
    if coordinates:
        check_half_precision(layer, inputs, output)
    check_gradients(layer, inputs, output.shape, differentiable)


def functional(layer, inputs):
    """A small model of the one layer."""
    symbols = [keras.Input(x.shape[1:]) for x in inputs]
    return keras.Model(symbols, layer(*symbols))


def called(layer, inputs):
    """What the built layer gives."""
    return ops.convert_to_numpy(compiled(layer)(*inputs))


def copied(layer, inputs, policy=None):
    """The layer that comes back from its config, with the same weights."""
    config = keras.saving.serialize_keras_object(layer)
    if policy:
        config["config"].pop("dtype")  # as if it were made under the policy
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(layer)
    if not again.built:
        again.build(*(x.shape for x in inputs))
    again.set_weights(layer.get_weights())
    return again


def check_shape(layer, inputs, output):
    """The output is finite, and as the symbolic one says, with and without a batch size."""
    assert np.isfinite(output).all()
    assert layer.compute_output_shape(*(x.shape for x in inputs)) == output.shape
    symbolic = layer(*(keras.Input(x.shape[1:]) for x in inputs))
    assert tuple(symbolic.shape) == (None, *output.shape[1:])
    assert symbolic.dtype == output.dtype.name


def check_config(layer, inputs, output, atol):
    """The layer comes back from its config."""
    again = copied(layer, inputs)
    assert again.get_config() == layer.get_config()
    np.testing.assert_allclose(called(again, inputs), output, atol=atol)


def check_saving(model, inputs, output, atol):
    """A model of the layer comes back from its file, and XLA compiles it under every backend."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
    loaded.jit_compile = True
    found = loaded.predict_on_batch(list(inputs))
    np.testing.assert_allclose(found, output, atol=atol)


def check_half_precision(layer, inputs, output):
    """Coordinates stay float32 under a policy of half precision."""
    for policy in POLICIES:
        keras.config.set_dtype_policy(policy)
        try:
            again = copied(layer, inputs, policy)
            assert again.compute_dtype == "float32"
            found = called(again, inputs)
        finally:
            keras.config.set_dtype_policy("float32")
        assert found.dtype == "float32"
        np.testing.assert_allclose(found, output, atol=1e-5)


def check_gradients(layer, inputs, shape, differentiable):
    """Gradients are finite, and not zero everywhere."""
    weights = np.random.default_rng(0).normal(size=shape).astype("float32")
    weighted = compiled(lambda *values: layer(*values) * weights)
    slopes = gradients(lambda *values: ops.sum(layer(*values) * weights), *inputs)
    for i, slope in enumerate(slopes):
        assert np.isfinite(slope).all()
        wanted = differentiable is None or i in differentiable
        assert not wanted or abs(slope).max() > 0
        if wanted:
            check_slope(weighted, inputs, i, slope)


def check_slope(function, inputs, i, slope):
    """The steepest slope of the sum towards an input is the finite difference.

    float32 leaves few digits: the step is wide enough to see, and either side of it may hold a
    kink (a bilinear pixel, a ReLU), so that one of four steps must agree.
    """
    place = np.unravel_index(abs(slope).argmax(), slope.shape)
    found = []
    for step in np.array([2e-2, 2e-3, 2e-4, 4e-5]) * max(1, abs(inputs[i][place])):
        sums = []
        for sign in (1, -1):
            moved = inputs[i].copy()
            moved[place] += sign * step
            values = [*inputs[:i], moved, *inputs[i + 1 :]]
            sums.append(np.float64(ops.convert_to_numpy(function(*values))).sum())
        found.append((sums[0] - sums[1]) / (2 * step))
    assert np.isclose(found, slope[place], rtol=0.03, atol=1e-3).any(), (found, slope[place])


class Exports:
    """Many layers in one model, which is written as TFLite and as ONNX: that takes seconds.

    Args:
        layers: dict of pairs: what makes the layer, and its arrays.
    """

    def __init__(self, layers):
        self.layers = {name: build() for name, (build, _) in layers.items()}
        self.inputs, arrays = {}, []
        for i, (name, (_, given)) in enumerate(layers.items()):
            self.inputs[name] = [f"in{i}_{j}" for j in range(len(given))]
            arrays += zip(self.inputs[name], given)
        self.arrays = dict(arrays)
        symbols = {name: keras.Input(x.shape[1:], name=name) for name, x in arrays}
        self.outputs = {name: f"out{i}" for i, name in enumerate(layers)}
        outputs = {
            self.outputs[name]: layer(*(symbols[key] for key in self.inputs[name]))
            for name, layer in self.layers.items()
        }
        model = keras.Model(list(symbols.values()), outputs)
        self.runs = read_tflite(model), read_onnx(model)

    def check(self, name, arrays):
        """In both formats a layer computes what it does in Keras."""
        expected = called(self.layers[name], arrays)
        given = {**self.arrays, **dict(zip(self.inputs[name], arrays))}
        for run in self.runs:
            found = run(given)[self.outputs[name]]
            np.testing.assert_allclose(found, expected, atol=1e-3, rtol=1e-3)


def read_tflite(model):
    """The model as TFLite with its built-in operations alone: from a dict of arrays to a dict."""
    from ai_edge_litert.interpreter import Interpreter

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model.tflite"
        model.export(path, format="litert", verbose=False)
        run = Interpreter(path).get_signature_runner()  # knows no other operations
    return lambda arrays: run(**arrays)


def read_onnx(model):
    """The model as ONNX: from a dict of arrays to a dict."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model.onnx"
        model.export(path, format="onnx", verbose=False)
        session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    return lambda arrays: dict(zip(names, session.run(names, arrays)))
