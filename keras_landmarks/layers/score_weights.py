import keras
from keras import ops

from keras_landmarks import geometry
from keras_landmarks.layers.heatmap_decoding import window
from keras_landmarks.names import number, of_shape


@keras.saving.register_keras_serializable(package="keras_landmarks")
class ScoreWeights(keras.layers.Layer):
    """How sure each landmark is: the mean of its score map in a window about it (eq. 1).

    Between the middles of pixels the window cuts pixels in part, so that no weight jumps.

    Args:
        stride: pixels of the picture from one pixel of the maps to the next.
        radius: of the window, in pixels of the maps; `r` of eq. 1.
        offset: where in the picture the first pixel of the maps lies, in pixels; None takes
            `(stride - 1) / 2`, that of a picture that was resized.

    Call arguments:
        scores: `(batch, height, width, n)` score maps of 0..1.
        landmarks: `(batch, n, 2)` points in pixels of the picture, float32.

    Returns:
        `(batch, n)` in 0..1, float32. What lies beyond the map counts as zero, so that a landmark
        far outside, or not finite, has the weight zero.

    Raises:
        ValueError: if the stride is not above zero or the radius below, or maps and landmarks do
            not fit.

    Reference:
        Yan et al., Score-guided face alignment network under occlusions, eq. 1.
    """

    def __init__(self, stride=1, radius=2, offset=None, **kwargs):
        kwargs["dtype"] = kwargs.get("dtype") or "float32"
        super().__init__(**{"autocast": False, **kwargs})  # points stay float32
        number("stride", stride, above=0)
        number("radius", radius, least=0, whole=True)
        if offset is not None:
            number("offset", offset)
        self.stride, self.radius, self.offset = stride, radius, offset

    def build(self, scores_shape, landmarks_shape):
        of_shape("landmarks", landmarks_shape, "batch", "n", 2)
        if len(scores_shape) != 4 or None in scores_shape[1:]:
            raise ValueError(
                f"Expected scores (batch, height, width, n) of a fixed size, got {scores_shape}."
            )
        if scores_shape[3] != landmarks_shape[1]:
            raise ValueError(
                f"{scores_shape[3]} score maps do not belong to {landmarks_shape[1]} landmarks."
            )

    def call(self, scores, landmarks):
        _, height, width, _ = scores.shape
        scores, landmarks = ops.cast(scores, "float32"), ops.cast(landmarks, "float32")
        place = geometry.points_on_map(geometry.finite(landmarks), self.stride, self.offset)
        x = window(place[..., 0:1], width, self.radius)
        y = window(place[..., 1:2], height, self.radius)
        columns = ops.sum(scores * ops.transpose(y, (0, 2, 1))[:, :, None], axis=1)
        total = ops.sum(columns * ops.transpose(x, (0, 2, 1)), axis=1)
        return total / (2 * self.radius + 1) ** 2

    def compute_output_shape(self, scores_shape, landmarks_shape):
        return (scores_shape[0], scores_shape[3])

    def get_config(self):
        return {
            **super().get_config(),
            "stride": self.stride,
            "radius": self.radius,
            "offset": self.offset,
        }
