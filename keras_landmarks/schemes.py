"""Landmark schemes: what each point of an annotation means.

A `Scheme` says which point is the mirror image of which, how to draw the points, where the eyes are
and which distance errors are usually divided by; the indices stand in `scheme_tables`. Left and
right are the person's own: the right eye is on the picture's left.
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from keras_landmarks import scheme_tables
from keras_landmarks.scheme_tables import CONVERSIONS

__all__ = [
    "AFLW19",
    "APPROXIMATE_CONVERSIONS",
    "COFW29",
    "FIVE5",
    "IBUG49",
    "IBUG51",
    "IBUG68",
    "SCHEMES",
    "WFLW98",
    "Scheme",
    "convert",
    "get_scheme",
]


@dataclasses.dataclass(frozen=True)
class Scheme:
    """The meaning of the points of one annotation.

    Args:
        name: how the scheme is asked for.
        count: number of points, n.
        mirror: n indices; point i of a mirrored face is point `mirror[i]` of the face.
        contours: `{name: (indices, closed)}`, the lines that draw a face.
        regions: `{name: indices}`, the parts that errors are reported for.
        right_eye: indices of the points around (or at) the right pupil; their mean is the pupil.
        left_eye: the same for the left eye.
        eye_corners: the outer corners `(right, left)`, or None where the scheme has none.
        normaliser: the distance that errors are usually divided by (see `metrics.normaliser`).
    """

    name: str
    count: int
    mirror: tuple[int, ...]
    contours: dict[str, tuple[tuple[int, ...], bool]]
    regions: dict[str, tuple[int, ...]]
    right_eye: tuple[int, ...]
    left_eye: tuple[int, ...]
    eye_corners: tuple[int, int] | None
    normaliser: str = "corners"

    @property
    def point_names(self) -> list[str]:
        """The points in their order: each by its region and its place there, as `jaw 1`."""
        names = [f"point {i}" for i in range(1, self.count + 1)]
        for region, points in self.regions.items():
            for place, i in enumerate(points, start=1):
                names[i] = f"{region} {place}"
        return names

    def mirrored(self, landmarks: ArrayLike, width: int) -> np.ndarray:
        """Landmarks `(..., n, 2)` of the picture of `width` pixels flipped left to right."""
        flipped = np.array(landmarks)[..., list(self.mirror), :]
        flipped[..., 0] = width - 1 - flipped[..., 0]
        return flipped


def _subset(scheme: Scheme, name: str, keep: tuple[int, ...]) -> Scheme:
    """The scheme of some points of another one, renumbered in the order of `keep`."""
    new = {old: i for i, old in enumerate(keep)}

    def renumber(indices: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(new[i] for i in indices if i in new)

    contours = {k: (renumber(v), closed) for k, (v, closed) in scheme.contours.items()}
    regions = {k: renumber(v) for k, v in scheme.regions.items()}
    corners = scheme.eye_corners and (new[scheme.eye_corners[0]], new[scheme.eye_corners[1]])
    return dataclasses.replace(
        scheme,
        name=name,
        count=len(keep),
        mirror=tuple(new[scheme.mirror[old]] for old in keep),
        contours={k: v for k, v in contours.items() if v[0]},
        regions={k: v for k, v in regions.items() if v},
        right_eye=renumber(scheme.right_eye),
        left_eye=renumber(scheme.left_eye),
        eye_corners=corners,
    )


IBUG68 = Scheme("ibug68", **scheme_tables.IBUG68)
WFLW98 = Scheme("wflw98", **scheme_tables.WFLW98)
COFW29 = Scheme("cofw29", **scheme_tables.COFW29)
AFLW19 = Scheme("aflw19", **scheme_tables.AFLW19)
IBUG51 = _subset(IBUG68, "ibug51", scheme_tables.WITHOUT_JAW)
IBUG49 = _subset(IBUG68, "ibug49", scheme_tables.WITHOUT_INNER_CORNERS)
FIVE5 = Scheme("five5", **scheme_tables.FIVE5)

SCHEMES = {s.name: s for s in (IBUG68, WFLW98, COFW29, AFLW19, IBUG51, IBUG49, FIVE5)}
"""What names stand for. Models of a scheme of your own need it here: `SCHEMES["mine"] = mine`."""


def get_scheme(scheme: Scheme | str) -> Scheme:
    """The `Scheme` of a name; a `Scheme` is returned as it is.

    Raises:
        ValueError: if the name is unknown.
    """
    if isinstance(scheme, Scheme):
        return scheme
    if scheme not in SCHEMES:
        raise ValueError(
            f"Unknown scheme {scheme!r}. Known: {', '.join(SCHEMES)}; others are put into "
            "schemes.SCHEMES."
        )
    return SCHEMES[scheme]


APPROXIMATE_CONVERSIONS = (("wflw98", "ibug68"), ("ibug68", "five5"))
"""Conversions in which some points do not correspond exactly."""


def convert(landmarks: ArrayLike, source: Scheme | str, target: Scheme | str) -> np.ndarray:
    """Landmarks of one scheme as another whose points are among them.

    98 -> 68 and 68 -> 5 are approximate (`APPROXIMATE_CONVERSIONS`); 68 -> 51, 68 -> 49,
    98 -> 5 and 29 -> 5 name the same points. 98 -> 51 and 98 -> 49 go through 68.

    Args:
        landmarks: `(..., n, 2)` points of the source scheme.
        source: scheme or its name.
        target: scheme or its name.

    Returns:
        `(..., m, 2)` float32 points of the target scheme.

    Raises:
        ValueError: if there is no such conversion, or the count is not the source scheme's.
    """
    source, target = get_scheme(source), get_scheme(target)
    landmarks = np.asarray(landmarks, np.float32)
    if landmarks.ndim < 2 or landmarks.shape[-2:] != (source.count, 2):
        raise ValueError(
            f"{source.name} landmarks have the shape (..., {source.count}, 2), "
            f"not {landmarks.shape}."
        )
    if source == target:
        return landmarks
    if (source.name, target.name) in CONVERSIONS:
        rows = CONVERSIONS[source.name, target.name]
        return np.stack([landmarks[..., list(r), :].mean(axis=-2) for r in rows], axis=-2)
    if source.name == "wflw98" and ("ibug68", target.name) in CONVERSIONS:
        return convert(convert(landmarks, source, IBUG68), IBUG68, target)
    known = ", ".join(f"{a} -> {b}" for a, b in CONVERSIONS)
    raise ValueError(f"No conversion {source.name} -> {target.name}. Known: {known}.")


def can_convert(source, target):
    """Whether `convert` takes landmarks of one scheme (or its name) to another."""
    source, target = get_scheme(source), get_scheme(target)
    try:
        convert(np.zeros((source.count, 2), np.float32), source, target)
    except ValueError:
        return False
    return True
