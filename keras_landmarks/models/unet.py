"""A small U-Net of heatmaps that knows how far off each of its points may be."""

import keras
from keras import layers, ops

from keras_landmarks.layers import HeatmapMean
from keras_landmarks.models import blocks
from keras_landmarks.models.blocks import convolution
from keras_landmarks.models.resnet import residual_block
from keras_landmarks.moved import renamed
from keras_landmarks.names import number
from keras_landmarks.schemes import get_scheme


@renamed(validation="expected_error")
def unet(
    scheme="ibug68",
    size=128,
    widths=(40, 64, 112, 160, 208),
    depth=2,
    side=80,
    stride=4,
    expected_error=True,
    places=64,
    mean_shape=None,
):
    """Plain 3 x 3 convolutions down to a few pixels and up again to heatmaps of a quarter.

    Down: a 4 x 4 convolution with a stride of 2, then levels of max pooling and residual blocks.
    Up: maps are enlarged bilinearly, what the level on the way down saw is added by a 1 x 1
    convolution, and a 3 x 3 convolution follows. Every halving takes the middle of 2 x 2 pixels,
    so that maps lie on the crop as resized pictures do. The soft-argmax of a map for each
    landmark is its place.

    A landmark's expected error is computed from the maps at the very place where the landmark was
    put, and from the coarsest maps' mean. It learns from the points' errors and never pulls at
    what finds them: landmarks are the same with and without it.

    Args:
        scheme: the landmarks' scheme or its name.
        size: height and width of the crop in pixels, a multiple of `2 ** len(widths)`.
        widths: channels of each level's maps, from half the crop's size on.
        depth: residual blocks of each level behind the first.
        side: channels on the way up.
        stride: pixels of the crop to one of the heatmaps: 2, 4, 8 …
        expected_error: whether the model says how far off each point may be (see
            `losses.Validation`).
        places: features of each landmark's place, of a layer that all landmarks share.
        mean_shape: taken as by every builder; heatmaps start from none.

    Returns:
        A functional model: `(batch, size, size, 3)` RGB crops of 0..255 to
        `{"landmarks": (batch, n, 2)}` in crop pixels, float32, and if wanted `error`
        `(batch, n)`, the expected distance of each from the truth.

    Raises:
        ValueError: if the size is no such multiple, or no level has the stride.

    Reference:
        Ronneberger et al., U-Net, 2015; Sun et al., Integral human pose regression, ECCV 2018
        (soft-argmax); Fuhl and Kasneci, Learning to validate the quality of detected landmarks,
        2019 (expected errors).
    """
    blocks.check_widths(widths, side=side, places=places)
    strides = [2**level for level in range(1, len(widths) + 1)]
    number("depth", depth, least=1, whole=True)
    blocks.check_size(size, strides[-1])
    if stride not in strides:
        raise ValueError(f"stride must be one of {strides}, not {stride}.")
    scheme = get_scheme(scheme)
    blocks.check_shape(mean_shape, scheme)
    crops = keras.Input((size, size, 3), name="crops")
    maps = _down(blocks.rescale(crops), widths, depth)
    x = _up(maps, strides, stride, side)
    heatmaps = layers.Conv2D(scheme.count, 1, dtype="float32", name="heatmaps")(x)
    decoded = HeatmapMean(stride, name="decoded")(heatmaps, x)
    landmarks, seen, features = decoded[..., :2], None, None
    if expected_error:
        seen = ops.stop_gradient(decoded[..., 2:])
        features = layers.GlobalAveragePooling2D(name="average")(ops.stop_gradient(maps[-1]))
        seen = layers.Dense(places, "relu", kernel_initializer="he_normal", name="place")(seen)
    outputs = blocks.outputs(landmarks, features, expected_error, seen)
    return keras.Model(crops, outputs, name="unet")


def _down(x, widths, depth):
    """The maps of each level, from fine to coarse."""
    x = layers.ZeroPadding2D(1, name="stem_pad")(x)
    x = layers.Conv2D(
        widths[0], 4, strides=2, use_bias=False, kernel_initializer="he_normal", name="stem"
    )(x)
    maps = [blocks.activated(x, "stem")]
    for level, width in enumerate(widths[1:], start=2):
        x = layers.MaxPooling2D(2, name=f"level{level}_pool")(maps[-1])
        for block in range(1, depth + 1):
            x = residual_block(x, width, f"level{level}_block{block}")
        maps.append(x)
    return maps


def _up(maps, strides, stride, side):
    """The maps of a stride, which have seen all coarser ones."""
    x = None
    for level in range(len(maps), strides.index(stride), -1):
        beside = convolution(maps[level - 1], side, 1, f"side{level}", activation=False)
        if x is not None:
            x = layers.UpSampling2D(2, interpolation="bilinear", name=f"side{level}_up")(x)
            beside = layers.Add(name=f"side{level}_sum")([x, beside])
        x = layers.ReLU(name=f"side{level}_relu")(beside)
        x = convolution(x, side, 3, f"up{level}")
    return x
