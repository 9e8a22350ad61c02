"""A face that is followed through a video: where it was, and whether it looks like itself."""

import dataclasses

import cv2
import numpy as np

from keras_landmarks import geometry
from keras_landmarks.faces.detection import Detection
from keras_landmarks.faces.smoothing import OneEuro
from keras_landmarks.faces.upright import landmark_angle, turned, upright_box
from keras_landmarks.pictures import images

PATCH, AROUND = (32, 32), 1.5
"""Size of the levelled grey picture by which a face is known again, and how much of its square
it shows."""

SAME = 0.75
"""Lowest correlation of two successive patches of one face. Of 119 pairs of faces of 300W none had
more than 0.65; blurred, noisy, brighter, turned and badly placed copies of a face at least 0.86."""

STEADY = 10
"""Degrees by which a face may turn before its crop is turned with it: crops at rest do not sway."""


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
    found: Detection | None = None
    likeness: float = 1.0
    lost: int = 0  # frames; 0 is in view
    unconfirmed: int = 0  # frames
    followed: bool = False  # in this frame
    away: bool = False  # was lost in an earlier frame, and is found again in this one
    reference: np.ndarray | None = None  # landmarks in the patch
    detected: np.ndarray | None = None  # its patch when it was last detected
    last: np.ndarray | None = None  # its patch when it was last seen
    now: np.ndarray | None = None  # the patch in its place in this frame

    def confirm(self, box, angle, smooth):
        """The detector found it, in a place that is taken if it was lost."""
        self.unconfirmed = 0
        self.away = self.lost > 1
        if self.lost:
            self.box, self.angle, self.smooth = box, angle, smooth
            self.lost, self.followed = 0, False

    def look(self, frame):
        """How much it looks as before, the highest correlation with what is remembered: -1..1."""
        landmarks = self.found.landmarks
        if self.reference is None:
            box = geometry.square_box(geometry.box_from_landmarks(landmarks), AROUND)
            level = geometry.similarity_transform(1.0, -self.angle, landmarks.mean(axis=0))
            level = geometry.compose(geometry.box_transform(box, PATCH), level)
            self.reference = geometry.transform_points(landmarks, level)
        self.now = now = patch(frame, geometry.fit_similarity(landmarks, self.reference))
        alike = [float((now * old).sum()) for old in (self.last, self.detected) if old is not None]
        self.likeness = alike[-1] if alike else 1.0
        return max(alike, default=1.0)

    def learn(self, detected):
        """Remembers how it looks now, perhaps as how it looked when it was last detected."""
        self.last = self.now
        if detected:
            self.detected, self.likeness = self.now, 1.0

    def place(self, landmarks):
        """Its box and angle for the next frame, from its points `(n, 2)` in this one."""
        angle = landmark_angle(landmarks, self.found.scheme)
        if abs(turned(angle, self.angle)) > STEADY:
            self.angle = angle
        self.box = upright_box(landmarks, self.angle)


def patch(frame, patch_from_frame):
    """A small grey picture of mean 0 and norm 1; zeros where it is plain."""
    grey = cv2.cvtColor(images.warp(frame, patch_from_frame, PATCH), cv2.COLOR_RGB2GRAY)
    grey = grey - np.float32(grey.mean())
    return grey / max(np.linalg.norm(grey), 1e-6)
