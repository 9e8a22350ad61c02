"""What looks wrong with an annotated face by itself."""

import numpy as np

from keras_landmarks.schemes import get_scheme


def outside(face, shape):
    """How many points of a face lie outside of its picture of `(height, width)`."""
    points = face.landmarks[~face.missing]
    return int(((points < -0.5) | (points > np.array(shape[::-1]) - 0.5)).any(axis=1).sum())


def of_face(face, outside):
    """What is wrong with a face of so many points outside: list of a few words each."""
    points = face.landmarks[~face.missing]
    doubts = [f"{outside} points outside"] if outside else []
    if _on_each_other(face):
        doubts.append("points on each other")
    if face.box is not None:
        middle, square = points.mean(axis=0), face.square()
        inside = ((square[:2] < middle) & (middle < square[2:])).all()
        ratio = (square[2] - square[0]) / max(np.diff(face.square("truth")[[0, 2]])[0], 1e-6)
        if not inside or not 0.5 < ratio < 2:
            doubts.append("box elsewhere")
    return doubts


def _on_each_other(face):
    """Whether points are in one place that no closed eye or mouth puts there."""
    places = {}
    for i in np.flatnonzero(~face.missing):
        places.setdefault(tuple(face.landmarks[i].round(1)), set()).add(int(i))
    together = [found for found in places.values() if len(found) > 1]
    scheme = get_scheme(face.scheme)
    rings = [points for points, closed in scheme.contours.values() if closed]
    alone = {points[0] for points, _ in scheme.contours.values() if len(points) == 1}
    within = alone & {*scheme.regions.get("eyes", ())}  # pupils, and middles of eyes
    for found in together:
        both_eyes = any(scheme.mirror[i] in found - {i} for i in found & within)
        lids = found - within
        if both_eyes or (lids and not any(_across(lids, ring) for ring in rings)):
            return True
    return False


def _across(points, ring):
    """Whether they are two opposite points of a closed contour, which begins at a corner."""
    fit = len(points) == 2 and points <= set(ring)
    return fit and sum(map(ring.index, points)) == len(ring)
