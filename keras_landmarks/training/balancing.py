"""Batches drawn by loss, in `fit`: loss-probability batch balancing (LPBB)."""

import keras
import numpy as np
from keras import ops

from keras_landmarks.data.loss_balance import LossBalance
from keras_landmarks.training.face_losses import FaceLosses


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
