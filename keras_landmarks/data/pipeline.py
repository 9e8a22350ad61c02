"""From faces to batches: one sample function under tf.data and under `keras.utils.PyDataset`."""

import concurrent.futures
import warnings

import keras
import numpy as np

from keras_landmarks import geometry
from keras_landmarks.data import augment
from keras_landmarks.data.datasets import BrokenFile
from keras_landmarks.pictures import images
from keras_landmarks.schemes import get_scheme


class Samples:
    """Crops and landmarks of a list of faces, drawn the same way every time they are asked for.

    Batch `step` depends on the arguments alone: any batch can be made at any time, in any
    process, and training that was interrupted goes on with the very samples it would have seen.
    Only where `LossBalancing` draws the faces, they follow the losses of the steps before.

    Args:
        faces: list of `Face`, all of one scheme.
        size: `(height, width)` of the crop.
        margin: side of the crop over the longer side of the box.
        box: which box to crop: `annotation` (the given one) or `truth` (around the landmarks).
        augmentation: `Augmentation`; None leaves faces as they are, and in their order.
        indices: the faces that make an epoch, with repetitions (see `balance_poses`); None takes
            each once.
        batch: samples in a batch. Augmented epochs leave an incomplete last batch out.
        seed: of order and augmentation.
        skip_broken: whether to warn of a picture that cannot be read and go on without it.

    Raises:
        ValueError: if there are no faces, schemes differ, an argument is out of its range, or a
            picture cannot be read.
    """

    def __init__(
        self,
        faces,
        size,
        margin=1.25,
        box="annotation",
        augmentation=None,
        indices=None,
        batch=32,
        seed=0,
        skip_broken=False,
    ):
        if not faces:
            raise ValueError("Samples need at least one face.")
        if len({face.scheme for face in faces}) > 1:
            raise ValueError(f"Faces of one scheme, not of {sorted({f.scheme for f in faces})}.")
        if box not in ("annotation", "truth"):
            raise ValueError(f"box must be 'annotation' or 'truth', not {box!r}.")
        if margin <= 0 or batch < 1 or min(size) < 1:
            raise ValueError(
                f"Expected margin > 0, batch >= 1 and size >= 1 x 1, "
                f"got {margin}, {batch} and {size}."
            )
        self.scheme = get_scheme(faces[0].scheme)
        self.size, self.margin, self.box = tuple(size), margin, box
        self.augmentation, self.batch, self.seed = augmentation, batch, seed
        if box == "annotation" and (count := sum(face.box is None for face in faces)):
            warnings.warn(
                f"{count} of {len(faces)} faces have no box: their landmarks' own is taken.",
                stacklevel=2,
            )
        self.balance = self.drawn = None  # of `LossBalancing`
        self.first_step = 0  # of the last data set
        self.faces, self._cuts = [], []
        for face in faces:
            try:
                self._cuts.append(self._cut(face))
                self.faces.append(face)
            except (ValueError, OSError) as error:
                if not skip_broken:
                    raise
                if indices is not None:
                    raise ValueError(
                        f"{face.name} is broken, and indices count on it: {error}"
                    ) from error
                warnings.warn(f"{face.name} is left out: {error}", BrokenFile, stacklevel=2)
        if not self.faces:
            raise ValueError("None of the pictures could be read.")
        self.indices = np.arange(len(self.faces)) if indices is None else np.asarray(indices)
        if augmentation is not None and len(self.indices) < batch:
            raise ValueError(f"{len(self.indices)} faces are fewer than a batch of {batch}.")

    def _cut(self, face):
        """The surroundings of a face, less than twice as fine as crops: pixels, landmarks, box."""
        box = face.annotation_box if self.box == "annotation" else face.truth_box
        box = np.float64(geometry.square_box(box))
        pixels = face.pixels()
        crop = geometry.square_box(box, self.margin)
        around = geometry.square_box(crop, 1.8)
        height, width = pixels.shape[:2]
        if (box[2:] <= 0).any() or (box[:2] >= (width, height)).any():
            raise ValueError(f"{face.name}: the box {box.tolist()} lies outside of the picture.")
        left, top = np.maximum(np.floor(around[:2]).astype(int), 0)
        right, bottom = np.maximum(np.ceil(around[2:]).astype(int), 0)
        pixels = np.ascontiguousarray(pixels[top:bottom, left:right])
        factor = max(int((crop[2] - crop[0]) / min(self.size)), 1)
        cut_from_picture = np.array([[1, 0, -left], [0, 1, -top]], np.float64)
        if factor > 1:
            pixels, cut_from_picture = images.reduce(pixels, factor, cut_from_picture)
        move = geometry.transform_points
        edges = move(box.reshape(2, 2) - 0.5, cut_from_picture).reshape(4) + 0.5
        return pixels, np.float32(move(face.landmarks, cut_from_picture)), edges

    def __len__(self):
        """Batches in an epoch."""
        whole, rest = divmod(len(self.indices), self.batch)
        return whole + bool(rest and self.augmentation is None)

    def sample(self, index, rng=None):
        """The crop of one face.

        Args:
            index: of the face.
            rng: `numpy.random.Generator` of the augmentation; None leaves the face as it is.

        Returns:
            `(crop, landmarks)`: `(height, width, 3)` uint8 RGB and `(n, 2)` float32 in its pixels.
        """
        crops, landmarks = self._make([index], rng)
        return crops[0], landmarks[0]

    def _make(self, indices, rng):
        """Crops `(faces, height, width, 3)` and landmarks `(faces, n, 2)` of some faces."""
        pixels, landmarks, boxes = zip(*(self._cuts[index] for index in indices))
        landmarks, boxes = np.stack(landmarks), np.stack(boxes)
        if rng is not None:
            boxes = augment.random_box(rng, self.augmentation, boxes)
        transforms = geometry.box_transform(geometry.square_box(boxes, self.margin), self.size)
        if rng is not None:
            transforms, mirrored = augment.random_transform(
                rng, self.augmentation, transforms, self.size
            )
        crops = np.stack([images.warp(p, t, self.size) for p, t in zip(pixels, transforms)])
        landmarks = np.float32(geometry.transform_points(landmarks, transforms))
        if rng is not None:
            landmarks[mirrored] = landmarks[mirrored][:, list(self.scheme.mirror)]
            crops = augment.random_pixels(rng, self.augmentation, crops)
        return crops, landmarks

    def batch_at(self, step):
        """The batch that training sees at a step, counted from the first of the first epoch.

        Returns:
            `(crops, landmarks)`: `(batch, height, width, 3)` uint8, `(batch, n, 2)` float32.
        """
        epoch, i = divmod(int(step), len(self))
        chosen = slice(i * self.batch, (i + 1) * self.batch)
        if self.augmentation is None:
            return self._make(self.indices[chosen], None)
        rng = np.random.default_rng((self.seed, epoch, i))
        if self.balance is not None:
            self.drawn[int(step)] = faces = self.balance.draw(rng, self.batch)
            return self._make(faces, rng)
        order = np.random.default_rng((self.seed, epoch, len(self))).permutation(self.indices)
        return self._make(order[chosen], rng)

    def plain(self, indices):
        """Crops and landmarks of the faces of some indices, not augmented."""
        return self._make(indices, None)

    def arrays(self):
        """All crops and landmarks, not augmented: for evaluation."""
        return self._make(self.indices, None)

    def shapes(self):
        """The landmarks of all faces and of their mirror images, `(2 faces, n, 2)`.

        As fractions of the crop: 0 at its centre and 0.5 at its right and lower edges.
        """
        size, shapes = np.array(self.size[::-1]), []
        for _, landmarks, box in self._cuts:
            transform = geometry.box_transform(geometry.square_box(box, self.margin), self.size)
            shapes.append((geometry.transform_points(landmarks, transform) + 0.5) / size - 0.5)
        shapes = np.stack(shapes)
        return np.concatenate([shapes, shapes[:, list(self.scheme.mirror)] * (-1, 1)])

    def mean_shape(self):
        """The mean of `shapes`, `(n, 2)` (see `layers.MeanShape`)."""
        return self.shapes().mean(axis=0)

    def dataset(self, first_step=0):
        """A `tf.data.Dataset` of batches that goes on for ever, from a step on.

        Elements are `(crops, {"landmarks": landmarks})`. Give `fit` `steps_per_epoch=len(self)`.
        """
        import tensorflow as tf

        self.first_step = first_step
        count = self.scheme.count

        def make(step):
            return tf.numpy_function(self.batch_at, [step], [tf.uint8, tf.float32])

        def shaped(crops, landmarks):
            batch = self.batch if self.augmentation is not None else None
            crops = tf.ensure_shape(crops, (batch, *self.size, 3))
            return crops, {"landmarks": tf.ensure_shape(landmarks, (batch, count, 2))}

        steps = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max)
        options = tf.data.Options()  # threads of its own: training keeps all of TensorFlow's
        options.threading.private_threadpool_size = 2
        options.threading.max_intra_op_parallelism = 1
        options.autotune.enabled = False
        batches = steps.map(make, num_parallel_calls=2).map(shaped).prefetch(4)
        return batches.with_options(options)

    def py_dataset(self, first_step=0, workers=2):
        """The same batches as a `keras.utils.PyDataset`, for ever, without TensorFlow.

        Give `fit` `steps_per_epoch=len(self)`.

        Args:
            first_step: where to start.
            workers: threads that make batches ahead of time.
        """
        self.first_step = first_step
        return _Batches(self, first_step, workers)


class _Batches(keras.utils.PyDataset):
    """Batches by number. Makes its own ahead: Keras' workers start anew with every epoch."""

    num_batches = None

    def __init__(self, samples, first_step, workers):
        super().__init__()
        self.samples, self.first_step = samples, first_step
        self._ahead, self._count = {}, 2 * workers
        self._pool = concurrent.futures.ThreadPoolExecutor(workers)

    def __getitem__(self, index):
        for i in range(index, index + self._count):
            if i not in self._ahead:
                step = self.first_step + i
                self._ahead[i] = self._pool.submit(self.samples.batch_at, step)
        crops, landmarks = self._ahead.pop(index).result()
        return crops, {"landmarks": landmarks}
