import keras
from keras import ops

from keras_landmarks import geometry
from keras_landmarks.names import number, of_shape, sides


@keras.saving.register_keras_serializable(package="keras_landmarks")
class TransformJitter(keras.layers.Layer):
    """Disturbs transforms at random in training, and leaves them alone otherwise.

    A later stage of a cascade sees faces as an earlier one normalised them. On training faces the
    earlier stage is better than it will ever be again; a little rotation, shift and change of
    size keeps the later one from trusting it.

    Args:
        size: `(height, width)` of the normalised picture, whose centre the jitter turns about.
        rotation: largest rotation, in degrees.
        shift: largest shift, as a fraction of the size.
        scale: largest change of size, as a fraction, below 1.
        seed: of the random numbers.

    Call arguments:
        transforms: `(batch, 2, 3)` transforms `normalised_from_source`, float32.
        training: whether to jitter.

    Returns:
        `(batch, 2, 3)` transforms, float32.

    Raises:
        ValueError: if the size or a number is none, or the scale 1 or more, or the
            transforms have another shape.

    Reference:
        Feng et al., Wing Loss, 2018, section 7.1 (CNN-7's rotation and shift; the scale is ours).
    """

    def __init__(self, size, rotation=10.0, shift=0.05, scale=0.05, seed=None, **kwargs):
        kwargs["dtype"] = kwargs.get("dtype") or "float32"
        super().__init__(**kwargs)
        self.size, self.seed = sides("size", size), seed
        self.rotation = number("rotation", rotation, least=0)
        self.shift = number("shift", shift, least=0)
        self.scale = number("scale", scale, least=0, below=1)
        self.seed_generator = keras.random.SeedGenerator(seed, name="jitter_seed")

    def build(self, transforms_shape):
        of_shape("transforms", transforms_shape, "batch", 2, 3)

    def call(self, transforms, training=None):
        if not training:
            return transforms
        noise = keras.random.uniform(
            (ops.shape(transforms)[0], 4), -1.0, 1.0, "float32", self.seed_generator
        )
        height, width = self.size
        jitter = geometry.similarity_transform(
            1 + self.scale * noise[:, 0],
            self.rotation * noise[:, 1],
            ((width - 1) / 2, (height - 1) / 2),
            (self.shift * width * noise[:, 2], self.shift * height * noise[:, 3]),
        )
        return geometry.compose(jitter, transforms)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "rotation": self.rotation,
            "shift": self.shift,
            "scale": self.scale,
            "seed": self.seed,
        }
