"""The network of the landmark validation paper: residual, grey, and aware of its own errors."""

import keras
from keras import layers, ops

from keras_landmarks.layers import LandmarkCrop
from keras_landmarks.models import blocks
from keras_landmarks.models.blocks import convolution
from keras_landmarks.models.resnet import residual_block
from keras_landmarks.moved import renamed
from keras_landmarks.schemes import get_scheme


@renamed(validation="expected_error")
def validation(
    scheme="ibug68",
    size=112,
    filters=(64, 128, 256),
    hidden=512,
    places=0,
    mean_shape=None,
    expected_error=True,
    pixels=False,
):
    """A convolution, max pooling, three residual blocks and two linear layers, on grey crops.

    The text leaves open the size of the crop, the first convolution (here 7 x 7 with a stride of 2
    and as many filters as the first block), where maps are halved (in the second and third block)
    and the width of the first linear layer. So 7.8 M parameters and 160 M multiply-adds for 68
    landmarks. Batch normalisation follows each convolution as in the text; that behind the first
    linear layer, and that of the `places`, are ours.

    In the paper an expected error comes from what the coordinates come from. With `places` it also
    sees the maps at the very place where its landmark was put: there it shows that a point lies
    beside its edge. 128 of them add 0.14 M parameters and 8 M multiply-adds.

    Args:
        scheme: the landmarks' scheme or its name.
        size: height and width of the crop in pixels, a multiple of 16.
        filters: of the residual blocks.
        hidden: width of the first linear layer.
        places: features of each landmark's place, of a layer that all landmarks share; 0 as in the
            paper.
        mean_shape: `(n, 2)` fractions of the crop (see `layers.MeanShape`); None starts from the
            centre. Trained weights bring theirs.
        expected_error: whether the model says how far off each point may be (see
            `losses.Validation`).
        pixels: whether the last layer puts out the coordinates in pixels, as it does the expected
            errors (see `cnn`).

    Returns:
        A functional model: `(batch, size, size, 3)` RGB crops of 0..255 to
        `{"landmarks": (batch, n, 2)}` in crop pixels, float32, and if wanted `error`
        `(batch, n)`, the expected distance of each from the truth.

    Raises:
        ValueError: if the size is no multiple of 16, or the mean shape has another number of points
            than the scheme.

    Reference:
        Fuhl and Kasneci, Learning to validate the quality of detected landmarks, figure 3 and
        section 5.
    """
    blocks.check_widths(filters, hidden=hidden)
    blocks.check_size(size, 16)
    scheme = get_scheme(scheme)
    mean_shape = blocks.check_shape(mean_shape, scheme)
    crops = keras.Input((size, size, 3), name="crops")
    x = convolution(blocks.grey(blocks.rescale(crops)), filters[0], 7, "stem", stride=2)
    x = layers.MaxPooling2D(2, name="pool")(x)
    maps = []
    for number, count in enumerate(filters, start=1):
        x = residual_block(x, count, f"block{number}", stride=1 if number == 1 else 2)
        maps.append(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(hidden, kernel_initializer="he_normal", use_bias=False, name="features")(x)
    features = blocks.activated(x, "features")
    landmarks = blocks.landmark_head(
        features, scheme.count, (size, size), mean_shape, pixels=pixels
    )
    seen = _places(maps, landmarks, places) if expected_error and places else None
    outputs = blocks.outputs(landmarks, features, expected_error, seen)
    return keras.Model(crops, outputs, name="validation")


def _places(maps, landmarks, width):
    """Features of the place of each landmark, `(batch, n, width)`; they do not pull at it."""
    landmarks = ops.stop_gradient(landmarks)
    found = []
    for number, (x, side) in enumerate(zip(maps, (3, 1, 1)), start=1):
        crop = LandmarkCrop(
            (side, side), stride=2 ** (number + 1), offset=1.0, name=f"place{number}"
        )
        rows = layers.Reshape((landmarks.shape[1], side * side * x.shape[-1]), name=f"row{number}")
        found.append(rows(crop(x, landmarks)))
    x = layers.Concatenate(name="places")(found)
    x = blocks.normalise(x, "places_norm")
    return layers.Dense(width, "relu", kernel_initializer="he_normal", name="places_features")(x)
