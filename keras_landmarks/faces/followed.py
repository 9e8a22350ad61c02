"""A face that is followed through a video: where it was, and whether it looks like itself."""

import dataclasses
import enum

import cv2
import numpy as np

from keras_landmarks import geometry
from keras_landmarks.faces.boxes import Convention
from keras_landmarks.faces.detection import Detection
from keras_landmarks.faces.detectors import face_square
from keras_landmarks.faces.smoothing import OneEuro
from keras_landmarks.faces.upright import landmark_angle, turned
from keras_landmarks.pictures import images
from keras_landmarks.schemes import Scheme

PATCH, AROUND = (32, 32), 1.5
"""Size of the levelled grey picture by which a face is known again, and how much of its square
it shows."""

SAME = 0.75
"""Lowest correlation of two successive patches of one face. Of 119 pairs of faces of 300W none had
more than 0.65; blurred, noisy, brighter, turned and badly placed copies of a face at least 0.86."""

AGAIN = 0.9
"""Lowest correlation by which a face is known again in another place: of 14,278 pairs of faces of
300W none had more than 0.88; blurred, darker and badly placed copies of a face at least 0.97."""

STEADY = 10
"""Degrees by which a face may turn before its crop is turned with it: crops at rest do not sway."""


class State(enum.Enum):
    """Whether a face is followed.

    `IN_VIEW`, until `Followed.lose` makes it `JUST_LOST`; `LOST` from the next frame on, until
    `Followed.confirm`.
    """

    IN_VIEW = enum.auto()
    JUST_LOST = enum.auto()
    LOST = enum.auto()


@dataclasses.dataclass(eq=False)
class Followed:
    """What is known of a face between two frames.

    Args:
        id: its number.
        box: `(4,)` of the upright face, convention `truth`.
        angle: degrees by which it is turned.
        smooth: the filter of its points, or None.
    """

    id: int
    box: np.ndarray
    angle: float
    smooth: OneEuro | None
    lay: Convention | str = "truth"  # of the square around its points
    found: Detection | None = None
    likeness: float = 1.0
    state: State = State.IN_VIEW
    frames_lost: int = 0
    frames_unconfirmed: int = 0
    followed: bool = False  # in this frame
    reference: np.ndarray | None = None  # landmarks in the patch
    detected: np.ndarray | None = None  # its patch when it was last detected
    last: np.ndarray | None = None  # its patch when it was last seen
    now: np.ndarray | None = None  # the patch in its place in this frame

    @property
    def in_view(self) -> bool:
        """Whether it is followed."""
        return self.state is State.IN_VIEW

    def begin_frame(self) -> None:
        """A frame later: what was just lost is lost."""
        self.frames_unconfirmed += 1
        self.followed = False
        if not self.in_view:
            self.state = State.LOST
            self.frames_lost += 1

    def lose(self) -> None:
        """Its landmarks left their crop or the picture, or it looks like something else."""
        self.state, self.frames_lost = State.JUST_LOST, 1

    def come_back(self, new: "Followed") -> None:
        """It is what was taken for a new face in this frame."""
        self.confirm(new.box, new.angle, new.smooth)
        self.lay, self.found, self.followed = new.lay, new.found, True
        self.learn(detected=True)

    def confirm(self, box: np.ndarray, angle: float, smooth: OneEuro | None) -> None:
        """The detector found it, in a place that is taken if it was lost."""
        self.frames_unconfirmed = 0
        if not self.in_view:
            self.box, self.angle, self.smooth = box, angle, smooth
            self.state, self.frames_lost, self.followed = State.IN_VIEW, 0, False

    def look(self, frame: np.ndarray, landmarks: np.ndarray) -> float:
        """How much it looks as before, the highest correlation with what is remembered: -1..1."""
        if self.reference is None:
            box = geometry.square_box(geometry.box_from_landmarks(landmarks), AROUND)
            level = geometry.similarity_transform(1.0, -self.angle, landmarks.mean(axis=0))
            level = geometry.compose(geometry.box_transform(box, PATCH), level)
            self.reference = geometry.transform_points(landmarks, level)
        self.now = now = patch(frame, geometry.fit_similarity(landmarks, self.reference))
        alike = [float((now * old).sum()) for old in (self.last, self.detected) if old is not None]
        self.likeness = alike[-1] if alike else 1.0
        return max(alike, default=1.0)

    def learn(self, detected: bool) -> None:
        """Remembers how it looks now, perhaps as how it looked when it was last detected."""
        self.last = self.now
        if detected:
            self.detected, self.likeness = self.now, 1.0

    def place(self, landmarks: np.ndarray, scheme: Scheme | str) -> None:
        """Its box and angle for the next frame, from its points `(n, 2)` in this one."""
        angle = landmark_angle(landmarks, scheme, self.angle)
        if abs(turned(angle, self.angle)) > STEADY:
            self.angle = angle
        self.box = face_square(landmarks, self.angle, self.lay)


def most_alike(lost: list[Followed], frame: np.ndarray, landmarks: np.ndarray) -> Followed | None:
    """Which of some faces a face `(n, 2)` in a frame is, by its looks alone; None if none."""
    alike = [face.look(frame, landmarks) if face.reference is not None else -1.0 for face in lost]
    return lost[int(np.argmax(alike))] if max(alike, default=-1.0) >= AGAIN else None


def patch(frame: np.ndarray, patch_from_frame: np.ndarray) -> np.ndarray:
    """A small grey picture of mean 0 and norm 1; zeros where it is plain."""
    grey = cv2.cvtColor(images.warp(frame, patch_from_frame, PATCH), cv2.COLOR_RGB2GRAY)
    grey = grey - np.float32(grey.mean())
    return grey / max(float(np.linalg.norm(grey)), 1e-6)
