"""Where pixels of maps lie: what a map pixel saw is measured by lighting the picture's columns."""

import functools
import inspect

import keras
import numpy as np
import pytest
from keras import ops
from twins import TWINS

from keras_landmarks import layers, losses, models

TENSORFLOW = keras.backend.backend() == "tensorflow"
HOURGLASS = functools.partial(
    models.hourglass, "five5", 64, width=4, growth=2, depth=1, fine=4, exemplars=5, neighbours=4
)
UNET = functools.partial(models.unet, "five5", 96, widths=(4, 4, 4, 4), depth=1, side=4, places=4)
RESNET = functools.partial(models.resnet, "five5", width=0.0625, size=192, heatmaps=True)
# Where a half-size map comes back by repeating pixels, one saw a little too far left and the next
# one too far right: the mean of so many neighbours is compared. Coarse maps of a pyramid say which
# part of the face it is, the finest where: it is measured alone.
DECODERS = {
    "resnet18": (functools.partial(RESNET, 18), 1, ("side5", "side4")),
    "resnet50": (functools.partial(RESNET, 50), 1, ("side5", "side4")),
    "hourglass": (HOURGLASS, 4, ()),
    "hourglass, argmax": (functools.partial(HOURGLASS, decoding="argmax"), 4, ()),
    "hourglass, centroid": (functools.partial(HOURGLASS, decoding="centroid"), 4, ()),
    "unet": (UNET, 1, ("side4", "side3")),
    "unet of stride 8": (functools.partial(UNET, stride=8), 1, ("side4",)),
    "hourglass of stride 2": (functools.partial(HOURGLASS, stride=2), 2, ()),
}
DECODING = (layers.HeatmapDecoding, layers.HeatmapMean)
CROPPERS = {
    "ffld": functools.partial(models.ffld, "five5", width=0.0625, size=192),
    "validation": functools.partial(
        models.validation, "five5", size=160, filters=(4, 4, 4), hidden=8, places=4
    ),
}


def listening(model, silent=()):
    """All convolutions add up what they see; those of the silent layers see nothing."""
    for variable in model.weights:
        name = variable.path.split("/")[-1]
        if name in ("gamma", "moving_variance"):
            variable.assign(np.ones(variable.shape))
        elif name in ("bias", "beta", "moving_mean"):
            variable.assign(np.zeros(variable.shape))
        elif name == "kernel":
            loud = not variable.path.startswith(silent or ("nothing",))
            area = np.prod(variable.shape[:-1])
            variable.assign(np.full(variable.shape, loud / area))
    return model


def middle_of_what_is_seen(model, maps):
    """Of each column in the middle row of maps: the middle of the picture's columns it saw."""
    pixels = model.get_layer("rescale").output
    side = pixels.shape[1]
    lit = np.repeat(np.eye(side, dtype="float32")[:, None, :, None], side, axis=1)
    lit = np.repeat(lit, pixels.shape[3], axis=3)
    found = keras.Model(pixels, maps).predict(lit, batch_size=16, verbose=0)
    found = found[:, found.shape[1] // 2, :, 0]  # (the lit column, the map's)
    middles = []
    for column in found.T:
        seen = np.flatnonzero(column > 1e-6 * column.max())
        middles.append((seen[0] + seen[-1]) / 2)
    return np.array(middles)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", DECODERS)
def test_a_pixel_lit_in_the_last_maps_decodes_to_the_middle_of_what_it_saw(name):
    build, neighbours, silent = DECODERS[name]
    model = listening(build(), silent)
    maps = model.get_layer("heatmaps").output
    _, height, width, count = maps.shape
    decoder = next(x for x in model.layers if isinstance(x, DECODING))
    seen = middle_of_what_is_seen(model, maps)
    first = width // 2 - neighbours
    columns = range(first, first + neighbours)
    lit = np.zeros((neighbours, height, width, count), "float32")
    for face, column in enumerate(columns):
        lit[face, column, column] = 100
    inputs = (lit, lit) if isinstance(decoder, layers.HeatmapMean) else (lit,)
    found = ops.convert_to_numpy(decoder(*inputs))[..., :2]
    np.testing.assert_allclose(found[..., 0], found[..., 1], atol=1e-3)
    expected = np.mean([seen[column] for column in columns])
    assert found[:, 0, 0].mean() == pytest.approx(expected, abs=0.01)


def test_every_builder_that_decodes_maps_is_measured():
    builders = {name for name in models.__all__ if inspect.isfunction(getattr(models, name))}
    twins = {twin.func.__name__: twin().layers for twin in TWINS.values()}
    assert builders - {"cnn6", "cnn7", "cnn6_7", "ensemble"} == set(twins)
    decoding = {n for n, found in twins.items() if {type(x) for x in found} & set(DECODING)}
    measured = {build().name.rstrip("0123456789") for build, _, _ in DECODERS.values()}
    assert decoding == measured


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", CROPPERS)
def test_a_patch_is_cut_about_what_its_middle_saw(name):
    model = listening(CROPPERS[name]())
    crops = [layer for layer in model.layers if isinstance(layer, layers.LandmarkCrop)]
    assert len(crops) == 3
    for crop in crops:
        maps = crop.input[0]
        column = maps.shape[2] // 2
        place = middle_of_what_is_seen(model, maps)[column]
        lit = np.zeros((1, *maps.shape[1:]), "float32")
        lit[0, :, column] = 1
        patch = layers.LandmarkCrop((1, 3), crop.stride, crop.offset)(
            lit, np.full((1, 1, 2), place, "float32")
        )
        np.testing.assert_allclose(ops.convert_to_numpy(patch)[0, 0, 0, :, 0], [0, 1, 0], atol=0.01)


@pytest.mark.parametrize("loss", [losses.Heatmaps, losses.ScoreMaps])
def test_targets_and_weights_are_drawn_where_the_pixels_lie(loss):
    for stride, offset in ((1, -0.5), (8, 0.0), (4, None)):
        first = (stride - 1) / 2 if offset is None else offset
        places = np.array([[[first + 3 * stride, first + 5 * stride]]], "float32")
        maps = np.zeros((1, 9, 9, 1), "float32")
        size = {"sigma": 0.1} if loss is losses.Heatmaps else {"radius": 0.5}
        maps[0, 5, 3] = 1
        found = loss(stride=stride, offset=offset, **size)(places, maps)
        assert float(found) == pytest.approx(0, abs=1e-6)
        weight = layers.ScoreWeights(stride, radius=0, offset=offset)(maps, places)
        np.testing.assert_allclose(ops.convert_to_numpy(weight), 1, atol=1e-5)
        decoded = layers.HeatmapDecoding("argmax", stride, offset=offset)(maps)
        np.testing.assert_allclose(ops.convert_to_numpy(decoded), places, atol=1e-5)
