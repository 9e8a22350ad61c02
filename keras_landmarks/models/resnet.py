"""Residual networks (He et al., 2016) that find landmarks, of any width."""

import keras
from keras import layers

from keras_landmarks.layers import HeatmapDecoding, UpsampledSum
from keras_landmarks.models import blocks
from keras_landmarks.models.blocks import convolution
from keras_landmarks.moved import renamed
from keras_landmarks.names import number
from keras_landmarks.schemes import get_scheme

DEPTHS = {18: ("basic", (2, 2, 2, 2)), 50: ("bottleneck", (3, 4, 6, 3))}
"""Kind of block and number of blocks in each of the four levels."""


def residual_block(x, filters, name, kind="basic", stride=1, hidden=None):
    """Convolutions and a shortcut about them; at first the shortcut alone.

    Args:
        x: `(batch, height, width, channels)`.
        filters: of the result.
        name: of its layers, as a beginning.
        kind: `basic` (two 3 x 3) or `bottleneck` (1 x 1, 3 x 3, 1 x 1).
        stride: of the first 3 x 3 convolution.
        hidden: filters inside; None takes those of the result, or a quarter in a bottleneck.

    Returns:
        `(batch, height / stride, width / stride, filters)`.
    """
    shortcut = x
    if stride > 1 or x.shape[-1] != filters:
        if stride > 1:  # as a stride of the convolution, whose gradient spoils memory (TF 2.21)
            shortcut = layers.MaxPooling2D(1, stride, name=f"{name}_shortcut_pool")(x)
        shortcut = convolution(shortcut, filters, 1, f"{name}_shortcut", activation=False)
    if kind == "bottleneck":
        hidden = hidden or filters // 4
        x = convolution(x, hidden, 1, f"{name}_in")
        x = convolution(x, hidden, 3, f"{name}_middle", stride)
        x = convolution(x, filters, 1, f"{name}_out", activation=False, gamma="zeros")
    else:
        x = convolution(x, hidden or filters, 3, f"{name}_in", stride)
        x = convolution(x, filters, 3, f"{name}_out", activation=False, gamma="zeros")
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_relu")(x)


def levels(pixels, depth=18, width=1.0):
    """The maps of a residual network, from fine to coarse.

    Args:
        pixels: `(batch, height, width, channels)`; sides are multiples of 32.
        depth: 18 or 50.
        width: fraction of the channels of the original.

    Returns:
        List of five maps; the one of level `i`, counted from 1, has a stride of `2 ** i`.
    """
    kind, counts = DEPTHS[depth]
    x = convolution(pixels, round(64 * width), 7, "stem", stride=2)
    maps = [x]
    x = layers.ZeroPadding2D(1, name="stem_pool_pad")(x)  # after ReLU: zero is the least
    x = layers.MaxPooling2D(3, 2, name="stem_pool")(x)
    for level, count in enumerate(counts, start=2):
        filters = round(64 * width) * 2 ** (level - 2) * (4 if kind == "bottleneck" else 1)
        for block in range(1, count + 1):
            stride = 2 if level > 2 and block == 1 else 1
            x = residual_block(x, filters, f"level{level}_block{block}", kind, stride)
        maps.append(x)
    return maps


def check(depth, size, width):
    """Raises a `ValueError` that names what is wrong with a depth, size or width."""
    if depth not in [*DEPTHS]:
        raise ValueError(f"depth must be one of {sorted(DEPTHS)}, not {depth}.")
    if number("width", width, above=0) < 1 / 64:
        raise ValueError(f"width must be at least 1/64 (a channel), not {width}.")
    blocks.check_size(size, 32)


def heatmap_head(maps, count, offset, width=128):
    """Landmarks from heatmaps that maps of strides 32, 16 and 8 make together.

    Args:
        maps: three of `(batch, height, width, channels)`, from coarse to fine.
        count: number of landmarks, n.
        offset: where in the crop the first pixel of the finest maps lies, in pixels.
        width: channels that all are brought to.

    Returns:
        `(batch, n, 2)` landmarks in crop pixels, float32.
    """
    x = None
    for level, finer in zip((5, 4, 3), maps):
        finer = layers.Conv2D(width, 1, use_bias=False, name=f"side{level}")(finer)
        if x is not None:
            finer = UpsampledSum(name=f"side{level}_sum")(x, finer)
        x = blocks.activated(finer, f"side{level}")
    x = layers.Conv2D(count, 3, padding="same", dtype="float32", name="heatmaps")(x)
    return HeatmapDecoding(stride=8, offset=offset, name="landmarks")(x)


@renamed(validation="expected_error")
def resnet(
    scheme="ibug68",
    depth=18,
    width=1.0,
    size=224,
    mean_shape=None,
    expected_error=False,
    heatmaps=False,
    offset=0.0,
    pixels=False,
):
    """A residual network with a linear layer of landmarks on its averaged features, or heatmaps.

    Args:
        scheme: the landmarks' scheme or its name.
        depth: 18 or 50.
        width: fraction of the channels of the original.
        size: height and width of the crop in pixels, a multiple of 32.
        mean_shape: `(n, 2)` fractions of the crop (see `layers.MeanShape`); None starts from the
            centre. Trained weights bring theirs. Heatmaps start from none.
        expected_error: whether the model says how far off each point may be (see
            `losses.Validation`).
        heatmaps: whether the landmarks are those of heatmaps of an eighth of the crop's size, which
            the last three levels make: more exact, and learnt in fewer steps.
        offset: where in the crop the first pixel of the heatmaps lies, in pixels: 0, as all
            convolutions are padded by half their kernel. Weights that learnt with another have it
            as an argument.
        pixels: whether the linear layer puts out pixels (see `cnn`).

    Returns:
        A functional model: `(batch, size, size, 3)` RGB crops of 0..255 to
        `{"landmarks": (batch, n, 2)}` in crop pixels, float32, and if wanted `error`
        `(batch, n)`, the expected distance of each from the truth.

    Raises:
        ValueError: if the depth is another one, the size no multiple of 32, or the
            mean shape has another number of points than the scheme.

    Reference:
        He et al., Deep residual learning for image recognition, CVPR 2016; for landmarks Feng et
        al., Wing Loss, CVPR 2018, section 7.3 (depth 50), and Yan et al., FFLD, 2020, section 3.1
        (a quarter of the channels). The heatmaps' maps meet as in Lin et al., Feature pyramid
        networks, CVPR 2017.
    """
    check(depth, size, width)
    scheme = get_scheme(scheme)
    mean_shape = blocks.check_shape(mean_shape, scheme)
    crops = keras.Input((size, size, 3), name="crops")
    maps = levels(blocks.rescale(crops), depth, width)
    features = layers.GlobalAveragePooling2D(name="average")(maps[-1])
    if heatmaps:
        landmarks = heatmap_head(maps[:1:-1], scheme.count, offset)
    else:
        landmarks = blocks.landmark_head(
            features, scheme.count, (size, size), mean_shape, pixels=pixels
        )
    outputs = blocks.outputs(landmarks, features, expected_error)
    return keras.Model(crops, outputs, name=f"resnet{depth}")
