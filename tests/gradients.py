"""Functions and their gradients under whatever backend the tests run on."""

import keras
import numpy as np
import pytest


def compiled(function):
    """The function, compiled as one by JAX, which would compile each of its operations by itself.

    Layers that it calls must be built.
    """
    if keras.backend.backend() != "jax":
        return function
    import jax

    return jax.jit(lambda *values: function(*values))


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

        found = compiled(jax.grad(function, argnums=tuple(range(len(values)))))(*values)
    else:
        pytest.skip("gradients are taken under TensorFlow and JAX")
    return [np.asarray(keras.ops.cast(one, "float32")) for one in found]
