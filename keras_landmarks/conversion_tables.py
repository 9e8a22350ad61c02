"""Which points of one scheme make up another: tables for `schemes.convert`."""

from keras_landmarks.scheme_tables import run

WITHOUT_JAW = run(17, 67)
WITHOUT_INNER_CORNERS = tuple(i for i in WITHOUT_JAW if i not in (60, 64))

# Each target point is the mean of the named source points.
CONVERSIONS: dict[tuple[str, str], tuple[tuple[int, ...], ...]] = {
    # Approximate: the jaw is divided evenly in 98 but not in 68, and the eyelids hold six
    # points instead of four; brows, nose, eye corners and lips are the same points.
    ("wflw98", "ibug68"): tuple(
        (i,)
        for i in (
            *range(0, 33, 2),
            *run(33, 37),
            *run(42, 46),
            *run(51, 59),
            *(60, 61, 63, 64, 65, 67),
            *(68, 69, 71, 72, 73, 75),
            *run(76, 95),
        )
    ),
    ("ibug68", "ibug51"): tuple((i,) for i in WITHOUT_JAW),
    ("ibug68", "ibug49"): tuple((i,) for i in WITHOUT_INNER_CORNERS),
    ("ibug51", "ibug49"): tuple((WITHOUT_JAW.index(i),) for i in WITHOUT_INNER_CORNERS),
    # Approximate: a pupil is taken as the mean of the six points around its eye.
    ("ibug68", "five5"): (run(36, 41), run(42, 47), (30,), (48,), (54,)),
    ("ibug51", "five5"): (run(19, 24), run(25, 30), (13,), (31,), (37,)),
    ("ibug49", "five5"): (run(19, 24), run(25, 30), (13,), (31,), (37,)),
    ("wflw98", "five5"): ((96,), (97,), (54,), (76,), (82,)),
    ("cofw29", "five5"): ((16,), (17,), (20,), (22,), (23,)),
    ("aflw19", "five5"): ((7,), (10,), (13,), (15,), (17,)),
    # Approximate: as from 98.
    ("lapa106", "ibug68"): tuple(
        (i,)
        for i in (
            *range(0, 33, 2),
            *run(33, 37),
            *run(42, 46),
            *run(51, 54),
            *run(58, 62),
            *(66, 67, 69, 70, 71, 73),
            *(75, 76, 78, 79, 80, 82),
            *run(84, 103),
        )
    ),
    ("lapa106", "five5"): ((104,), (105,), (54,), (84,), (90,)),
}

APPROXIMATE_CONVERSIONS = (
    ("wflw98", "ibug68"),
    ("lapa106", "ibug68"),
    *((name, "five5") for name in ("ibug68", "ibug51", "ibug49")),
)
"""Conversions in which some points do not correspond exactly."""
