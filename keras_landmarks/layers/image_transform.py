import keras
from keras import ops

from keras_landmarks import geometry
from keras_landmarks.layers.landmark_transform import usable
from keras_landmarks.names import of_shape, sides


@keras.saving.register_keras_serializable(package="keras_landmarks")
class ImageTransform(keras.layers.Layer):
    """Warps pictures by a transform each, bilinearly; outside of the picture is zero.

    Takes the same matrix as `LandmarkTransform`: a lit pixel moves with its landmark.
    Differentiable towards the picture and the transform. A bilinear gather over the flattened
    batch, so it exports to TFLite builtins and ONNX.

    Args:
        size: `(height, width)` of the result; None keeps the picture's own.

    Call arguments:
        images: `(batch, height, width, channels)`.
        transforms: `(batch, 2, 3)` transforms `target_from_source`, float32; of one that is not
            finite or cannot be inverted all is zero, and so are its gradients.

    Returns:
        `(batch, *size, channels)` of the layer's dtype.

    Raises:
        ValueError: if a size is not positive, the picture's size is not fixed, or the transforms
            have another shape.

    Reference:
        Kowalski et al., Deep Alignment Network, 2017, section 3.2.
    """

    def __init__(self, size=None, **kwargs):
        kwargs["dtype"] = kwargs.get("dtype") or "float32"
        super().__init__(**{"autocast": False, **kwargs})  # points stay float32
        self.size = None if size is None else sides("size", size)

    def build(self, images_shape, transforms_shape):
        if len(transforms_shape) != 2:  # one for all
            of_shape("transforms", transforms_shape, "batch", 2, 3)
        if len(images_shape) != 4 or not all(images_shape[1:]):
            raise ValueError(
                f"Expected pictures (batch, height, width, channels) of a fixed size of at least "
                f"1 x 1, got {tuple(images_shape)}."
            )

    def call(self, images, transforms):
        images = ops.cast(images, self.compute_dtype)  # integers too
        _, height, width, channels = images.shape
        rows, columns = self.size or (height, width)
        y, x = ops.meshgrid(
            ops.arange(rows, dtype="float32"), ops.arange(columns, dtype="float32"), indexing="ij"
        )
        grid = ops.reshape(ops.stack([x, y], axis=-1), (1, -1, 2))
        transforms, good = usable(ops.cast(transforms, "float32"))
        points = geometry.finite(geometry.transform_points(grid, geometry.invert(transforms)))
        # What is not on the picture reads zeros, wherever it is.
        limit = ops.convert_to_tensor([width, height], "float32")
        inside = ops.logical_and(points > -1.0, points < limit)
        inside = ops.logical_and(inside, good[..., None, None])
        points = ops.where(inside, points, -1.0)
        x, y = points[..., 0], points[..., 1]
        left, top = ops.floor(x), ops.floor(y)

        flat = ops.reshape(images, (-1, channels))
        offset = ops.arange(ops.shape(images)[0], dtype="int32")[:, None] * (height * width)

        def corner(column, row):
            seen = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            weight = (1 - ops.abs(x - column)) * (1 - ops.abs(y - row))
            weight = ops.where(seen, weight, 0.0)
            column = ops.cast(ops.clip(column, 0, width - 1), "int32")
            row = ops.cast(ops.clip(row, 0, height - 1), "int32")
            pixels = ops.take(flat, offset + row * width + column, axis=0)
            return pixels * ops.cast(weight, pixels.dtype)[..., None]

        warped = (
            corner(left, top)
            + corner(left + 1, top)
            + corner(left, top + 1)
            + corner(left + 1, top + 1)
        )
        return ops.reshape(warped, (-1, rows, columns, channels))

    def compute_output_shape(self, images_shape, transforms_shape):
        return (images_shape[0], *(self.size or images_shape[1:3]), images_shape[3])

    def get_config(self):
        return {**super().get_config(), "size": self.size}
