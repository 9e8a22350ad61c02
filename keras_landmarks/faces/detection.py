"""What was found of a face."""

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from keras_landmarks.faces.aligning import crop_transform
from keras_landmarks.faces.pose import Pose, of_landmarks
from keras_landmarks.pictures import as_rgb, warp
from keras_landmarks.schemes import Scheme, get_scheme


@dataclasses.dataclass(eq=False)
class Detection:
    """One face that was found.

    Args:
        landmarks: `(n, 2)` float32 points in pixels of the picture.
        box: `(4,)` float32 box on pixel edges, as it was detected or given.
        scheme: the landmarks' scheme, or its name.
        score: the detector's score of the face, 0..1, the less the further the face is turned
            (half of it upside down); None where the box was given.
        error: `(n,)` float32, how far in pixels of the picture each point is expected to be from
            the truth; None where the model does not say.
        point_score: `(n,)` float32 in 0..1, the weight of each point in a score-guided model; else
            None.
        angle: degrees clockwise by which the face was taken to be turned: its crop was levelled by
            them, and it lies so about the middle of its box.

    Its parts are asked for by their names: `face["left_eye"]` are the `(k, 2)` points of a contour
    of the scheme, or of a region, as `face["mouth"]`.
    """

    landmarks: np.ndarray
    box: np.ndarray
    scheme: Scheme
    score: float | None = None
    error: np.ndarray | None = None
    point_score: np.ndarray | None = None
    angle: float = 0.0

    if TYPE_CHECKING:  # what it is made of, of which the above comes

        def __init__(
            self,
            landmarks: ArrayLike,
            box: ArrayLike,
            scheme: Scheme | str,
            score: float | None = None,
            error: ArrayLike | None = None,
            point_score: ArrayLike | None = None,
            angle: float = 0.0,
        ) -> None: ...

    __iter__ = None  # it has parts, but is no sequence

    def __post_init__(self) -> None:
        self.scheme = get_scheme(self.scheme)
        for name in ("landmarks", "box", "error", "point_score"):
            if (value := getattr(self, name)) is not None:
                value = np.array(value)
                setattr(self, name, value if value.dtype.kind == "f" else np.float32(value))

    def __repr__(self) -> str:
        kind = type(self).__name__ + (f" {self.id}" if isinstance(self, Track) else "")
        score = "" if self.score is None else f", {np.float64(self.score).item():.2f}"
        box = "" if self.box is None else f" in {np.rint(self.box).tolist()}"
        return f"<{kind}: {len(self.landmarks)} {self.scheme.name} points{box}{score}>"

    def __getitem__(self, part: str) -> np.ndarray:
        """The points of a part, `(k, 2)`; a KeyError names the parts that there are."""
        contours = {name: points for name, (points, _) in self.scheme.contours.items()}
        parts = {**self.scheme.regions, **contours}
        if not isinstance(part, str) or part not in parts:
            raise KeyError(
                f"{self.scheme.name} has no part {part!r}, but {', '.join(parts)}; points by their "
                "numbers are face.landmarks[...]."
            )
        return self.landmarks[list(parts[part])]

    def crop(self, image: Any, size: int = 256, margin: float = 1.5) -> np.ndarray:
        """The face cut out of its picture, levelled: its eyes lie side by side.

        Args:
            image: the picture that it was found in (see `pictures.as_rgb`).
            size: height and width of the crop in pixels.
            margin: side of what the crop shows over that of the square about the landmarks.

        Returns:
            `(size, size, 3)` uint8 RGB; what lies outside of the picture is black.

        Raises:
            ValueError: if the size is no whole number of pixels, or the margin not above zero.

        Example:
            for face in keras_landmarks.load("tiny-ibug68").detect("photo.jpg"):
                pictures.write_image("face.png", face.crop("photo.jpg", size=128))
        """
        return warp(as_rgb(image), self.crop_transform(size, margin), (size, size))

    def crop_transform(self, size: int = 256, margin: float = 1.5) -> np.ndarray:
        """Where `crop` puts the points of the picture: `(2, 3)`, crop_from_picture.

        Args:
            size: see `crop`.
            margin: see `crop`.

        Raises:
            ValueError: see `crop`.

        Example:
            for face in keras_landmarks.load("tiny-ibug68").detect("photo.jpg"):
                points = geometry.transform_points(face.landmarks, face.crop_transform(128))
        """
        return crop_transform(self, size, margin)

    @property
    def eye_openness(self) -> tuple[float, float] | None:
        """How far the right and the left eye are open: the aspect ratios of their contours.

        The mean distance of the lids over that of the corners; about 0.3 of an open eye and below
        0.2 of a closed one. None where the scheme has no closed contours of the eyes that begin at
        a corner.

        Reference:
            Soukupova and Cech, Real-Time Eye Blink Detection using Facial Landmarks, 2016, eq. 1.
        """
        right, left = (openness(self, f"{side}_eye") for side in ("right", "left"))
        return None if right is None or left is None else (right, left)

    @property
    def mouth_openness(self) -> float | None:
        """How far the mouth is open: the same ratio of the inner lips, 0 where it is shut.

        None where the scheme has no closed contour of them that begins at a corner.
        """
        return openness(self, "inner_lips")

    @property
    def confidence(self) -> np.ndarray | None:
        """How sure each point is, `(n,)` in 0..1, or None where the model does not say.

        From its error `exp(-error / (0.1 d))` with the distance `d` of the pupils (1 is certain,
        0.37 an expected error of a tenth of it; where the scheme has no eyes, half of what the
        points span), or else its score.
        """
        if self.error is None:
            return None if self.point_score is None else self.point_score.copy()
        eyes = self.scheme.right_eye, self.scheme.left_eye
        if any(eyes):
            right, left = (self.landmarks[list(eye)].mean(axis=0) for eye in eyes)
            distance = float(np.linalg.norm(right - left))
        else:
            distance = float(np.ptp(self.landmarks, axis=0).max()) / 2
        return np.exp(-self.error / (0.1 * max(distance, 1.0)))

    @property
    def face_confidence(self) -> float | None:
        """How sure the face is: the mean confidence of its points, or None."""
        confidence = self.confidence
        return None if confidence is None else float(confidence.mean())

    @property
    def pose(self) -> Pose | None:
        """Where the head looks, a `Pose` (yaw, pitch, roll in degrees); None where it is not known.

        It is not for schemes without a 3D shape, as `menpo39`.
        """
        return of_landmarks(self.landmarks, self.scheme)

    def to_dict(self) -> dict[str, Any]:
        """The detection as plain numbers, for JSON."""
        numbers: dict[str, Any] = {
            "scheme": self.scheme.name,
            "score": None if self.score is None else _rounded(self.score, 4),
            "box": _rounded(self.box, 2),
            "landmarks": _rounded(self.landmarks, 2),
            "angle": _rounded(self.angle, 1),
        }
        if (pose := self.pose) is not None:
            numbers["pose"] = {name: round(angle, 1) for name, angle in pose._asdict().items()}
        if self.error is not None:
            numbers["error"] = _rounded(self.error, 2)
        confidence = self.confidence
        if confidence is not None:
            numbers["confidence"] = _rounded(confidence, 3)
            numbers["face_confidence"] = _rounded(confidence.mean(), 3)
        return numbers


