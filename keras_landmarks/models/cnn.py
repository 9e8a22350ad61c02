"""The plain convolutional networks of the Wing loss paper (Feng et al., 2018)."""

import keras
from keras import layers

from keras_landmarks.layers import (
    ImageTransform,
    LandmarkTransform,
    TransformEstimation,
    TransformJitter,
)
from keras_landmarks.models import blocks
from keras_landmarks.moved import renamed
from keras_landmarks.schemes import get_scheme


def _features(x, filters, hidden, prefix=""):
    """3 x 3 convolutions with ReLU, each followed by 2 x 2 max pooling, then a dense layer."""
    for i, n in enumerate(filters, start=1):
        x = layers.Conv2D(
            n, 3, padding="same", kernel_initializer="he_normal", name=f"{prefix}conv{i}"
        )(x)
        # The same as ReLU before pooling, on a quarter of the values.
        x = layers.MaxPooling2D(2, name=f"{prefix}pool{i}")(x)
        x = layers.ReLU(name=f"{prefix}relu{i}")(x)
    x = layers.Flatten(name=f"{prefix}flatten")(x)
    return layers.Dense(
        hidden, activation="relu", kernel_initializer="he_normal", name=f"{prefix}features"
    )(x)


@renamed(validation="expected_error")
def cnn(
    scheme="ibug68",
    size=64,
    filters=(32, 64, 128, 256, 512),
    hidden=1024,
    mean_shape=None,
    expected_error=False,
    name="cnn",
    pixels=False,
):
    """A plain convolutional network: convolution, ReLU and max pooling, then two dense layers.

    Args:
        scheme: the landmarks' scheme or its name.
        size: height and width of the crop in pixels, a multiple of `2 ** len(filters)`.
        filters: number of 3 x 3 filters of each convolution; each halves the map after it.
        hidden: width of the fully connected layer.
        mean_shape: `(n, 2)` fractions of the crop (see `layers.MeanShape`); None starts from the
            centre. Trained weights bring theirs.
        expected_error: whether the model says how far off each point may be (see
            `losses.Validation`).
        name: of the model.
        pixels: whether the last layer puts out pixels, as in the paper, not fractions of the crop:
            the paper's rates of SGD are for that.

    Returns:
        A functional model: `(batch, size, size, 3)` RGB crops of 0..255 to
        `{"landmarks": (batch, n, 2)}` in crop pixels, float32, and if wanted `error`
        `(batch, n)`, the expected distance of each from the truth.

    Raises:
        ValueError: if the size cannot be halved once for each convolution, or the
            mean shape has another number of points than the scheme.

    Reference:
        Feng et al., Wing Loss, CVPR 2018, figure 2 and section 7.1: no batch normalisation,
        dropout or residual blocks.
    """
    blocks.check_widths(filters, hidden=hidden)
    blocks.check_size(size, 2 ** len(filters))
    scheme = get_scheme(scheme)
    mean_shape = blocks.check_shape(mean_shape, scheme)
    crops = keras.Input((size, size, 3), name="crops")
    features = _features(blocks.rescale(crops), filters, hidden)
    landmarks = blocks.landmark_head(
        features, scheme.count, (size, size), mean_shape, pixels=pixels
    )
    return keras.Model(crops, blocks.outputs(landmarks, features, expected_error), name=name)


@renamed(validation="expected_error")
def cnn6(scheme="ibug68", mean_shape=None, expected_error=False, pixels=False):
    """CNN-6: five convolutions on 64 x 64 crops. 3.8 M parameters for 68 landmarks.

    Args:
        scheme: the landmarks' scheme or its name.
        mean_shape: see `cnn`.
        expected_error: see `cnn`.
        pixels: see `cnn`.

    Returns:
        A functional model, as `cnn`.

    Reference:
        Feng et al., Wing Loss, CVPR 2018, figure 2.
    """
    return cnn(
        scheme, 64, (32, 64, 128, 256, 512), 1024, mean_shape, expected_error, "cnn6", pixels
    )


