"""Several hosts that train together under TensorFlow: who they are, how they meet, their steps."""

import contextlib
import json
import os
import socket
import time
from typing import NamedTuple

import keras
import numpy as np

WAIT = 300.0
"""Seconds after which a host that has not come is given up."""

EXPECTED = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'


class Cluster(NamedTuple):
    """The hosts of `TF_CONFIG`.

    Args:
        addresses: `host:port` of each; the first one leads, and writes the files.
        number: of this host, from 0.
    """

    addresses: tuple
    number: int

    def names(self, numbers):
        """How hosts are called in messages."""
        return " and ".join(f"host {i} ({self.addresses[i]})" for i in numbers)


def cluster():
    """What `TF_CONFIG` says; None where it is not set, or names no other host.

    Raises:
        ValueError: if it does not parse, or tells of other jobs than chief and worker.
    """
    text = os.environ.get("TF_CONFIG", "").strip() or "{}"
    try:
        told = json.loads(text)
        jobs, task = told.get("cluster", {}), told.get("task", {})
        known = {(job, i): a for job in ("chief", "worker") for i, a in enumerate(jobs.get(job, []))}
        if len(known) < 2 and len(jobs) < 2:
            return None
        number = [*known].index((task["type"], int(task["index"])))
        for address in known.values():
            int(address.rpartition(":")[2])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"TF_CONFIG is {text}: expected {EXPECTED}.") from error
    return Cluster(tuple(known.values()), number)


class Meeting:
    """Connections between the first host and each of the others, over which they agree.

    Args:
        cluster: `Cluster`.
        wait: seconds for all to come.

    Raises:
        TimeoutError: if one does not, on every host that has; it names who is missing.
    """

    def __init__(self, cluster, wait):
        self.cluster, self._links, until = cluster, {}, time.monotonic() + wait
        late = "had not come after {:g} s: is it started, and can its port be reached?".format(wait)
        place, _, port = cluster.addresses[0].rpartition(":")
        if cluster.number:
            while not self._links:
                try:
                    link = socket.create_connection((place, int(port)), timeout=wait + 30)
                    self._links[0] = link.makefile("rw")
                except OSError as error:
                    if time.monotonic() > until:
                        raise TimeoutError(f"{cluster.names([0])} {late}") from error
                    time.sleep(0.2)
            self._say(0, cluster.number)
            self._hear_verdict(TimeoutError)
            return
        missing = set(range(1, len(cluster.addresses)))
        with socket.create_server(("", int(port))) as door:
            while missing and (left := until - time.monotonic()) > 0:
                door.settimeout(left)
                with contextlib.suppress(OSError, ValueError):  # or a stranger looked in
                    link = door.accept()[0]
                    link.settimeout(wait + 30)
                    link = link.makefile("rw")
                    number = json.loads(link.readline())
                    if number in missing:
                        self._links[number] = link
                        missing.remove(number)
        self._tell(TimeoutError, missing and f"{cluster.names(sorted(missing))} {late}")

    def agree(self, facts):
        """Compares what must be the same on all hosts.

        Args:
            facts: `{what: value}`, for JSON.

        Raises:
            ValueError: if another host has others, on every host; it names what differs.
        """
        facts = json.loads(json.dumps(facts))
        if self.cluster.number:
            self._say(0, facts)
            self._hear_verdict(ValueError)
            return
        wrong = ""
        for number in self._links:
            other = self._hear(number)
            for what in sorted(facts.keys() | other.keys()):
                if facts.get(what) != other.get(what):
                    mine, theirs = facts.get(what), other.get(what)
                    wrong = f"{self.cluster.names([number])} has another {what}: {theirs}, not {mine}"
        self._tell(ValueError, wrong)

    def _say(self, number, thing):
        self._links[number].write(json.dumps(thing) + "\n")
        self._links[number].flush()

    def _hear(self, number):
        try:
            return json.loads(self._links[number].readline())
        except (OSError, ValueError) as error:
            raise RuntimeError(f"{self.cluster.names([number])} no longer answers.") from error

    def _tell(self, kind, wrong):
        for number in self._links:
            self._say(number, wrong or "")
        if wrong:
            raise kind(wrong)

    def _hear_verdict(self, kind):
        if wrong := self._hear(0):
            raise kind(wrong)