@dataclasses.dataclass(eq=False, repr=False)
class Track(Detection):
    """A face in a frame of a video.

    As a `Detection`, with smoothed landmarks, and as its box the square of the whole face that they
    tell of: levelled, and turned by the angle about its middle.

    Args:
        landmarks: `(n, 2)` float32 points in pixels of the frame.
        box: `(4,)` float32 box on pixel edges.
        scheme: the landmarks' scheme, or its name.
        score: how much the face looks as when it was last detected, 0..1 (a correlation).
        error: `(n,)` expected errors in pixels of the frame, or None.
        point_score: `(n,)` weights of the points in 0..1, or None.
        angle: degrees clockwise by which the face was taken to be turned.
        id: number of the face; stays as long as it is followed.
    """

    id: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The track as plain numbers, for JSON."""
        return {"id": self.id, **super().to_dict()}


def openness(face: Detection, contour: str) -> float | None:
    """The mean height of a closed contour of a face over its width, or None without such a one."""
    indices, closed = face.scheme.contours.get(contour, ((), False))
    half, odd = divmod(len(indices), 2)
    if not closed or odd or half < 2 or not _begins_at_a_corner(face.scheme, indices):
        return None
    points = np.asarray(face.landmarks, np.float64)[list(indices)]
    heights = np.linalg.norm(points[1:half] - points[:half:-1], axis=1)
    width = np.linalg.norm(points[0] - points[half])
    return float(heights.mean() / width) if width else None


def _begins_at_a_corner(scheme: Scheme, indices: tuple[int, ...]) -> bool:
    """Whether its first point is a corner of an eye, or mirrored by the one halfway, of a mouth."""
    first, halfway = indices[0], indices[len(indices) // 2]
    corners = scheme.eye_corners or ()
    return first in corners or halfway in corners or scheme.mirror[first] == halfway


def _rounded(numbers: ArrayLike, digits: int) -> Any:
    """Plain numbers, of which none has more digits than it needs (float32 would); None of NaN."""
    rounded = np.round(np.asarray(numbers, np.float64), digits)
    return np.where(np.isfinite(rounded), rounded.astype(object), np.array(None)).tolist()
