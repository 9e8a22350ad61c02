import dataclasses
import pathlib

import numpy as np

from keras_landmarks import geometry
from keras_landmarks.pictures.images import as_rgb
from keras_landmarks.schemes import get_scheme


@dataclasses.dataclass(eq=False)
class Face:
    """One annotated face.

    Args:
        image: path of the picture, or its `(height, width, 3)` uint8 RGB pixels.
        landmarks: `(n, 2)` float32 points in pixels of the picture, 0-based.
        scheme: name of the landmarks' scheme.
        box: `(4,)` float32 box that a detector gave; None takes the landmarks' own.
        name: how the face is called in messages and tables; None takes the picture's path.
        photo: the source photo, the same for all faces cut from it; None takes the name.

    Raises:
        ValueError: if the landmarks are not finite `(n, 2)` points of the scheme, or the box is
            not finite or inverted.
    """

    image: object
    landmarks: np.ndarray
    scheme: str
    box: np.ndarray | None = None
    name: str | None = None
    photo: str | None = None

    def __post_init__(self):
        is_path = isinstance(self.image, (str, pathlib.Path))
        self.name = self.name or (str(self.image) if is_path else "face")
        self.photo = self.photo or self.name
        self.landmarks = np.asarray(self.landmarks, np.float32)
        expected = (get_scheme(self.scheme).count, 2)
        if self.landmarks.shape != expected:
            raise ValueError(
                f"{self.name}: {self.scheme} landmarks have the shape {expected}, "
                f"not {self.landmarks.shape}."
            )
        if not np.isfinite(self.landmarks).all():
            raise ValueError(f"{self.name}: landmarks are not all finite.")
        if self.box is not None:
            self.box = np.asarray(self.box, np.float32)
            if self.box.shape != (4,) or not np.isfinite(self.box).all():
                raise ValueError(f"{self.name}: a box is 4 finite numbers, not {self.box}.")
            if (self.box[2:] <= self.box[:2]).any():
                raise ValueError(
                    f"{self.name}: the box {self.box.tolist()} is inverted or empty; expected "
                    "(left, top, right, bottom)."
                )

    @property
    def truth_box(self):
        """The smallest box around the landmarks, `(4,)`."""
        return geometry.box_from_landmarks(self.landmarks)

    @property
    def annotation_box(self):
        """The given box, or the landmarks' own where none was given, `(4,)`."""
        return self.truth_box if self.box is None else self.box

    def pixels(self):
        """The picture, `(height, width, 3)` uint8 RGB, read from its file."""
        return as_rgb(self.image)
