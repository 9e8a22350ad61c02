"""Batches picked by loss, in `fit`: loss-probability batch balancing (LPBB)."""

import keras
import numpy as np
from keras import ops

from keras_landmarks.data import LossBalance, Samples
from keras_landmarks.losses.face_loss import FaceLosses, of_faces
from keras_landmarks.moved import renamed
from keras_landmarks.names import number
from keras_landmarks.training import devices

LAG = 16
"""Steps from a loss to the batches that are picked by it: more than are made ahead of time."""


@renamed(draw="pick")
class LossBalancing(keras.callbacks.Callback):
    """Picks the batches of `Samples` by the losses of their faces, in `fit`.

    The faces of the batch of a step are picked, in the order of the steps, as soon as the losses
    are known of the step `lag` before. So they depend on these alone, however far batches are made
    ahead of time and however long each takes. They are picked among the samples' `indices`.

    Args:
        samples: `Samples` to train on.
        loss: loss object with a number for each face.
        every: fraction of an epoch after which the losses of all faces are computed anew, without
            augmentation (BB; the paper has 0.1); None takes the losses of what was just trained
            (BBO), for which `compile` needs `metrics={output: [balancing.metric]}`.
        output: of the model, that the loss is of.
        floor: see `LossBalance`.
        lag: steps; the first as many batches are picked evenly.

    Attributes:
        balance: the `LossBalance`.
        metric: the `FaceLosses` of BBO.
        step: the number of steps that are trained.

    Raises:
        ValueError: if `every` is not above 0, `lag` is below 1, or the samples are not augmented;
            in `fit`, if the model runs several steps at once (`steps_per_execution`), or the
            loss has no number for each face.

    Example:
        balancing = training.LossBalancing(samples, losses.Wing(10, 2))
        model.compile("adam", loss={"landmarks": losses.Wing(10, 2)},
                      metrics={"landmarks": [balancing.metric]})
        model.fit(balancing.dataset(), epochs=20, callbacks=[balancing])

    Reference:
        Fuhl and Kasneci, Learning to validate the quality of detected landmarks, eq. 1, section 5.
    """

    def __init__(self, samples, loss, every=None, output="landmarks", floor=0.1, lag=LAG):
        super().__init__()
        if every is not None:
            number("every", every, above=0)
        number("lag", lag, least=1, whole=True)
        if not isinstance(samples, Samples) or not isinstance(loss, keras.losses.Loss):
            raise ValueError(f"Expected Samples and a loss object, not {samples!r} and {loss!r}.")
        if samples.augmentation is None:
            raise ValueError(
                "Samples without augmentation come in their order: no loss picks them."
            )
        self.samples, self.loss, self.output, self.step = samples, loss, output, 0
        self.interval = every and max(round(every * len(samples)), 1)
        self.balance = LossBalance(len(samples.faces), floor, samples.indices)
        self.metric = FaceLosses(loss, samples.batch)
        self._given = set()
        self._picked = {step: self._faces(step) for step in range(lag)}

    def _faces(self, step):
        # Another seed than the augmentation's, which would else follow the choice.
        rng = np.random.default_rng((self.samples.seed, *divmod(step, len(self.samples)), 1))
        return self.balance.pick(rng, self.samples.batch)

    def pick(self, step):
        """The faces of the batch of a step, `(batch,)` indices.

        Raises:
            ValueError: if the step is over, or its faces are not picked yet.
        """
        if step not in self._picked:
            raise ValueError(
                f"No faces are picked for step {step}, only for steps {self.step} to "
                f"{self.step + len(self._picked) - 1}. Make fewer batches ahead or raise the lag."
            )
        self._given.add(step)
        return self._picked[step].copy()

    def dataset(self, augmentation=None):
        """The samples as a `tf.data.Dataset`, picked by loss; see `data.Samples.dataset`.

        Args:
            augmentation: another one than the samples' own.
        """
        return self.samples.dataset(lambda: self.step, augmentation, self.pick)

    def py_dataset(self, augmentation=None):
        """The same without TensorFlow, for `fit(shuffle=False)`; see `data.Samples.py_dataset`.

        Args:
            augmentation: another one than the samples' own.
        """
        return self.samples.py_dataset(lambda: self.step, augmentation, self.pick)

    def state(self):
        """All that the next batches depend on, as arrays by name."""
        picked = np.stack([self._picked[step] for step in sorted(self._picked)])
        return {"losses": self.balance.losses.copy(), "drawn": picked, "step": np.int64(self.step)}

    def restore(self, state):
        """Takes up a `state`.

        Args:
            state: arrays by name.

        Raises:
            ValueError: if it is of other faces, of another batch or of another lag.
        """
        if set(state) != set(self.state()):
            raise ValueError("is of a version that picked batches in another way.")
        losses, picked = self.balance.losses, (len(self._picked), self.samples.batch)
        if state["losses"].shape != losses.shape:
            raise ValueError(f"is of {len(state['losses'])} faces, not {len(losses)}.")
        if state["drawn"].shape != picked:
            raise ValueError(f"has {state['drawn'].shape} faces picked ahead, not {picked}.")
        self.balance.update(np.arange(len(losses)), state["losses"])
        self.step, self._given = int(state["step"]), set()
        self._picked = dict(enumerate(np.array(state["drawn"]), self.step))

    def on_train_begin(self, logs=None):
        if (steps := self.model.steps_per_execution) > 1:
            raise ValueError(f"Losses are told step by step: steps_per_execution=1, not {steps}.")

    def on_train_batch_end(self, batch, logs=None):
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        faces, lag = self._picked.pop(self.step), len(self._picked) + 1
        if self.step not in self._given:
            raise ValueError("The batches are not picked by loss: train on `balancing.dataset()`.")
        self._given.remove(self.step)
        if self.interval is None:
            losses = ops.convert_to_numpy(self.metric.values.value)
            if not losses.any():
                raise ValueError("No losses were told: compile with metrics=[balancing.metric].")
            self.balance.update(faces, losses)
        elif self.step % self.interval == 0:
            self._renew()
        self._picked[self.step + lag] = self._faces(self.step + lag)
        self.step += 1

    def _renew(self):
        faces, batch = np.unique(self.samples.indices), self.samples.batch
        for part in np.array_split(faces, -(-len(faces) // (32 * batch))):  # fits into memory
            crops, landmarks = self.samples.plain(part)
            found = devices.predict(self.model, crops, batch, self.output)
            losses = of_faces(self.loss, landmarks, ops.convert_to_tensor(found))
            self.balance.update(part, ops.convert_to_numpy(losses))
