"""Several hosts that train together under TensorFlow: the steps of a training, on each of them."""

import contextlib
import socket

import keras
import numpy as np

from keras_landmarks.training.meeting import Meeting, read_cluster

WAIT = 300.0
"""Seconds after which a host that has not come is given up."""

_MET: list["Hosts"] = []  # a process meets the others once, and trains as often as it likes


def join(wait=WAIT):
    """Meets the other hosts of `TF_CONFIG`, once a process.

    Args:
        wait: seconds for all to come.

    Returns:
        `Hosts`, or None where there is no other host.

    Raises:
        TimeoutError: if one does not come; it names who is missing.
        ValueError: if `TF_CONFIG` does not parse.
        RuntimeError: if TensorFlow has computed something before.
    """
    cluster = None if _MET else read_cluster()
    if cluster:
        import tensorflow as tf

        meeting = Meeting(cluster, wait)
        try:
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
        except RuntimeError as error:
            raise RuntimeError(
                "TensorFlow was used before the hosts met: call training.join_hosts() at the "
                f"start of the program ({error})."
            ) from error
        _MET.append(Hosts(cluster, strategy, meeting))
    return joined()


def joined():
    """The `Hosts` that this process has met, or None."""
    return _MET[0] if _MET else None


class Hosts:
    """This host among the others (see `join`).

    Args:
        cluster: `Cluster`.
        strategy: `tf.distribute.MultiWorkerMirroredStrategy`.
        meeting: `Meeting`.
    """

    def __init__(self, cluster, strategy, meeting):
        self.cluster, self.strategy, self.agree = cluster, strategy, meeting.agree
        self.number, self.count = cluster.number, len(cluster.addresses)
        self._devices = strategy.num_replicas_in_sync // self.count

    def fit(self, graph, batches, epochs, initial_epoch, callbacks, verbose):
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

        words = {"epochs": epochs, "steps": len(batches), "verbose": 0 if self.number else verbose}
        words |= {"add_progbar": words["verbose"] > 0, "model": graph}
        callbacks = keras.callbacks.CallbackList(callbacks, **words)
        with self.strategy.scope():
            graph._symbolic_build(data_batch=batches.element_spec)  # its metrics

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
                logs = {name: float(v) for name, v in step(self._divided(batch)).items()}
                callbacks.on_train_batch_end(i, logs)
            callbacks.on_epoch_end(epoch, logs)
            if graph.stop_training:
                break
        callbacks.on_train_end()

    def _divided(self, batch):
        """A host's part of a batch, divided among its devices."""
        import tensorflow as tf

        def part(context):
            number = context.replica_id_in_sync_group % self._devices
            return keras.tree.map_structure(
                lambda array: tf.split(array, self._devices)[number], batch
            )

        return self.strategy.experimental_distribute_values_from_function(part)

    def predict(self, graph, crops, batch, output):
        """See `devices.predict`: each host finds its share, and all get the same to the bit."""
        found = np.zeros((len(crops), *graph.output[output].shape[1:]), np.float32)
        for start in range(self.number * batch, len(crops), self.count * batch):
            part = slice(start, start + batch)
            found[part] = graph(crops[part], training=False)[output]
        return self.total(found)

    def total(self, array):
        """The sum over all hosts of an array; so they also wait for one another."""
        import tensorflow as tf

        def part(context):
            first = context.replica_id_in_sync_group % self._devices == 0
            return tf.constant(array if first else np.zeros_like(array))

        parts = self.strategy.experimental_distribute_values_from_function(part)
        return self.strategy.reduce("SUM", parts, axis=None).numpy()

    @contextlib.contextmanager
    def watched(self):
        """Says which host is gone, by a RuntimeError, where TensorFlow fails for want of it."""
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
        try:
            socket.create_connection(self.cluster.place(number), timeout=5).close()
        except OSError:
            return False
        return True
