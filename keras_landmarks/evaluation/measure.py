"""Predictions on annotated faces, and their figures."""

import dataclasses
import sys
import warnings

import numpy as np

from keras_landmarks.data.datasets import BrokenFile
from keras_landmarks.errors import (
    auc,
    face_errors,
    failure_rate,
    normaliser,
    point_errors,
    region_errors,
)
from keras_landmarks.evaluation import predicting, visibility
from keras_landmarks.evaluation.confidence import spearman, without_unsure
from keras_landmarks.evaluation.predicting import numbers_of_points, percent
from keras_landmarks.moved import renamed
from keras_landmarks.names import known_name, number
from keras_landmarks.schemes import convert, get_scheme, shared_scheme

BOXES = ("annotation", "detector", "truth")


@renamed(foretold="expected_error", foretold_errors="expected_errors", unsure="expected_errors")
@dataclasses.dataclass(frozen=True, eq=False, repr=False)  # of arrays
class Evaluation:
    """Predictions and truth of a set of faces.

    Faces that the detector missed are failures: they count in failure rate, AUC and CED, with an
    infinite error. Means are over the faces that were found; None where that is none.

    Args:
        model: name of the model.
        box: where the boxes came from: one of `BOXES`.
        names: of the faces that were found.
        truth: `(faces, n, 2)` true landmarks in picture pixels.
        predicted: `(faces, n, 2)` predicted landmarks in picture pixels.
        scheme: name of the scheme.
        missed_names: of the faces that the detector did not find; they are not among the others.
        expected_error: `(faces, n)` picture pixels that each point is expected to be off, where the
            model tells them.
        confidence: `(faces, n)` in 0..1, how sure each point is, where the model says.
        annotated: `(faces, m, 2)` true landmarks of the faces' own scheme, by which errors are
            normalised, where other points are compared; None takes `truth`.
        annotated_scheme: its name; None takes `scheme`.
        boxes: `(faces, 4)` boxes that the faces were given, for the normaliser `face_box`.
        visible: `(faces, n)` booleans, which true points are seen and not covered; None takes all
            that are marked.
    """

    model: str
    box: str
    names: list
    truth: np.ndarray
    predicted: np.ndarray
    scheme: str
    missed_names: tuple = ()
    expected_error: np.ndarray | None = None
    confidence: np.ndarray | None = None
    annotated: np.ndarray | None = None
    annotated_scheme: str | None = None
    boxes: np.ndarray | None = None
    visible: np.ndarray | None = None

    @property
    def missed(self):
        """The number of faces that the detector did not find."""
        return len(self.missed_names)

    def errors(self, kind=None):
        """The mean error of each face found, `(faces,)` fractions of `errors.normaliser`."""
        return face_errors(self.truth, self.predicted, self.scheme, self.distances(kind))

    def distances(self, kind=None):
        """What each face's errors are divided by, `(faces,)` in picture pixels.

        Args:
            kind: one of `errors.NORMALISERS`, `face_box`, the side of the given box (the square
                root of its area), or distances of the found; None takes their scheme's usual one.

        Raises:
            ValueError: if the kind is unknown, or the faces have no such distance.
        """
        if isinstance(kind, str) and kind == "face_box":
            if self.boxes is None:
                raise ValueError("The normaliser face_box needs faces with boxes.")
            return np.sqrt(np.prod(self.boxes[:, 2:] - self.boxes[:, :2], axis=1))
        landmarks = self.truth if self.annotated is None else self.annotated
        scheme = self.annotated_scheme or self.scheme
        return predicting.known(normaliser(landmarks, scheme, kind), self.names, kind)

    def all_errors(self, kind=None):
        """`errors`, and infinity for each face that was missed, at the end: `(faces + missed,)`."""
        return np.concatenate([self.errors(kind), np.full(self.missed, np.inf)])

    def summary(self, kind=None, limit=0.08):
        """The figures with their protocol, as a dict for JSON: errors in percent, rates in 0..1.

        Mean, median and regions are of the `faces` that were found; AUC and failure rates of these
        and the `missed`. Where points are covered, the means of visible and of covered ones follow.

        Args:
            kind: normaliser, as of `distances`.
            limit: of AUC and failures, a fraction of the normaliser (0.08 is 8 %).
        """
        number("limit", limit, above=0, most=1 if kind is None or isinstance(kind, str) else np.inf)
        usual = get_scheme(self.annotated_scheme or self.scheme).normaliser
        errors, everything = self.errors(kind), self.all_errors(kind)
        given = self.truth, self.predicted, self.scheme, self.distances(kind)
        regions = region_errors(*given) if self.names else {}
        return {
            "model": self.model,
            "faces": len(self.names),
            "missed": self.missed,
            "box": self.box,
            "normaliser": usual if kind is None else kind if isinstance(kind, str) else "given",
            "nme_percent": percent(np.mean, errors),
            "median_percent": percent(np.median, errors),
            f"auc_at_{100 * limit:g}": round(auc(everything, limit), 4),
            f"failure_rate_at_{100 * limit:g}": round(failure_rate(everything, limit), 4),
            "failure_rate_at_10": round(failure_rate(everything, 0.10), 4),
            "regions_percent": {k: round(100 * v, 3) for k, v in regions.items()},
            **visibility.by_visibility(self, kind),
        }

    def discarded(self, fraction, kind=None, rng=None):
        """The errors of faces without their least sure points, `(faces,)`, as of `errors`.

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
        errors = point_errors(self.truth, self.predicted, self.scheme, self.distances(kind))
        expected = self.expected_errors() if rng is None else rng.uniform(size=errors.shape)
        return without_unsure(errors, expected, fraction)

    def rank_correlation(self, kind=None):
        """Spearman's correlation of `expected_errors` with the true errors over all points (SciPy).

        Of marked points. Both are relative to the face's size, else large faces would raise it.

        Args:
            kind: normaliser; None takes the scheme's usual one.

        Raises:
            ImportError: if SciPy is missing; says how to install it.
            ValueError: if the model does not say how sure it is.
        """
        expected, distances = self.expected_errors(), self.distances(kind)
        errors = point_errors(self.truth, self.predicted, self.scheme, distances)
        distances = 1 if self.expected_error is None else distances[:, None]
        return spearman(expected / distances, errors)

    def expected_errors(self):
        """How far off each point is expected to be, `(faces, n)`, to put points in order.

        In picture pixels; of a model that gives scores alone, what its confidence lacks of 1.

        Raises:
            ValueError: if the model does not say how sure it is.
        """
        if self.expected_error is None and self.confidence is None:
            why = "does not tell its expected errors" if self.names else "found none of the faces"
            raise ValueError(f"{self.model} {why}.")
        return 1 - self.confidence if self.expected_error is None else self.expected_error.copy()

    def by_face(self, kind=None):
        """The error of every face in percent, worst first: `{name: percent}`, None if missed."""
        errors = 100 * self.errors(kind)
        order = np.argsort(-np.nan_to_num(errors, nan=np.inf), kind="stable")
        found = {self.names[i]: round(float(errors[i]), 3) for i in order}
        return dict.fromkeys(self.missed_names) | found


def evaluate(
    model, faces, box="annotation", detector=None, skip_broken=False, verbose=1
) -> Evaluation:
    """Runs a model on annotated faces.

    Args:
        model: `Landmarker`.
        faces: list of `data.Face` of one scheme. Where it is not the model's, the points are
            compared that both schemes convert to (`schemes.shared_scheme`).
        box: `annotation` (the given boxes), `truth` (the square around the true landmarks) or
            `detector` (its that overlaps most: not levelled, nor looked at again as by `detect`).
        detector: for `box="detector"`; None takes the model's own.
        skip_broken: whether to warn of a picture that cannot be read and go on.
        verbose: 0 silent, 1 counts the faces, on a terminal alone.

    Returns:
        `Evaluation`.

    Raises:
        ValueError: if there are no faces, the box is unknown, the schemes are several or share
            no points, boxes are wanted that the faces do not have, none of a face's points is
            compared, or a picture cannot be read.
    """
    known_name("box", box, BOXES)
    faces = predicting.check(model, faces)
    if len(schemes := sorted({face.scheme for face in faces}) or [model.scheme.name]) > 1:
        raise ValueError(f"Faces of one scheme are evaluated together, not of {schemes}.")
    annotated, shared = get_scheme(schemes[0]), shared_scheme(model.scheme, schemes[0])
    if box == "annotation":
        predicting.need_boxes(faces)
    found = {}  # by the face's number; None where the detector does not find it
    for i, face in enumerate(faces, start=1):
        try:
            found[i] = predicting.predict_face(model, face, box, detector or model.detector)
        except (ValueError, OSError) as error:
            if not skip_broken:
                raise ValueError(f"{face.name}: {error}") from error
            warnings.warn(f"{face.name} is left out: {error}", BrokenFile, stacklevel=2)
        if verbose and sys.stderr is not None and sys.stderr.isatty():
            end = "\n" * (i == len(faces))
            print(f"\r{i}/{len(faces)} faces", end=end, file=sys.stderr, flush=True)
    pairs = [(faces[i - 1], at) for i, at in found.items() if at is not None]
    if not found:
        raise ValueError(f"None of {len(faces)} faces could be evaluated.")
    seen = [face for face, _ in pairs]
    truth = np.reshape([face.landmarks for face in seen], (-1, annotated.count, 2))
    predicted = np.reshape([at.landmarks for _, at in pairs], (-1, model.scheme.count, 2))
    boxes = [face.box for face in seen]
    return Evaluation(
        model=model.name,
        box=box,
        names=[face.name for face in seen],
        truth=visibility.compared(convert(truth, annotated, shared), seen),
        predicted=convert(predicted, model.scheme, shared),
        scheme=shared.name,
        missed_names=tuple(faces[n - 1].name for n, at in found.items() if at is None),
        expected_error=numbers_of_points((at.error for _, at in pairs), model.scheme, shared),
        confidence=numbers_of_points((at.confidence for _, at in pairs), model.scheme, shared),
        annotated=truth,
        annotated_scheme=annotated.name,
        boxes=None if any(box is None for box in boxes) else np.reshape(boxes, (-1, 4)),
        visible=visibility.visible_points(seen, shared),
    )
