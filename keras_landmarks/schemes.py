"""Landmark schemes: what each point of an annotation means.

The one table of the package that holds landmark indices. A `Scheme` says which point is the
mirror image of which, how to draw the points, where the eyes are and which distance errors are
usually divided by. Left and right are the person's own: the right eye is on the picture's left.
"""

import dataclasses

import numpy as np


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
    mirror: tuple
    contours: dict
    regions: dict
    right_eye: tuple
    left_eye: tuple
    eye_corners: tuple | None
    normaliser: str = "corners"

    @property
    def point_names(self):
        """The points in their order: each by its region and its place there, as `jaw 1`."""
        names = [f"point {i}" for i in range(1, self.count + 1)]
        for region, points in self.regions.items():
            for place, i in enumerate(points, start=1):
                names[i] = f"{region} {place}"
        return names

    def mirrored(self, landmarks, width):
        """Landmarks `(..., n, 2)` of the picture of `width` pixels flipped left to right."""
        flipped = np.array(landmarks)[..., list(self.mirror), :]
        flipped[..., 0] = width - 1 - flipped[..., 0]
        return flipped


def _run(first, last):
    step = 1 if last >= first else -1
    return tuple(range(first, last + step, step))


def _mirror(count, *pairs):
    """Mirror indices from pairs of runs `(first, last, first of the other side, its last)`."""
    mirror = list(range(count))
    for first, last, other_first, other_last in pairs:
        for i, j in zip(_run(first, last), _run(other_first, other_last)):
            mirror[i], mirror[j] = j, i
    return tuple(mirror)


IBUG68 = Scheme(
    name="ibug68",
    count=68,
    mirror=_mirror(
        68,
        (0, 7, 16, 9),
        (17, 21, 26, 22),
        (31, 32, 35, 34),
        (36, 39, 45, 42),
        (40, 41, 47, 46),
        (48, 50, 54, 52),
        (59, 58, 55, 56),
        (60, 61, 64, 63),
        (67, 67, 65, 65),
    ),
    contours={
        "jaw": (_run(0, 16), False),
        "right_brow": (_run(17, 21), False),
        "left_brow": (_run(22, 26), False),
        "nose_bridge": (_run(27, 30), False),
        "nose_base": (_run(31, 35), False),
        "right_eye": (_run(36, 41), True),
        "left_eye": (_run(42, 47), True),
        "outer_lips": (_run(48, 59), True),
        "inner_lips": (_run(60, 67), True),
    },
    regions={
        "jaw": _run(0, 16),
        "brows": _run(17, 26),
        "nose": _run(27, 35),
        "eyes": _run(36, 47),
        "mouth": _run(48, 67),
    },
    right_eye=_run(36, 41),
    left_eye=_run(42, 47),
    eye_corners=(36, 45),
)

WFLW98 = Scheme(
    name="wflw98",
    count=98,
    mirror=_mirror(
        98,
        (0, 15, 32, 17),
        (33, 37, 46, 42),
        (38, 41, 50, 47),
        (55, 56, 59, 58),
        (60, 64, 72, 68),
        (65, 67, 75, 73),
        (76, 78, 82, 80),
        (87, 86, 83, 84),
        (88, 89, 92, 91),
        (95, 95, 93, 93),
        (96, 96, 97, 97),
    ),
    contours={
        "jaw": (_run(0, 32), False),
        "right_brow": (_run(33, 41), True),
        "left_brow": (_run(42, 50), True),
        "nose_bridge": (_run(51, 54), False),
        "nose_base": (_run(55, 59), False),
        "right_eye": (_run(60, 67), True),
        "left_eye": (_run(68, 75), True),
        "outer_lips": (_run(76, 87), True),
        "inner_lips": (_run(88, 95), True),
        "right_pupil": ((96,), False),
        "left_pupil": ((97,), False),
    },
    regions={
        "jaw": _run(0, 32),
        "brows": _run(33, 50),
        "nose": _run(51, 59),
        "eyes": (*_run(60, 75), 96, 97),
        "mouth": _run(76, 95),
    },
    right_eye=(96,),
    left_eye=(97,),
    eye_corners=(60, 72),
)

COFW29 = Scheme(
    name="cofw29",
    count=29,
    mirror=_mirror(
        29,
        (0, 0, 1, 1),
        (2, 2, 3, 3),
        (4, 5, 6, 7),
        (8, 8, 9, 9),
        (10, 10, 11, 11),
        (12, 13, 14, 15),
        (16, 16, 17, 17),
        (18, 18, 19, 19),
        (22, 22, 23, 23),
    ),
    contours={
        "right_brow": ((0, 4, 2, 5), True),
        "left_brow": ((1, 7, 3, 6), True),
        "right_eye": ((8, 12, 10, 13), True),
        "left_eye": ((9, 15, 11, 14), True),
        "right_pupil": ((16,), False),
        "left_pupil": ((17,), False),
        "nose": ((18, 20, 19, 21), True),
        "outer_lips": ((22, 24, 23, 27), True),
        "inner_lips": ((22, 25, 23, 26), True),
        "chin": ((28,), False),
    },
    regions={
        "jaw": (28,),
        "brows": _run(0, 7),
        "nose": _run(18, 21),
        "eyes": _run(8, 17),
        "mouth": _run(22, 27),
    },
    right_eye=(16,),
    left_eye=(17,),
    eye_corners=(8, 9),
)

