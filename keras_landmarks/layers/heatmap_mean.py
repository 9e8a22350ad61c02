import keras
import numpy as np
from keras import ops

from keras_landmarks import geometry
from keras_landmarks.names import number


@keras.saving.register_keras_serializable(package="keras_landmarks")
class HeatmapMean(keras.layers.Layer):
    """Means under the softmax of heatmaps: of the place, its spread, and of other maps.

    The mean place is the landmark (a soft-argmax). What the other maps show there and how widely
    the heatmap is spread tell how sure it is. One matrix product for all three.

    Args:
        stride: pixels of the picture from one pixel of the maps to the next.

    Call arguments:
        heatmaps: `(batch, height, width, n)`.
        maps: `(batch, height, width, channels)` of the same places.

    Returns:
        `(batch, n, channels + 3)` float32: x and y in pixels of the picture, where pixel `i` of a
        map lies at `(i + 0.5) * stride - 0.5`; the means of the maps; and the variance of the
        place, in square pixels of the maps.

    Raises:
        ValueError: if the stride is not above zero, or the maps are of no fixed or one size.

    Reference:
        Sun et al., Integral human pose regression, ECCV 2018.
    """

    def __init__(self, stride=1, **kwargs):
        kwargs["dtype"] = kwargs.get("dtype") or "float32"
        super().__init__(**kwargs)
        self.stride = number("stride", stride, above=0)

    def build(self, heatmaps_shape, maps_shape):
        shapes = tuple(heatmaps_shape), tuple(maps_shape)
        known = all(len(shape) == 4 and None not in shape[1:] for shape in shapes)
        if not known or shapes[0][1:3] != shapes[1][1:3]:
            raise ValueError(
                "Expected heatmaps (batch, height, width, n) and maps of one fixed size, got "
                f"{tuple(heatmaps_shape)} and {tuple(maps_shape)}."
            )

    def call(self, heatmaps, maps):
        _, height, width, count = heatmaps.shape
        values = ops.transpose(ops.reshape(heatmaps, (-1, height * width, count)), (0, 2, 1))
        maps = ops.reshape(maps, (-1, height * width, maps.shape[-1]))
        middle = np.float32([width - 1, height - 1]) / 2
        places = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
        places = np.float32(places).reshape(1, -1, 2) - middle
        squares = np.square(places).sum(axis=-1, keepdims=True)
        known = np.concatenate([places, squares], axis=-1)
        known = ops.cast(known, maps.dtype) + ops.zeros_like(maps[:, :, :1])
        means = ops.matmul(ops.softmax(values), ops.concatenate([known, maps], axis=-1))
        offset, square, seen = means[..., :2], means[..., 2:3], means[..., 3:]
        spread = square - ops.sum(ops.square(offset), axis=-1, keepdims=True)
        landmarks = geometry.resize_points(offset + ops.cast(middle, offset.dtype), self.stride)
        return ops.concatenate([landmarks, seen, ops.maximum(spread, 0.0)], axis=-1)

    def compute_output_shape(self, heatmaps_shape, maps_shape):
        return (heatmaps_shape[0], heatmaps_shape[3], maps_shape[3] + 3)

    def get_config(self):
        return {**super().get_config(), "stride": self.stride}
