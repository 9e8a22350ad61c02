import keras
from keras import ops

from keras_landmarks import geometry
from keras_landmarks.names import of_shape


@keras.saving.register_keras_serializable(package="keras_landmarks")
class LandmarkTransform(keras.layers.Layer):
    """Takes landmarks through a transform each, or back through its inverse.

    Args:
        inverse: whether to apply the inverse of the given transform.

    Call arguments:
        landmarks: `(batch, n, 2)` points in pixels, float32.
        transforms: `(batch, 2, 3)` transforms `target_from_source`, float32; one that is not
            finite, or is to be inverted and cannot be, is taken as the identity.

    Returns:
        `(batch, n, 2)` points, float32.

    Raises:
        ValueError: if landmarks or transforms have another shape.

    Reference:
        Kowalski et al., Deep Alignment Network, 2017, section 3.2.
    """

    def __init__(self, inverse=False, **kwargs):
        kwargs["dtype"] = kwargs.get("dtype") or "float32"
        super().__init__(**kwargs)
        self.inverse = inverse

    def build(self, landmarks_shape, transforms_shape):
        of_shape("landmarks", landmarks_shape[-2:], "n", 2)
        if len(transforms_shape) != 2:  # one for all
            of_shape("transforms", transforms_shape, "batch", 2, 3)

    def call(self, landmarks, transforms):
        transforms, _ = usable(transforms, self.inverse)
        if self.inverse:
            transforms = geometry.invert(transforms)
        return geometry.transform_points(landmarks, transforms)

    def compute_output_shape(self, landmarks_shape, transforms_shape):
        return tuple(landmarks_shape)

    def get_config(self):
        return {**super().get_config(), "inverse": self.inverse}


def usable(transforms, inverse=True):
    """Transforms, the identity in place of those that are not finite or cannot be inverted.

    Args:
        transforms: `(..., 2, 3)` float32.
        inverse: whether they are to be inverted.

    Returns:
        `(transforms, good)`: `(..., 2, 3)`, and `(...)` booleans of those that are left as they
        are.
    """
    transforms = geometry.finite(transforms)
    good = ops.all(ops.abs(transforms) < geometry.FAR, axis=(-2, -1))
    if inverse:
        a, b = transforms[..., 0, 0], transforms[..., 0, 1]
        c, d = transforms[..., 1, 0], transforms[..., 1, 1]
        good = ops.logical_and(good, ops.abs(a * d - b * c) > 1e-9)
    identity = ops.convert_to_tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    return ops.where(good[..., None, None], transforms, identity), good
