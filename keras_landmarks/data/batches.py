"""The batches of `Samples` for Keras: as tf.data and as `keras.utils.PyDataset`."""

import concurrent.futures
import itertools
import weakref

import keras
import numpy as np


def _starts(samples, first_step):
    """A function that each pass over the data asks for its first step."""
    if callable(first_step):
        return first_step
    passes = itertools.count(first_step, len(samples))
    return lambda: next(passes)


def dataset(samples, first_step, augmentation, pick, part):
    """See `Samples.dataset`."""
    import tensorflow as tf

    made = _Made(samples, _starts(samples, first_step), (augmentation, pick, part))
    count = samples.scheme.count
    whole = samples.batch // part[1] if samples.augmentation is not None or pick else None
    # TensorFlow keeps each function that it is given for ever: these do not hold the pictures, but
    # the dataset does, unless it is made within a function, which outlives it.
    known = (lambda: made) if tf.inside_function() else weakref.ref(made)

    def one_pass(_):
        first = tf.ensure_shape(tf.numpy_function(lambda: known().first(), [], tf.int64), ())
        return tf.data.Dataset.range(first, first + len(samples))

    def make(step):
        return tf.numpy_function(lambda step: known().batch(step), [step], [tf.uint8, tf.float32])

    def shaped(crops, landmarks):
        crops = tf.ensure_shape(crops, (whole, *samples.size, 3))
        return crops, {"landmarks": tf.ensure_shape(landmarks, (whole, count, 2))}

    options = tf.data.Options()  # threads of its own: training keeps all of TensorFlow's
    options.threading.private_threadpool_size = 2
    options.threading.max_intra_op_parallelism = 1
    options.autotune.enabled = False
    steps = tf.data.Dataset.range(1).flat_map(one_pass)
    found = steps.map(make, num_parallel_calls=2).map(shaped).prefetch(4)
    found = found.apply(tf.data.experimental.assert_cardinality(len(samples)))
    found = found.with_options(options)
    found.made_by = made
    return found


class _Made:
    """What a dataset asks for its steps and batches."""

    def __init__(self, samples, start, words):
        self._samples, self._start, self._words = samples, start, words

    def first(self):
        return np.int64(self._start())

    def batch(self, step):
        return self._samples.batch_at(step, *self._words)


class PyBatches(keras.utils.PyDataset):
    """Batches by number. Makes its own ahead: Keras' workers start anew with every epoch."""

    def __init__(self, samples, first_step, augmentation, pick, workers, part):
        super().__init__()
        self.samples, self._words = samples, (augmentation, pick, part)
        self._starts, self._first = _starts(samples, first_step), 0
        self._over, self._told, self._served = True, False, set()
        self._ahead, self._count = {}, 2 * workers
        self._pool = concurrent.futures.ThreadPoolExecutor(workers)

    def __len__(self):
        return len(self.samples)

    def on_epoch_begin(self):
        """The next pass; the same one after no more than Keras' look at its first two batches."""
        gone = len(self._served) > 2 or (self._told and len(self._served) == len(self))
        self._over, self._told = self._over or gone, True
        self._served.clear()

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(f"Batch {index} of an epoch of {len(self)}, numbered from 0.")
        if index in self._served:
            self._over, self._told = True, False
        if self._over:
            self._begin()
        if self._words[1] and index != len(self._served):
            raise ValueError("Picked batches come in their order: give `fit` shuffle=False.")
        self._served.add(index)
        for i in range(index, max(min(index + self._count, len(self)), index + 1)):
            if i != index and len(self._ahead) >= self._count:  # as `fit` asks in any order
                break
            if i not in self._ahead and (i == index or i not in self._served):
                step = self._first + i
                self._ahead[i] = self._pool.submit(self.samples.batch_at, step, *self._words)
        crops, landmarks = self._ahead.pop(index).result()
        return crops, {"landmarks": landmarks}

    def _begin(self):
        """A new pass over the data."""
        for batch in self._ahead.values():
            batch.cancel()
        self._ahead, self._first = {}, self._starts()
        self._over, self._served = False, set()
