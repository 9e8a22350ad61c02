import types

import numpy as np
import pytest

from keras_landmarks import (
    data,
    faces,
    layers,
    list_models,
    load,
    losses,
    metrics,
    models,
    pictures,
    recipes,
    runtime,
    schemes,
    shapes,
    training,
)
from keras_landmarks.data import get_protocol
from keras_landmarks.errors import normaliser
from keras_landmarks.evaluation import check_faces, disturb, evaluate
from keras_landmarks.export.formats import FORMATS
from keras_landmarks.layers import HeatmapDecoding, HeatmapGeneration
from keras_landmarks.names import known_name, number

NEAR = {
    "format": (lambda: known_name("format", "tflite8", FORMATS), "tflite-int8"),
    "model": (lambda: load("Unet_300W"), "unet-300w"),
    "recipe": (lambda: recipes.get_recipe("dan300w"), "dan-300w"),
    "scheme": (lambda: schemes.get_scheme("ibug-68"), "ibug68"),
    "split": (lambda: get_protocol("300w/lfpw_test"), "300w/lfpw-test"),
    "box convention": (lambda: faces.convert_boxes([0, 0, 9, 9], "Truth", "truth"), "truth"),
    "box": (lambda: evaluate(None, [], box="detectors"), "detector"),
    "normaliser": (lambda: normaliser(np.zeros((1, 68, 2)), kind="corner"), "corners"),
    "kind of maps": (lambda: HeatmapGeneration((8, 8), "gauss"), "gaussian"),
    "kind of decoding": (lambda: HeatmapDecoding("soft-argmax"), "argmax"),
}


@pytest.mark.parametrize("kind", NEAR)
def test_an_unknown_name_is_told_what_it_may_have_been(kind):
    call, near = NEAR[kind]
    with pytest.raises(ValueError, match=f"Unknown .*Known: .*Did you mean .*{near}"):
        call()
    assert known_name("word", near, [near]) == near


def test_a_name_like_no_other_is_told_all():
    with pytest.raises(ValueError, match=r"Unknown scheme 7\. Known: ibug68, .*\w\.$"):
        schemes.get_scheme(7)


def stage(**changes):
    made = {"loss": losses.L1(), "epochs": 1, "optimizer": training.averaged_adamw(1e-3)}
    return training.Stage(**{**made, **changes})


def recipe(**changes):
    made = {"model": models.cnn6, "stages": (stage(),), "size": (64, 64)}
    return training.Recipe(**{**made, **changes})


def samples(**changes):
    return data.Samples(data.made_up_faces(1, size=40), **{"size": (8, 8), **changes})


def tracker(model=None, **changes):
    return faces.Tracker(model or types.SimpleNamespace(detector=None), **changes)


