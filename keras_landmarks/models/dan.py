"""The Deep Alignment Network (Kowalski et al., 2017)."""

import keras
import numpy as np
from keras import layers

from keras_landmarks.layers import (
    FeatureImage,
    HeatmapGeneration,
    ImageTransform,
    LandmarkTransform,
    MeanShape,
    TransformEstimation,
    TransformJitter,
)
from keras_landmarks.models import blocks
from keras_landmarks.moved import renamed
from keras_landmarks.names import number
from keras_landmarks.schemes import get_scheme


def _features(x, filters, hidden, dropout, stage):
    """The feed-forward part of a stage up to `fc1` (table 1)."""

    for block, n in enumerate(filters, start=1):
        name = f"{stage}_conv{block}"
        x = blocks.convolution(x, n, 3, f"{name}a")
        x = blocks.convolution(x, n, 3, f"{name}b", activation=False)
        # The same as ReLU before pooling, on a quarter of the values.
        x = layers.MaxPooling2D(2, name=f"{stage}_pool{block}")(x)
        x = layers.ReLU(name=f"{name}b_relu")(x)
    x = layers.Flatten(name=f"{stage}_flatten")(x)
    x = layers.Dropout(dropout, name=f"{stage}_dropout")(x)
    x = layers.Dense(hidden, use_bias=False, kernel_initializer="he_normal", name=f"{stage}_fc1")(x)
    return blocks.activated(x, f"{stage}_fc1")


@renamed(validation="expected_error")
def dan(
    scheme="ibug68",
    stages=2,
    size=112,
    filters=(64, 128, 256, 512),
    hidden=256,
    dropout=0.5,
    jitter=None,
    mean_shape=None,
    expected_error=False,
):
    """DAN: each stage corrects the landmarks of the one before, on the whole face.

    Between two stages the connection layers turn the picture so that the landmarks found so far
    lie like the mean shape, draw these landmarks as a heatmap, and make an image of the features
    of the stage before; the next stage sees the three as channels. 11.1 M parameters for 68
    landmarks and one stage, 12.0 M more for each further one.

    Args:
        scheme: the landmarks' scheme or its name.
        stages: how many, at least one. The paper has two, and finds that a third adds nothing.
        size: height and width of the crop in pixels, a multiple of `2 ** len(filters)`.
        filters: of the blocks of two 3 x 3 convolutions; each block halves the map.
        hidden: width of the layer `fc1`.
        dropout: fraction of its inputs that are left out in training; the paper gives none.
        jitter: `(degrees, shift, scale)` by which the transforms between stages are disturbed in
            training (see `layers.TransformJitter`); None, as in the paper, leaves them alone.
        mean_shape: `(n, 2)` fractions of the crop (see `layers.MeanShape`), S0 of the paper; None
            takes points on a ring. Trained weights bring theirs.
        expected_error: whether the model says how far off each point may be (see
            `losses.Validation`).

    Returns:
        A functional model: `(batch, size, size, 3)` RGB crops of 0..255 to
        `{"landmarks": (batch, n, 2)}` in crop pixels, float32, and if wanted `error`
        `(batch, n)`, the expected distance of each from the truth. The landmarks of stage t are the
        output of its layer `stage{t}_landmarks`; the names of all its layers, and of those that
        connect it to the stage before, begin with `stage{t}_`.

    Raises:
        ValueError: if there is no stage, the size cannot be halved once for each block, or the
            mean shape has another number of points than the scheme.

    Reference:
        Kowalski et al., Deep Alignment Network, 2017: table 1, section 3, eq. 2.
    """
    blocks.check_widths(filters, hidden=hidden)
    number("dropout", dropout, least=0, below=1)
    number("stages", stages, least=1, whole=True)
    blocks.check_size(size, 2 ** len(filters))
    if jitter is not None and np.shape(jitter) != (3,):
        raise ValueError(f"jitter is (degrees, shift, scale), not {jitter!r}.")
    scheme = get_scheme(scheme)
    mean_shape = blocks.check_shape(mean_shape, scheme)
    shape = blocks.ring(scheme.count) if mean_shape is None else mean_shape
    crops = keras.Input((size, size, 3), name="crops")
    picture = blocks.grey(blocks.rescale(crops))

    features = _features(picture, filters, hidden, dropout, "stage1")
    update = blocks.displacements(features, scheme.count, "stage1_fc2")
    landmarks = MeanShape((size, size), shape, name="stage1_landmarks")(update)
    for stage in range(2, stages + 1):
        name = f"stage{stage}"
        # The connection layers (section 3.2 to 3.4) ...
        transform = TransformEstimation((shape + 0.5) * size - 0.5, name=f"{name}_estimate")(
            landmarks
        )
        if jitter is not None:
            transform = TransformJitter((size, size), *jitter, name=f"{name}_jitter")(transform)
        warped = ImageTransform(name=f"{name}_warp")(picture, transform)
        normalised = LandmarkTransform(name=f"{name}_normalise")(landmarks, transform)
        heatmap = HeatmapGeneration((size, size), name=f"{name}_heatmap")(normalised)
        image = FeatureImage((size, size), name=f"{name}_feature_image")(features)
        # ... and the stage (eq. 2).
        seen = layers.Concatenate(name=f"{name}_seen")([warped, heatmap, image])
        features = _features(seen, filters, hidden, dropout, name)
        update = blocks.displacements(features, scheme.count, f"{name}_fc2")
        update = layers.Reshape((scheme.count, 2), dtype="float32", name=f"{name}_update")(update)
        update = layers.Rescaling(float(size), dtype="float32", name=f"{name}_pixels")(update)
        moved = layers.Add(dtype="float32", name=f"{name}_moved")([normalised, update])
        landmarks = LandmarkTransform(inverse=True, name=f"{name}_landmarks")(moved, transform)
    return keras.Model(crops, blocks.outputs(landmarks, features, expected_error), name="dan")
