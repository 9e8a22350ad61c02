"""From faces to batches: crops and landmarks, the same each time they are asked for."""

import copy
import warnings

import numpy as np

from keras_landmarks import geometry
from keras_landmarks.data import augment
from keras_landmarks.data.complete import mirrored_shapes
from keras_landmarks.data.cuts import cropped, cut_faces
from keras_landmarks.data.disturbances import random_changes
from keras_landmarks.data.face import Face, faces_of
from keras_landmarks.data.records import records_of
from keras_landmarks.moved import renamed
from keras_landmarks.names import number, numbers_of, sides
from keras_landmarks.pictures import images
from keras_landmarks.schemes import Scheme, get_scheme


class Samples:
    """Crops and landmarks of a list of faces, made the same way every time they are asked for.

    Batch `step` depends on the arguments alone: any batch can be made at any time, in any
    process, and training that was interrupted goes on with the very samples it would have seen.
    Samples do not change; `replace` gives others of the same pictures.

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
        records: folder that holds the pictures' surroundings in memory's place (see
            `write_records`); written where there is none. Batches are the same.

    Raises:
        ImportError: if records are to be written, without TensorFlow.
        ValueError: if there are no faces, schemes differ, an argument is out of its range, or a
            picture cannot be read, or records are of others.
    """

    faces: tuple[Face, ...]
    size: tuple[int, int]
    scheme: Scheme
    margin: float
    box: str
    augmentation: augment.Augmentation | None
    indices: np.ndarray
    batch: int
    seed: int | tuple[int, ...]

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
        records=None,
    ):
        if not (faces := faces_of(faces)):
            raise ValueError("Samples need at least one face.")
        if len(schemes := {face.scheme for face in faces}) > 1:
            raise ValueError(f"Faces of one scheme, not of {sorted(schemes)}.")
        own = self.__dict__  # which nothing else may change
        own |= dict(scheme=get_scheme(faces[0].scheme), size=sides("size", size), box=cropped(box))
        own |= dict(margin=number("margin", margin, above=0), batch=batch, seed=seed)
        if box == "annotation" and (count := sum(face.box is None for face in faces)):
            missing = f"{count} of {len(faces)} faces have no box: their landmarks' own is taken."
            warnings.warn(f"{missing} data.lay_boxes finds a detector's, as in use.", stacklevel=2)
        if records is None:
            counted = indices is not None
            if not (found := [*cut_faces(faces, box, self.size, margin, skip_broken, counted)]):
                raise ValueError("None of the pictures could be read.")
            kept, pixels, landmarks, boxes = zip(*found)
        else:
            pixels = records_of(records, faces, self.size, margin, box, skip_broken)
            kept, landmarks, boxes = pixels.faces, pixels.landmarks, pixels.boxes
            if (indices is not None or not skip_broken) and len(kept) < len(faces):
                raise ValueError(f"{records} lacks {len(faces) - len(kept)} broken pictures.")
        own |= dict(faces=tuple(faces[i] for i in kept), _pixels=pixels, augmentation=augmentation)
        own |= dict(_landmarks=np.stack(landmarks), _boxes=np.stack(boxes))
        self._set_indices(np.arange(len(kept)) if indices is None else indices)

    def __repr__(self):  # which Keras shows where it is given Samples
        return f"<Samples of {len(self.faces)} faces; `fit` takes their dataset() or py_dataset()>"

    def __setattr__(self, name, value):
        raise AttributeError(f"Samples do not change: take samples.replace({name}=...).")

    def _set_indices(self, indices):
        number("batch", self.batch, least=1, whole=True)
        if not isinstance(self.augmentation, augment.Augmentation | None):
            raise ValueError(f"augmentation is an Augmentation, not {self.augmentation!r:.80}.")
        for part in self.seed if isinstance(self.seed, tuple) else (self.seed,):
            number("seed", part, least=0, whole=True)
        indices = numbers_of("faces", indices, len(self.faces))
        if self.augmentation is not None and len(indices) < self.batch:
            raise ValueError(f"{len(indices)} faces are fewer than a batch of {self.batch}.")
        indices.flags.writeable = False
        self.__dict__["indices"] = indices

    def replace(self, **changes):
        """The same pictures, picked in another way.

        Args:
            **changes: any of `augmentation`, `indices`, `batch` and `seed`.

        Returns:
            `Samples`.
        """
        if wrong := set(changes) - {"augmentation", "indices", "batch", "seed"}:
            raise ValueError(f"Cannot replace {', '.join(sorted(wrong))}: make Samples anew.")
        other = copy.copy(self)
        other.__dict__.update(changes)
        other._set_indices(other.indices)
        return other

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
        return tuple(made[0] for made in self._make([index], rng, self.augmentation))

    def _make(self, indices, rng=None, augmentation=None, part=slice(None)):
        """Crops `(faces, height, width, 3)` and landmarks `(faces, n, 2)` of a part of some."""
        indices, rng = np.asarray(indices), augmentation and rng
        landmarks, boxes = self._landmarks[indices], self._boxes[indices]
        if rng is not None:
            boxes = augment.random_box(rng, augmentation, boxes)
        transforms = geometry.box_transform(geometry.square_box(boxes, self.margin), self.size)
        if rng is not None:
            transforms, mirror = augment.random_transform(rng, augmentation, transforms, self.size)
        pairs = zip((self._pixels[i] for i in indices[part]), transforms[part])
        crops = np.stack([images.warp(pixels, t, self.size) for pixels, t in pairs])
        landmarks = np.float32(geometry.transform_points(landmarks, transforms))
        if rng is not None:
            landmarks[mirror] = landmarks[mirror][:, list(self.scheme.mirror)]
            crops, landmarks = random_changes(rng, augmentation, crops, landmarks, part)
        return crops, landmarks[part]

    def faces_at(self, step, pick=None):
        """The faces of the batch of a step, `(batch,)` indices. Arguments as of `batch_at`."""
        if pick is not None:
            return pick(int(step))
        epoch, i = divmod(int(step), len(self))
        chosen = slice(i * self.batch, (i + 1) * self.batch)
        if self.augmentation is None:
            return self.indices[chosen]
        order = np.random.default_rng((self.seed, epoch, len(self)))
        return order.permutation(self.indices)[chosen]

    @renamed(draw="pick")
    def batch_at(self, step, augmentation=None, pick=None, part=(0, 1)):
        """The batch that training sees at a step, counted from the first of the first epoch.

        Args:
            step: from 0.
            augmentation: another one than the samples' own.
            pick: called with the step; returns the indices of its faces. None takes each of an
                epoch's once. See `training.LossBalancing.pick`.
            part: `(number, of)`: which of so many parts is made, from 0; the others are not.

        Returns:
            `(crops, landmarks)`: `(batch, height, width, 3)` uint8, `(batch, n, 2)` float32.
        """
        faces, rng = self.faces_at(step, pick), None
        first, end = ((part[0] + i) * len(faces) // part[1] for i in (0, 1))
        if augmentation := augmentation or self.augmentation:
            rng = np.random.default_rng((self.seed, *divmod(int(step), len(self))))
        return self._make(faces, rng, augmentation, slice(first, end))

    def plain(self, indices):
        """Crops and landmarks of the faces of some indices, not augmented."""
        return self._make(indices)

    def arrays(self):
        """All crops and landmarks, not augmented: for `keras.Model.evaluate`.

        `evaluation.evaluate` cuts small faces as `detect` does: by hundredths of a percent apart.
        """
        return self._make(self.indices)

    def shapes(self):
        """Landmarks of the faces that are picked, and of their mirror images, `(2 faces, n, 2)`.

        As fractions of the crop: 0 at its centre and 0.5 at its right and lower edges; see
        `complete.mirrored_shapes`.
        """
        landmarks, boxes = (x[np.unique(self.indices)] for x in (self._landmarks, self._boxes))
        transforms = geometry.box_transform(geometry.square_box(boxes, self.margin), self.size)
        shapes = (geometry.transform_points(landmarks, transforms) + 0.5) / self.size[::-1] - 0.5
        return mirrored_shapes(shapes, self.scheme.mirror)

    def mean_shape(self):
        """The mean of `shapes`, `(n, 2)` (see `layers.MeanShape`)."""
        return self.shapes().mean(axis=0)

    @renamed(draw="pick")
    def dataset(self, first_step=0, augmentation=None, pick=None, part=(0, 1)):
        """A `tf.data.Dataset` of the batches of an epoch; each pass over it is the next epoch.

        Elements are `(crops, {"landmarks": landmarks})`. Keras needs no numbers of steps.

        Args:
            first_step: where the first pass starts; or a function without arguments that each pass
                asks where it starts.
            augmentation: as of `batch_at`, for samples that have one of their own.
            pick: as of `batch_at`.
            part: as of `batch_at`.
        """
        from keras_landmarks.data import batches  # needs Keras

        return batches.dataset(self, first_step, augmentation, pick, part)

    @renamed(draw="pick")
    def py_dataset(self, first_step=0, augmentation=None, pick=None, workers=2, part=(0, 1)):
        """The same as a `keras.utils.PyDataset`, without TensorFlow.

        Args:
            first_step: as of `dataset`.
            augmentation: as of `batch_at`, for samples that have one of their own.
            pick: as of `batch_at`.
            workers: threads that make batches ahead, where `fit` has `shuffle=False`.
            part: as of `batch_at`.
        """
        from keras_landmarks.data import batches

        return batches.PyBatches(self, first_step, augmentation, pick, workers, part)
