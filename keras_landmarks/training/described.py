"""A network of a user's own as plain values, for `load`."""

import json
import warnings

import keras


def described(model):
    """A model's architecture, for JSON and float32 (see `zoo.load`).

    Args:
        model: a functional model.

    Returns:
        Keras' configuration as a dict; None where a layer has none, or, with a warning, is a
        `Lambda`, which Keras opens from no file.
    """
    if unsafe := [la.name for la in model._flatten_layers() if isinstance(la, keras.layers.Lambda)]:
        said = f"{model.name} has the Lambda layer {unsafe[0]!r}, which Keras opens from no file:"
        warnings.warn(
            f"{said} build it, and take weights.set_weights, or write a Layer.", stacklevel=3
        )
        return None
    try:
        config = keras.saving.serialize_keras_object(keras.Model(model.input, model.output))
        return _in_float32(json.loads(json.dumps(config)))
    except (TypeError, ValueError, NotImplementedError):  # what Keras says of such a layer
        return None


def _in_float32(config):
    """The same, where no layer computes in mixed precision."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return {**config, "config": {"name": "float32"}}
        return {key: _in_float32(value) for key, value in config.items()}
    return [_in_float32(value) for value in config] if isinstance(config, list) else config
