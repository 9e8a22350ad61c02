"""The record of a training: validation, best weights, checkpoint, log and loss curve."""

import contextlib
import csv
import io
import math

import keras
import numpy as np

from keras_landmarks import metrics, weights
from keras_landmarks.files import write_bytes
from keras_landmarks.pictures import plots


class Progress(keras.callbacks.Callback):
    """Where a training stands: validates, keeps the best weights and writes the checkpoint.

    Args:
        out: folder for `checkpoint.safetensors`, `best.safetensors`, `log.csv` and `loss.png`.
        model: that is trained.
        validation: `Samples` to choose on, or None.
    """

    def __init__(self, out, model, validation):
        super().__init__()
        self.out, self.network = out, model
        self.validation = None if validation is None else validation.arrays()
        self.scheme = None if validation is None else validation.scheme
        self.stage = self.epoch = self.done = self.best_epoch = 0
        self.best, self.history = float("inf"), []
        self.begun, self.patience, self._graph_state = False, None, None
        self.balancing = None  # `data.LossBalancing`, whose losses are part of the checkpoint

    def begin(self, graph, patience):
        """A stage, or its rest after a kill: the graph that is trained, compiled."""
        self.patience = patience
        self.set_model(graph)
        if self.begun:
            self._restore(graph)
        else:
            self.begun = True
            self.write()

    def stale(self):
        """Whether the stage has gone on for long enough without a lower validation error."""
        since = self.done + self.epoch - max(self.best_epoch, self.done)
        return bool(self.validation and self.patience and since >= self.patience)

    def next_stage(self):
        self.stage, self.epoch, self.done = self.stage + 1, 0, self.done + self.epoch
        self.begun = False

    def take_best(self):
        """Gives the network the best weights so far, if an epoch is over."""
        if self.history:
            best, _ = weights.load_arrays(self.out / "best.safetensors")
            weights.set_weights(self.network, best)

    def on_train_batch_end(self, batch, logs=None):
        if not np.isfinite((logs or {}).get("loss", 0.0)):
            raise FloatingPointError(f"The loss is no longer finite, at step {batch + 1}.")

    def on_epoch_end(self, epoch, logs=None):
        model = self.model
        row = {"stage": self.stage + 1, "epoch": self.done + epoch + 1}
        row |= {k: float(v) for k, v in (logs or {}).items()}
        optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        averaged = keras.callbacks.SwapEMAWeights() if optimizer.use_ema else None
        if averaged:
            averaged.set_model(model)
            averaged.on_test_begin()
        if self.validation:
            crops, landmarks = self.validation
            predicted = model.predict(crops, batch_size=128, verbose=0)["landmarks"]
            error = float(np.mean(metrics.face_errors(landmarks, predicted, self.scheme)))
            if not np.isfinite(error):
                raise FloatingPointError(
                    f"The validation error is {error}: the network puts out what is no number, or "
                    "a face's eye corners are one point."
                )
            row["val_nme"] = logs["val_nme"] = error
        if not self.validation or error < self.best:
            self.best, self.best_epoch = row.get("val_nme", self.best), row["epoch"]
            best = weights.get_weights(self.network)
            weights.save_arrays(self.out / "best.safetensors", best, row)
        if averaged:
            averaged.on_test_end()
        self.history.append(row)
        self.epoch = epoch + 1
        self.write_log()  # first, so that no kill leaves a finished checkpoint with a shorter log
        self.write()
        model.stop_training = self.stale()

    def write(self):
        """The checkpoint: weights, random state, optimizer and where in the recipe they stand."""
        arrays = {name: _numpy(v) for name, v in _variables(self.network).items()}
        for kind, state in self._state(self.model).items():
            arrays |= {f"{kind}/{i}": _numpy(v) for i, v in enumerate(state)}
        if self.balancing:
            arrays["balance/losses"] = self.balancing.balance.losses
        keys = ("stage", "epoch", "done", "best", "best_epoch", "history")
        facts = {key: getattr(self, key) for key in keys}
        weights.save_arrays(self.out / "checkpoint.safetensors", arrays, facts)

    def read(self):
        """Takes up the checkpoint in the folder, if there is one."""
        path = self.out / "checkpoint.safetensors"
        if not path.exists():
            return
        arrays, facts = weights.load_arrays(path)
        kinds = ("optimizer/", "graph/")
        self._graph_state = {k: arrays.pop(k) for k in list(arrays) if k.startswith(kinds)}
        losses = arrays.pop("balance/losses", None)
        if (losses is None) != (self.balancing is None):
            raise ValueError(f"{path} is of a training with another balancing of its batches.")
        if self.balancing:
            balance = self.balancing.balance
            if losses.shape != balance.losses.shape:
                raise ValueError(f"{path} is of {len(losses)} faces, not {len(balance.losses)}.")
            balance.losses = losses
        variables = _variables(self.network)
        shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
        for name in sorted(set(shapes) | set(arrays)):
            if name not in arrays or shapes.get(name) != arrays[name].shape:
                raise ValueError(f"{path} is of another model: no fitting {name}.")
        for name, variable in variables.items():
            variable.assign(arrays[name])
        for key, value in facts.items():
            setattr(self, key, value)
        self.begun = True

    def _state(self, graph):
        """What a stage has beside the network: its optimizer, and layers of its `output` alone."""
        ours = {id(variable) for variable in self.network.weights}
        layers = [variable for variable in graph.weights if id(variable) not in ours]
        # The graph's own optimizer: `compile` wraps the stage's where losses are scaled.
        return {"optimizer": graph.optimizer.variables, "graph": layers}

    def _restore(self, graph):
        state = self._state(graph)
        named = {f"{kind}/{i}": v for kind in state for i, v in enumerate(state[kind])}
        sizes = {name: math.prod(variable.shape) for name, variable in named.items()}
        if {name: array.size for name, array in self._graph_state.items()} != sizes:
            raise ValueError(f"The checkpoint in {self.out} is of another optimizer or output.")
        for name, variable in named.items():
            variable.assign(self._graph_state[name].reshape(variable.shape))

    def write_log(self):
        text = io.StringIO()
        names = list(dict.fromkeys(name for row in self.history for name in row))
        table = csv.DictWriter(text, names, lineterminator="\n")
        table.writeheader()
        table.writerows(self.history)
        write_bytes(self.out / "log.csv", text.getvalue().encode())
        plot_history(self.history, self.out / "loss.png")


def _variables(model):
    """`{name: variable}` of a model, with its random states.

    The states go by their order: Keras numbers their names by the process.
    """
    known = {id(variable) for variable in model.weights}
    states = [variable for variable in model.variables if id(variable) not in known]
    named = {f"model/{variable.path}": variable for variable in model.weights}
    return named | {f"random/{i}": variable for i, variable in enumerate(states)}


def _numpy(variable):
    return keras.ops.convert_to_numpy(variable)


def plot_history(history, path):
    """Draws loss and errors over the epochs; does nothing where matplotlib is not installed.

    Args:
        history: list of dicts with `epoch`, `loss`, `nme` and perhaps `val_nme` (fractions).
        path: of the picture.
    """
    with contextlib.suppress(ImportError), plots.figure(path, (9, 3.5)) as figure:
        for axes, names in zip(figure.subplots(1, 2), (("loss",), ("nme", "val_nme"))):
            for name in names:
                points = [(row["epoch"], row[name]) for row in history if name in row]
                if points:
                    axes.plot(*zip(*points), label=name)
            axes.set(xlabel="epoch", yscale="log")
            axes.legend()
