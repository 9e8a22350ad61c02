"""The models that are named to commands: of the zoo, of a training, or exported."""

import hashlib
import zipfile

from keras_landmarks import files, list_models
from keras_landmarks.cli.quiet import import_keras


def read_model(name, mirrored=False):
    """A model that can `detect`.

    Args:
        name: of the zoo, the folder of a training, or an exported or saved (`.keras`) file; a list
            has their average.
        mirrored: see `load`.

    Raises:
        ValueError: if a file is to be averaged, or a saved one is no `Landmarker`.
    """
    names = [name] if isinstance(name, str) else name
    if len(names) == 1 and names[0].endswith(".keras") and not mirrored:
        return _saved(names[0])
    if not any(is_exported(name) or name.endswith(".keras") for name in names):
        from keras_landmarks import load

        return load(name, mirrored=mirrored)
    if mirrored or names[1:]:
        given = "+".join(names)
        raise ValueError(f"An exported or saved file is read alone and unmirrored, not {given}.")
    from keras_landmarks import runtime

    return runtime.open_model(names[0])


def import_keras_for(options):
    """Imports Keras quietly, but for what needs none: exported files, and what the zoo's are."""
    named = {"detect": "model", "info": "name"}.get(options.run.__module__.rpartition(".")[2])
    name = (named and getattr(options, named)) or ""
    if not (is_exported(name) or (named == "name" and name in list_models())):
        import_keras()


def digest(name):
    """A number, as text, of what a named model is: of its file, or of its facts and weights."""
    if is_exported(name) or name.endswith(".keras"):
        return hashlib.sha256(files.as_path(name).read_bytes()).hexdigest()[:8]
    from keras_landmarks import zoo

    facts, arrays = zoo.read_model(name)
    found = hashlib.sha256(repr(facts).encode())
    for key in sorted(arrays):
        found.update(arrays[key].tobytes())
    return found.hexdigest()[:8]


def _saved(path):
    """What `Landmarker.save` wrote."""
    import keras

    from keras_landmarks import Landmarker

    file = files.as_path(path)
    if not zipfile.is_zipfile(file):
        raise ValueError(f"{path} is {'no whole .keras file' if file.exists() else 'not there'}.")
    try:
        model = keras.models.load_model(file)
    except TypeError as error:  # of another's classes, with the whole config
        said = str(error).rpartition("Exception encountered: ")[2][:200]
        raise ValueError(f"{path} cannot be loaded: {said}") from error
    if not isinstance(model, Landmarker):
        raise ValueError(f"{path} is no Landmarker: build one of its inputs and outputs.")
    return model


def is_exported(name):
    return name.lower().endswith((".tflite", ".onnx"))
