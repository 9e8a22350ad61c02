"""What a program that uses the package says of types: `make lint` holds it against the hints."""

import pathlib
from typing import Any, assert_type

import keras_landmarks
from keras_landmarks import Detection, Landmarker, Tracker, data, evaluation, faces, files, load
from keras_landmarks import nosuchthing as nosuchthing  # type: ignore[attr-defined]
from keras_landmarks.faces.boxes import Detector
from keras_landmarks.recipes import get_recipe
from keras_landmarks.schemes import Scheme
from keras_landmarks.training import Recipe, averaged_adamw, fine_tuning, train

keras_landmarks.laod()  # type: ignore[attr-defined]


def found(model: Landmarker) -> list[Detection]:
    return [face for face in model.detect("photo.jpg") if face.score]


def own(detector: Detector) -> Landmarker:
    model = load("unet-300w")
    assert_type(model, Landmarker)
    model.detector = faces.BlazeFace(smallest=0.1)
    model.detector.convention = faces.Convention(0.0, 0.1, 1.0)
    model.detector = detector
    model.export(pathlib.Path("model.tflite"), "tflite")
    return model.ready()


class Mine:
    """A model as `find_faces` asks for one."""

    scheme: Scheme
    size = (64, 64)
    margin = 1.25
    box = "annotation"
    detector = faces.BlazeFace()

    def predict_on_batch(self, x: Any) -> dict[str, Any]:
        return {}


Tracker(Mine())
assert_type(faces.Detections([Detection([[1, 2]], (0, 0, 9, 9), "point")])[0], Detection)


def read(folder: str) -> None:
    face = data.Face(folder, [[1, 2]], "point", box=(1, 2, 30, 40))
    assert_type(face.name.upper(), str)
    assert_type(face.landmarks[0].tolist(), Any)
    for face in data.read_table(folder):
        print(face.visible.sum(), face.convention)
    samples, _ = get_recipe("cnn6-300w").samples([face])
    print(samples.batch, files.files_in(folder))
    assert_type(evaluation.evaluate(load(), [face]), evaluation.Evaluation)
    recipe = fine_tuning("cnn6-300w", [face])
    assert_type(recipe, Recipe)
    print(recipe.stages[0].epoch)  # type: ignore[attr-defined]
    assert_type(train(recipe, samples, None, folder), Landmarker)
    averaged_adamw(1e-3)(100)
