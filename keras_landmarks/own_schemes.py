"""Schemes of the user's own, from a few names of points or a short TOML file."""

import dataclasses
import numbers
import pathlib
import re
import tomllib
import warnings
from collections.abc import Sequence
from typing import Any

from keras_landmarks.schemes import NORMALISERS, Scheme

_FIELDS = ("name", "points", "mirror", "contours", "regions", "right_eye", "left_eye")
_FIELDS += ("eye_corners", "normaliser", "square")
_SIDES = {"right": "left", "left": "right", "r": "l", "l": "r"}
_WORDS = re.compile(r"(?<![^\W_])(right|left|r|l)(?![^\W\d_])")
_ANYWHERE = re.compile("right|left")  # `righteye`


def scheme_of_names(name: str, points: Sequence[str] | int, **fields: Any) -> Scheme:
    """A scheme whose points are named; `right` and `left` in names say what mirrors what.

    So do `r` and `l` that stand alone, as in `r_eye`, all in any case. Label Studio's and CVAT's
    labels are looked for by these names.

    Put it into `schemes.SCHEMES` to use it by its name: `SCHEMES[scheme.name] = scheme`.

    Args:
        name: of the scheme.
        points: their names in their order; a number stands for that many points `0`, `1`, ...
        **fields: of `Scheme`, where points are names or indices: `mirror` (pairs, `[]` where no
            point has a partner; None takes the names' right and left, and warns where that tells
            nothing), `contours` (`{name: points}`, or `{name: {"points": points,
            "closed": True}}`), `regions`, `right_eye`, `left_eye`, `eye_corners`, `normaliser`,
            `square` (three numbers).

    Returns:
        `Scheme`. Errors are divided by the distance of the eye corners, or else of the eyes, or
        else by the box, unless `normaliser` says so.

    Raises:
        ValueError: if a field is unknown, missing or wrong; says which.
    """
    if unknown := sorted(set(fields) - set(_FIELDS)):
        raise ValueError(f"{unknown[0]}: unknown field. Known: {', '.join(_FIELDS)}.")
    if not isinstance(name, str) or not name:
        raise ValueError(f"name: expected a word, not {name!r}.")
    points = list(points) if isinstance(points, tuple) else points
    named = isinstance(points, list)
    if isinstance(points, numbers.Integral) and not isinstance(points, bool):
        points = [str(i) for i in range(points)]
    if not isinstance(points, list) or not points or not all(isinstance(p, str) for p in points):
        raise ValueError(f"points: expected their number or names, not {points!r}.")
    if len(set(points)) < len(points):
        raise ValueError(f"points: {max(points, key=points.count)!r} is there twice.")
    read = _Reader(points)
    right, left = (read.points(k, fields.get(k, ())) for k in ("right_eye", "left_eye"))
    corners = read.points("eye_corners", fields.get("eye_corners", ()))
    if len(corners) not in (0, 2):
        raise ValueError(f"eye_corners: expected the right and the left one, not {len(corners)}.")
    if corners and not (right and left):
        raise ValueError("eye_corners: name the points of right_eye and left_eye, too.")
    usual = "corners" if corners else "pupils" if right and left else "box"
    normaliser = fields.get("normaliser", usual)
    if normaliser not in NORMALISERS:
        known = ", ".join(NORMALISERS)
        raise ValueError(f"normaliser: unknown kind {normaliser!r}. Known: {known}.")
    if (normaliser, bool(corners)) == ("corners", False):
        raise ValueError("normaliser: corners need eye_corners.")
    if normaliser == "pupils" and not (right and left):
        raise ValueError("normaliser: pupils need right_eye and left_eye.")
    square = fields.get("square")
    if square is not None:
        try:
            x, y, scale = map(float, square)
        except (TypeError, ValueError):
            scale = 0.0
        if not scale > 0:
            raise ValueError(f"square: expected x, y and a scale above zero, not {square!r}.")
        square = x, y, scale
    regions = _table("regions", fields.get("regions", {"face": points}))
    return Scheme(
        name=name,
        count=len(points),
        mirror=read.mirror(fields.get("mirror")),
        contours=read.contours(_table("contours", fields.get("contours", {})), regions),
        regions={k: read.points(f"regions.{k}", v) for k, v in regions.items()},
        right_eye=right,
        left_eye=left,
        eye_corners=(corners[0], corners[1]) if corners else None,
        normaliser=normaliser,
        square=square,
        names=tuple(points) if named else (),
    )


