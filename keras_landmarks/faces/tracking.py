"""Faces through a video: boxes from the last landmarks, smoothed points, ids that stay."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_landmarks.faces.boxes import Detector, check_detector, overlap
from keras_landmarks.faces.detection import Detection, Track
from keras_landmarks.faces.detectors import Framed, face_square, likely_lay
from keras_landmarks.faces.finder import find_boxes
from keras_landmarks.faces.followed import SAME, Followed, State, most_alike
from keras_landmarks.faces.looking import locate
from keras_landmarks.faces.model import Model
from keras_landmarks.faces.smoothing import OneEuro
from keras_landmarks.names import number
from keras_landmarks.pictures import images
from keras_landmarks.pictures.video import VideoReader, frames_of


class Tracker:
    """Follows the faces of a video.

    The crop of a frame comes from the landmarks of the last one, so the detector is seldom needed:
    every `every` frames, to find new faces; at once when a face may be lost, that is when its
    landmarks leave their crop or it no longer looks as it did; and every `search` frames while a
    face is lost or there is none. A lost face that is found again within `every` frames, in its
    place or another, keeps its id if it looks like itself; another person in its place is a new
    face. A face that no detection confirms for twice as long is given up.

    Args:
        model: `Landmarker`.
        detector: finds the boxes; None takes the model's own. See `faces.detectors`.
        every: frames between two detections while all is well.
        search: frames between two detections while no face, or one less, is in view.
        overlap: lowest intersection over union of a crop's box and the box of the landmarks
            found in it.
        likeness: lowest correlation with the face as it was last detected, -1..1.
        turns: whether a frame is also looked at in other directions (see `Landmarker.detect`).
        frame_rate: frames a second, where neither a video nor the time of its frames says it.
        cutoff: of the smoothing, in hertz; None smooths nothing. See `OneEuro`.
        beta: of the smoothing.

    Attributes:
        detections: how often the detector was called.

    Raises:
        ValueError: if it is no model or detector, or a number is outside of what it may be.

    Example:
        tracker = Tracker(keras_landmarks.load("dan-300w"))
        for frame, faces in tracker.track("video.mp4"):
            for face in faces:
                print(face.id, face.landmarks)
    """

    def __init__(
        self,
        model: Model,
        detector: Detector | None = None,
        every: int = 30,
        search: int = 5,
        overlap: float = 0.5,
        likeness: float = 0.4,
        frame_rate: float = 30.0,
        cutoff: float | None = 1.0,
        beta: float = 10.0,
        turns: bool = False,
    ) -> None:
        if not hasattr(model, "detector"):
            raise ValueError(f"A Tracker follows by a model, as load() gives it, not by {model!r}.")
        OneEuro(frame_rate, 1.0 if cutoff is None else cutoff, beta)  # its own checks, now
        self.model = model
        self.detector = check_detector(detector) if detector else model.detector
        self.every = number("every", every, least=1, whole=True)
        self.search = number("search", search, least=1, whole=True)
        self.overlap = number("overlap", overlap, least=0, most=1)
        self.likeness, self.turns = number("likeness", likeness, least=-1, most=1), turns
        self.frame_rate, self.cutoff, self.beta = frame_rate, cutoff, beta
        self.detections = self._next_id = 0
        self.reset()

    def reset(self, frame_rate: float | None = None) -> None:
        """Forgets all faces, as before another scene.

        Args:
            frame_rate: of what follows; None takes the tracker's own.

        Raises:
            ValueError: if it is no number above zero.
        """
        self._faces: list[Followed] = []
        self._since = self.every
        rate = self.frame_rate if frame_rate is None else frame_rate
        self._rate = number("frame_rate", rate, above=0)
        self._time: float | None = None
        self._passed: float | None = None

    def track(self, source: Any) -> Iterator[tuple[Any, list[Track]]]:
        """Follows the faces of a whole video, one at a time: a second one begins anew.

        Args:
            source: path of a video file, index of a camera, or an iterable of pictures.

        Yields:
            `(frame, faces)`: the picture as it is in the source (from files and cameras
            `(height, width, 3)` uint8 RGB) and the list of its `Track`.
        """
        source = frames_of(source)
        self.reset(getattr(source, "frame_rate", None) or None)
        for frame in source:
            yield frame, self(frame, source.time if isinstance(source, VideoReader) else None)

    def __call__(self, frame: Any, time: float | None = None) -> list[Track]:
        """Finds the faces of the next frame.

        Args:
            frame: a picture, as `Landmarker.detect` takes it.
            time: when it was taken, in seconds, by which points are smoothed; None is a frame's
                length after the last.

        Returns:
            List of `Track`.
        """
        frame = images.as_rgb(frame)
        self._since += 1
        if time is not None:
            number("time", time)
        passed = 0.0 if time is None or self._time is None else time - self._time
        self._time, self._passed = time, passed if passed > 0 else None
        self._known = self._next_id  # faces of this number or more are new in this frame
        for face in self._faces:
            face.begin_frame()
        well = self._faces and all(face.in_view for face in self._faces)
        if self._since >= (self.every if well else min(self.search, self.every)):
            self._detect(frame)
        self._follow(frame)
        if self._since and any(face.state is State.JUST_LOST for face in self._faces):
            self._detect(frame)
            self._follow(frame)
        self._faces = [face for face in self._faces if self._is_kept(face)]
        return [self._track(f, f.found) for f in self._faces if f.in_view and f.found is not None]

    def _detect(self, frame: np.ndarray) -> None:
        """Calls the detector: confirms faces, finds lost ones, adds new ones."""
        self.detections += 1
        self._since = 0
        seen = find_boxes(self.detector, frame, self.turns).converted("truth")
        boxes, angles = seen.boxes, np.nan_to_num(seen.angles).tolist()
        pairs = [
            (face.frames_lost, -share, i, j)
            for i, face in enumerate(self._faces)
            for j, share in enumerate(overlap(boxes, face.box))
            if share >= 0.3
        ]
        # A box on a face that is followed is no other face, even if a better box confirmed it.
        known = {j for lost, _, _, j in pairs if not lost}
        confirmed = set()
        for lost, _, i, j in sorted(pairs):  # faces in view first, then those just lost
            if i in confirmed or (lost and j in known):
                continue
            confirmed.add(i)
            known.add(j)
            self._faces[i].confirm(boxes[j], angles[j], self._filter())
        for j, box in enumerate(boxes):
            if j not in known:
                self._faces.append(self._new(box, angles[j]))

    def _new(self, box: np.ndarray, angle: float) -> Followed:
        self._next_id += 1
        return Followed(self._next_id - 1, box, angle, self._filter())

    def _filter(self) -> OneEuro | None:
        return OneEuro(self._rate, self.cutoff, self.beta) if self.cutoff else None

    def _follow(self, frame: np.ndarray) -> None:
        """New landmarks for the faces in view, and whether one may be lost."""
        height, width = frame.shape[:2]
        followed = []
        for i, face in enumerate(self._faces):
            if face.followed or not face.in_view:
                continue
            face.followed = True
            # Written so that NaN is lost too.
            inside = (face.box[2:] > 0).all() and (face.box[:2] < (width, height)).all()
            if inside and face.box[2] - face.box[0] > 1:
                followed.append(i)
            else:
                face.lose()
        known = [self._faces[i] for i in followed]
        boxes = np.array([face.box for face in known], np.float32).reshape(-1, 4)
        angles = np.array([face.angle for face in known], np.float32)
        framed = Framed(boxes, np.full(len(known), np.nan), angles, "truth")
        sides = not self._since  # a face that was followed here stands as it did
        for i, found in zip(followed, locate(self.model, [frame], [framed], sides)[0]):
            self._see(i, frame, found)
        self._recognise(frame)

    def _see(self, i: int, frame: np.ndarray, found: Detection) -> None:
        """Whether a face is where it was looked for, and is itself."""
        face = self._faces[i]
        face.found, face.angle = found, found.angle
        if not face.frames_unconfirmed:  # its box was confirmed by the detector's
            face.lay = likely_lay(found.landmarks, face.angle, found.scheme, face.box)
        square = face_square(found.landmarks, face.angle, face.lay)
        share = overlap(square[None], face.box)[0]
        alike = face.look(frame, found.landmarks)
        here = share >= self.overlap  # not of NaN
        itself = alike >= SAME
        if face.frames_unconfirmed:
            if here and itself and face.likeness >= self.likeness:
                face.learn(detected=False)
            else:
                face.lose()
            return
        if not itself:  # the detector sees a face here, but it is another one
            other = self._new(face.box, face.angle)
            self._faces.append(face)  # who may be elsewhere, or come back
            face.state, face.frames_lost = State.LOST, 1
            self._faces[i], other.lay, other.found, other.followed = other, face.lay, found, True
            face = other
            face.look(frame, found.landmarks)
        face.learn(detected=True)
        if not here:
            face.lose()

    def _recognise(self, frame: np.ndarray) -> None:
        """A face that is new, and looks like one that is lost, is that one in another place."""
        fresh = [face for face in self._faces if face.id >= self._known and face.in_view]
        for new in reversed(fresh):
            lost = [face for face in self._faces if not face.in_view]
            if new.found is not None and (old := most_alike(lost, frame, new.found.landmarks)):
                old.come_back(new)
                self._faces.remove(new)
                self._next_id -= new.id == self._next_id - 1

    def _is_kept(self, face: Followed) -> bool:
        """Whether a face is not gone for long, nor a second track of an older one."""
        older = [f.box for f in self._faces if f.id < face.id and f.in_view]
        double = face.in_view and older and overlap(older, face.box).max() > 0.5
        recent = face.frames_lost <= self.every and face.frames_unconfirmed < 2 * self.every
        return bool(recent and not double)

    def _track(self, face: Followed, found: Detection) -> Track:
        landmarks = found.landmarks
        if face.smooth:
            landmarks = face.smooth(landmarks, face.box[2] - face.box[0], self._passed)
        face.place(landmarks, found.scheme)
        own = dict(landmarks=landmarks.copy(), box=face.box.copy(), angle=face.angle, id=face.id)
        return Track(**vars(found) | own | {"score": float(np.clip(face.likeness, 0, 1))})
