"""What a set of annotated faces holds, and what looks wrong in it."""

import dataclasses
import pathlib
import warnings

import numpy as np

from keras_landmarks import geometry
from keras_landmarks.data.datasets import BrokenFile
from keras_landmarks.data.duplicates import picture_hash, same_pictures
from keras_landmarks.data.preview import draw_points
from keras_landmarks.evaluation import doubts as doubts_of
from keras_landmarks.evaluation.predicting import framed
from keras_landmarks.evaluation.suspicion import suspect
from keras_landmarks.pictures import warp
from keras_landmarks.pictures.sheet import contact_sheet
from keras_landmarks.schemes import get_scheme

LARGE = 0.08
"""Mean distance from where points are expected, as a fraction of the face, that is told of."""
AGAIN = 0.02
"""Mean distance of two faces of a picture, as such a fraction, below which they are the same."""


@dataclasses.dataclass(frozen=True, eq=False)
class Check:
    """What was found.

    Args:
        facts: of the whole set, for JSON.
        faces: list of the `Face`s that could be read.
        doubts: for each of them, a list of what looks wrong, in a few words.
        scores: `(faces,)` how suspicious each is.
    """

    facts: dict
    faces: list
    doubts: list
    scores: np.ndarray

    @property
    def worst(self):
        """The numbers of the faces with a doubt or a score, the most suspicious first."""
        order = np.argsort(-self.scores, kind="stable")
        return [int(i) for i in order if self.scores[i] > 0]

    def sheet(self, count=20, side=192):
        """The most suspicious faces with their points, as a picture.

        Args:
            count: of the faces.
            side: of each, in pixels.

        Returns:
            `(height, width, 3)` uint8 RGB.
        """
        crops, captions = [], []
        for i in self.worst[:count] or range(min(count, len(self.faces))):
            face = self.faces[i]
            square = geometry.square_box(_at_least(face.square("truth")), 1.5)
            transform = geometry.box_transform(square, (side, side))
            crop = warp(face.pixels(), transform, (side, side))
            points = geometry.transform_points(face.landmarks, transform)
            crops.append(draw_points(crop, points, face.scheme, side))
            captions.append(f"{i + 1}: {', '.join(self.doubts[i]) or face.name}")
        return contact_sheet(crops, captions, side=side)


def check_faces(parts, model=None, step=None):
    """Looks at annotated faces: sizes, boxes, missing points, duplicates, points in a wrong order.

    Args:
        parts: `{name: list of Face}` of one scheme, such as the splits of a data set: the same
            picture in two of them is told of.
        model: `Landmarker` of the zoo whose predictions the points are compared with; None leaves
            that out.
        step: function that is called after each face, as that of a progress bar.

    Returns:
        `Check`.

    Raises:
        ValueError: if there are no faces, or they are of several schemes.
    """
    if not isinstance(parts, dict):
        raise ValueError(f"Expected {{name: faces}}, as {{'train': faces}}, not {parts!r:.80}.")
    faces, part_of, shapes, hashes, points, unmarked = [], [], [], {}, [], 0
    for part, given in parts.items():
        for face in given:
            if step:
                step()
            try:
                pixels = face.pixels()
            except (ValueError, OSError) as error:
                warnings.warn(f"{face.name} is left out: {error}", BrokenFile, stacklevel=2)
                continue
            if _picture(part, face) not in hashes:
                hashes[_picture(part, face)] = picture_hash(pixels)
            if not face.labelled:
                unmarked += 1
                continue
            faces.append(face)
            part_of.append(part)
            shapes.append(pixels.shape[:2])
            if model is not None:
                points.append(_found(model, face, pixels))
    if not faces:
        raise ValueError(f"There are no faces to check{', none has landmarks' * bool(unmarked)}.")
    if len(schemes := sorted({face.scheme for face in faces})) > 1:
        raise ValueError(
            f"Faces of one scheme are checked together, not of {schemes}: name a folder of one."
        )
    outside = [doubts_of.outside(face, shape) for face, shape in zip(faces, shapes)]
    doubts = [doubts_of.of_face(face, count) for face, count in zip(faces, outside)]
    pairs = _duplicates(hashes)
    same = {b: a for a, b in pairs} | {a: b for a, b in reversed(pairs)}
    for i, face in enumerate(faces):
        here = _picture(part_of[i], face)
        if here in same:
            part, _, name = same[here]
            doubts[i].append(f"as {name}" if part == here[0] else f"as {part}: {name}")
    twice = _twice(faces, part_of)
    for i, first in twice.items():
        doubts[i].append(f"the face of {faces[first].name} again")
    before = [len(said) for said in doubts]
    scores = np.array([float(count > 0) for count in before])
    facts = _facts(faces, part_of, shapes, pairs)
    facts["faces_with_points_outside"] = sum(map(bool, outside))
    facts |= {"faces_that_are_there_twice": len(twice), "faces_without_landmarks": unmarked}
    if model is not None:
        found = suspect(faces, points, model)
        facts |= _told(found)
        for i, error in enumerate(found.errors):
            if np.isnan(points[i]).all():
                doubts[i].append("no crop shows it")
            kinds = {"mirrored": found.is_mirrored[i], "shuffled": found.is_shuffled[i]}
            doubts[i] += [f"{kind} order" for kind, so in kinds.items() if so]
            if error > LARGE:
                doubts[i].append(f"{100 * error:.0f} % off")
        scores += np.nan_to_num(found.errors) / LARGE
        scores += [len(said) > count for said, count in zip(doubts, before)]
    return Check(facts, faces, doubts, scores)