class Hosts:
    """This host among the others. A process has one: `join`.

    Args:
        cluster: `Cluster`.
        strategy: `tf.distribute.MultiWorkerMirroredStrategy`.
        meeting: `Meeting`.
    """

    def __init__(self, cluster, strategy, meeting):
        self.cluster, self.strategy, self.agree = cluster, strategy, meeting.agree
        self.number, self.count = cluster.number, len(cluster.addresses)

    def fit(self, *args, **kwargs):
        """See `_fit`; says which host is gone where one is."""
        with self._watched():
            self._fit(*args, **kwargs)

    def _fit(self, graph, batches, epochs, initial_epoch, callbacks, verbose):
        """What `graph.fit` does on one host; Keras' own fails on several (keras issue 20585).

        Args:
            graph: a compiled model.
            batches: `tf.data.Dataset` of this host's parts of the batches of an epoch.
            epochs: after which training ends.
            initial_epoch: that it starts with, from 0.
            callbacks: list of Keras callbacks.
            verbose: see `keras.Model.fit`; only the first host speaks.
        """
        import tensorflow as tf

        verbose = 0 if self.number else verbose
        callbacks = keras.callbacks.CallbackList(
            callbacks,
            add_progbar=verbose > 0,
            model=graph,
            verbose=verbose,
            epochs=epochs,
            steps=len(batches),
        )
        with self.strategy.scope():
            graph._symbolic_build(data_batch=batches.element_spec)

        @tf.function
        def step(batch):
            with self.strategy.scope():
                self.strategy.run(graph.train_step, (batch,))
                return graph.get_metrics_result()  # of all replicas

        graph.stop_training = False
        callbacks.on_train_begin()
        for epoch in range(initial_epoch, epochs):
            graph.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            for i, batch in enumerate(batches):
                callbacks.on_train_batch_begin(i)
                logs = {name: float(value) for name, value in step(self._divided(batch)).items()}
                callbacks.on_train_batch_end(i, logs)
            callbacks.on_epoch_end(epoch, logs)
            if graph.stop_training:
                break
        callbacks.on_train_end()

    def _divided(self, batch):
        """A host's part of a batch, divided among its devices."""
        mine = self.strategy.num_replicas_in_sync // self.count

        def part(context):
            number = context.replica_id_in_sync_group % mine
            return keras.tree.map_structure(
                lambda a: a[number * (len(a) // mine) : (number + 1) * (len(a) // mine)], batch
            )

        return self.strategy.experimental_distribute_values_from_function(part)

    def predict(self, graph, crops, batch, output):
        """See `devices.predict`. Each host finds its share, and all get the same to the last bit."""
        found = np.zeros((len(crops), *graph.output[output].shape[1:]), np.float32)
        share = range(self.number * batch, len(crops), self.count * batch)
        for start in share:
            part = slice(start, start + batch)
            found[part] = graph(crops[part], training=False)[output]
        return self.total(found)

    def total(self, array):
        """The sum over all hosts of an array; so they also wait for one another."""
        import tensorflow as tf

        mine = self.strategy.num_replicas_in_sync // self.count

        def part(context):
            return tf.constant(array * (context.replica_id_in_sync_group % mine == 0))

        parts = self.strategy.experimental_distribute_values_from_function(part)
        return self.strategy.reduce("SUM", parts, axis=None).numpy()

    @contextlib.contextmanager
    def _watched(self):
        """Says which host is gone where TensorFlow fails for want of it."""
        import tensorflow as tf

        try:
            yield
        except tf.errors.OpError as error:
            gone = [i for i in range(self.count) if i != self.number and not self._answers(i)]
            if not gone:
                raise
            raise RuntimeError(
                f"{self.cluster.names(gone)} no longer answers, and training ends. Start all hosts "
                "again, resuming: they go on from the last epoch that was over."
            ) from error

    def _answers(self, number):
        place, _, port = self.cluster.addresses[number].rpartition(":")
        try:
            socket.create_connection((place, int(port)), timeout=5).close()
        except OSError:
            return False
        return True


_MET = []  # a process meets the others once, and trains with them as often as it likes


def join(wait=WAIT):
    """Meets the other hosts of `TF_CONFIG`, once a process.

    Args:
        wait: seconds for all to come.

    Returns:
        `Hosts`.

    Raises:
        TimeoutError: if one does not; it names who is missing.
        RuntimeError: if TensorFlow has computed something before.
    """
    import tensorflow as tf

    if not _MET:
        here = cluster()
        meeting = Meeting(here, wait)
        try:
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
        except RuntimeError as error:
            raise RuntimeError(
                "TensorFlow was used before the hosts met: call training.join_hosts() at the "
                f"start of the program ({error})."
            ) from error
        _MET.append(Hosts(here, strategy, meeting))
    return _MET[0]


def joined():
    """The `Hosts` that this process has met, or None."""
    return _MET[0] if _MET else None
