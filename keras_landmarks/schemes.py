"""Landmark schemes: what each point of an annotation means.

A `Scheme` says which point is the mirror image of which, how to draw the points, where the eyes are
and which distance errors are usually divided by; the indices stand in `scheme_tables`. Left and
right are the person's own: the right eye is on the picture's left.
"""

import dataclasses
import json
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_landmarks import conversion_tables, scheme_tables
from keras_landmarks.conversion_tables import APPROXIMATE_CONVERSIONS, CONVERSIONS
from keras_landmarks.names import known_name

__all__ = [
    "AFLW19",
    "APPROXIMATE_CONVERSIONS",
    "COFW29",
    "FIVE5",
    "IBUG49",
    "IBUG51",
    "IBUG68",
    "LAPA106",
    "MENPO39",
    "PUBLISHED",
    "SCHEMES",
    "WFLW98",
    "Scheme",
    "convert",
    "get_scheme",
    "scheme_config",
    "shared_scheme",
]
NORMALISERS = ("corners", "pupils", "box", "diagonal")
"""The distances of a face that errors are divided by; `errors` says what each is."""


def _tuples(value: Any) -> Any:
    """Lists, as JSON has them, and arrays as tuples."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    value = value.tolist() if hasattr(value, "tolist") else value
    return tuple(_tuples(item) for item in value) if isinstance(value, (list, tuple)) else value


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
        left_eye: the same for the left eye; both may be empty where errors are divided by a box.
        eye_corners: the outer corners `(right, left)`, or None where the scheme has none.
        normaliser: the distance that errors are usually divided by, one of `NORMALISERS`.
        square: `(x, y, scale)` of a `faces.Convention`, how the square around the points lies on
            that of ibug68's; None where it is taken to be the same. Equal schemes may differ in it.
        names: n names of the points, or none. Equal schemes may differ in them.

    Raises:
        ValueError: if the mirror is not a permutation of the points that is its own inverse, an
            index is none of theirs, one eye has no points, the mirror image of the right eye is
            not the left one, the normaliser is unknown, or there are not as many names as points.
    """

    name: str
    count: int
    mirror: tuple[int, ...]
    contours: dict[str, tuple[tuple[int, ...], bool]] = dataclasses.field(hash=False)
    regions: dict[str, tuple[int, ...]] = dataclasses.field(hash=False)
    right_eye: tuple[int, ...]
    left_eye: tuple[int, ...]
    eye_corners: tuple[int, int] | None
    normaliser: str = "corners"
    square: tuple[float, float, float] | None = dataclasses.field(default=None, compare=False)
    names: tuple[str, ...] = dataclasses.field(default=(), compare=False)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # lists would make another scheme
            object.__setattr__(self, field.name, _tuples(getattr(self, field.name)))
        points, mirror = list(range(self.count)), list(self.mirror)
        eyes = [("right_eye", self.right_eye), ("left_eye", self.left_eye)]
        corners = self.eye_corners or ()
        lists = [("mirror", mirror), *eyes, ("eye_corners", corners)]
        lists += [*self.regions.items(), *((k, v[0]) for k, v in self.contours.items())]
        for name, indices in lists:
            if wrong := sorted(set(indices) - set(points)):
                raise ValueError(f"{self.name}: {name} holds {wrong}, not of 0..{self.count - 1}.")
        if len(mirror) != self.count:
            raise ValueError(f"{self.name}: mirror holds {len(mirror)} of {self.count} indices.")
        if len(self.names) not in (0, self.count):
            raise ValueError(f"{self.name}: {len(self.names)} names of {self.count} points.")
        if wrong := [i for i in points if mirror[mirror[i]] != i]:
            raise ValueError(f"{self.name}: mirror[mirror[i]] is not i for {wrong[:6]}.")
        known_name(f"normaliser of {self.name}", self.normaliser, NORMALISERS)
        needs_eyes = self.normaliser in ("corners", "pupils") or self.right_eye or self.left_eye
        for side, indices in eyes:
            if needs_eyes and not len(indices):
                raise ValueError(f"{self.name}: {side} holds no points; it needs one at least.")
        for right, left in ((self.right_eye, self.left_eye), (corners[:1], corners[1:])):
            if {mirror[i] for i in right} != set(left):
                image = f"{sorted(right)}, of the right eye, is {sorted(mirror[i] for i in right)}"
                said = f"the mirror image of {image}, but of the left eye are {sorted(left)}."
                raise ValueError(f"{self.name}: {said}")
        if len(set(corners)) not in (0, 2):
            raise ValueError(f"{self.name}: eye_corners are two points, not {self.eye_corners}.")

    @property
    def point_names(self) -> list[str]:
        """The `names`, or else each point by its region and its place there, as `jaw 1`."""
        if self.names:
            return list(self.names)
        names = [f"point {i}" for i in range(1, self.count + 1)]
        for region, points in self.regions.items():
            for place, i in enumerate(points, start=1):
                names[i] = f"{region} {place}"
        return names

    def mirrored(self, landmarks: ArrayLike, width: int) -> np.ndarray:
        """Landmarks `(..., n, 2)` of the picture of `width` pixels flipped left to right."""
        flipped = self._checked(np.array(landmarks) * 1.0)[..., list(self.mirror), :]
        flipped[..., 0] = width - 1 - flipped[..., 0]
        return flipped

    def _checked(self, landmarks: np.ndarray) -> np.ndarray:  # as many as the scheme has
        if landmarks.shape[-2:] != (self.count, 2):
            shape = f"the shape (..., {self.count}, 2), not {landmarks.shape}."
            raise ValueError(f"{self.name} landmarks have {shape}")
        return landmarks


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
        square=scheme_tables.INNER,
    )


