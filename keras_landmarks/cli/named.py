"""The models that are named to commands: of the zoo, of a training, or exported."""


def read_model(name, mirrored=False):
    """A model that can `detect`.

    Args:
        name: of the zoo, the folder of a training, or an exported file; a list has their average.
        mirrored: see `load`.

    Raises:
        ValueError: if an exported file is to be averaged.
    """
    from keras_landmarks import load, runtime

    names = [name] if isinstance(name, str) else name
    if not any(map(is_exported, names)):
        return load(name, mirrored=mirrored)
    if mirrored or names[1:]:
        raise ValueError(f"An exported file is read alone and unmirrored, not {'+'.join(names)}.")
    return runtime.open_model(names[0])


def is_exported(name):
    return name.lower().endswith((".tflite", ".onnx"))
