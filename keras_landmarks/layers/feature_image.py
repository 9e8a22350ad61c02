import keras
from keras import ops

from keras_landmarks.names import number, of_shape, sides


@keras.saving.register_keras_serializable(package="keras_landmarks")
class FeatureImage(keras.layers.Layer):
    """An image made from a feature vector: what one stage of a cascade tells the next.

    A dense layer with ReLU of `size` / `scale` pixels, each repeated `scale` times both ways.

    Args:
        size: `(height, width)` of the image. The paper has 112 x 112, from 56 x 56 units.
        scale: whole number that divides both.

    Call arguments:
        features: `(batch, k)`.

    Returns:
        `(batch, *size, 1)`, not negative, of the layer's dtype.

    Raises:
        ValueError: if the scale does not divide the size, or the features have another shape.

    Reference:
        Kowalski et al., Deep Alignment Network, 2017, section 3.4.
    """

    def __init__(self, size=(112, 112), scale=2, **kwargs):
        super().__init__(**kwargs)
        self.size, self.scale = sides("size", size), number("scale", scale, least=1, whole=True)
        if any(side % scale for side in self.size):
            raise ValueError(f"scale must divide the size {self.size}, got {scale}.")

    def build(self, input_shape):
        of_shape("features", input_shape, "batch", "k")
        if input_shape[-1] is None:
            raise ValueError(f"Expected a known number of features, got {tuple(input_shape)}.")
        units = self.size[0] * self.size[1] // self.scale**2
        self.kernel = self.add_weight(
            name="kernel", shape=(input_shape[-1], units), initializer="he_normal"
        )
        self.bias = self.add_weight(name="bias", shape=(units,), initializer="zeros")

    def call(self, features):
        pixels = ops.relu(ops.matmul(features, self.kernel) + self.bias)
        height, width = self.size[0] // self.scale, self.size[1] // self.scale
        image = ops.reshape(pixels, (-1, height, 1, width, 1))
        image = ops.tile(image, (1, 1, self.scale, 1, self.scale))
        return ops.reshape(image, (-1, *self.size, 1))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.size, 1)

    def get_config(self):
        return {**super().get_config(), "size": self.size, "scale": self.scale}