CNN7_FILTERS = (64, 128, 256, 512, 512, 512)


@renamed(validation="expected_error")
def cnn7(scheme="ibug68", mean_shape=None, expected_error=False, pixels=False):
    """CNN-7: six convolutions on 128 x 128 crops. 8.5 M parameters for 68 landmarks.

    The paper gives the first layer (64 filters), the last map (2 x 2 x 512) and the parameters
    of CNN-6 and CNN-7 together (12.3 M); 64, 128, 256, 512, 512, 512 filters meet all three.

    Args:
        scheme: the landmarks' scheme or its name.
        mean_shape: see `cnn`.
        expected_error: see `cnn`.
        pixels: see `cnn`.

    Returns:
        A functional model, as `cnn`.

    Reference:
        Feng et al., Wing Loss, CVPR 2018, section 6.
    """
    return cnn(scheme, 128, CNN7_FILTERS, 1024, mean_shape, expected_error, "cnn7", pixels)


@renamed(validation="expected_error")
def cnn6_7(scheme="ibug68", mean_shape=None, expected_error=False, pixels=False):
    """CNN-6/7: the landmarks of CNN-6 turn and centre the picture for CNN-7, in one graph.

    The crop of 160 x 160 pixels shows 1.25 times what the stages see. Stage one reads the middle
    128 x 128, halved. The similarity transform from its landmarks to the mean shape then
    resamples the whole crop to 128 x 128: in-plane rotation is gone and the box corrected, with no
    loss of resolution. A face in the middle, of the mean shape's size, is seen whole when turned by
    up to 17 degrees; beyond, or where it is shifted or larger, parts of the square's corners come
    from outside of the crop, and are grey. 12.3 M parameters for 68 landmarks.

    Args:
        scheme: the landmarks' scheme or its name.
        mean_shape: see `cnn`; in fractions of the whole crop.
        expected_error: see `cnn`; it is of stage two.
        pixels: see `cnn`; of stage two's last layer.

    Returns:
        A functional model: `(batch, 160, 160, 3)` RGB crops of 0..255 to
        `{"landmarks": (batch, n, 2)}` in crop pixels, float32, and if wanted `error`. Layers
        of stage one have the names that they have in `cnn6`, after `stage1_`; their weights can be
        copied over.

    Reference:
        Feng et al., Wing Loss, CVPR 2018, section 6.
    """
    scheme = get_scheme(scheme)
    mean_shape = blocks.check_shape(mean_shape, scheme)
    middle_shape = blocks.ring(scheme.count) if mean_shape is None else mean_shape
    middle_shape = middle_shape * (160 / 128)
    crops = keras.Input((160, 160, 3), name="crops")
    scaled = blocks.rescale(crops)

    middle = layers.Cropping2D(16, name="stage1_middle")(scaled)
    small = layers.AveragePooling2D(2, name="stage1_halve")(middle)
    features = _features(small, (32, 64, 128, 256, 512), 1024, "stage1_")
    rough = blocks.landmark_head(features, scheme.count, (64, 64), middle_shape, "stage1_head")
    # From the halved middle to the crop: 2 (p + 0.5) - 0.5 + 16.
    rough = layers.Rescaling(2.0, offset=16.5, dtype="float32", name="stage1_landmarks")(rough)

    transform = TransformEstimation((middle_shape + 0.5) * 128 - 0.5, name="estimate")(rough)
    transform = TransformJitter((128, 128), name="jitter")(transform)
    upright = ImageTransform((128, 128), name="straighten")(scaled, transform)
    features = _features(upright, CNN7_FILTERS, 1024)
    landmarks = blocks.landmark_head(
        features, scheme.count, (128, 128), middle_shape, pixels=pixels
    )
    landmarks = LandmarkTransform(inverse=True, name="landmarks")(landmarks, transform)
    return keras.Model(crops, blocks.outputs(landmarks, features, expected_error), name="cnn6_7")
