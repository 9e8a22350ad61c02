"""Points of successive frames, smoothed."""

from typing import Any

import numpy as np

from keras_landmarks.names import number


class OneEuro:
    """The One-Euro filter: points at rest are smoothed much, moving ones little.

    Args:
        frame_rate: frames a second.
        cutoff: of a point at rest, in hertz: lower is smoother.
        beta: how fast the cutoff rises with the speed, in hertz for one face width a second:
            higher lags less.
        speed_cutoff: of the speed, in hertz.

    Reference:
        Casiez et al., 1 € filter: a simple speed-based low-pass filter for noisy input in
        interactive systems, CHI 2012.
    """

    def __init__(
        self, frame_rate: float, cutoff: float = 1.0, beta: float = 10.0, speed_cutoff: float = 1.0
    ) -> None:
        self.frame_rate = number("frame_rate", frame_rate, above=0)
        self.cutoff, self.beta = number("cutoff", cutoff, above=0), number("beta", beta, least=0)
        self.speed_cutoff = number("speed_cutoff", speed_cutoff, above=0)
        self._points: np.ndarray | None = None
        self._speed = np.zeros(0)

    def __call__(self, points: np.ndarray, width: float, passed: float | None = None) -> np.ndarray:
        """The points of a frame, smoothed.

        Args:
            points: `(n, 2)` in pixels; one that is missing, NaN, begins anew when it is there.
            width: of the face in pixels, the unit of speed.
            passed: seconds since the frame before; None takes the frame rate's.

        Returns:
            `(n, 2)`.

        Raises:
            ValueError: if there are not as many points as before, or the width is not above zero.
        """
        points = np.asarray(points)
        width = number("width", float(width), above=0)
        if self._points is None:
            self._points, self._speed = points, np.zeros(points.shape, points.dtype)
        if points.shape != self._points.shape:
            raise ValueError(f"Expected points {self._points.shape}, got {points.shape}.")
        there = np.isfinite(self._points)
        last, self._speed = np.where(there, self._points, points), np.where(there, self._speed, 0)
        rate = 1 / passed if passed else self.frame_rate
        speed = (points - last) * rate / width
        self._speed = self._speed + _weight(self.speed_cutoff, rate) * (speed - self._speed)
        pace = np.linalg.norm(self._speed, axis=-1, keepdims=True)
        self._points = last + _weight(self.cutoff + self.beta * pace, rate) * (points - last)
        return self._points.copy()


def _weight(cutoff: Any, rate: float) -> Any:
    """Of a new value beside the smoothed one, for a cutoff in hertz."""
    return 1 / (1 + rate / (2 * np.pi * cutoff))
