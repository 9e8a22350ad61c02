"""Models of half precision, computed in float32."""

import warnings

import keras


def in_float32(model):
    """A model whose layers all compute in float32, with the same weights.

    Args:
        model: `Landmarker`, of any dtype policy.

    Returns:
        The model itself where all of it is float32; else a copy.
    """
    inner = model._flatten_layers(include_self=False)  # those of networks in networks, too
    if {layer.dtype_policy.name for layer in inner} == {"float32"}:
        return model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a detector that cannot be saved; it is kept below
        config = _float32(model.get_config())
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        copy = type(model).from_config(config)
    finally:
        keras.config.set_dtype_policy(policy)
    copy.set_weights(
        [keras.ops.convert_to_numpy(keras.ops.cast(w, "float32")) for w in model.weights]
    )
    copy.detector = model.detector
    return copy


def _float32(config):
    """A config of float32 where it was of another precision."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return "float32"
        return {key: _float32(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return type(config)(_float32(value) for value in config)
    return "float32" if config in ("float16", "bfloat16") else config
