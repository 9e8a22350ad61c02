"""The checkpoint: all that resuming a training needs but its best weights, in one file."""

import dataclasses
import math

import keras

from keras_landmarks import weights
from keras_landmarks.training.fingerprint import in_new_names


@dataclasses.dataclass
class Standing:
    """Where in its recipe a training stands, and how it went so far.

    Args:
        stage: of the recipe, from 0.
        epoch: epochs of the stage that are over.
        done: epochs of the stages before.
        best: the lowest held-out error, a fraction, of landmarks like the stage's.
        best_epoch: the epoch with it, from 1.
        history: a dict of figures for each epoch that is over.
    """

    stage: int = 0
    epoch: int = 0
    done: int = 0
    best: float = float("inf")
    best_epoch: int = 0
    history: list = dataclasses.field(default_factory=list)

    @property
    def epochs(self):
        """All epochs that are over."""
        return self.done + self.epoch


class Checkpoint:
    """Writes and reads the checkpoint of a training.

    Args:
        path: of the file, which is replaced only by a whole one.
        network: the model that is trained, whatever layers of it a stage trains.
        balancing: `LossBalancing`, whose state is part of it, or None.
        fingerprint: of the training (see `fingerprint`): what must be the same to go on.
    """

    def __init__(self, path, network, balancing, fingerprint):
        self.path, self.network, self.balancing = path, network, balancing
        self.fingerprint, self._stage_state = fingerprint, None

    def write(self, standing, graph, here=True):
        """Writes where a training stands.

        Args:
            standing: `Standing`.
            graph: the compiled model of its stage.
            here: whether it is this host that writes; all have a part in reading the variables.
        """
        variables = _variables(self.network) | self._stage_variables(graph)
        arrays = {name: keras.ops.convert_to_numpy(v) for name, v in variables.items()}
        if self.balancing:
            arrays |= {f"balance/{name}": a for name, a in self.balancing.state().items()}
        facts = {**dataclasses.asdict(standing), "fingerprint": self.fingerprint}
        if here:
            weights.save_arrays(self.path, arrays, facts)

    def read(self):
        """Takes up the network's part of the file.

        Returns:
            The `Standing`.

        Raises:
            ValueError: if the file is broken, or of another training; it names what differs.
        """
        arrays, facts = weights.load_arrays(self.path)
        kinds = "optimizer/", "scale/", "graph/"
        self._stage_state = {k: v for kind in kinds for k, v in _take(arrays, kind).items()}
        balance = _take(arrays, "balance/")
        if bool(balance) != bool(self.balancing):
            raise ValueError(f"{self.path} is of a training with another balancing of its batches.")
        if self.balancing:
            state = {name.removeprefix("balance/"): array for name, array in balance.items()}
            try:
                self.balancing.restore(state)
            except ValueError as error:
                raise ValueError(f"{self.path} {error}") from error
        variables = _variables(self.network)
        shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
        for name in sorted(set(shapes) | set(arrays)):
            if name not in arrays or shapes.get(name) != arrays[name].shape:
                raise ValueError(
                    f"{self.path} is of another model: no fitting {name}. (Layers need names: "
                    "Keras counts those without one anew in each process.)"
                )
        self._compare(in_new_names(facts.pop("fingerprint", {})))
        for name, variable in variables.items():
            variable.assign(arrays[name])
        return Standing(**facts)

    def _compare(self, before):
        first = ["training data", "held-out data"]  # of which other numbers may come
        names = set(before) & set(self.fingerprint)
        for name in [n for n in first if n in names] + sorted(names - {*first}):
            old, new = before[name], self.fingerprint[name]
            if old != new:
                raise ValueError(f"{self.path} is of another {name}: {old} before, {new} now.")

    def restore(self, graph):
        """Takes up the stage's part of the file that was read: optimizer, and layers of its own.

        The scale of its losses only where both have one: half precision is each machine's choice.
        """
        variables = self._stage_variables(graph)
        own, others = (
            [name for name in variables if name.startswith(kind)]
            for kind in ("scale/", "optimizer/")
        )
        old = [name for name in self._stage_state if name.startswith("optimizer/")]
        if own and own[0] not in self._stage_state and len(old) == len(own) + len(others):
            arrays = [self._stage_state.pop(f"optimizer/{i}") for i in range(len(old))]
            self._stage_state |= zip([*own, *others], arrays)  # as version 0.1 wrote them
        for one, other in ((variables, self._stage_state), (self._stage_state, variables)):
            for name in [name for name in one if name.startswith("scale/") and name not in other]:
                one.pop(name)
        sizes = {name: math.prod(variable.shape) for name, variable in variables.items()}
        if {name: array.size for name, array in self._stage_state.items()} != sizes:
            raise ValueError(f"{self.path} is of another optimizer or output.")
        for name, variable in variables.items():
            variable.assign(self._stage_state[name].reshape(variable.shape))

    def _stage_variables(self, graph):
        """What a stage has beside the network: its optimizer, and layers of its `output` alone.

        A teacher is not of it: it comes with the recipe.
        """
        lesson = getattr(graph, "lesson", None)
        others = [*self.network.weights, *(lesson.weights if lesson else ())]
        ours = {id(variable) for variable in others}
        layers = [variable for variable in graph.weights if id(variable) not in ours]
        # `compile` wraps the stage's optimizer where losses are scaled.
        optimizer = getattr(graph.optimizer, "inner_optimizer", graph.optimizer)
        named = {f"optimizer/{i}": v for i, v in enumerate(optimizer.variables)}
        if optimizer is not graph.optimizer:
            own = graph.optimizer.variables[: -len(optimizer.variables)]
            named |= {f"scale/{i}": v for i, v in enumerate(own)}
        return named | {f"graph/{i}": v for i, v in enumerate(layers)}


def path_in(folder, resume):
    """The checkpoint's path in a training's folder.

    Raises:
        ValueError: if one is there that is not to be resumed.
    """
    path = folder / "checkpoint.safetensors"
    if path.exists() and not resume:
        raise ValueError(f"{folder} holds a checkpoint: resume it, or name another folder.")
    return path


def _take(arrays, start):
    """Takes the arrays out whose names begin so."""
    return {name: arrays.pop(name) for name in list(arrays) if name.startswith(start)}


def _variables(model):
    """`{name: variable}` of a model, with its random states.

    The states go by their order: Keras numbers their names by the process.
    """
    known = {id(variable) for variable in model.weights}
    states = [variable for variable in model.variables if id(variable) not in known]
    named = {f"model/{path}": variable for path, variable in weights.by_path(model.weights).items()}
    return named | {f"random/{i}": variable for i, variable in enumerate(states)}
