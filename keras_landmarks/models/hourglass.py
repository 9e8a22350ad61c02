"""The score-guided network: an hourglass of heatmaps beside one of score maps."""

import keras
from keras import layers

from keras_landmarks.layers import HeatmapDecoding, ScoreWeights, ShapeDictionary
from keras_landmarks.models import blocks
from keras_landmarks.names import number
from keras_landmarks.schemes import get_scheme


def hourglass(
    scheme="ibug68",
    size=128,
    width=48,
    growth=48,
    depth=4,
    fine=32,
    decoding="soft_argmax",
    stride=1,
    offset=None,
    exemplars=256,
    neighbours=64,
    sure=0.7,
    trust=0.5,
    ridge=100.0,
    mean_shape=None,
):
    """Landmarks from heatmaps, weights from score maps, and unsure points from known shapes.

    A stem of half the crop's size, then two branches alike: an hourglass, two residual blocks, and
    on twice the size a residual block and a 1 x 1 convolution with a map for each landmark. The
    score maps weigh the landmarks that the heatmaps show (`layers.ScoreWeights`), and those of
    little weight move towards where the exemplars nearest to the others have them
    (`layers.ShapeDictionary`; its `adapt` teaches it training faces).

    Maps of half the crop's size have `width` channels (the paper has 128 behind the hourglass and
    leaves the others open), with each halving `growth` more, those of the full size `fine`, and
    residual blocks are bottlenecks of half of it: 2.2 M parameters and 0.8 G multiply-adds for 68
    landmarks.

    Args:
        scheme: the landmarks' scheme or its name.
        size: height and width of the crop in pixels, a multiple of `2 ** (depth + 1)`.
        width: channels of the maps of half the crop's size.
        growth: channels that each halving adds.
        depth: how often an hourglass halves its maps.
        fine: channels of the maps of the crop's size.
        decoding: of the heatmaps: `soft_argmax`, or `argmax` and `centroid` for those trained by
            `losses.Heatmaps`, which are too flat for a softmax (see `layers.HeatmapDecoding`).
        stride: pixels of the crop to one of the maps: 1 as in the paper; 2 leaves the last doubling
            out.
        offset: where in the crop the first pixel of the maps lies, in pixels; None takes the middle
            of what it sees: 0 for maps of half the crop's size, of which a doubling makes pixels
            half a pixel before and behind. Weights that learnt with another have it as an argument.
        exemplars: number of shapes in the dictionary.
        neighbours: how many of them are combined.
        sure: landmarks of this weight stay where the heatmaps have them.
        trust: the largest part of the way to their combination that a landmark moves.
        ridge: how stiff the combination is, see `shapes.reconstruct`.
        mean_shape: taken as by every builder; heatmaps start from none.

    Returns:
        A functional model: `(batch, size, size, 3)` RGB crops of 0..255 to
        `{"landmarks": (batch, n, 2), "score": (batch, n)}`: crop pixels and weights of 0..1,
        float32. For training by `MultiLoss`, the layers `heatmaps` and `scores` put the maps out,
        `decoded` the landmarks before the dictionary.

    Raises:
        ValueError: if the size, the stride or the mean shape's number of points is another one.

    Reference:
        Yan et al., Score-guided face alignment network under occlusions, section 3; Newell et al.,
        Stacked hourglass networks, ECCV 2016.
    """
    blocks.check_widths(width=width, growth=growth, fine=fine)
    for name, value, least in (("depth", depth, 1), ("width", width, 4), ("fine", fine, 2)):
        number(name, value, least=least, whole=True)
    blocks.check_size(size, 2 ** (depth + 1))
    if stride not in (1, 2):
        raise ValueError(f"stride must be 1 or 2, not {stride}.")
    scheme = get_scheme(scheme)
    mean_shape = blocks.check_shape(mean_shape, scheme)
    offset = stride / 2 - 1 if offset is None else offset
    crops = keras.Input((size, size, 3), name="crops")
    x = layers.ZeroPadding2D(3, name="stem_pad")(blocks.rescale(crops))
    x = layers.Conv2D(
        width // 2, 7, strides=2, use_bias=False, kernel_initializer="he_normal", name="stem"
    )(x)
    for i, filters in enumerate((width // 2, width, width), start=1):
        x = _block(x, filters, f"stem_block{i}")

    def branch(name, output, **arguments):
        y = _hourglass(x, depth, growth, name)
        for i in (1, 2):
            y = _block(y, width, f"{name}_block{i}")
        if stride == 1:
            y = layers.UpSampling2D(2, name=f"{name}_up")(y)
        y = blocks.activated(_block(y, fine, f"{name}_fine"), f"{name}_end")
        return layers.Conv2D(scheme.count, 1, dtype="float32", name=output, **arguments)(y)

    heatmaps = branch("heat", "heatmaps")
    nearly_zero = keras.initializers.Constant(-4.0)  # as discs fill little of their maps
    scores = branch("score", "scores", activation="sigmoid", bias_initializer=nearly_zero)
    decoded = HeatmapDecoding(decoding, stride, offset=offset, name="decoded")(heatmaps)
    weights = ScoreWeights(stride, offset=offset, name="weights")(scores, decoded)
    dictionary = ShapeDictionary(exemplars, neighbours, sure, trust, ridge, name="dictionary")
    landmarks = dictionary(decoded, weights)
    return keras.Model(crops, {"landmarks": landmarks, "score": weights}, name="hourglass")


def _hourglass(x, depth, growth, name):
    """Down and up again: what is seen at each size is added on the way up."""
    width = x.shape[-1]
    beside = _block(x, width, f"{name}{depth}_beside")
    y = layers.MaxPooling2D(2, name=f"{name}{depth}_pool")(x)
    y = _block(y, width + growth, f"{name}{depth}_in")
    if depth > 1:
        y = _hourglass(y, depth - 1, growth, name)
    y = _block(y, width, f"{name}{depth}_out")
    y = layers.UpSampling2D(2, name=f"{name}{depth}_up")(y)
    return layers.Add(name=f"{name}{depth}_add")([beside, y])


def _block(x, filters, name):
    """A bottleneck, activated before its convolutions (He et al., Identity mappings, 2016)."""
    shortcut = x
    if x.shape[-1] != filters:
        shortcut = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_shortcut")(x)
    for part, count, kernel in (("a", filters // 2, 1), ("b", filters // 2, 3), ("c", filters, 1)):
        x = blocks.activated(x, f"{name}_{part}")
        x = layers.Conv2D(
            count,
            kernel,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"{name}_{part}",
        )(x)
    return layers.Add(name=f"{name}_add")([x, shortcut])
