import keras
from keras import ops

from keras_landmarks import shapes
from keras_landmarks.names import number


@keras.saving.register_keras_serializable(package="keras_landmarks")
class ShapeDictionary(keras.layers.Layer):
    """Moves unsure landmarks to where the sure ones, and the shapes of many faces, want them.

    This is `shapes.infer` with exemplars that are a weight. It is not trained: zeros, by which no
    finite landmark moves, until `adapt` learns them from training faces; saved with the model.

    Args:
        count: of exemplars.
        neighbours: how many of them are combined.
        sure: landmarks of this weight or more stay where they are; below, they move in proportion.
        trust: the largest part of the way that a landmark moves, 0..1. By 1 one of weight 0 is
            replaced, as unsure ones are in the paper.
        ridge: see `shapes.reconstruct`.

    Call arguments:
        landmarks: `(batch, n, 2)` points in pixels, float32.
        weights: `(batch, n)` in 0..1, how sure each point is.

    Returns:
        `(batch, n, 2)` landmarks, float32. Points that are not finite are replaced.

    Raises:
        ValueError: if a number is out of its range, or the weights do not fit the landmarks.

    Reference:
        Yan et al., Score-guided face alignment network under occlusions, section 3.3, eq. 2.
    """

    def __init__(self, count=256, neighbours=16, sure=0.5, trust=0.5, ridge=10.0, **kwargs):
        kwargs["dtype"] = kwargs.get("dtype") or "float32"
        super().__init__(**kwargs)
        number("count", count, least=1, whole=True)
        if number("neighbours", neighbours, least=1, whole=True) > count:
            raise ValueError(f"neighbours must be at most {count} (count), not {neighbours}.")
        number("sure", sure, above=0)
        number("trust", trust, least=0, most=1)
        number("ridge", ridge, above=0)
        self.count, self.neighbours, self.sure = count, neighbours, sure
        self.trust, self.ridge = trust, ridge

    def build(self, landmarks_shape, weights_shape):
        fit = len(landmarks_shape) == 3 and landmarks_shape[2] == 2
        if not fit or tuple(weights_shape[1:]) != (landmarks_shape[1],):
            raise ValueError(
                f"Expected landmarks (batch, n, 2) and weights (batch, n), got "
                f"{tuple(landmarks_shape)} and {tuple(weights_shape)}."
            )
        self.exemplars = self.add_weight(
            name="exemplars",
            shape=(self.count, *landmarks_shape[1:]),
            initializer="zeros",
            trainable=False,
        )

    def adapt(self, faces):
        """Learns the exemplars from shapes, `(faces, n, 2)` in any pixels.

        See `shapes.learn_dictionary`, whose sparsity is 1 here: each is like one face.
        """
        exemplars = shapes.learn_dictionary(faces, self.count)
        if not self.built:
            self.build((None, *exemplars.shape[1:]), (None, exemplars.shape[1]))
            self.built = True
        self.exemplars.assign(exemplars)

    def call(self, landmarks, weights):
        landmarks = ops.cast(landmarks, self.compute_dtype)  # Keras casts floats alone
        exemplars = ops.convert_to_tensor(self.exemplars)
        learnt = ops.cast(ops.max(ops.abs(exemplars)) > 0, "float32")
        numbers = (self.neighbours, self.sure, learnt * self.trust, self.ridge)
        return shapes.infer(landmarks, weights, exemplars, *numbers)

    def compute_output_shape(self, landmarks_shape, weights_shape):
        return tuple(landmarks_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "count": self.count,
            "neighbours": self.neighbours,
            "sure": self.sure,
            "trust": self.trust,
            "ridge": self.ridge,
        }
