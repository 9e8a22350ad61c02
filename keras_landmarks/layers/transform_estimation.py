import keras
import numpy as np

from keras_landmarks import geometry


@keras.saving.register_keras_serializable(package="keras_landmarks")
class TransformEstimation(keras.layers.Layer):
    """The similarity transform that takes landmarks closest to a fixed shape.

    Removes position, size and in-plane rotation: points (or the picture under them) taken
    through the result lie like the mean shape. All points equal gives the identity, and finite
    gradients.

    Args:
        shape: `(n, 2)` points in pixels of the normalised picture.

    Call arguments:
        landmarks: `(batch, n, 2)` points in pixels, float32.

    Returns:
        `(batch, 2, 3)` transforms `normalised_from_landmarks`, float32.

    Raises:
        ValueError: if the shape is not `(n, 2)` finite points with n >= 2, or the landmarks'
            count is another one.

    Reference:
        Kowalski et al., Deep Alignment Network, 2017, section 3.2 (connection layers).
    """

    def __init__(self, shape, **kwargs):
        kwargs["dtype"] = kwargs.get("dtype") or "float32"
        super().__init__(**kwargs)
        shape = np.array(shape, np.float32)
        if shape.ndim != 2 or shape.shape[1] != 2 or len(shape) < 2:
            raise ValueError(f"shape must be (n, 2) points with n >= 2, not {shape.shape}.")
        if not np.isfinite(shape).all():
            raise ValueError("shape holds points that are not finite.")
        self._initial = shape

    def build(self, input_shape):
        expected = self._initial.shape
        if tuple(input_shape[1:]) != expected:
            raise ValueError(f"Expected landmarks (batch, {expected[0]}, 2), got {input_shape}.")
        self.shape = self.add_weight(
            name="shape",
            shape=expected,
            initializer=lambda *_, dtype=None: keras.ops.convert_to_tensor(self._initial, dtype),
            trainable=False,
        )

    def call(self, landmarks):
        landmarks = keras.ops.cast(landmarks, self.compute_dtype)  # Keras casts floats alone
        target = keras.ops.broadcast_to(self.shape, keras.ops.shape(landmarks))
        return geometry.fit_similarity(landmarks, target)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 2, 3)

    def get_config(self):
        return {**super().get_config(), "shape": self._initial.tolist()}
