import keras


@keras.saving.register_keras_serializable(package="keras_landmarks")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' batch normalisation, in training by the batch of all replicas together.

    So that two devices train as one. Only TensorFlow has replicas (`tf.distribute`) whose batches
    are not one to begin with; so `synchronized` is no setting here, and no part of the config: a
    file saved under TensorFlow opens under every backend.

    Args:
        **kwargs: those of `keras.layers.BatchNormalization`; `synchronized` is ignored.

    Call arguments:
        inputs: a tensor of any rank of 2 or more, channels last.
        training: whether to normalise by the batch and learn its statistics.

    Returns:
        A tensor of the shape of the inputs.

    Reference:
        Ioffe and Szegedy, Batch normalization, ICML 2015.
    """

    def __init__(self, **kwargs):
        kwargs.pop("synchronized", None)
        super().__init__(**kwargs)

    @property
    def synchronized(self):
        """Whether there are other replicas to share statistics with."""
        if keras.backend.backend() != "tensorflow":
            return False
        import tensorflow as tf

        return tf.distribute.get_strategy().num_replicas_in_sync > 1

    @synchronized.setter
    def synchronized(self, value):
        """Keras sets it; it has no say."""

    def get_config(self):
        config = super().get_config()
        del config["synchronized"]
        return config


def replica():
    """The number of the device that this code runs on."""
    if keras.backend.backend() != "tensorflow":
        return 0
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return 0 if context is None else context.replica_id_in_sync_group
