import keras
import numpy as np
from keras import ops

from keras_landmarks import geometry
from keras_landmarks.names import number, of_shape, sides


@keras.saving.register_keras_serializable(package="keras_landmarks")
class LandmarkCrop(keras.layers.Layer):
    """Cuts a patch of a feature map around every landmark, bilinearly; outside is zero.

    The middle of a patch lies on its landmark, its pixels are one pixel of the map apart.
    Differentiable towards the map and the landmarks.

    Args:
        size: `(height, width)` of the patches, in pixels of the map.
        stride: pixels of the picture from one pixel of the map to the next.
        offset: where in the picture the first pixel of the map lies, in pixels: 0 for convolutions
            that are padded by half their kernel on every side, `(stride - 1) / 2` for maps of a
            picture that was resized.

    Call arguments:
        maps: `(batch, height, width, channels)`.
        landmarks: `(batch, n, 2)` points in pixels of the picture, float32. Around a landmark that
            is not finite, or far outside, the patch is zero.

    Returns:
        `(batch, n, *size, channels)` of the layer's dtype.

    Raises:
        ValueError: if a size or the stride is not positive, the map is smaller than a patch or of
            no fixed size, or the landmarks have another shape.

    Reference:
        Yan et al., Fine-grained facial landmark detection exploiting intermediate feature
        representations (FFLD), 2020, section 3.2, eq. 5 to 7; its gradients are eq. 9 and 11.
    """

    def __init__(self, size=(8, 8), stride=1, offset=0.0, **kwargs):
        kwargs["dtype"] = kwargs.get("dtype") or "float32"
        super().__init__(**{"autocast": False, **kwargs})  # points stay float32
        self.size, self.stride = sides("size", size), number("stride", stride, above=0)
        self.offset = number("offset", offset)

    def build(self, maps_shape, landmarks_shape):
        of_shape("maps", maps_shape, "batch", "height", "width", "channels")
        of_shape("landmarks", landmarks_shape, "batch", "n", 2)
        height, width = maps_shape[1:3]
        if None in maps_shape[1:] or height < self.size[0] or width < self.size[1]:
            raise ValueError(
                f"Expected maps (batch, height, width, channels) of a fixed size of at least "
                f"{self.size[0]} x {self.size[1]}, got {tuple(maps_shape)}."
            )

    def call(self, maps, landmarks):
        maps = ops.cast(maps, self.compute_dtype)
        _, height, width, channels = maps.shape
        rows, columns = self.size
        size = ops.convert_to_tensor([columns, rows], "float32")
        landmarks = geometry.finite(ops.cast(landmarks, "float32"))
        corner = (landmarks - self.offset) / self.stride - (size - 1) / 2
        # Patches that do not touch the map are moved to where all is zero.
        limit = ops.convert_to_tensor([width, height], "float32")
        touching = ops.logical_and(corner > -size, corner < limit)
        corner = ops.reshape(ops.where(touching, corner, -size - 1), (-1, 2))
        first = ops.floor(corner)
        # One more row and column than the patch has: all its pixels lie alike between them.
        x = first[:, 0:1] + ops.arange(columns + 1, dtype="float32")
        y = first[:, 1:2] + ops.arange(rows + 1, dtype="float32")
        seen_x = ops.cast(ops.logical_and(x >= 0, x < width), maps.dtype)
        seen_y = ops.cast(ops.logical_and(y >= 0, y < height), maps.dtype)
        x = ops.cast(ops.clip(x, 0, width - 1), "int32")
        y = ops.cast(ops.clip(y, 0, height - 1), "int32")

        count = landmarks.shape[1]
        picture = ops.repeat(ops.arange(ops.shape(maps)[0], dtype="int32"), count)
        index = (picture[:, None] * height + y)[:, :, None] * width + x[:, None, :]
        pixels = ops.take(ops.reshape(maps, (-1, channels)), index, axis=0)
        pixels = pixels * (seen_y[:, :, None] * seen_x[:, None, :])[..., None]

        # As matrix products: their gradients are two to three times as fast as those of sums.
        right, below = ops.split(ops.cast(corner - first, maps.dtype)[..., None], 2, axis=1)
        pixels = ops.reshape(pixels, (-1, rows + 1, (columns + 1) * channels))
        pixels = ops.matmul(_between(below, rows), pixels)
        pixels = ops.reshape(pixels, (-1, rows, columns + 1, channels))
        patches = ops.matmul(_between(right, columns)[:, None], pixels)
        return ops.reshape(patches, (-1, count, rows, columns, channels))

    def compute_output_shape(self, maps_shape, landmarks_shape):
        return (maps_shape[0], landmarks_shape[1], *self.size, maps_shape[3])

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "stride": self.stride,
            "offset": self.offset,
        }


def _between(fraction, count):
    """`(batch, count, count + 1)` weights that mix neighbours, from `(batch, 1, 1)` fractions."""
    here, next_one = (ops.cast(np.eye(count, count + 1, k), fraction.dtype) for k in (0, 1))
    return (1 - fraction) * here + fraction * next_one
