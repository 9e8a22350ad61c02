"""The landmark indices of every scheme; those of conversions stand in `conversion_tables`.

Tables for `schemes`, whose `Scheme` says what the words mean.
"""

from typing import Any


def run(first: int, last: int) -> tuple[int, ...]:
    """The indices from the first to the last, in either direction."""
    step = 1 if last >= first else -1
    return tuple(range(first, last + step, step))


def mirror_of(count: int, *pairs: tuple[int, int, int, int]) -> tuple[int, ...]:
    """Mirror indices from pairs of runs `(first, last, first of the other side, its last)`."""
    mirror = list(range(count))
    for first, last, other_first, other_last in pairs:
        for i, j in zip(run(first, last), run(other_first, other_last)):
            mirror[i], mirror[j] = j, i
    return tuple(mirror)


# How the square around a scheme's points lies on the one around ibug68's: right and down of it, as
# fractions of its side, and the ratio of the sides. Medians of the 2,014 faces of 300w/train.
WHOLE = (0.0, 0.0, 1.0)
BROWS_TO_CHIN = (0.0, 0.0, 0.973)
INNER = (0.0, -0.111, 0.792)
EYES_TO_MOUTH = (0.0, -0.07, 0.499)

IBUG68: dict[str, Any] = dict(
    count=68,
    mirror=mirror_of(
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
        "jaw": (run(0, 16), False),
        "right_brow": (run(17, 21), False),
        "left_brow": (run(22, 26), False),
        "nose_bridge": (run(27, 30), False),
        "nose_base": (run(31, 35), False),
        "right_eye": (run(36, 41), True),
        "left_eye": (run(42, 47), True),
        "outer_lips": (run(48, 59), True),
        "inner_lips": (run(60, 67), True),
    },
    regions={
        "jaw": run(0, 16),
        "brows": run(17, 26),
        "nose": run(27, 35),
        "eyes": run(36, 47),
        "mouth": run(48, 67),
    },
    right_eye=run(36, 41),
    left_eye=run(42, 47),
    eye_corners=(36, 45),
    square=WHOLE,
)

WFLW98: dict[str, Any] = dict(
    count=98,
    mirror=mirror_of(
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
        "jaw": (run(0, 32), False),
        "right_brow": (run(33, 41), True),
        "left_brow": (run(42, 50), True),
        "nose_bridge": (run(51, 54), False),
        "nose_base": (run(55, 59), False),
        "right_eye": (run(60, 67), True),
        "left_eye": (run(68, 75), True),
        "outer_lips": (run(76, 87), True),
        "inner_lips": (run(88, 95), True),
        "right_pupil": ((96,), False),
        "left_pupil": ((97,), False),
    },
    regions={
        "jaw": run(0, 32),
        "brows": run(33, 50),
        "nose": run(51, 59),
        "eyes": (*run(60, 75), 96, 97),
        "mouth": run(76, 95),
    },
    right_eye=(96,),
    left_eye=(97,),
    eye_corners=(60, 72),
    square=WHOLE,
)

COFW29: dict[str, Any] = dict(
    count=29,
    mirror=mirror_of(
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
        "brows": run(0, 7),
        "nose": run(18, 21),
        "eyes": run(8, 17),
        "mouth": run(22, 27),
    },
    right_eye=(16,),
    left_eye=(17,),
    eye_corners=(8, 9),
    square=BROWS_TO_CHIN,
)

AFLW19: dict[str, Any] = dict(
    count=19,
    mirror=mirror_of(19, (0, 2, 5, 3), (6, 8, 11, 9), (12, 12, 14, 14), (15, 15, 17, 17)),
    contours={
        "right_brow": (run(0, 2), False),
        "left_brow": (run(3, 5), False),
        "right_eye": (run(6, 8), False),
        "left_eye": (run(9, 11), False),
        "nose": (run(12, 14), False),
        "mouth": (run(15, 17), False),
        "chin": ((18,), False),
    },
    regions={
        "jaw": (18,),
        "brows": run(0, 5),
        "nose": run(12, 14),
        "eyes": run(6, 11),
        "mouth": run(15, 17),
    },
    right_eye=(7,),
    left_eye=(10,),
    eye_corners=(6, 11),
    normaliser="box",
    square=BROWS_TO_CHIN,
)

LAPA106: dict[str, Any] = dict(
    count=106,
    mirror=mirror_of(
        106,
        (0, 15, 32, 17),
        (33, 37, 46, 42),
        (38, 41, 50, 47),
        (55, 59, 65, 61),
        (66, 70, 79, 75),
        (71, 73, 82, 80),
        (74, 74, 83, 83),
        (84, 86, 90, 88),
        (91, 92, 95, 94),
        (96, 97, 100, 99),
        (101, 101, 103, 103),
        (104, 104, 105, 105),
    ),
    contours={
        "jaw": (run(0, 32), False),
        "right_brow": (run(33, 41), True),
        "left_brow": (run(42, 50), True),
        "nose_bridge": (run(51, 54), False),
        "nose_base": (run(55, 65), False),
        "right_eye": (run(66, 73), True),
        "left_eye": (run(75, 82), True),
        "right_eye_centre": ((74,), False),
        "left_eye_centre": ((83,), False),
        "outer_lips": (run(84, 95), True),
        "inner_lips": (run(96, 103), True),
        "right_pupil": ((104,), False),
        "left_pupil": ((105,), False),
    },
    regions={
        "jaw": run(0, 32),
        "brows": run(33, 50),
        "nose": run(51, 65),
        "eyes": (*run(66, 83), 104, 105),
        "mouth": run(84, 103),
    },
    right_eye=(104,),
    left_eye=(105,),
    eye_corners=(66, 79),
    square=WHOLE,
)

# One side of a face: a mirrored left profile is a right one, its points in the same order. Which
# of them belong to which part is not published with the files.
MENPO39: dict[str, Any] = dict(
    count=39,
    mirror=tuple(range(39)),
    contours={f"point_{i}": ((i,), False) for i in range(39)},
    regions={"face": run(0, 38)},
    right_eye=(),
    left_eye=(),
    eye_corners=None,
    normaliser="diagonal",
)

FIVE5: dict[str, Any] = dict(
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
    square=EYES_TO_MOUTH,
)