IBUG68 = Scheme("ibug68", **scheme_tables.IBUG68)
WFLW98 = Scheme("wflw98", **scheme_tables.WFLW98)
COFW29 = Scheme("cofw29", **scheme_tables.COFW29)
AFLW19 = Scheme("aflw19", **scheme_tables.AFLW19)
LAPA106 = Scheme("lapa106", **scheme_tables.LAPA106)
MENPO39 = Scheme("menpo39", **scheme_tables.MENPO39)
IBUG51 = _subset(IBUG68, "ibug51", conversion_tables.WITHOUT_JAW)
IBUG49 = _subset(IBUG68, "ibug49", conversion_tables.WITHOUT_INNER_CORNERS)
FIVE5 = Scheme("five5", **scheme_tables.FIVE5)

PUBLISHED = (IBUG68, WFLW98, COFW29, AFLW19, IBUG51, IBUG49, FIVE5, LAPA106, MENPO39)
"""The schemes that every installation knows by their names."""

SCHEMES = {s.name: s for s in PUBLISHED}
"""What names stand for. Models of a scheme of your own need it here: `SCHEMES["mine"] = mine`."""


def get_scheme(scheme: Scheme | str | dict) -> Scheme:
    """The `Scheme` of a name (ValueError if unknown) or a `scheme_config`; or that which is given.

    One without `square` has that of its equal in `SCHEMES`, which `data.lay_boxes` measures.
    """
    if isinstance(scheme, Scheme):
        known = SCHEMES.get(scheme.name, scheme)
        measured = scheme.square is None and known.square is not None and known == scheme
        return dataclasses.replace(scheme, square=known.square) if measured else scheme
    if isinstance(scheme, dict):
        return Scheme(**scheme)
    return SCHEMES[known_name("scheme", scheme, SCHEMES)]


def scheme_config(scheme: Scheme | str | dict) -> str | dict:
    """A scheme (or its name or config) for JSON: the name if all installations know it, or all."""
    scheme = get_scheme(scheme)
    if any(vars(scheme) == vars(known) for known in PUBLISHED):  # names and square, too
        return scheme.name
    return json.loads(json.dumps(dataclasses.asdict(scheme), default=np.generic.tolist))


def convert(landmarks: ArrayLike, source: Scheme | str, target: Scheme | str) -> np.ndarray:
    """Landmarks of one scheme as another whose points are among them.

    `APPROXIMATE_CONVERSIONS` are 98 -> 68, 106 -> 68, and 68, 51 or 49 -> 5; the others name the
    same points. 98 -> 51, 98 -> 49, 106 -> 51 and 106 -> 49 go through 68.

    Args:
        landmarks: `(..., n, 2)` points of the source scheme.
        source: scheme or its name.
        target: scheme or its name.

    Returns:
        `(..., m, 2)` float32 points of the target scheme.

    Raises:
        ValueError: if there is no such conversion or they are not the source scheme's.
    """
    source, target = get_scheme(source), get_scheme(target)
    landmarks = source._checked(np.array(landmarks, np.float32))
    if not can_convert(source, target):
        known = ", ".join(f"{a} -> {b}" for a, b in CONVERSIONS)
        raise ValueError(f"No conversion {source.name} -> {target.name}. Known: {known}.")
    if source == target:
        return landmarks
    if rows := CONVERSIONS.get((source.name, target.name)):
        return np.stack([landmarks[..., list(r), :].mean(axis=-2) for r in rows], axis=-2)
    return convert(convert(landmarks, source, IBUG68), IBUG68, target)


def shared_scheme(first: Scheme | str, second: Scheme | str) -> Scheme:
    """The scheme with the most points that two schemes convert to, for comparing them.

    Raises:
        ValueError: if there is none.
    """
    first, second = get_scheme(first), get_scheme(second)
    shared = [s for s in SCHEMES.values() if can_convert(first, s) and can_convert(second, s)]
    if not shared:
        raise ValueError(f"{first.name} and {second.name} share no points: no scheme has both.")
    return max(shared, key=lambda scheme: scheme.count)


def can_convert(source: Scheme | str, target: Scheme | str) -> bool:
    """Whether `convert` takes landmarks of one scheme (or its name) to another."""
    source, target = get_scheme(source), get_scheme(target)
    known = source in PUBLISHED and target in PUBLISHED  # not one's own by such a name
    through_68 = {(source.name, "ibug68"), ("ibug68", target.name)} <= set(CONVERSIONS)
    return source == target or (known and (through_68 or (source.name, target.name) in CONVERSIONS))
