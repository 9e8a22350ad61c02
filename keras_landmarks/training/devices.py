"""The devices that a training shares its batches over."""

import contextlib

import keras


def default_strategy():
    """`MirroredStrategy` if TensorFlow has more than one device of the kind it would use."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([d.name for d in devices]) if len(devices) > 1 else None


def scope(strategy):
    """Where variables are born that all devices of a strategy, or None, share."""
    return strategy.scope() if strategy else contextlib.nullcontext()


def replica():
    """The number of the device that this code runs on."""
    if keras.backend.backend() != "tensorflow":
        return 0
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return 0 if context is None else context.replica_id_in_sync_group