def _found(model, face, pixels):
    """A model's points of a face; NaN where its own make no crop of the picture."""
    try:
        box, convention = framed(face, "truth", model)
        return model.detect(pixels, box, convention=convention)[0].landmarks
    except ValueError:
        return np.full((model.scheme.count, 2), np.nan, np.float32)


def _at_least(square, side=16):
    """A square that is as large as can be drawn, about the same middle."""
    more = max(side - (square[2] - square[0]), 0) / 2
    return square + np.array([-more, -more, more, more])


def _picture(part, face):
    """What a picture is known by: its part, source photo and name."""
    is_file = isinstance(face.image, (str, pathlib.Path))
    return part, face.photo, pathlib.Path(face.image).name if is_file else face.name


def _duplicates(hashes):
    """Pairs of pictures that are the same, but for faces cut from one photo of a part."""
    keys = list(hashes)

    def apart(i, j):  # of another part first
        return (keys[i][0] != keys[j][0]) + (keys[i][:2] != keys[j][:2])

    return [(keys[i], keys[j]) for i, j in same_pictures([*hashes.values()], apart)]


def _twice(faces, part_of):
    """Faces that lie on an earlier one of their picture and part, `{face: earlier one}`."""
    found, before = {}, {}
    for i, face in enumerate(faces):
        is_file = isinstance(face.image, (str, pathlib.Path))
        picture = part_of[i], str(face.image) if is_file else id(face.image)
        earlier = before.setdefault(picture, [])
        side = np.ptp(face.square("truth")[[0, 2]])
        for other in earlier:
            apart = np.linalg.norm(face.landmarks - faces[other].landmarks, axis=1)
            if np.isfinite(apart).any() and np.nanmean(apart) <= AGAIN * side:
                found[i] = other
                break
        earlier.append(i)
    return found


def _facts(faces, part_of, shapes, pairs):
    scheme = get_scheme(faces[0].scheme)
    sides = np.array([np.ptp(face.square("truth")[[0, 2]]) for face in faces])
    missing = np.stack([face.missing for face in faces])
    covered = ~np.stack([face.visible for face in faces]) & ~missing
    boxes = sum(face.box is not None for face in faces)
    heights, widths = np.array(shapes).T
    return {
        "faces": {part: part_of.count(part) for part in dict.fromkeys(part_of)},
        "photos": len({face.photo for face in faces}),
        "scheme": f"{scheme.name} ({scheme.count} points)",
        "picture_sizes": [
            f"{w} x {h}" for w, h in ((widths.min(), heights.min()), (widths.max(), heights.max()))
        ],
        "face_sides": [round(float(q), 1) for q in np.percentile(sides, (0, 5, 50, 95, 100))],
        "faces_with_boxes": boxes,
        "faces_with_missing_points": int(missing.any(axis=1).sum()),
        "missing_points_percent": round(100 * float(missing.mean()), 2),
        "covered_points_percent": round(100 * float(covered.mean()), 2),
        "same_pictures": [f"{a[0]}: {a[2]} = {b[0]}: {b[2]}" for a, b in pairs],
        "same_pictures_across_parts": sum(a[0] != b[0] for a, b in pairs),
    }


def _told(found):
    known = np.isfinite(found.errors)
    facts = {"compared_with": found.against}
    if known.any():
        facts |= {
            "median_distance_percent_of_face": round(
                100 * float(np.median(found.errors[known])), 2
            ),
            "faces_far_off": int((found.errors[known] > LARGE).sum()),
            "faces_in_mirrored_order": int(found.is_mirrored.sum()),
            "faces_in_another_order": int(found.is_shuffled.sum()),
        }
    return facts
