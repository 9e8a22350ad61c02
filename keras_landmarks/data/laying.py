"""The boxes of annotated faces: how they lie, and a detector's where there are none."""

import dataclasses
import warnings

from keras_landmarks.data.face import Face, faces_of
from keras_landmarks.faces import BlazeFace
from keras_landmarks.faces.boxes import SMALLEST, convert_boxes, overlap
from keras_landmarks.faces.detectors import box_about, convention_of, measure_boxes
from keras_landmarks.faces.upright import landmark_angle
from keras_landmarks.schemes import PUBLISHED, SCHEMES, get_scheme

ENOUGH = 8
"""Faces that the detector must have found for a measure to count."""
MOST = 150
"""Faces that a measure looks at."""


def lay_boxes(faces, detector=None, truth=False, step=None) -> tuple[list[Face], list[str]]:
    """Faces that have boxes, and know how these lie on them: so crops are as models expect them.

    A detector looks at the faces. A face without a box takes the detector's, as it is met in use
    (squares around the points would tell a network where the points end), or else the square around
    its points. What was found beside them tells how given boxes lie, where they have no
    `convention`, and how squares around the points do, where the scheme does not say (one of the
    user's own: `schemes.SCHEMES` then knows it with its `square`).

    Args:
        faces: list of `Face` of one scheme.
        detector: whose own convention is known; None takes a `faces.BlazeFace`.
        truth: whether the squares around the points are wanted instead of boxes.
        step: function that is called after each face that is looked at, as of a progress bar.

    Returns:
        `(faces, said)`: the faces, and a sentence for each thing that was measured or taken.

    Raises:
        ValueError: if there are no faces, or one without a box, of a single marked point, is found
            by no detector.
    """
    detector, said, faces = detector or BlazeFace(), [], faces_of(faces)
    if not faces:
        raise ValueError("Expected at least one face whose box is to be laid.")
    scheme = get_scheme(faces[0].scheme)
    labelled = [i for i, face in enumerate(faces) if face.labelled]
    own = scheme.square is None and scheme not in PUBLISHED and bool(labelled)
    wanted = [] if truth else list(enumerate(faces))
    without = [i for i, face in wanted if face.box is None]
    unknown = [i for i, face in wanted if face.box is not None and not face.convention]
    measured = [*unknown, *without] or labelled * own
    looked_at = {*without, *measured[:: -(-len(measured) // MOST) or 1]}
    found = {}
    for i in sorted(looked_at):
        try:
            about = faces[i].truth_box if faces[i].labelled else faces[i].box
            found[i] = box_about(detector, faces[i].pixels(), about)
        except (ValueError, OSError):  # of a broken picture, which `Samples` names or leaves out
            found[i] = None
        if step:
            step()
    laid, kind = list(faces), convention_of(detector)
    who = type(detector).__name__

    def lie(boxes):
        """`(convention, words)` of boxes by the number of their face; None if too few are found."""
        both = [i for i in boxes if i in found]
        seen = sum(found[i] is not None for i in both)
        if seen < min(ENOUGH, len(both)) or not seen:
            return None, f"are taken as those of 300W: {who} finds {seen} of {len(both)} faces"
        lay, _ = measure_boxes([boxes[i] for i in both], [found[i] for i in both], kind)
        words = f"{lay.scale:.2f} times 300W's, {lay.x:+.2f} right and {lay.y:+.2f} down"
        return lay, f"are {words} (by {seen} faces that {who} finds)"

    upright = [landmark_angle(faces[i].landmarks, scheme) for i in labelled if own]
    over = sum(abs(angle) > 90 for angle in upright)
    if over > len(upright) / 2:
        warnings.warn(
            f"In {over} of {len(upright)} faces right_eye of {scheme.name} lies right of left_eye. "
            "Right and left are the person's own: exchange the two (and eye_corners), or faces "
            "are turned upside down.",
            stacklevel=2,
        )
    if own:
        lay, words = lie({i: faces[i].truth_box for i in labelled})
        said.append(f"The squares around the points of {scheme.name} {words}.")
        if lay:
            square = tuple(round(number, 4) for number in dataclasses.astuple(lay))
            SCHEMES[scheme.name] = dataclasses.replace(scheme, square=square)
    if unknown:
        lay, words = lie({i: faces[i].box for i in unknown})
        said.append(f"The boxes of {len(unknown)} faces {words}.")
        for i in unknown:
            laid[i] = dataclasses.replace(faces[i], convention=lay or "annotation")
    missed = 0
    for i in without:
        at = found[i]
        if seen := at is not None:  # and not an eye, or a crowd
            about = convert_boxes(at[None], kind, "annotation")
            left, top, right, bottom = faces[i].truth_box - about[0]
            holds = left >= 0 <= top and right <= 0 >= bottom
            part = faces[i].missing.any() or scheme.count == 1
            seen = (part and holds) or overlap(about, faces[i].square("truth"))[0] >= 0.3
        missed += not seen
        if not seen and max(faces[i].truth_box[2:] - faces[i].truth_box[:2]) < SMALLEST:
            name = faces[i].name
            raise ValueError(f"{name}: one point is marked, where {who} finds no face: give a box.")
        box = (found[i], kind) if seen else faces[i].framed("truth")
        laid[i] = dataclasses.replace(faces[i], box=box[0], convention=box[1])
    if without:
        said.append(
            f"{len(without)} of {len(faces)} faces have no box: {who}'s are taken, and for "
            f"{missed} that it misses the squares around the points."
        )
    return laid, said


def measured_scheme(samples):
    """The scheme of `Samples`; one of the user's own with its `square`, by the boxes of the faces.

    So a `Tracker` knows a face by points that are but a part of it.
    """
    scheme = samples.scheme
    faces = [face for face in samples.faces if face.labelled]
    if scheme.square is not None or scheme in PUBLISHED or not faces:
        return scheme
    squares = [face.square(samples.box) for face in faces]
    lay, _ = measure_boxes([face.truth_box for face in faces], squares, "annotation")
    return dataclasses.replace(scheme, square=dataclasses.astuple(lay))
