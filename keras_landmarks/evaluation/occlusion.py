"""Faces of which a part is hidden, always the same ones: how well are points found unseen?"""

import dataclasses

import cv2
import numpy as np

from keras_landmarks.data import Face
from keras_landmarks.data.face import faces_of, unique_names
from keras_landmarks.errors import point_errors
from keras_landmarks.evaluation.predicting import numbers_of_points
from keras_landmarks.schemes import get_scheme

KINDS = ("photo", "hand", "bar")
"""What hides: pieces of another face's photo, blobs with fingers, bars across the face."""


@dataclasses.dataclass(eq=False, repr=False)
class OccludedFace(Face):
    """A face with parts of its picture covered.

    Args:
        image: the covered picture, `(height, width, 3)` uint8 RGB.
        landmarks: `(n, 2)` float32 points in pixels of the picture, hidden or not; NaN if missing.
        scheme: name of the landmarks' scheme.
        box: `(4,)` float32 box of the face before it was covered, or None.
        name: of the face.
        photo: the source photo.
        visible: `(n,)` booleans: which landmarks the annotators saw, before it was covered.
        facts: what else the annotation says.
        convention: how the box lies on the face.
        size: of the picture that was annotated.
        hidden: `(n,)` booleans: which landmarks lie under a cover.
    """

    hidden: np.ndarray | None = None


def occlude(faces, seed=0, least=0.1, most=0.5) -> list[OccludedFace]:
    """Covers a part of each face, the same for the same arguments.

    Args:
        faces: list of `data.Face`, of two photos at least.
        seed: of places, sizes and colours.
        least: smallest covered fraction of the area within the landmarks.
        most: largest.

    Returns:
        List of `OccludedFace`, whose pictures are arrays. What was hidden stays so.

    Raises:
        ValueError: if the fractions are not within 0..1 and 0.05 apart, all faces are of one
            photo, or a face has no landmarks or lies too little in its picture.
    """
    if not (least > 0 and most <= 1 and most - least > 0.049):
        raise ValueError(f"Expected fractions of 0..1, 0.05 apart, got {least} and {most}.")
    faces = faces_of(faces)
    if len({face.photo for face in faces}) < 2:
        raise ValueError("Faces of two photos at least are needed: one's pixels cover another.")
    occluded = []
    for i, face in enumerate(faces):
        rng = np.random.default_rng((seed, i))
        others = (faces[(i + k) % len(faces)] for k in range(1, len(faces)))
        other = next(other for other in others if other.photo != face.photo)
        pixels = face.pixels()
        kind = KINDS[i % len(KINDS)]
        cover = _cover(rng, face, pixels.shape[:2], least, most, kind)
        pixels[cover] = _paint(rng, pixels.shape, kind, other)[cover]
        x, y = np.rint(np.nan_to_num(face.landmarks, nan=-1)).astype(int).T
        inside = (x >= 0) & (x < pixels.shape[1]) & (y >= 0) & (y < pixels.shape[0])
        hidden = inside & cover[y.clip(0, len(cover) - 1), x.clip(0, cover.shape[1] - 1)]
        if (before := getattr(face, "hidden", None)) is not None:
            hidden = hidden | before
        own = {field.name: getattr(face, field.name) for field in dataclasses.fields(Face)}
        occluded.append(OccludedFace(**own | {"image": pixels, "hidden": hidden}))
    return occluded


def _cover(rng, face, size, least, most, kind):
    """Which pixels are covered, `(height, width)` booleans."""
    if not face.labelled:
        raise ValueError(f"{face.name} has no landmarks, which a cover would hide.")
    inside, marked = np.zeros(size, np.uint8), face.landmarks[~face.missing]
    cv2.fillConvexPoly(inside, cv2.convexHull(np.rint(marked).astype(np.int32)), 1)
    low, high = marked.min(axis=0), marked.max(axis=0)
    side = float((high - low).max())
    if inside.sum() < 100:
        raise ValueError(f"Of {face.name} fewer than 100 pixels lie in its picture.")
    for _ in range(1000):
        wanted, cover = rng.uniform(least, most), np.zeros(size, np.uint8)
        while (share := cover[inside > 0].mean()) < wanted:
            _draw(rng, cover, rng.uniform(low, high), side, kind)
        if share <= most:
            return cover > 0
    raise ValueError(f"No cover was found that hides {least:.0%} to {most:.0%} of {face.name}.")


