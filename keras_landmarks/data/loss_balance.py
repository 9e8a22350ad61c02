"""Batches drawn by loss: loss-probability batch balancing (LPBB)."""

import keras
import numpy as np
from keras import ops


class LossBalance:
    """Draws faces with probabilities in proportion to their losses.

    A face that is right already is not forgotten: its loss counts as a fraction of the mean, so it
    is drawn at least `floor / (1 + floor)` times as often as in uniform batches, whatever the
    others' losses are.

    Args:
        count: number of faces.
        floor: the fraction of the mean loss that a face counts with at least, above 0.

    Attributes:
        losses: `(count,)` float64, the last known; NaN, which counts as the mean of the others,
            before there is one.

    Raises:
        ValueError: if there are no faces, or the floor is not above 0.

    Reference:
        Fuhl and Kasneci, Learning to validate the quality of detected landmarks, eq. 1.
    """

    def __init__(self, count, floor=0.1):
        if count < 1 or not 0 < floor < np.inf:
            raise ValueError(f"Expected count >= 1 and floor > 0, got {count} and {floor}.")
        self.floor, self.losses, self._sums = floor, np.full(count, np.nan), None

    def update(self, faces, losses):
        """Takes over new losses of some faces.

        Args:
            faces: `(k,)` indices of faces.
            losses: `(k,)` their losses. Infinite ones count as the largest finite loss; NaN as not
                known; what is below zero as zero.

        Raises:
            ValueError: if there are not as many losses as faces, or there is no such face.
        """
        faces, losses = np.asarray(faces), np.asarray(losses, np.float64)
        if faces.shape != losses.shape or faces.ndim != 1:
            raise ValueError(f"{losses.shape} losses do not belong to {faces.shape} faces.")
        if not faces.size:
            return
        if not 0 <= faces.min() <= faces.max() < len(self.losses):
            raise ValueError(f"There are {len(self.losses)} faces, numbered from 0.")
        self.losses[faces], self._sums = losses, None

    @property
    def probabilities(self):
        """Of each face to be drawn, `(count,)`."""
        known = self.losses[np.isfinite(self.losses)].clip(0)
        if not known.any():
            return np.full(len(self.losses), 1 / len(self.losses))
        largest = known.max()  # no sum overflows
        losses = np.nan_to_num(self.losses, nan=(known / largest).mean() * largest, posinf=largest)
        losses = losses.clip(0) / largest
        losses = np.maximum(losses, self.floor * losses.mean())
        return losses / losses.sum()

    def draw(self, rng, size):
        """Faces for a batch: eq. 1, by the running sum of the losses.

        Args:
            rng: `numpy.random.Generator`.
            size: how many.

        Returns:
            `(size,)` indices, with repetitions.
        """
        sums = self._sums
        if sums is None:
            sums = self._sums = np.cumsum(self.probabilities)
        return np.searchsorted(sums[:-1], rng.uniform(0, sums[-1], size), side="right")


@keras.saving.register_keras_serializable(package="keras_landmarks")
class FaceLosses(keras.metrics.Metric):
    """The losses of the faces of the last batch, from all devices; as a number, their mean.

    Args:
        loss: loss object with a number for each face.
        batch: faces in a batch, over all devices.
        name: of the metric.
    """

    def __init__(self, loss, batch, name="face_loss", **kwargs):
        super().__init__(name=name, **kwargs)
        self.loss, self.batch = loss, batch
        self.values = self.add_variable((batch,), initializer="zeros", name="values")

    def update_state(self, y_true, y_pred, sample_weight=None):
        found = ops.cast(self.loss.call(y_true, y_pred), self.values.dtype)[: self.batch]
        first = _replica() * ops.shape(found)[0]
        # A device fills in its part; what is read is the sum over devices.
        part = ops.slice_update(ops.zeros((self.batch,), self.values.dtype), (first,), found)
        self.values.assign(part)

    def result(self):
        filled = ops.sum(ops.cast(self.values > 0, self.values.dtype))  # by this device
        return ops.sum(self.values) / ops.maximum(filled, 1)

    def get_config(self):
        loss = keras.saving.serialize_keras_object(self.loss)
        return {**super().get_config(), "loss": loss, "batch": self.batch}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "loss": keras.saving.deserialize_keras_object(config["loss"])})


def _replica():
    """The number of the device that this code runs on."""
    if keras.backend.backend() != "tensorflow":
        return 0
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return 0 if context is None else context.replica_id_in_sync_group


class LossBalancing(keras.callbacks.Callback):
    """Keeps the batches of `Samples` drawn by loss, in `fit`.

    Args:
        samples: `Samples` to train on; from now on they are drawn by loss.
        loss: loss object with a number for each face.
        every: fraction of an epoch after which the losses of all faces are computed anew, without
            augmentation (BB; the paper has 0.1); None takes the losses of what was just trained
            (BBO), for which `compile` needs `metrics={output: [balancing.metric]}`.
        output: of the model, that the loss is of.
        floor: see `LossBalance`.

    Attributes:
        balance: the `LossBalance`.
        metric: the `FaceLosses` of BBO.

    Raises:
        ValueError: if `every` is not above 0, or the samples are not augmented.

    Example:
        balancing = data.LossBalancing(samples, losses.Wing(10, 2))
        model.compile("adam", loss={"landmarks": losses.Wing(10, 2)},
                      metrics={"landmarks": [balancing.metric]})
        model.fit(samples.dataset(), steps_per_epoch=len(samples), callbacks=[balancing])

    Reference:
        Fuhl and Kasneci, Learning to validate the quality of detected landmarks, eq. 1, section 5.
    """

    def __init__(self, samples, loss, every=None, output="landmarks", floor=0.1):
        super().__init__()
        if every is not None and not every > 0:
            raise ValueError(f"every must be above 0, not {every}.")
        if samples.augmentation is None:
            raise ValueError(
                "Samples without augmentation come in their order: no loss draws them."
            )
        self.samples, self.loss, self.output, self.step = samples, loss, output, 0
        self.interval = every and max(round(every * len(samples)), 1)
        self.balance = LossBalance(len(samples.faces), floor)
        self.metric = FaceLosses(loss, samples.batch)
        samples.balance = self.balance
        samples.drawn = {}

    def on_train_begin(self, logs=None):
        self.step = self.samples.first_step

    def on_train_batch_end(self, batch, logs=None):
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        if self.interval is None:
            faces = self.samples.drawn.pop(self.step)
            self.balance.update(faces, ops.convert_to_numpy(self.metric.values.value))
        else:
            self.samples.drawn.pop(self.step, None)  # which is not needed then
            if self.step % self.interval == 0:
                self._renew()
        self.step += 1

    def _renew(self):
        faces, batch = np.arange(len(self.samples.faces)), self.samples.batch
        for part in np.array_split(faces, -(-len(faces) // (32 * batch))):  # fits into memory
            crops, landmarks = self.samples.plain(part)
            found = self.model.predict(crops, batch, verbose=0)[self.output]
            losses = ops.convert_to_numpy(self.loss.call(landmarks, ops.convert_to_tensor(found)))
            self.balance.update(part, losses)