AFLW19 = Scheme(
    name="aflw19",
    count=19,
    mirror=_mirror(19, (0, 2, 5, 3), (6, 8, 11, 9), (12, 12, 14, 14), (15, 15, 17, 17)),
    contours={
        "right_brow": (_run(0, 2), False),
        "left_brow": (_run(3, 5), False),
        "right_eye": (_run(6, 8), False),
        "left_eye": (_run(9, 11), False),
        "nose": (_run(12, 14), False),
        "mouth": (_run(15, 17), False),
        "chin": ((18,), False),
    },
    regions={
        "jaw": (18,),
        "brows": _run(0, 5),
        "nose": _run(12, 14),
        "eyes": _run(6, 11),
        "mouth": _run(15, 17),
    },
    right_eye=(7,),
    left_eye=(10,),
    eye_corners=(6, 11),
    normaliser="box",
)


def _subset(scheme, name, keep):
    """The scheme of some points of another one, renumbered in the order of `keep`."""
    new = {old: i for i, old in enumerate(keep)}

    def renumber(indices):
        return tuple(new[i] for i in indices if i in new)

    contours = {k: (renumber(v), closed) for k, (v, closed) in scheme.contours.items()}
    regions = {k: renumber(v) for k, v in scheme.regions.items()}
    return dataclasses.replace(
        scheme,
        name=name,
        count=len(keep),
        mirror=tuple(new[scheme.mirror[old]] for old in keep),
        contours={k: v for k, v in contours.items() if v[0]},
        regions={k: v for k, v in regions.items() if v},
        right_eye=renumber(scheme.right_eye),
        left_eye=renumber(scheme.left_eye),
        eye_corners=renumber(scheme.eye_corners),
    )


_WITHOUT_JAW = _run(17, 67)
_WITHOUT_INNER_CORNERS = tuple(i for i in _WITHOUT_JAW if i not in (60, 64))
IBUG51 = _subset(IBUG68, "ibug51", _WITHOUT_JAW)
IBUG49 = _subset(IBUG68, "ibug49", _WITHOUT_INNER_CORNERS)

FIVE5 = Scheme(
    name="five5",
    count=5,
    mirror=(1, 0, 2, 4, 3),
    contours={
        "right_eye": ((0,), False),
        "left_eye": ((1,), False),
        "nose": ((2,), False),
        "mouth": ((3, 4), False),
    },
    regions={"nose": (2,), "eyes": (0, 1), "mouth": (3, 4)},
    right_eye=(0,),
    left_eye=(1,),
    eye_corners=None,
    normaliser="pupils",
)

PUBLISHED = (IBUG68, WFLW98, COFW29, AFLW19, IBUG51, IBUG49, FIVE5)
"""The schemes that every installation knows by their names."""

SCHEMES = {s.name: s for s in PUBLISHED}
"""What names stand for. Models of a scheme of your own need it here: `SCHEMES["mine"] = mine`."""


def get_scheme(scheme):
    """The `Scheme` of a name or of a `scheme_config`; a `Scheme` is returned as it is.

    Raises:
        ValueError: if the name is unknown.
    """
    if isinstance(scheme, Scheme):
        return scheme
    if isinstance(scheme, dict):
        return Scheme(**{key: _tuples(value) for key, value in scheme.items()})
    if scheme not in SCHEMES:
        raise ValueError(
            f"Unknown scheme {scheme!r}. Known: {', '.join(SCHEMES)}; others are put into "
            "schemes.SCHEMES."
        )
    return SCHEMES[scheme]


def scheme_config(scheme):
    """A scheme for JSON: its name where that stands for it in `SCHEMES`, or else all of it.

    Args:
        scheme: a `Scheme`, its name or its config.
    """
    scheme = get_scheme(scheme)
    known = SCHEMES.get(scheme.name) == scheme and scheme in PUBLISHED
    return scheme.name if known else dataclasses.asdict(scheme)


def _tuples(value):
    """What JSON makes lists of, as it was."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, (list, tuple)) else value


# Each target point is the mean of the named source points.
_CONVERSIONS = {
    # Approximate: the jaw is divided evenly in 98 but not in 68, and the eyelids hold six
    # points instead of four; brows, nose, eye corners and lips are the same points.
    ("wflw98", "ibug68"): tuple(
        (i,)
        for i in (
            *range(0, 33, 2),
            *_run(33, 37),
            *_run(42, 46),
            *_run(51, 59),
            60,
            61,
            63,
            64,
            65,
            67,
            68,
            69,
            71,
            72,
            73,
            75,
            *_run(76, 95),
        )
    ),
    ("ibug68", "ibug51"): tuple((i,) for i in _WITHOUT_JAW),
    ("ibug68", "ibug49"): tuple((i,) for i in _WITHOUT_INNER_CORNERS),
    # Approximate: a pupil is taken as the mean of the six points around its eye.
    ("ibug68", "five5"): (_run(36, 41), _run(42, 47), (30,), (48,), (54,)),
    ("wflw98", "five5"): ((96,), (97,), (54,), (76,), (82,)),
    ("cofw29", "five5"): ((16,), (17,), (20,), (22,), (23,)),
}
APPROXIMATE_CONVERSIONS = (("wflw98", "ibug68"), ("ibug68", "five5"))
"""Conversions in which some points do not correspond exactly."""


def convert(landmarks, source, target):
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
    if (source.name, target.name) in _CONVERSIONS:
        rows = _CONVERSIONS[source.name, target.name]
        return np.stack([landmarks[..., list(r), :].mean(axis=-2) for r in rows], axis=-2)
    if source.name == "wflw98" and ("ibug68", target.name) in _CONVERSIONS:
        return convert(convert(landmarks, source, IBUG68), IBUG68, target)
    known = ", ".join(f"{a} -> {b}" for a, b in _CONVERSIONS)
    raise ValueError(f"No conversion {source.name} -> {target.name}. Known: {known}.")
