"""What notebooks show: pictures and tables as HTML."""

import base64
import html
from collections.abc import Iterable

import cv2
import numpy as np

WIDEST = 512
"""Pixels of the longer side of a picture in a notebook."""


def picture_html(image: np.ndarray, caption: str = "") -> str:
    """A picture `(height, width, 3)` uint8 RGB within the page, made smaller where it is large."""
    scale = WIDEST / max(image.shape[:2])
    if scale < 1:
        height, width = (max(round(scale * side), 1) for side in image.shape[:2])
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])[1]
    source = base64.b64encode(data.tobytes()).decode()
    said = html.escape(caption)
    return f'<img src="data:image/jpeg;base64,{source}" alt="{said}"><div>{said}</div>'


def table_html(rows: Iterable[Iterable[object]]) -> str:
    """A table, of which the first row is the head."""
    lines = []
    for i, row in enumerate(rows):
        tag = "td" if i else "th"
        lines.append("".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in row))
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
