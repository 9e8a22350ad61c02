"""LaPa: 106 points, a count line and `x y` lines for each picture."""

import re

from keras_landmarks.data.face import Face
from keras_landmarks.data.readers.contents import files_of, read_text
from keras_landmarks.data.readers.finding import Pictures
from keras_landmarks.data.readers.rows import points_of, read_faces, rendered_photo
from keras_landmarks.files import as_path
from keras_landmarks.names import known_name


def read_lapa(folder, part="test", skip_broken=False) -> list[Face]:
    """Reads `PART/landmarks/NAME.txt` with `PART/images/NAME.jpg`.

    Args:
        folder: holds the parts.
        part: `train`, `val` or `test`.
        skip_broken: whether to warn of a broken file, or one without its picture, and go on.

    Returns:
        List of `Face`, scheme lapa106, without boxes.

    Raises:
        FileNotFoundError: if there are no such folders.
        ValueError: if the part is unknown, or a file is broken or without its picture.
    """
    folder = as_path(folder) / known_name("part", part, ("train", "val", "test"))
    pictures = Pictures(folder / "images")

    def face(path):
        image = pictures.find(path.stem)
        lines = [line for line in read_text(path).splitlines() if line.strip()]
        if not lines or lines[0].strip() != "106":
            raise ValueError(f"{path}: expected 106 in the first line, found {lines[:1]}.")
        numbers = [number for line in lines[1:] for number in line.split()]
        points = points_of(numbers, 106, path)
        # Some are of 300W-LP; of the others the last number is the face's.
        photo = rendered_photo(path.stem) or re.sub(r"_\d{1,2}$", "", path.stem)
        return Face(image, points, "lapa106", name=f"lapa/{part}/{path.stem}", photo=photo)

    rows = files_of(folder / "landmarks", ".txt")
    return read_faces(folder, rows, face, skip_broken, pictures=pictures)
