"""FFLD: landmarks corrected on feature maps of the network itself (Yan et al., 2020)."""

import keras
from keras import layers, ops

from keras_landmarks.layers import LandmarkCrop, MeanShape
from keras_landmarks.models import blocks
from keras_landmarks.models.resnet import check, levels, residual_block
from keras_landmarks.moved import renamed
from keras_landmarks.names import number
from keras_landmarks.schemes import get_scheme


@renamed(validation="expected_error")
def ffld(
    scheme="ibug68",
    depth=18,
    width=0.25,
    stages=3,
    size=224,
    channels=4,
    learn_maps=True,
    learn_places=True,
    mean_shape=None,
    expected_error=False,
    patch=8,
):
    """A residual network, and stages that correct its landmarks on ever finer feature maps.

    The network's own landmarks are stage 0. Stage 1 cuts patches of the third level (stride 8)
    around them, chooses four channels for each landmark, and a small network, the CropNet, says
    how far to move them; stages 2 and 3 do the same on the second and first level (strides 4 and
    2). 1.6 M parameters for 68 landmarks, depth 18 and three stages.

    Args:
        scheme: the landmarks' scheme or its name.
        depth: of the residual network, 18 or 50.
        width: fraction of the channels of the original residual network; the paper has 0.25.
        stages: 0 (the residual network alone) to 3.
        size: height and width of the crop in pixels, a multiple of 32, at least 64.
        channels: chosen for each landmark.
        learn_maps: whether the stages' gradient goes on to the feature maps.
        learn_places: whether it goes on to the landmarks before the stage, by the places of the
            patches and by the sum (eq. 10).
        mean_shape: `(n, 2)` fractions of the crop (see `layers.MeanShape`); None starts from the
            centre. Trained weights bring theirs.
        expected_error: whether the model says how far off each point may be (see
            `losses.Validation`).
        patch: height and width of the patches in pixels of their maps, at least 3; 8 as in the
            paper.

    Returns:
        A functional model: `(batch, size, size, 3)` RGB crops of 0..255 to
        `{"landmarks": (batch, n, 2)}` in crop pixels, float32, and if wanted `error`
        `(batch, n)`, the expected distance of each from the truth. The landmarks of stage i are the
        output of its layer `stage{i}_landmarks`; the names of a stage's layers begin with
        `stage{i}_`.

    Raises:
        ValueError: if the depth, the size, the number of stages, the patches' size or the mean
            shape's number of points is another one.

    Reference:
        Yan et al., Fine-grained facial landmark detection exploiting intermediate feature
        representations, CVIU 2020, section 3; table 7; table 6 for the switches.
    """
    check(depth, size, width)
    blocks.check_widths(channels=channels)
    if number("stages", stages, whole=True) not in range(4):
        raise ValueError(f"stages must be 0, 1, 2 or 3, not {stages}.")
    number("patch", patch, least=3, whole=True)
    if stages and size // 8 < patch:
        raise ValueError(f"size must be at least {8 * patch} for patches of {patch}, not {size}.")
    scheme = get_scheme(scheme)
    mean_shape = blocks.check_shape(mean_shape, scheme)
    crops = keras.Input((size, size, 3), name="crops")
    maps = levels(blocks.rescale(crops), depth, width)
    features = layers.GlobalAveragePooling2D(name="average")(maps[-1])
    moves = blocks.displacements(features, scheme.count, "stage0_dense")
    landmarks = MeanShape((size, size), mean_shape, name="stage0_landmarks")(moves)
    for stage in range(1, stages + 1):
        level = 4 - stage
        seen = maps[level - 1] if learn_maps else ops.stop_gradient(maps[level - 1])
        places = landmarks if learn_places else ops.stop_gradient(landmarks)
        crop = LandmarkCrop((patch, patch), stride=2**level, name=f"stage{stage}_crop")
        features, moves = _crop_net(crop(seen, places), scheme.count, channels, f"stage{stage}")
        moves = layers.Rescaling(2.0**level, dtype="float32", name=f"stage{stage}_pixels")(moves)
        landmarks = layers.Add(dtype="float32", name=f"stage{stage}_landmarks")([places, moves])
    outputs = blocks.outputs(landmarks, features, expected_error)
    return keras.Model(crops, outputs, name=f"resnet{depth}_ffld")


def _crop_net(patches, count, channels, name):
    """Features `(batch, 128)` of square patches `(batch, n, side, side, c)`, and moves in pixels of
    the map, `(batch, n, 2)` (table 7).

    The text leaves the inside of the residual block open: 64 filters come closest to the paper's
    1.46 M parameters.
    """
    side = patches.shape[2]
    x = layers.EinsumDense(
        "bnhwc,nck->bhwnk", output_shape=(side, side, count, channels), name=f"{name}_choose"
    )(patches)
    x = layers.Reshape((side, side, count * channels), name=f"{name}_chosen")(x)
    x = blocks.normalise(x, f"{name}_norm")
    x = residual_block(x, 128, f"{name}_block", hidden=64)
    x = layers.MaxPooling2D(side, name=f"{name}_pool")(x)
    x = layers.Flatten(name=f"{name}_flatten")(x)
    moves = layers.Dense(
        2 * count, kernel_initializer="zeros", dtype="float32", name=f"{name}_dense"
    )(x)
    return x, layers.Reshape((count, 2), dtype="float32", name=f"{name}_moves")(moves)
