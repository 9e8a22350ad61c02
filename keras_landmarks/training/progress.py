"""The end of each epoch: the held-out error, best weights, checkpoint and log."""

import contextlib
import time
import warnings

import keras
import numpy as np

from keras_landmarks import metrics, weights
from keras_landmarks.moved import renamed
from keras_landmarks.training import devices
from keras_landmarks.training.checkpoint import Standing
from keras_landmarks.training.log import plot_history, write_log


@contextlib.contextmanager
def _told():
    """Warns of a file that may not be replaced, as it is open elsewhere: training goes on."""
    try:
        yield
    except PermissionError as error:
        warnings.warn(str(error), stacklevel=3)


class Finite(keras.callbacks.Callback):
    """Ends training by an error where the loss is no longer finite.

    Keras' `TerminateOnNaN` ends it as if it were over.
    """

    def on_train_batch_end(self, batch, logs=None):
        if not np.isfinite((logs or {}).get("loss", 0.0)):
            raise FloatingPointError(f"The loss is no longer finite, at step {batch + 1}.")


@renamed(validation="held_out")
class Progress(keras.callbacks.Callback):
    """Measures held-out faces each epoch, keeps the best weights, writes log and checkpoint.

    Keras' `EarlyStopping` begins to count anew in each `fit`: it would be more patient with a
    training that was killed.

    Args:
        out: folder for `best.safetensors`, `log.csv` and `loss.png`.
        checkpoint: `Checkpoint`.
        held_out: `Samples` to choose on, or None.
        facts: of the model, that `best.safetensors` carries.
    """

    def __init__(self, out, checkpoint, held_out, facts):
        super().__init__()
        self.out, self.checkpoint, self.facts = out, checkpoint, facts
        self.held_out = None if held_out is None else held_out.arrays()
        self.scheme = None if held_out is None else held_out.scheme
        self.batch = None if held_out is None else min(held_out.batch, 128)
        self.distances = self.held_out and self._distances()
        self.standing, self.patience, self.begun = Standing(), None, False
        self.writes = devices.place()[0] == 0
        self.drawn = time.monotonic()

    def resume(self):
        """Goes on from the checkpoint, inside of a stage, and the best weights beside it."""
        self.standing, self.begun = self.checkpoint.read(), True
        best = self.out / "best.safetensors"
        if self.standing.history and not best.exists():
            raise FileNotFoundError(f"No {best}: the best weights so far go with a checkpoint.")

    def begin(self, graph, patience):
        """A stage, or its rest after a kill: the graph that is trained, compiled."""
        self.patience = patience
        self.set_model(graph)
        if self.begun:
            self.checkpoint.restore(graph)
        else:
            self.begun = True
            self.checkpoint.write(self.standing, graph, self.writes)
            devices.wait()
            if not self.checkpoint.path.exists():
                raise FileNotFoundError(f"{self.out} is not shared with the host that writes it.")

    def stale(self):
        """Whether the stage has gone on for long enough without a lower held-out error."""
        standing = self.standing
        since = standing.epochs - max(standing.best_epoch, standing.done)
        return bool(self.held_out and self.patience and since >= self.patience)

    def next_stage(self):
        """The stage is over."""
        standing = self.standing
        standing.stage, standing.epoch, standing.done = standing.stage + 1, 0, standing.epochs
        self.begun = False

    def draw(self, pause=0.0):
        """Draws the curves where so many seconds have gone by: it takes as long as some epochs."""
        if self.writes and self.standing.history and time.monotonic() - self.drawn >= pause:
            with _told():
                plot_history(self.standing.history, self.out / "loss.png")
            self.drawn = time.monotonic()

    def take_best(self):
        """Gives the network the best weights so far, if an epoch is over."""
        if self.standing.history:
            best, _ = weights.load_arrays(self.out / "best.safetensors")
            weights.set_weights(self.checkpoint.network, best)

    def on_epoch_end(self, epoch, logs=None):
        model, standing = self.model, self.standing
        standing.epoch = epoch + 1
        row = {"stage": standing.stage + 1, "epoch": standing.epochs}
        row |= {k: float(v) for k, v in (logs or {}).items()}
        optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        optimizers = getattr(optimizer, "optimizers", [optimizer])  # of a MultiOptimizer
        averages = any(each.use_ema for each in optimizers)
        averaged = keras.callbacks.SwapEMAWeights() if averages else None
        if averaged:
            averaged.set_model(model)
            averaged.on_test_begin()
        if self.held_out:
            row["val_nme"] = logs["val_nme"] = self._error()
        if not self.held_out or row["val_nme"] < standing.best:
            standing.best, standing.best_epoch = row.get("val_nme", standing.best), row["epoch"]
            best = weights.get_weights(self.checkpoint.network)
            facts = {**row, "model": self.facts}
            if self.writes:
                weights.save_arrays(self.out / "best.safetensors", best, facts)
        if averaged:
            averaged.on_test_end()
        standing.history.append(row)
        if self.writes:  # first, so that no kill leaves a finished checkpoint with a shorter log
            with _told():
                write_log(standing.history, self.out)
            self.draw(pause=10.0)
        self.checkpoint.write(standing, model, self.writes)
        devices.wait()  # the others read what was written
        model.stop_training = self.stale()

    def _distances(self):
        """What the errors of the held-out faces are divided by, NaN where points of it lack."""
        if self.scheme.count == 1:  # nothing tells how large the face is
            return np.full(len(self.held_out[1]), max(self.held_out[0].shape[1:3]))
        distances = metrics.normaliser(self.held_out[1], self.scheme)
        if np.isnan(distances).all() and not np.isnan(self.held_out[1]).any():
            what = {"corners": "eye corners", "box": "boxes of points"}.get(self.scheme.normaliser)
            what = what or f"points of the normaliser ({self.scheme.normaliser})"
            raise FloatingPointError(f"Of all held-out faces the {what} are one point.")
        if np.isnan(distances).all():
            raise ValueError(
                f"All {len(distances)} held-out faces lack points of the normaliser "
                f"({self.scheme.normaliser}): none tells the error."
            )
        return distances

    def _error(self):
        """The error of the held-out faces that have their normaliser's points, a fraction."""
        crops, landmarks = self.held_out
        predicted = devices.predict(self.model, crops, self.batch)
        errors = metrics.face_errors(landmarks, predicted, self.scheme, self.distances)
        error = float(np.mean(errors[~np.isnan(self.distances)]))
        if not np.isfinite(error):
            raise FloatingPointError(
                f"The held-out error is {error}: the network puts out what is no number."
            )
        return error
