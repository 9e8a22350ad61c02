"""Where the points of every scheme lie on a face seen from the front, for drawings.

Of schemes with other points than the 68 they are put between those by meaning: no measurement.
"""

import numpy as np

from keras_landmarks.faces.head import HEAD
from keras_landmarks.schemes import IBUG68, can_convert, convert

FRONT = HEAD[:, :2] * (1, -1)


def along(points, count, closed=False):
    """So many points at even steps from the first of a line to its last, or around a closed one."""
    points = np.concatenate([points, points[:1]]) if closed else points
    steps = np.linspace(0, len(points) - 1, count + closed)[: count or None]
    return np.stack([np.interp(steps, range(len(points)), points[:, i]) for i in (0, 1)], axis=1)


def part(name):
    return FRONT[list(IBUG68.contours[name][0])]


def brow(name):
    """A brow as a closed line: five points of its upper edge, then four of the lower one back."""
    line = part(name)
    return np.concatenate([line, along(line[-2::-1] + (0, 0.05), 4)])


def dense(nose):
    """The points that WFLW and LaPa share, with a nose of so many points below its bridge."""
    right, left = part("right_eye"), part("left_eye")
    brows = [brow("right_brow"), brow("left_brow")]  # the left one is mirrored in the end
    return [along(part("jaw"), 33), *brows, part("nose_bridge"), nose], [
        along(eye, 8, closed=True) for eye in (right, left)
    ]


def typical_points(scheme):
    """`(n, 2)` points with y down, or None where it is not known."""
    if can_convert("ibug68", scheme):
        return convert(FRONT, "ibug68", scheme)
    lips, base = [part("outer_lips"), part("inner_lips")], part("nose_base")
    pupils = [part(f"{side}_eye").mean(axis=0)[None] for side in ("right", "left")]
    if scheme.name == "wflw98":
        face, eyes = dense(base)
        points = np.concatenate([*face, *eyes, *lips, *pupils])
    elif scheme.name == "lapa106":
        side = np.linspace(FRONT[39], base[0], 5)[1:4]
        face, (right, left) = dense(np.concatenate([side, base, side[::-1] * (-1, 1)]))
        points = np.concatenate([*face, right, pupils[0], left, pupils[1], *lips, *pupils])
    elif scheme.name in ("cofw29", "aflw19"):
        points = _sparse(scheme.name, pupils)
    else:
        return None
    for i, other in enumerate(scheme.mirror):
        if points[i, 0] < 0:
            points[other] = points[i] * (-1, 1)
    return points


def _sparse(name, pupils):
    (right, left), low, middle = pupils, np.array((0, 0.05)), FRONT[[62, 66]].mean(axis=0)
    if name == "aflw19":
        line = FRONT[[17, 19, 21, 22, 24, 26, 36]], right, FRONT[[39, 42]], left
        return np.concatenate([*line, FRONT[[45, 31, 30, 35, 48]], middle[None], FRONT[[54, 8]]])
    lids = [FRONT[pair].mean(axis=0) for pair in ([37, 38], [40, 41], [43, 44], [46, 47])]
    brows = [FRONT[i] for i in (17, 26, 21, 22)]
    brows += [FRONT[19], FRONT[19] + low, FRONT[24], FRONT[24] + low]
    eyes = [FRONT[i] for i in (36, 45, 39, 42)] + lids + [right[0], left[0]]
    rest = [FRONT[i] for i in (31, 35, 30, 33, 48, 54, 51, 62, 66, 57, 8)]
    return np.stack(brows + eyes + rest)
