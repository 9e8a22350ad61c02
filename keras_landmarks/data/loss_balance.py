"""Batches picked by loss: loss-probability batch balancing (LPBB)."""

import numpy as np

from keras_landmarks.moved import renamed
from keras_landmarks.names import number, numbers_of


@renamed(draw="pick")
class LossBalance:
    """Picks faces with probabilities in proportion to their losses.

    A face that is right already is not forgotten: its loss counts as a fraction of the mean, so it
    is picked at least `floor / (1 + floor)` times as often as in uniform batches, whatever the
    others' losses are.

    Args:
        count: number of faces.
        floor: the fraction of the mean loss that a face counts with at least, above 0.
        indices: the faces that are picked from, with repetitions (see `balance_poses`): a face is
            picked in proportion to its loss and to how often it is there. None has each once.

    Attributes:
        losses: `(count,)` float64, the last known; NaN, which counts as the mean of the others,
            before there is one; `update` sets them.

    Raises:
        ValueError: if there are no faces, the floor is not above 0, or an index is of no face.

    Reference:
        Fuhl and Kasneci, Learning to validate the quality of detected landmarks, eq. 1.
    """

    def __init__(self, count, floor=0.1, indices=None):
        number("count", count, least=1, whole=True)
        number("floor", floor, above=0)
        indices = np.arange(count) if indices is None else numbers_of("faces", indices, count)
        self.floor, self._losses, self._sums = floor, np.full(count, np.nan), None
        self._copies = np.bincount(indices, minlength=count) / len(indices)

    def update(self, faces, losses):
        """Takes over new losses of some faces.

        Args:
            faces: `(k,)` indices of faces.
            losses: `(k,)` their losses. Infinite ones count as the largest finite loss; NaN as not
                known; what is below zero as zero.

        Raises:
            ValueError: if there are not as many losses as faces, or there is no such face.
        """
        faces, losses = np.asarray(faces), np.asarray(losses, np.float64)
        if faces.shape != losses.shape or faces.ndim != 1:
            raise ValueError(f"{losses.shape} losses do not belong to {faces.shape} faces.")
        if not faces.size:
            return
        if not 0 <= faces.min() <= faces.max() < len(self.losses):
            raise ValueError(f"There are {len(self.losses)} faces, numbered from 0.")
        self._losses[faces], self._sums = losses, None

    @property
    def losses(self):
        losses = self._losses.view()
        losses.flags.writeable = False  # `update` alone knows what follows
        return losses

    @property
    def probabilities(self):
        """Of each face to be picked, `(count,)`."""
        copies, usable = self._copies, np.isfinite(self.losses) & (self._copies > 0)
        known = self.losses[usable].clip(0)
        if not known.any():
            return copies.copy()
        largest = known.max()  # no sum overflows
        mean = np.average(known / largest, weights=copies[usable])
        losses = np.nan_to_num(self.losses, nan=mean * largest, posinf=largest)
        losses = losses.clip(0, largest) / largest
        losses = copies * np.maximum(losses, self.floor * (copies * losses).sum())
        return losses / losses.sum()

    def pick(self, rng, size):
        """Faces for a batch: eq. 1, by the running sum of the losses.

        Args:
            rng: `numpy.random.Generator`.
            size: how many.

        Returns:
            `(size,)` indices, with repetitions.
        """
        sums = self._sums
        if sums is None:
            sums = self._sums = np.cumsum(self.probabilities)
        return np.searchsorted(sums[:-1], rng.uniform(0, sums[-1], size), side="right")
