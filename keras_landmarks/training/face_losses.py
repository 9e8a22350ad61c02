"""The losses of single faces, as a Keras metric, from all devices."""

import keras
from keras import ops

from keras_landmarks.training import devices


def of_faces(loss, y_true, y_pred):
    """The losses of faces, `(batch,)`.

    Raises:
        ValueError: if the loss has another number of them, as one for each point.
    """
    found = loss.call(y_true, y_pred)
    if len(found.shape) != 1:
        raise ValueError(
            f"Expected a loss with a number for each face, (batch,), as Wing(); {loss.name} has "
            f"{tuple(found.shape)}."
        )
    return found


@keras.saving.register_keras_serializable(package="keras_landmarks")
class FaceLosses(keras.metrics.Metric):
    """The losses of the faces of the last batch, from all devices; as a number, their mean.

    Args:
        loss: loss object with a number for each face.
        batch: faces in a batch, over all devices.
        name: of the metric.
    """

    _direction = "down"  # see `metrics`

    def __init__(self, loss, batch, name="face_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.loss, self.batch = loss, batch
        self.values = self.add_variable((batch,), initializer="zeros", name="values")
        self.filled = self.add_variable((), initializer="zeros", name="filled")  # by this device

    def update_state(self, y_true, y_pred, sample_weight=None):
        found = ops.cast(of_faces(self.loss, y_true, y_pred), self.values.dtype)[: self.batch]
        first = devices.replica() * ops.shape(found)[0]
        # A device fills in its part; what is read is the sum over devices.
        part = ops.slice_update(ops.zeros((self.batch,), self.values.dtype), (first,), found)
        self.values.assign(part)
        self.filled.assign(ops.cast(ops.shape(found)[0], self.filled.dtype))

    def result(self):
        return ops.sum(self.values) / ops.maximum(self.filled, 1)

    def get_config(self):
        loss = keras.saving.serialize_keras_object(self.loss)
        return {**super().get_config(), "loss": loss, "batch": self.batch}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "loss": keras.saving.deserialize_keras_object(config["loss"])})