def read_scheme(path: str | pathlib.Path) -> Scheme:
    """A scheme from a TOML file with `name`, `points` and the fields of `scheme_of_names`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no TOML, or a field is unknown, missing or wrong; says which.

    Example:
        name = "mine"
        points = ["right eye", "left eye", "nose", "chin"]
        right_eye = ["right eye"]
        left_eye = ["left eye"]
    """
    path = pathlib.Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"No scheme at {path}.")
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        missing = [field for field in ("name", "points") if field not in fields]
        if missing:
            raise ValueError(f"{missing[0]}: missing field.")
        return scheme_of_names(**fields)
    except ValueError as error:  # also tomllib's own
        raise ValueError(f"{path}: {error}") from error


def _table(field: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{field}: expected a table of names, not {value!r}.")
    return value


def _swapped(pattern: re.Pattern[str], name: str) -> str:
    """A name in small letters with right for left and left for right."""
    return pattern.sub(lambda found: _SIDES[found[0]], name)


@dataclasses.dataclass(frozen=True)
class _Reader:
    """Reads fields in which points are names or indices."""

    names: list[str]

    def points(self, field: str, value: Any) -> tuple[int, ...]:
        if isinstance(value, (str, numbers.Integral)) or not hasattr(value, "__iter__"):
            raise ValueError(f"{field}: expected a list of points, not {value!r}.")
        return tuple(self._point(field, point) for point in value)

    def _point(self, field: str, point: Any) -> int:
        if point in self.names:
            return self.names.index(point)
        whole = isinstance(point, numbers.Integral) and not isinstance(point, bool)
        if whole and 0 <= point < len(self.names):
            return int(point)
        raise ValueError(f"{field}: no point {point!r}; there are {len(self.names)}.")

    def mirror(self, pairs: Any) -> tuple[int, ...]:
        if pairs is None:
            pairs = self._pairs_by_name()
        if not isinstance(pairs, (list, tuple)):
            raise ValueError(f"mirror: expected pairs of points, not {pairs!r}.")
        mirror = list(range(len(self.names)))
        for pair in pairs:
            ends = self.points("mirror", pair)
            if len(ends) != 2:
                raise ValueError(f"mirror: expected pairs of points, found {pair!r}.")
            i, j = ends
            if i == j or mirror[i] != i or mirror[j] != j:
                raise ValueError(f"mirror: a point of {pair!r} has a mirror image already.")
            mirror[i], mirror[j] = j, i
        return tuple(mirror)

    def _pairs_by_name(self) -> list[tuple[int, int]]:
        """The points whose names differ in right and left; warns where that tells too little."""
        spaced = [re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower() for name in self.names]
        places, pairs, alone = {name: i for i, name in enumerate(spaced)}, [], ""
        for i, name in enumerate(spaced):
            words, others = _WORDS.findall(name), [_swapped(p, name) for p in (_WORDS, _ANYWHERE)]
            found = [places[other] for other in others if other != name and other in places]
            if found:
                pairs.append((min(i, found[0]), max(i, found[0])))
            elif (told := {"right", "left"} & set(words)) or name.startswith(("right", "left")):
                alone = f"mirror: {self.names[i]!r} has no {others[not told]!r} beside it"
                if "right" in words or name.startswith("right"):
                    raise ValueError(f"{alone}.")
        if alone or (not pairs and len(self.names) > 1):
            warnings.warn(
                f"{alone or 'mirror: no names tell right from left'}: a point without a partner is "
                "taken for its own mirror image. Where that is wrong, mirrored faces teach "
                "contradictions: give the pairs, as `mirror = [[0, 1]]`; or say by `mirror = []` "
                "that there are none, and train with Augmentation(mirror=0).",
                stacklevel=4,
            )
        return sorted(set(pairs))  # each was found from either side

    def contours(
        self, table: dict[str, Any], regions: dict[str, Any]
    ) -> dict[str, tuple[tuple[int, ...], bool]]:
        contours = {}
        for name, value in table.items():
            line = value if isinstance(value, dict) else {"points": value}
            if not {"points"} <= set(line) <= {"points", "closed"}:
                raise ValueError(f"contours.{name}: expected points and closed, not {value!r}.")
            points = self.points(f"contours.{name}", line["points"])
            contours[name] = points, bool(line.get("closed", False))
        drawn = {i for points, _ in contours.values() for i in points}
        alone = {name: ((i,), False) for i, name in enumerate(self.names) if i not in drawn}
        taken = {*contours, *regions}  # what the user named stays
        return contours | {f"{n} (point)" if n in taken else n: p for n, p in alone.items()}
