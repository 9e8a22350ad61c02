"""Many pictures on one."""

from collections.abc import Sequence

import cv2
import numpy as np

CAPTION = 16
"""Height of a line of text, in pixels."""


def contact_sheet(
    pictures: Sequence[np.ndarray],
    captions: Sequence[str] | None = None,
    columns: int = 5,
    side: int = 192,
) -> np.ndarray:
    """Pictures beside and below each other, each with a line of text below it.

    Args:
        pictures: square `(k, k, 3)` uint8 RGB.
        captions: a line for each, cut where it is too long; None leaves them out.
        columns: how many stand beside each other.
        side: of each picture on the sheet, in pixels.

    Returns:
        `(height, width, 3)` uint8 RGB.

    Raises:
        ValueError: if there are no pictures, or not as many captions.
    """
    if not len(pictures) or (captions is not None and len(captions) != len(pictures)):
        count = "none" if captions is None else len(captions)
        raise ValueError(f"Expected pictures and as many captions: {len(pictures)} and {count}.")
    columns = min(columns, len(pictures))
    height = side + (0 if captions is None else CAPTION)
    sheet = np.full((-(-len(pictures) // columns) * height, columns * side, 3), 24, np.uint8)
    for number, picture in enumerate(pictures):
        top, left = number // columns * height, number % columns * side
        smaller = picture.shape[0] > side
        kind = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        sheet[top : top + side, left : left + side] = cv2.resize(
            picture, (side, side), None, 0, 0, kind
        )
        if captions is not None:
            text = captions[number].encode("ascii", "replace").decode()[: side // 6]
            at = left + 2, top + side + CAPTION - 5
            cv2.putText(sheet, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.33, (255,) * 3, 1, cv2.LINE_AA)
    return sheet
