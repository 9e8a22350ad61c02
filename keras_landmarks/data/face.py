import dataclasses
import os
import pathlib
import warnings
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from keras_landmarks import geometry
from keras_landmarks.faces.boxes import (
    SMALLEST,
    Convention,
    convert_boxes,
    get_convention,
    square_convention,
)
from keras_landmarks.names import sides
from keras_landmarks.pictures.images import as_rgb
from keras_landmarks.schemes import PUBLISHED, SCHEMES, Scheme, get_scheme


@dataclasses.dataclass(eq=False)
class Face:
    """One annotated face, or one whose box alone is known.

    Args:
        image: path of the picture, or its `(height, width, 3)` uint8 RGB pixels.
        landmarks: `(n, 2)` float32 points in pixels of the picture, 0-based; NaN for a point that
            nobody marked. None where all are: such a face needs a box, and a `training.Teacher` to
            be learnt from.
        scheme: name of the landmarks' scheme; a `Scheme` gives its own, which `schemes.SCHEMES`
            has to know.
        box: `(4,)` float32 box that a detector gave; None takes the landmarks' own.
        name: how the face is called in messages and tables; None takes the picture's path.
        photo: the source photo, the same for all faces cut from it; None takes the name, or what
            tells pixels without one from others.
        visible: `(n,)` booleans, which points are seen and not covered; None takes all that are
            marked. A point that nobody marked is never visible. `dataclasses.replace` keeps them:
            with other landmarks give `visible=None`, too.
        convention: how the box lies on the face, a name of `faces.CONVENTIONS` or a
            `faces.Convention`; None where it is not known, and taken as `annotation`.
        facts: what else the annotation says, by name: WFLW's attributes, a pose in degrees, ...
        size: `(height, width)` of the picture that was annotated; None where it is not known.

    Raises:
        ValueError: if the landmarks are not `(n, 2)` points of the scheme, each finite or missing
            as a whole, or all are missing without a box, or are fractions and not pixels; the
            scheme is unknown; or the box is not finite, inverted or shorter than
            `faces.boxes.SMALLEST`.
    """

    image: str | pathlib.Path | np.ndarray
    landmarks: np.ndarray
    scheme: str
    box: np.ndarray | None = None
    name: str = None  # type: ignore[assignment]
    photo: str = None  # type: ignore[assignment]
    visible: np.ndarray = None  # type: ignore[assignment]
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)
    convention: Convention | str | None = None
    size: tuple[int, int] | None = None

    if TYPE_CHECKING:  # what it is made of, of which the above comes

        def __init__(
            self,
            image: str | os.PathLike[str] | np.ndarray,
            landmarks: ArrayLike | None,
            scheme: str | Scheme,
            box: ArrayLike | None = None,
            name: str | os.PathLike[str] | None = None,
            photo: str | os.PathLike[str] | None = None,
            visible: ArrayLike | None = None,
            facts: dict[str, Any] = ...,
            convention: Convention | str | None = None,
            size: tuple[int, int] | None = None,
        ) -> None: ...

    def __getstate__(self):
        scheme = get_scheme(self.scheme)
        return vars(self) | {"scheme": scheme.name if scheme in PUBLISHED else scheme}

    def __setstate__(self, state):  # in a process that may not know a scheme of one's own
        scheme = get_scheme(state["scheme"])
        if SCHEMES.setdefault(scheme.name, scheme) != scheme:
            raise ValueError(f"SCHEMES[{scheme.name!r}] is not the scheme of {state['name']}.")
        vars(self).update(state | {"scheme": scheme.name})

    def __repr__(self):
        marked = f"{np.sum(~self.missing)} of {len(self.landmarks)} {self.scheme} points"
        return f"<{type(self).__name__} {self.name!r}: {marked}>"

    def __post_init__(self):
        if isinstance(self.image, os.PathLike):
            self.image = pathlib.Path(self.image)
        self.facts = dict(self.facts)
        self.size = None if self.size is None else sides("size", self.size)
        is_path = isinstance(self.image, (str, pathlib.Path))
        if not self.photo and not self.name and isinstance(self.image, np.ndarray):
            self.photo = f"pixels {zlib.crc32(np.ascontiguousarray(self.image)):08x}"
        self.name = str(self.name or (self.image if is_path else "face"))
        self.photo = str(self.photo or self.name)
        if isinstance(self.scheme, Scheme):
            if SCHEMES.get(self.scheme.name) != self.scheme:
                raise ValueError(
                    f"{self.name}: schemes.SCHEMES[{self.scheme.name!r}] is not the given scheme: "
                    "put it there first."
                )
            self.scheme = self.scheme.name
        expected = (get_scheme(self.scheme).count, 2)
        if self.landmarks is None:
            self.landmarks = np.full(expected, np.nan)
        self.landmarks = np.array(self.landmarks, np.float32)
        if self.landmarks.shape != expected:
            raise ValueError(
                f"{self.name}: {self.scheme} landmarks have the shape {expected}, "
                f"not {self.landmarks.shape}."
            )
        missing = np.isnan(self.landmarks).all(axis=1)
        if not np.isfinite(self.landmarks[~missing]).all():
            raise ValueError(f"{self.name}: landmarks are not all finite, or missing as a whole.")
        if missing.all() and self.box is None:
            raise ValueError(f"{self.name}: all landmarks are missing, and there is no box.")
        marked = self.landmarks[~missing]
        if len(marked) and 0 < np.ptp(marked, axis=0).max() < SMALLEST > np.abs(marked).max():
            raise ValueError(
                f"{self.name}: all landmarks lie within less than {SMALLEST} pixels, "
                f"{marked.min(axis=0)} to {marked.max(axis=0)}. They are in pixels; fractions are "
                "not: multiply them by the width and the height of the picture."
            )
        self.visible = ~missing if self.visible is None else np.asarray(self.visible, bool)
        if self.visible.shape != expected[:1]:
            raise ValueError(
                f"{self.name}: visible has the shape {expected[:1]}, not {self.visible.shape}. "
                "With other landmarks give visible=None, too."
            )
        self.visible = self.visible & ~missing
        if self.box is not None:
            self.box = np.array(self.box, np.float32)
            if self.box.shape != (4,) or not np.isfinite(self.box).all():
                raise ValueError(f"{self.name}: a box is 4 finite numbers, not {self.box}.")
            if (self.box[2:] <= self.box[:2]).any():
                raise ValueError(
                    f"{self.name}: the box {self.box.tolist()} is inverted or empty; expected "
                    "(left, top, right, bottom)."
                )
            if (self.box[2:] - self.box[:2]).max() < SMALLEST:
                raise ValueError(
                    f"{self.name}: the box {self.box.tolist()} is less than {SMALLEST} "
                    "pixels long. Boxes are in pixels; fractions are not: multiply them by the "
                    "width and the height."
                )

    @property
    def missing(self):
        """Which points nobody marked, `(n,)` booleans."""
        return np.isnan(self.landmarks[:, 0])

    @property
    def labelled(self):
        """Whether any point is marked."""
        return not self.missing.all()

    @property
    def truth_box(self):
        """The smallest box around the landmarks that are marked, `(4,)`."""
        if not self.labelled:
            raise ValueError(f"{self.name} has no landmarks: only its given box is known.")
        return geometry.box_from_landmarks(self.landmarks[~self.missing])

    @property
    def annotation_box(self):
        """The given box, or the landmarks' own where none was given, `(4,)`."""
        return self.truth_box if self.box is None else self.box.copy()

    def framed(self, box="annotation"):
        """A box of the face and how it lies on it, as `Landmarker.detect` takes them.

        Args:
            box: `annotation` for the given box, where there is one, by its convention; `truth` for
                the landmarks' own, by their scheme's.

        Returns:
            `(box, convention)`: `(4,)`, and a name of `faces.CONVENTIONS` or a `faces.Convention`.
        """
        if box == "annotation" and self.box is not None:
            return self.box.copy(), self.convention or "annotation"
        return self.truth_box, square_convention(self.scheme)

    def square(self, box="annotation"):
        """The square that crops are made from, `(4,)`: as the annotators of 300W would lay it.

        Args:
            box: as of `framed`.
        """
        box, laid = self.framed(box)
        square = geometry.square_box(np.float64(box))
        same = get_convention(laid) == get_convention("annotation")
        return square if same else np.float64(convert_boxes(square, laid, "annotation"))

    def pixels(self):
        """The picture, `(height, width, 3)` uint8 RGB, read from its file.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is no picture, or of another size than the one that was annotated. A
                warning if height and width are exchanged: some tools say them before, and some
                after the EXIF turns a picture.
        """
        picture = as_rgb(self.image)
        picture = picture.copy() if isinstance(self.image, np.ndarray) else picture
        here = picture.shape[:2]
        if self.size in (None, here):
            return picture
        (height, width), (high, wide) = self.size, here
        said = f"{self.name}: {width} x {height} pixels were annotated, and it has {wide} x {high}"
        if here[::-1] != self.size:
            raise ValueError(f"{said}: its points lie elsewhere. Scale them, or correct the size.")
        warnings.warn(f"{said}: are its points as of the upright picture?", stacklevel=2)
        return picture


def unique_names(faces):
    """The names of faces, those that come again with a number: `a`, `a (2)`, … ."""
    times, names = {}, {}
    for face in faces:
        name = face.name
        while name in names:
            times[face.name] = count = times.get(face.name, 1) + 1
            name = f"{face.name} ({count})"
        names[name] = None
    return list(names)


def faces_of(faces):
    """Annotated faces as a list; one is a list of itself.

    Raises:
        ValueError: if there is something else among them.
    """
    listed = isinstance(faces, Iterable) and not isinstance(faces, str)
    faces = list(faces) if listed else [faces]
    if others := [face for face in faces if not isinstance(face, Face)]:
        raise ValueError(
            f"Expected faces (data.Face), as readers give them, not {others[0]!r:.80}."
        )
    return faces
