"""What is known of a face between two frames of a video, and how that changes."""

import dataclasses
import enum

import cv2
import numpy as np

from keras_landmarks import geometry
from keras_landmarks.faces.detection import Detection
from keras_landmarks.faces.smoothing import OneEuro
from keras_landmarks.pictures import images

THUMBNAIL = (32, 32)
"""Size of the normalised picture by which a face is recognised from frame to frame."""


class State(enum.Enum):
    """Whether a face is followed.

    `IN_VIEW`, until `FollowedFace.lose` makes it `JUST_LOST`; `LOST` from the next frame on, until
    `FollowedFace.find_again`.
    """

    IN_VIEW = enum.auto()
    JUST_LOST = enum.auto()
    LOST = enum.auto()


@dataclasses.dataclass(eq=False)
class FollowedFace:
    """A face between two frames.

    Args:
        id: its number.
        box: `(4,)`, the square around its last landmarks, or where a detector found it.
        smooth: its filter, or None.
        found: the `Detection` of the last frame in which it was in view.
        likeness: how much it looks as when it was last detected, -1..1.
        state: whether it is followed.
        frames_lost: for how many frames it was not; 0 in view.
        frames_unconfirmed: for how many frames no detection has confirmed it.
        followed: whether its landmarks of this frame were looked for.
    """

    id: int
    box: np.ndarray
    smooth: OneEuro | None
    found: Detection | None = None
    likeness: float = 1.0
    state: State = State.IN_VIEW
    frames_lost: int = 0
    frames_unconfirmed: int = 0
    followed: bool = False
    _thumbnail: np.ndarray | None = None
    _reference: np.ndarray | None = None

    def begin_frame(self) -> None:
        """A frame later: what was just lost is lost."""
        self.frames_unconfirmed += 1
        self.followed = False
        if self.state is not State.IN_VIEW:
            self.state = State.LOST
            self.frames_lost += 1

    def lose(self) -> None:
        """Its landmarks left their crop or the picture, or it looks like something else."""
        self.state, self.frames_lost = State.JUST_LOST, 1

    def confirm(self) -> None:
        """The detector found it where it is: its looks are learnt anew."""
        self._thumbnail, self.frames_unconfirmed = None, 0

    def find_again(self, box: np.ndarray, smooth: OneEuro | None) -> None:
        """The detector found it after it was lost: it starts anew at the box."""
        self.confirm()
        self.box, self.smooth, self.followed = box, smooth, False
        self.state, self.frames_lost = State.IN_VIEW, 0

    def see(self, found: Detection, frame: np.ndarray) -> None:
        """Takes what was found of it: how much it looks as when it was last detected.

        If that was in this frame, its looks are remembered.
        """
        self.found, landmarks = found, found.landmarks
        if self._thumbnail is None:
            transform = geometry.box_transform(square_of(landmarks), THUMBNAIL)
            self._reference = geometry.transform_points(landmarks, transform)
            self._thumbnail, self.likeness = _grey(frame, transform), 1.0
            return
        now = _grey(frame, geometry.fit_similarity(landmarks, self._reference))
        self.likeness = float((now * self._thumbnail).sum())


def square_of(landmarks: np.ndarray) -> np.ndarray:
    """The square around landmarks `(n, 2)`: `(4,)`."""
    return geometry.square_box(geometry.box_from_landmarks(landmarks))


def _grey(frame: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """A small grey picture of mean 0 and norm 1; zeros where it is plain."""
    grey = cv2.cvtColor(images.warp(frame, transform, THUMBNAIL), cv2.COLOR_RGB2GRAY)
    grey = grey - np.float32(grey.mean())
    return grey / max(float(np.linalg.norm(grey)), 1e-6)
