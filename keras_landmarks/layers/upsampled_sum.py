import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_landmarks")
class UpsampledSum(keras.layers.Layer):
    """Maps of half the size, each pixel repeated on four, added to finer maps.

    Call arguments:
        coarse: `(batch, ceil(height / 2), ceil(width / 2), channels)`.
        fine: `(batch, height, width, channels)`; what is beyond its size is cut off.

    Returns:
        `(batch, height, width, channels)`.

    Raises:
        ValueError: if the two do not fit, or have no fixed size.

    Reference:
        Lin et al., Feature pyramid networks for object detection, CVPR 2017, section 3.
    """

    def build(self, coarse_shape, fine_shape):
        if len(fine_shape) != 4 or None in fine_shape[1:]:
            raise ValueError(f"Expected maps of a fixed size, got {tuple(fine_shape)}.")
        halves = tuple(-(-side // 2) for side in fine_shape[1:3])
        if tuple(coarse_shape[1:]) != (*halves, fine_shape[3]):
            raise ValueError(
                f"Expected maps of half the size, {(*halves, fine_shape[3])}, for those of "
                f"{tuple(fine_shape[1:])}, got {tuple(coarse_shape[1:])}."
            )

    def call(self, coarse, fine):
        doubled = ops.repeat(ops.repeat(coarse, 2, axis=1), 2, axis=2)
        return fine + doubled[:, : fine.shape[1], : fine.shape[2]]

    def compute_output_shape(self, coarse_shape, fine_shape):
        return tuple(fine_shape)
