"""Gradients under whatever backend the tests run on."""

import keras
import numpy as np
import pytest


def gradients(function, *values):
    """The gradients of `function(*values)`, one number, towards each value, as arrays."""
    values = [keras.ops.convert_to_tensor(value) for value in values]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(values)
            result = function(*values)
        found = tape.gradient(result, values, unconnected_gradients="zero")
    elif keras.backend.backend() == "jax":
        import jax

        found = jax.grad(function, argnums=tuple(range(len(values))))(*values)
    else:
        pytest.skip("gradients are taken under TensorFlow and JAX")
    return [np.asarray(keras.ops.cast(one, "float32")) for one in found]