def _draw(rng, cover, centre, side, kind):
    """Adds one shape to the cover."""
    middle, degrees = tuple(np.rint(centre).astype(int).tolist()), rng.uniform(0, 180)
    if kind == "photo":
        half = rng.uniform(0.1, 0.25, 2) * side
        low, high = (np.rint(centre + sign * half).astype(int).tolist() for sign in (-1, 1))
        cv2.rectangle(cover, tuple(low), tuple(high), 1, -1)
    elif kind == "hand":
        palm = rng.uniform(0.1, 0.2) * side
        cv2.ellipse(cover, middle, (int(palm), int(0.8 * palm)), degrees, 0, 360, 1, -1)
        for finger in range(4):
            angle = np.radians(degrees - 30 + 20 * finger)
            tip = centre + palm * rng.uniform(1.6, 2.4) * np.array([np.cos(angle), np.sin(angle)])
            tip = tuple(np.rint(tip).astype(int).tolist())
            cv2.line(cover, middle, tip, 1, max(int(0.35 * palm), 1))
    else:
        long, wide = 2 * side, rng.uniform(0.06, 0.15) * side
        corners = cv2.boxPoints((middle, (long, wide), degrees))
        cv2.fillConvexPoly(cover, np.rint(corners).astype(np.int32), 1)


def _paint(rng, shape, kind, other):
    """What the cover shows, `shape` uint8: another photo, uneven skin or one colour."""
    height, width = shape[:2]
    if kind == "photo":
        turned = other.pixels()[::-1]  # upside down: no eye where an eye was
        return cv2.resize(turned, (width, height), interpolation=cv2.INTER_AREA)
    if kind == "hand":
        colour = np.array([224, 172, 140]) * rng.uniform(0.35, 1.1)
        shade = cv2.resize(rng.normal(0, 14, (6, 6, 1)), (width, height))[..., None]
        return np.rint(np.clip(colour + shade, 0, 255)).astype(np.uint8)
    return np.broadcast_to(rng.integers(0, 256, 3).astype(np.uint8), shape)


def hidden_and_visible(evaluation, faces, kind=None):
    """The mean normalised errors of the hidden and of the visible points.

    Args:
        evaluation: `Evaluation` of a model on the faces.
        faces: list of `OccludedFace`.
        kind: normaliser; None takes the scheme's usual one.

    Returns:
        `(hidden, visible)`, fractions, of the faces that were found; NaN where there is no such
        point.

    Raises:
        ValueError: if the evaluation is of other faces, or a face is none of `occlude`.
    """
    if bare := [face.name for face in faces if getattr(face, "hidden", None) is None]:
        raise ValueError(f"{bare[0]} does not say what is hidden: take faces of `occlude`.")
    named = dict(zip(unique_names(faces), faces))
    if {*evaluation.names, *evaluation.missed_names} != {*named}:
        raise ValueError("The evaluation is of other faces.")
    if not evaluation.names:
        return np.nan, np.nan
    scheme, found = get_scheme(evaluation.scheme), [named[name] for name in evaluation.names]
    rows = [np.float64(face.hidden) for face in found]
    hidden = numbers_of_points(rows, faces[0].scheme, scheme) > 0
    given = evaluation.truth, evaluation.predicted, scheme, evaluation.distances(kind)
    errors = np.asarray(point_errors(*given))
    parts = (errors[chosen & ~np.isnan(errors)] for chosen in (hidden, ~hidden))
    return tuple(float(part.mean()) if part.size else np.nan for part in parts)
