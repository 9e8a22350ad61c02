import keras
import numpy as np
from keras import ops

from keras_landmarks.names import of_shape, sides


@keras.saving.register_keras_serializable(package="keras_landmarks")
class MeanShape(keras.layers.Layer):
    """Landmarks as displacements from a mean shape, in crop pixels.

    The shape is a weight that is not trained: set from the training faces, saved with the model.

    Args:
        size: `(height, width)` of the crop.
        shape: `(n, 2)` points as fractions of the crop, 0 at its centre and 0.5 at its right and
            lower edges; None puts every point at the centre.
        pixels: whether displacements are in pixels, not in fractions of the crop. The layer before
            then learns the slower by SGD, by the square of the crop's size.

    Call arguments:
        displacements: `(batch, 2 n)`, in that unit: x, y of the first point, then of the second,
            and so on.

    Returns:
        `(batch, n, 2)` landmarks in crop pixels, float32.

    Raises:
        ValueError: if the displacements have another shape, their number is odd, unknown or not
            that of the mean shape, or that is none.
    """

    def __init__(self, size, shape=None, pixels=False, **kwargs):
        kwargs["dtype"] = kwargs.get("dtype") or "float32"
        super().__init__(**kwargs)
        self.size, self.pixels = sides("size", size), pixels
        self._initial = shape if shape is None else np.array(shape, np.float32)
        if shape is not None and (
            self._initial.ndim != 2 or self._initial.shape[1] != 2 or not np.isfinite(shape).all()
        ):
            raise ValueError(f"Expected a shape of finite points (n, 2), got {shape!r:.80}.")

    def build(self, input_shape):
        of_shape("displacements", input_shape, "batch", "2 n")
        if input_shape[-1] is None:
            raise ValueError(f"Expected a known number of displacements, got {tuple(input_shape)}.")
        count, odd = divmod(input_shape[-1], 2)
        if odd or (self._initial is not None and self._initial.shape != (count, 2)):
            wanted = "an even number of" if self._initial is None else 2 * len(self._initial)
            raise ValueError(f"Expected {wanted} displacements, got {input_shape[-1]}.")
        initial = np.zeros((count, 2)) if self._initial is None else self._initial
        self.shape = self.add_weight(
            name="shape",
            shape=(count, 2),
            initializer=lambda *_, dtype=None: ops.convert_to_tensor(initial, dtype),
            trainable=False,
        )

    def call(self, displacements):
        moves = ops.reshape(displacements, (-1, *self.shape.shape))
        size = ops.convert_to_tensor(self.size[::-1], self.compute_dtype)
        if self.pixels:
            return (self.shape + 0.5) * size - 0.5 + moves
        return (moves + self.shape + 0.5) * size - 0.5

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1] // 2, 2)

    def get_config(self):
        shape = None if self._initial is None else self._initial.tolist()
        return {**super().get_config(), "size": self.size, "shape": shape, "pixels": self.pixels}
