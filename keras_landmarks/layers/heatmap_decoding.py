import keras
from keras import ops

from keras_landmarks import geometry
from keras_landmarks.names import known_name, number

KINDS = ("argmax", "centroid", "soft_argmax")


@keras.saving.register_keras_serializable(package="keras_landmarks")
class HeatmapDecoding(keras.layers.Layer):
    """Landmarks from heatmaps.

    `argmax` is the middle of the largest pixel (eq. 4). `centroid` is the mean of the pixels about
    it, weighted by their values above zero: a fraction of a pixel. `soft_argmax` is the mean of all
    pixels, weighted by the softmax of their values: differentiable, for training through it.

    Args:
        kind: `argmax`, `centroid` or `soft_argmax`.
        stride: pixels of the picture from one pixel of the maps to the next.
        radius: of the window of `centroid`, in pixels of the maps.
        sharpness: what `soft_argmax` multiplies values by before the softmax.
        offset: where in the picture the first pixel of the maps lies, in pixels; None takes
            `(stride - 1) / 2`, that of a picture that was resized.

    Call arguments:
        heatmaps: `(batch, height, width, n)`.

    Returns:
        `(batch, n, 2)` points in pixels of the picture, float32: pixel `i` of a map lies at
        `i * stride + offset`.

    Raises:
        ValueError: if the kind is unknown, a number is not above zero, or the maps are of no fixed
            size.

    Reference:
        Yan et al., Score-guided face alignment network under occlusions, eq. 4; for `soft_argmax`
        Sun et al., Integral human pose regression, ECCV 2018.
    """

    def __init__(
        self, kind="soft_argmax", stride=1, radius=2, sharpness=1.0, offset=None, **kwargs
    ):
        kwargs["dtype"] = kwargs.get("dtype") or "float32"
        super().__init__(**{"autocast": False, **kwargs})  # points stay float32
        known_name("kind", kind, KINDS)
        number("stride", stride, above=0)
        number("radius", radius, least=1, whole=True)
        number("sharpness", sharpness, above=0)
        if offset is not None:
            number("offset", offset)
        self.kind, self.stride, self.radius = kind, stride, radius
        self.sharpness, self.offset = sharpness, offset

    def build(self, input_shape):
        if len(input_shape) != 4 or None in input_shape[1:]:
            raise ValueError(
                f"Expected heatmaps (batch, height, width, n) of a fixed size, got {input_shape}."
            )

    def call(self, heatmaps):
        _, height, width, count = heatmaps.shape
        heatmaps = ops.cast(heatmaps, "float32")
        values = ops.reshape(ops.transpose(heatmaps, (0, 3, 1, 2)), (-1, count, height * width))
        if self.kind == "soft_argmax":
            share = ops.reshape(ops.softmax(self.sharpness * values), (-1, count, height, width))
        else:
            # Not `argmax` nor `%`, which TFLite's built-in operations cannot say.
            index = ops.cast(ops.top_k(values, 1)[1], "float32")
            y = ops.floor((index + 0.5) / width)
            x = index - y * width
            reach = self.radius if self.kind == "centroid" else 0
            near = window(x, width, reach)[:, :, None, :] * window(y, height, reach)[..., None]
            share = near
            if reach:  # the largest pixel counts even where no value is above zero
                values = ops.reshape(ops.maximum(values, 0.0), (-1, count, height, width))
                largest = window(x, width, 0)[:, :, None, :] * window(y, height, 0)[..., None]
                share = near * values + 1e-6 * largest
            share = share / ops.sum(share, axis=(2, 3), keepdims=True)
        x = ops.sum(ops.sum(share, axis=2) * ops.arange(width, dtype="float32"), axis=-1)
        y = ops.sum(ops.sum(share, axis=3) * ops.arange(height, dtype="float32"), axis=-1)
        return geometry.points_from_map(ops.stack([x, y], axis=-1), self.stride, self.offset)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[3], 2)

    def get_config(self):
        return {
            **super().get_config(),
            "kind": self.kind,
            "stride": self.stride,
            "radius": self.radius,
            "sharpness": self.sharpness,
            "offset": self.offset,
        }


def window(middle, size, radius):
    """How much of each of `size` pixels lies within a window about a place: `(batch, n, size)`.

    The window is as wide as `2 radius + 1` pixels; about the middle of a pixel all are 0 or 1.

    Args:
        middle: `(batch, n, 1)` float32.
    """
    distance = ops.abs(ops.arange(size, dtype="float32") - middle)
    return ops.clip(radius + 1 - distance, 0.0, 1.0)
