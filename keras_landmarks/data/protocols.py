"""Named splits of the published data sets, each with the way its errors are reported."""

import dataclasses
import functools
import warnings
from collections.abc import Callable

from keras_landmarks.data import readers
from keras_landmarks.data.datasets import SPLITS, read_300w
from keras_landmarks.data.face import Face
from keras_landmarks.data.readers.wflw import ATTRIBUTES
from keras_landmarks.files import as_path
from keras_landmarks.names import known_name

PRIVATE = {"indoor": ("01_Indoor",), "outdoor": ("02_Outdoor",)}


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How a named split is read and measured.

    Args:
        read: function `(folder, skip_broken=)` that gives the faces.
        faces: how many there are in the whole split; None where that is not published.
        normaliser: what errors are divided by: one of `errors.NORMALISERS`, or `face_box`.
        limit: error, a fraction of the normaliser, from which a face is a failure and up to which
            the area under the curve is taken.
    """

    read: Callable
    faces: int | None
    normaliser: str = "corners"
    limit: float = 0.08


def _read_private(folder, parts, skip_broken=False):
    folder = as_path(folder)
    inside = folder / "300W"
    folder = inside if inside.is_dir() else folder
    return readers.read_pts_folders(folder, parts, "ibug68", skip_broken, numbered=True)


def _read_menpo(folder, part, pose, skip_broken=False):
    folder = as_path(folder)
    places = [f"{part}set/{pose}", f"{part}/{pose}", pose]
    place = next((p for p in places if (folder / p).is_dir()), None)
    if place is None:
        raise FileNotFoundError(f"{folder} holds none of {', '.join(places)}.")
    scheme = "menpo39" if pose == "profile" else "ibug68"
    return readers.read_pts_folders(folder, [place], scheme, skip_broken, numbered=True)


_OF_300W = dict(zip(SPLITS, (3148, 224, 330, 554, 135, 689)))
_WFLW = dict(zip(ATTRIBUTES, (326, 314, 698, 206, 736, 773)))
_MENPO = {
    ("train", "semifrontal"): 6679,
    ("train", "profile"): 2300,
    ("test", "semifrontal"): 5335,
    ("test", "profile"): 1946,
}
_partial = functools.partial

PROTOCOLS = {
    **{name: Protocol(_partial(read_300w, split=name), count) for name, count in _OF_300W.items()},
    "300w/private": Protocol(_partial(_read_private, parts=sum(PRIVATE.values(), ())), 600),
    **{
        f"300w/private-{place}": Protocol(_partial(_read_private, parts=parts), 300)
        for place, parts in PRIVATE.items()
    },
    # The side of the given box, which is square: Feng et al., Wing loss (2018), section 7.1.
    "aflw/train": Protocol(_partial(readers.read_aflw, part="train"), 20000, "face_box", 0.07),
    "aflw/full": Protocol(_partial(readers.read_aflw, part="full"), 4386, "face_box", 0.07),
    "aflw/frontal": Protocol(_partial(readers.read_aflw, part="frontal"), 1314, "face_box", 0.07),
    # Burgos-Artizzu et al. (2013): a failure is 10 % of the distance of the pupils.
    "cofw/train": Protocol(_partial(readers.read_cofw, part="train"), 1345, "pupils", 0.1),
    "cofw/test": Protocol(_partial(readers.read_cofw, part="test"), 507, "pupils", 0.1),
    # The corners: Jin et al. (2021), PIPNet. The score-guided paper takes the pupils.
    "cofw68/test": Protocol(readers.read_cofw68, 507, "corners", 0.1),
    "wflw/train": Protocol(_partial(readers.read_wflw, part="train"), 7500, "corners", 0.1),
    "wflw/test": Protocol(_partial(readers.read_wflw, part="test"), 2500, "corners", 0.1),
    **{
        f"wflw/{name}": Protocol(
            _partial(readers.read_wflw, part="test", attribute=name), count, "corners", 0.1
        )
        for name, count in _WFLW.items()
    },
    "wflw/none": Protocol(
        _partial(readers.read_wflw, part="test", attribute="none"), None, "corners", 0.1
    ),
    "300vw/train": Protocol(readers.read_300vw, None),
    **{
        f"300vw/category{i}": Protocol(_partial(readers.read_300vw, category=i), None)
        for i in (1, 2, 3)
    },
    # The limit of the benchmark's own curves (github.com/jiankangdeng/MenpoBenchmark).
    **{
        f"menpo/{pose}-{part}": Protocol(
            _partial(_read_menpo, part=part, pose=pose), count, "diagonal", 0.03
        )
        for (part, pose), count in _MENPO.items()
    },
    # Zhu et al. (2016), 3DDFA: the box of the landmarks.
    "aflw2000/all": Protocol(readers.read_lp, 2000, "box", 0.07),
    # Kumar et al. (2020), LUVLi: the box of the landmarks, AUC at 7 %.
    "merl/train": Protocol(_partial(readers.read_merl, part="train"), 15449, "box", 0.07),
    "merl/test": Protocol(_partial(readers.read_merl, part="test"), 3865, "box", 0.07),
    "lapa/train": Protocol(_partial(readers.read_lapa, part="train"), 18176),
    "lapa/val": Protocol(_partial(readers.read_lapa, part="val"), 2000),
    "lapa/test": Protocol(_partial(readers.read_lapa, part="test"), 2000),
    "helen29/all": Protocol(readers.read_helen29, 348, "corners", 0.1),
}
"""What names of splits stand for."""


def get_protocol(name):
    """The `Protocol` of a split's name.

    Raises:
        ValueError: if it is unknown.
    """
    return PROTOCOLS[known_name("split", name, PROTOCOLS)]


def read_split(folder, name, skip_broken=False) -> list[Face]:
    """Reads the faces of a named split; warns where the folder holds a part of it only.

    Args:
        folder: of the data set, in its official layout.
        name: one of `PROTOCOLS`.
        skip_broken: whether to warn of a broken face and go on.

    Returns:
        List of `Face`.

    Raises:
        FileNotFoundError: if the data set is not in the folder.
        ValueError: if the split is unknown or empty, holds more faces than the official one, or
            a face is broken.
    """
    protocol = get_protocol(name)
    faces = protocol.read(folder, skip_broken=skip_broken)
    if not faces:
        raise ValueError(f"{name}: {folder} holds no face of it.")
    if protocol.faces is not None and len(faces) > protocol.faces:
        raise ValueError(
            f"{name}: {folder} holds {len(faces):,} faces, the official split {protocol.faces:,}."
        )
    if part := part_of(name, len(faces)):
        warnings.warn(f"{name}: {part} faces are there.", stacklevel=2)
    return faces


def part_of(name, count):
    """`206 of 2,500` where that many faces are a part of a split only, else None."""
    whole = get_protocol(name).faces
    return None if whole in (None, count) else f"{count:,} of {whole:,}"
