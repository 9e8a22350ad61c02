"""Predictions on annotated faces, and their figures."""

import dataclasses
import warnings

import numpy as np

from keras_landmarks.data.datasets import BrokenFile
from keras_landmarks.errors import (
    auc,
    ced,
    face_errors,
    failure_rate,
    normaliser,
    point_errors,
    region_errors,
)
from keras_landmarks.faces.detectors import convention_of, find_face
from keras_landmarks.faces.mtcnn import Mtcnn
from keras_landmarks.pictures import plots
from keras_landmarks.schemes import get_scheme

BOXES = ("annotation", "detector", "truth")


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluation:
    """Predictions and truth of a set of faces.

    Args:
        model: name of the model.
        box: where the boxes came from: one of `BOXES`.
        names: of the faces.
        truth: `(faces, n, 2)` true landmarks in picture pixels.
        predicted: `(faces, n, 2)` predicted landmarks in picture pixels.
        scheme: name of the scheme.
        missed: number of faces that the detector did not find; they are not among the others.
        foretold: `(faces, n)` expected errors in picture pixels, where the model gives them.
        confidence: `(faces, n)` in 0..1, how sure each point is, where the model says.
    """

    model: str
    box: str
    names: list
    truth: np.ndarray
    predicted: np.ndarray
    scheme: str
    missed: int = 0
    foretold: np.ndarray | None = None
    confidence: np.ndarray | None = None

    def errors(self, kind=None):
        """The normalised mean error of each face, `(faces,)`; see `errors.normaliser`."""
        return face_errors(self.truth, self.predicted, self.scheme, kind)

    def summary(self, kind=None):
        """The figures with their protocol, as a dict for JSON; errors in percent."""
        errors = self.errors(kind)
        regions = region_errors(self.truth, self.predicted, self.scheme, kind)
        return {
            "model": self.model,
            "faces": len(self.names),
            "missed": self.missed,
            "box": self.box,
            "normaliser": kind or get_scheme(self.scheme).normaliser,
            "nme_percent": round(100 * float(errors.mean()), 3),
            "median_percent": round(100 * float(np.median(errors)), 3),
            "auc_at_8": round(auc(errors, 0.08), 4),
            "failure_rate_at_8": round(failure_rate(errors, 0.08), 4),
            "failure_rate_at_10": round(failure_rate(errors, 0.10), 4),
            "regions_percent": {k: round(100 * v, 3) for k, v in regions.items()},
        }

    def discarded(self, fraction, kind=None, rng=None):
        """The errors of faces without their least sure points, `(faces,)`.

        Args:
            fraction: of each face's points that are left out, 0 or more and below 1.
            kind: normaliser; None takes the scheme's usual one.
            rng: `numpy.random.Generator` that chooses the points instead, for comparison.

        Raises:
            ValueError: if the fraction is another one, or the model does not say how sure it is.

        Reference:
            Fuhl and Kasneci, Learning to validate the quality of detected landmarks, table 5.
        """
        if not 0 <= fraction < 1:
            raise ValueError(f"fraction must be 0 or more and below 1, not {fraction}.")
        errors = self._point_errors(kind)
        unsure = self.unsure() if rng is None else rng.uniform(size=errors.shape)
        kept = max(errors.shape[1] - round(fraction * errors.shape[1]), 1)
        order = np.argsort(unsure, axis=1, kind="stable")[:, :kept]
        return np.take_along_axis(errors, order, axis=1).mean(axis=1)

    def rank_correlation(self, kind=None):
        """Spearman's correlation of `unsure` with the true errors over all points (SciPy).

        Both are relative to the face's size, else large faces would raise it.

        Args:
            kind: normaliser; None takes the scheme's usual one.

        Raises:
            ValueError: if the model does not say how sure it is.
        """
        from scipy.stats import spearmanr

        unsure, errors = self.unsure(), self._point_errors(kind)
        if self.foretold is not None:
            unsure = unsure / normaliser(self.truth, self.scheme, kind)[:, None]
        return float(spearmanr(unsure.ravel(), errors.ravel()).statistic)

    def _point_errors(self, kind):
        return np.asarray(point_errors(self.truth, self.predicted, self.scheme, kind))

    def unsure(self):
        """How unsure each point is, `(faces, n)`: its foretold error, or else its lack of score."""
        if self.foretold is None and self.confidence is not None:
            return 1 - self.confidence
        return self.foretold_errors()

    def foretold_errors(self):
        """The expected errors, `(faces, n)` in picture pixels.

        Raises:
            ValueError: if the model foretells none.
        """
        if self.foretold is None:
            raise ValueError(f"{self.model} does not foretell its errors.")
        return self.foretold

    def by_face(self, kind=None):
        """The error of every face in percent, worst first: `{name: percent}`."""
        errors = 100 * self.errors(kind)
        order = np.argsort(-errors, kind="stable")
        return {self.names[i]: round(float(errors[i]), 3) for i in order}


