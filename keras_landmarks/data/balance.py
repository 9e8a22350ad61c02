"""Which faces an epoch picks: pose-based data balancing."""

import dataclasses
import numbers

import numpy as np

from keras_landmarks import shapes
from keras_landmarks.data.complete import complete_shapes, have_extent
from keras_landmarks.pictures import plots
from keras_landmarks.schemes import get_scheme


@dataclasses.dataclass(frozen=True, eq=False)
class PoseBalance:
    """The poses of a set of faces, and which of them to pick more often.

    Args:
        coefficients: `(faces,)` yaw coefficient of each shape; negative and positive are the two
            sides, zero is frontal.
        edges: `(bins + 1,)` edges of the histogram.
        counts: `(bins,)` faces in each bin.
        indices: the balanced set: every face at least once, those of rare poses several times.
    """

    coefficients: np.ndarray
    edges: np.ndarray
    counts: np.ndarray
    indices: np.ndarray

    def plot(self, path):
        """Draws the histogram before and after balancing (the paper's figure 5) as a picture."""
        with plots.figure(path) as figure:
            axes = figure.add_subplot(xlabel="yaw coefficient", ylabel="faces")
            axes.hist(self.coefficients[self.indices], self.edges, label="balanced", color="C1")
            axes.hist(self.coefficients, self.edges, label="as annotated", color="C0")
            axes.legend()


def balance_poses(landmarks, scheme="ibug68", bins=9, most=None):
    """Pose-based data balancing: repeats the faces of rare poses.

    Shapes are aligned by Procrustes analysis, the eigenvector of their largest left-right
    asymmetry (yaw) is found by principal component analysis, and the faces of a bin of the
    coefficients' histogram are repeated until it holds about as many as the fullest.

    Args:
        landmarks: `(faces, n, 2)` points of the training faces. A missing one, NaN, is taken from
            the others (see `complete_shapes`); a face with fewer than two places counts as frontal,
            and is picked once, one that lacks most points of one side alone as turned furthest.
        scheme: the landmarks' scheme or its name.
        bins: of the histogram. The paper has 9 for 300W and 17 for AFLW.
        most: largest number of times that one face is picked; None sets no limit.

    Returns:
        `PoseBalance`.

    Raises:
        ValueError: if the landmarks are not shapes of the scheme, fewer than two, a point is
            missing in all, or `bins` or `most` is no whole number of at least 1.

    Reference:
        Feng et al., Wing Loss, CVPR 2018, section 5. The paper's principal components are those of
        the aligned shapes themselves, of which it takes the one that controls pose. Here they are
        those of the shapes' asymmetric part, half the difference to their mirror image: the first
        of them is yaw on any data, and mirrored faces have opposite coefficients. Where no point
        has a partner they are the paper's, the first one's coefficients.
    """
    scheme = get_scheme(scheme)
    landmarks = np.asarray(landmarks)
    if landmarks.ndim != 3 or landmarks.shape[1:] != (scheme.count, 2) or len(landmarks) < 2:
        raise ValueError(
            f"Expected at least 2 {scheme.name} shapes (faces, {scheme.count}, 2), "
            f"got {landmarks.shape}."
        )
    missing = np.isnan(landmarks).all(axis=-1)
    if not np.isfinite(landmarks[~missing]).all():
        raise ValueError("Landmarks are not all finite, or missing as a whole.")
    whole = [isinstance(n, numbers.Integral) and n >= 1 for n in (bins, most)]
    if not whole[0] or not (most is None or whole[1]):
        said = f"got bins={bins}, most={most}"
        raise ValueError(f"bins and most must be whole numbers of at least 1, {said}.")
    unknown = ~have_extent(landmarks)  # of such a face nothing tells the pose
    if scheme.count > 1:
        landmarks = np.where(unknown[:, None, None], np.nan, landmarks)
    mirror = np.array(scheme.mirror)
    paired = (mirror != np.arange(scheme.count)).any()
    both = np.stack([landmarks, scheme.mirrored(landmarks, 1) if paired else landmarks])
    both = complete_shapes(both.reshape(-1, scheme.count, 2))
    unknown |= np.isnan(both).any(axis=(1, 2)).reshape(2, -1).any(axis=0)
    both = np.where(np.tile(unknown, 2)[:, None, None], np.nanmean(both, axis=0), both)
    both = both.reshape(2, *landmarks.shape)
    aligned = shapes.align(both.reshape(-1, *both.shape[2:]), 10).reshape(both.shape)
    asymmetry = (aligned[0] - aligned[1]) / 2 if paired else aligned[0] - aligned[0].mean(axis=0)
    asymmetry = asymmetry.reshape(len(landmarks), -1)
    _, _, components = np.linalg.svd(asymmetry, full_matrices=False)
    coefficients = np.where(unknown, 0.0, asymmetry @ components[0])
    if np.abs(coefficients).max() < 1e-6:  # of shapes of a size of 100: rounding
        coefficients = np.zeros(len(landmarks))
    reach = np.abs(coefficients).max() or 1.0
    hidden = np.where(unknown, 0, _hidden_side(missing, mirror))
    if hidden.any():  # of which the marked points alone would make a face nearer to the front
        furthest = reach * _sign(aligned[0], coefficients, mirror)
        coefficients = np.where(hidden, hidden * furthest, coefficients)

    edges = np.linspace(-reach, reach, bins + 1)
    bin_of = np.clip(np.digitize(coefficients, edges) - 1, 0, bins - 1)
    counts = np.bincount(bin_of, minlength=bins)
    known = np.bincount(bin_of[~unknown], minlength=bins)  # the others are picked once
    copies = np.rint(known.max() / np.maximum(known, 1)).astype(int).clip(1, most)
    indices = np.repeat(np.arange(len(landmarks)), np.where(unknown, 1, copies[bin_of]))
    return PoseBalance(coefficients, edges, counts, indices)


def _hidden_side(missing, mirror):
    """The side of which a face lacks most points, but not of the other: 1, -1, or 0 for none."""
    sides = [missing[:, points] for points in _sides(mirror)]
    if not sides[0].size:
        return np.zeros(len(missing))
    lacks = [side.mean(axis=1) > 0.5 for side in sides]
    return np.subtract(*np.float64(lacks))


def _sign(shapes, coefficients, mirror):
    """Of the coefficients of faces whose first side is the narrower one."""
    first, second = (np.ptp(shapes[:, points, 0], axis=1) for points in _sides(mirror))
    return 1.0 if np.sum((second - first) * coefficients) >= 0 else -1.0


def _sides(mirror):
    first = np.flatnonzero(mirror > np.arange(len(mirror)))
    return first, mirror[first]
