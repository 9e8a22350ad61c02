import keras

from keras_landmarks import geometry


@keras.saving.register_keras_serializable(package="keras_landmarks")
class LandmarkTransform(keras.layers.Layer):
    """Takes landmarks through a transform each, or back through its inverse.

    Args:
        inverse: whether to apply the inverse of the given transform.

    Call arguments:
        landmarks: `(batch, n, 2)` points in pixels, float32.
        transforms: `(batch, 2, 3)` transforms `target_from_source`, float32.

    Returns:
        `(batch, n, 2)` points, float32.

    Reference:
        Kowalski et al., Deep Alignment Network, 2017, section 3.2.
    """

    def __init__(self, inverse=False, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.inverse = inverse

    def call(self, landmarks, transforms):
        transforms = geometry.invert(transforms) if self.inverse else transforms
        return geometry.transform_points(landmarks, transforms)

    def compute_output_shape(self, landmarks_shape, transforms_shape):
        return tuple(landmarks_shape)

    def get_config(self):
        return {**super().get_config(), "inverse": self.inverse}
