import keras
from keras import ops

from keras_landmarks import geometry
from keras_landmarks.names import known_name, number, of_shape, sides

KINDS = ("distance", "gaussian", "disc")


@keras.saving.register_keras_serializable(package="keras_landmarks")
class HeatmapGeneration(keras.layers.Layer):
    """Draws landmarks as heatmaps.

    `distance` is one map for all landmarks, `1 / (1 + d)` with d the distance from a pixel to the
    nearest landmark; `gaussian` is a map for each, `exp(-d^2 / (2 sigma^2))`. Both are 1 at a
    landmark, and differentiable towards the landmarks. `disc` is a map for each, 1 up to `radius`.

    Args:
        size: `(height, width)` of the maps.
        kind: `distance`, `gaussian` or `disc`.
        radius: pixels farther than this from every landmark are zero; None draws everywhere. The
            paper has 16.
        sigma: width of the Gaussian, in pixels.

    Call arguments:
        landmarks: `(batch, n, 2)` points in pixels of the maps, float32. A landmark that is not
            finite, or far outside, is not drawn.

    Returns:
        `(batch, *size, 1)` for `distance`, else `(batch, *size, n)`; of 0..1, float32.

    Raises:
        ValueError: if a size, the radius or sigma is not positive, the kind is unknown, or the
            landmarks have another shape.

    Reference:
        Kowalski et al., Deep Alignment Network, 2017, eq. 3; for `disc` Yan et al., Score-guided
        face alignment network under occlusions, section 3.2.
    """

    def __init__(self, size, kind="distance", radius=16.0, sigma=1.5, **kwargs):
        kwargs["dtype"] = kwargs.get("dtype") or "float32"
        super().__init__(**{"autocast": False, **kwargs})  # points stay float32
        self.size = sides("size", size)
        known_name("kind", kind, KINDS)
        number("sigma", sigma, above=0)
        if radius is not None:
            number("radius", radius, above=0)
        if kind == "disc" and radius is None:
            raise ValueError("A disc needs a radius.")
        self.kind, self.radius, self.sigma = kind, radius, sigma

    def build(self, input_shape):
        of_shape("landmarks", input_shape, "batch", "n", 2)

    def call(self, landmarks):
        landmarks = geometry.finite(ops.cast(landmarks, "float32"))  # and so are the squares
        height, width = self.size
        dx = ops.arange(width, dtype="float32") - landmarks[:, :, 0:1]
        dy = ops.arange(height, dtype="float32") - landmarks[:, :, 1:2]
        squared = ops.square(dy)[:, :, :, None] + ops.square(dx)[:, :, None, :]
        if self.kind == "distance":
            # Not the gradient of `ops.min`: compiled, it looks for equals among squares that were
            # computed anew. Nor `ops.argmin`, which TFLite lacks.
            nearest = ops.stop_gradient(ops.min(squared, axis=1, keepdims=True))
            chosen = ops.cast(squared <= nearest + 1e-4 * (1 + nearest), "float32")
            mean = ops.sum(chosen * squared, axis=1, keepdims=True)
            mean = mean / ops.sum(chosen, axis=1, keepdims=True)
            squared = mean + ops.stop_gradient(nearest - mean)
            distance = ops.sqrt(ops.maximum(squared, 1e-12))  # a root has no slope at zero
            heatmap = 1 / (1 + ops.where(squared == 0, 0.0, distance))
        elif self.kind == "disc":
            heatmap = ops.ones_like(squared)
        else:
            heatmap = ops.exp(-squared / (2 * self.sigma**2))
        if self.radius is not None:
            heatmap = ops.where(squared <= self.radius**2, heatmap, 0.0)
        return ops.transpose(heatmap, (0, 2, 3, 1))

    def compute_output_shape(self, input_shape):
        maps = 1 if self.kind == "distance" else input_shape[1]
        return (input_shape[0], *self.size, maps)

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "kind": self.kind,
            "radius": self.radius,
            "sigma": self.sigma,
        }