def evaluate(model, faces, box="annotation", detector=None, skip_broken=False, verbose=1):
    """Runs a model on annotated faces.

    Args:
        model: `Landmarker`.
        faces: list of `data.Face` of the model's scheme.
        box: `annotation` (the given boxes), `detector` (the detector's box that overlaps the face
            most) or `truth` (the square around the true landmarks).
        detector: for `box="detector"`; None takes MTCNN.
        skip_broken: whether to warn of a picture that cannot be read and go on.
        verbose: 0 silent, 1 counts the faces.

    Returns:
        `Evaluation`.

    Raises:
        ValueError: if there are no faces, the box is unknown, the scheme is another one, boxes
            are wanted that the faces do not have, or a picture cannot be read.
    """
    if box not in BOXES:
        raise ValueError(f"Unknown box {box!r}. Known: {', '.join(BOXES)}.")
    if wrong := {face.scheme for face in faces} - {model.scheme.name}:
        raise ValueError(f"The model has {model.scheme.name} points, faces have {sorted(wrong)}.")
    without = sum(face.box is None for face in faces)
    if box == "annotation" and without:
        raise ValueError(
            f"{without} of {len(faces)} faces have no annotated box (a boxes.csv gives them); "
            "take box='detector', or 'truth'."
        )
    detector = detector or Mtcnn()
    found = {}  # by the face's number; None where the detector does not find it
    for number, face in enumerate(faces, start=1):
        try:
            found[number] = _predict(model, face, box, detector)
        except (ValueError, OSError) as error:
            if not skip_broken:
                raise ValueError(f"{face.name}: {error}") from error
            warnings.warn(f"{face.name} is left out: {error}", BrokenFile, stacklevel=2)
        if verbose:
            print(f"\r{number}/{len(faces)} faces", end="", flush=True)
    if verbose:
        print()
    pairs = [(faces[number - 1], at) for number, at in found.items() if at is not None]
    if not pairs:
        raise ValueError(f"None of {len(faces)} faces could be evaluated.")
    return Evaluation(
        model=model.name,
        box=box,
        names=[face.name for face, _ in pairs],
        truth=np.stack([face.landmarks for face, _ in pairs]),
        predicted=np.stack([at.landmarks for _, at in pairs]),
        scheme=model.scheme.name,
        missed=len(found) - len(pairs),
        foretold=_stack(at.error for _, at in pairs),
        confidence=_stack(at.confidence for _, at in pairs),
    )


def _stack(rows):
    rows = list(rows)
    return None if rows[0] is None else np.stack(rows)


def _predict(model, face, box, detector):
    """What is found of a face, a `Detection`; None if the detector does not find it."""
    pixels = face.pixels()
    if box == "truth":
        return model.detect(pixels, face.truth_box, convention="truth")[0]
    if box == "annotation":
        return model.detect(pixels, face.box, convention="annotation")[0]
    found = find_face(detector, pixels, face.annotation_box)
    convention = convention_of(detector)
    return None if found is None else model.detect(pixels, found, None, convention)[0]


def plot_ced(evaluations, path, threshold=0.08, kind=None):
    """Draws the cumulative error distribution of one or several evaluations.

    Args:
        evaluations: list of `Evaluation`.
        path: of the picture.
        threshold: where the axis ends, as a fraction of the normaliser.
        kind: normaliser; None takes the scheme's usual one.
    """
    with plots.figure(path) as figure:
        axes = figure.add_subplot(
            xlabel="error of a face, % of the normaliser",
            ylabel="fraction of the faces",
            xlim=(0, 100 * threshold),
            ylim=(0, 1),
        )
        for evaluation in evaluations:
            errors, fractions = ced(evaluation.errors(kind))
            label = f"{evaluation.model}: NME {100 * errors.mean():.2f} %"
            axes.step(100 * errors, fractions, where="post", label=label)
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right")
