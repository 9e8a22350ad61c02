"""A head's 68 points in 3D, from the points of 300w/train. Printed by tools/fit_head.py."""

import numpy as np

from keras_landmarks.schemes import IBUG68

# The right side and the middle: x to the left, y up, z to the viewer, in thousandths of the
# distance between the outer eye corners.
_RIGHT = {
    0: (-823, 342, -762),
    1: (-817, 134, -714),
    2: (-793, -75, -681),
    3: (-748, -280, -645),
    4: (-664, -464, -543),
    5: (-534, -618, -391),
    6: (-375, -743, -213),
    7: (-200, -839, -40),
    8: (0, -866, 22),
    17: (-665, 569, -168),
    18: (-563, 668, -39),
    19: (-422, 704, 75),
    20: (-275, 694, 170),
    21: (-136, 648, 242),
    27: (0, 477, 253),
    28: (0, 347, 350),
    29: (0, 219, 458),
    30: (0, 88, 565),
    31: (-165, -32, 304),
    32: (-86, -56, 351),
    33: (0, -79, 379),
    36: (-500, 426, -66),
    37: (-413, 483, -7),
    38: (-305, 484, 16),
    39: (-215, 416, 18),
    40: (-314, 396, 21),
    41: (-419, 395, -3),
    48: (-316, -323, 15),
    49: (-201, -256, 201),
    50: (-82, -222, 306),
    51: (0, -240, 323),
    55: (205, -422, 150),
    56: (89, -461, 244),
    57: (0, -468, 260),
    60: (-268, -327, 42),
    61: (-83, -294, 283),
    62: (0, -300, 301),
    65: (84, -355, 248),
    66: (0, -363, 264),
}


def _both_sides() -> np.ndarray:
    head = np.zeros((IBUG68.count, 3))
    for i, (x, y, z) in _RIGHT.items():
        head[IBUG68.mirror[i]] = -x, y, z
        head[i] = x, y, z
    return head / 1000


HEAD = _both_sides()
"""`(68, 3)`: x to the face's left, y up, z to the viewer; the outer eye corners are 1 apart."""