FACE = faces.Detection(np.float32(np.eye(5, 2)), np.float32([0, 0, 9, 9]), "five5")
PICTURE = np.zeros((9, 9, 3), np.uint8)
WRONG = {  # what a call gets, and what it must be
    "w": (lambda: losses.Wing("10"), "a finite number above 0, not '10'"),
    "epsilon": (lambda: losses.Wing(10, np.nan), "a finite number above 0, not nan"),
    "sigma": (lambda: losses.Heatmaps(sigma=None), "a finite number above 0, not None"),
    "radius": (lambda: losses.ScoreMaps(radius=-1), "above 0, not -1"),
    "weight": (lambda: losses.Validation(weight="1"), "of at least 0, not '1'"),
    "coordinates": (lambda: losses.Validation("wing"), "a loss object, as Wing"),
    "threshold": (lambda: metrics.FailureRate("0.08"), "above 0, not '0.08'"),
    "smallest": (lambda: faces.BlazeFace("20"), "above 0, not '20'"),
    "score": (lambda: faces.BlazeFace(threshold=1), "above 0 and below 1, not 1"),
    "longest": (lambda: faces.Mtcnn("800"), "of at least 12, not '800'"),
    "frame_rate": (lambda: faces.OneEuro(np.nan), "above 0, not nan"),
    "every": (lambda: tracker(every=1.5), "a whole number of at least 1, not 1.5"),
    "time": (lambda: tracker()(PICTURE, "1"), "a finite number, not '1'"),
    "beta": (lambda: tracker(cutoff=None, beta="10"), "of at least 0, not '10'"),
    "overlap": (lambda: tracker(overlap=2), "of at least 0 and of at most 1, not 2"),
    "rotation": (lambda: data.Augmentation(rotation="30"), "of at most 180, not '30'"),
    "margin": (lambda: samples(margin="1"), "above 0, not '1'"),
    "replaced batch": (lambda: samples().replace(batch=None), "of at least 1, not None"),
    "augmentation": (lambda: samples(augmentation=True), "is an Augmentation, not True"),
    "size": (lambda: samples(size=64), r"\(height, width\), two whole numbers .* not 64"),
    "map size": (lambda: layers.HeatmapGeneration(("8", 8)), r"not \('8', 8\)"),
    "stride": (lambda: layers.HeatmapDecoding(stride="2"), "above 0, not '2'"),
    "trust": (lambda: layers.ShapeDictionary(trust=None), "of at most 1, not None"),
    "scale": (lambda: layers.FeatureImage(scale=1.5), "a whole number"),
    "filters": (lambda: models.cnn(filters=3), "a tuple of whole numbers, not 3"),
    "hidden": (lambda: models.dan(hidden="256"), "a whole number of at least 1, not '256'"),
    "crop": (lambda: models.unet(size="64"), "a multiple of 32, not '64'"),
    "width": (lambda: models.resnet(width=None), "above 0, not None"),
    "loss": (lambda: stage(loss="wing"), "a loss object, as losses.Wing"),
    "loss class": (lambda: stage(loss={"head": losses.Wing}), "a loss object"),
    "optimizer": (lambda: stage(optimizer="adam"), "a function from the number of steps"),
    "epochs": (lambda: stage(epochs="2"), "a whole number of at least 0, not '2'"),
    "a teacher": (lambda: stage(teacher="unet-300w"), "teacher cannot be 'unet-300w'"),
    "start": (lambda: stage(start="x"), "start cannot be 'x'"),
    "output": (lambda: stage(output=3), "output cannot be 3"),
    "seed": (lambda: recipe(seed=2**32), "a whole number of at least 0 and below"),
    "balance": (lambda: data.LossBalance("3"), "a whole number of at least 1, not '3'"),
    "convention": (lambda: faces.Convention(0, 0, -1), "scale must be .* above 0, not -1"),
    "where side": (lambda: faces.Convention("0", 0, 1), "x must be a finite number, not '0'"),
    "no figure": (
        lambda: list_models(lambda facts: facts["nme"] < 9),
        "nme_as_paper, latency_ms are None",
    ),
    "frozen": (lambda: stage(frozen=None), "frozen cannot be None"),
    "frozen name": (lambda: stage(frozen="conv"), r"frozen is a tuple: \('conv',\)"),
    "first": (lambda: training.optimizers.falling_sgd(0, 1), "above 0, not 0"),
    "momentum": (lambda: training.optimizers.falling_sgd(1, 0.1, momentum=1), "below 1, not 1"),
    "times": (lambda: training.optimizers.stepped(None, 0.1, 0.5, 0), "of at least 1, not 0"),
    "rate": (lambda: training.averaged_adamw("1e-3"), "above 0, not '1e-3'"),
    "stages": (lambda: recipe(stages=[losses.L1()]), "a tuple of Stage, not"),
    "model": (lambda: recipe(model="cnn6"), "makes the model, as models.cnn6: not 'cnn6'"),
    "held_out": (lambda: recipe(held_out=1), "below 1, not 1"),
    "no stage": (lambda: recipe(stages=()), r"a tuple of Stage, not \(\)"),
    "lpbb": (lambda: recipe(lpbb="bbo"), "'BB', 'BBO' or None, not 'bbo'"),
    "no recipe": (lambda: training.train("cnn6", None, None, "runs"), "a Recipe, as .* not 'cnn6'"),
    "no samples": (lambda: training.train(recipe(), [FACE], None, "runs"), "Expected Samples, as"),
    "no face, but": (lambda: data.split_by_photo("300W", 0.2), "faces .data.Face., .* not '300W'"),
    "evaluated": (lambda: evaluate("tiny-ibug68", []), "as load.* gives it, not 'tiny-ibug68'"),
    "evaluated faces": (lambda: evaluate(load("tiny-ibug68"), [1]), "Expected faces .*, not 1"),
    "fraction": (lambda: data.split_by_photo([], "a"), "above 0 and below 1, not 'a'"),
    "amount": (lambda: disturb([], "blur", "1"), "amount must be a finite number"),
    "parts": (lambda: check_faces([]), "Expected {name: faces}"),
    "count": (lambda: data.made_up_faces("3"), "a whole number of at least 0, not '3'"),
    "exemplars": (
        lambda: shapes.infer(np.ones((1, 4, 2)), np.ones((1, 4)), np.ones((3, 5, 2)), 1),
        "Exemplars of 5 points do not fit",
    ),
    "one loss": (lambda: training.MultiLoss(load("tiny-ibug68"), losses.L1()), "{layer: loss}"),
    "no loss": (lambda: training.LossBalancing(samples(), "wing"), "a loss object, not"),
    "teacher": (lambda: training.Teacher("unet-300w", losses.Wing()), "a tuple of one teacher"),
    "crop side": (lambda: FACE.crop(PICTURE, size=0), "a whole number of at least 1, not 0"),
    "crop margin": (lambda: FACE.crop(PICTURE, margin=np.nan), "above 0, not nan"),
    "drawing": (lambda: faces.draw_scheme("ibug68", size="9"), "a whole number"),
    "blocks": (lambda: pictures.anonymise(PICTURE, [FACE], "6"), "a whole number"),
    "threads": (lambda: runtime.open_model("x.tflite", "2"), "a whole number"),
    "where": (lambda: list_models("unet"), "a function of a model's facts, not 'unet'"),
    "one of several": (lambda: faces.align(PICTURE, [FACE]), "One face is aligned"),
    "no face": (lambda: pictures.anonymise(PICTURE, None), "Expected the faces of one picture"),
    "no model": (lambda: tracker("unet"), "by a model, as load.* gives it, not by 'unet'"),
    "no frames": (lambda: next(tracker().track(PICTURE)), "several frames, not one ndarray"),
    "no detector": (lambda: faces.detect_faces(faces.BlazeFace, PICTURE), "A detector is a call"),
}


@pytest.mark.parametrize(("call", "expected"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_is_told_what_was_expected(call, expected):
    with pytest.raises(ValueError, match=expected):
        call()


def test_a_single_stage_is_a_recipe_and_numpy_numbers_are_numbers():
    assert len(recipe(stages=stage(), size=np.array([64, 64])).stages) == 1
    assert losses.Wing(np.float32(10), np.int64(2)).get_config()["w"] == 10
    assert number("n", 3, whole=True) == 3
