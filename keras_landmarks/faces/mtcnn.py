"""MTCNN, a face detector that runs on Keras."""

from typing import Any

import cv2
import numpy as np

from keras_landmarks.faces.boxes import Convention
from keras_landmarks.names import number
from keras_landmarks.pictures.images import as_rgb


class Mtcnn:
    """The MTCNN face detector of the `mtcnn` package, whose weights come with it.

    `pip install "keras_landmarks[mtcnn]"` installs it.

    Args:
        longest: pictures with a longer side are detected on a copy reduced to it, in pixels.
        threshold: lowest score of a face, 0..1.

    Call arguments:
        image: `(height, width, 3)` RGB, or what else `pictures.as_rgb` takes.

    Returns:
        `(boxes, scores)`: `(faces, 4)` float32 boxes, largest score first, and `(faces,)`.

    Raises:
        ImportError: if `mtcnn` is not installed, or Keras runs on another engine than TensorFlow.

    Reference:
        Zhang et al., Joint face detection and alignment using multi-task cascaded convolutional
        networks, SPL 2016.
    """

    convention: Convention | str = "mtcnn"

    def __init__(self, longest: int = 800, threshold: float = 0.9) -> None:
        self.longest = number("longest", longest, least=12)
        self.threshold = number("threshold", threshold, least=0, most=1)
        self._network: Any = None

    def __call__(self, image: Any) -> tuple[np.ndarray, np.ndarray]:
        image = as_rgb(image)
        if self._network is None:
            import keras

            if keras.backend.backend() != "tensorflow":
                raise ImportError(
                    "MTCNN needs Keras' TensorFlow backend. Under another one give boxes, or a "
                    "detector of your own."
                )
            try:
                import mtcnn
            except ImportError as error:
                install = 'pip install "keras_landmarks[mtcnn]"'
                message = f"This detector needs the package mtcnn: {install} ({error})"
                raise ImportError(message) from error
            policy = keras.config.dtype_policy()
            keras.config.set_dtype_policy("float32")  # half precision moves its boxes
            try:
                self._network = mtcnn.MTCNN()
            finally:
                keras.config.set_dtype_policy(policy)
        scale = min(1.0, self.longest / max(image.shape[:2]))
        size = [max(round(side * scale), 1) for side in image.shape[:2]]
        small = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA) if scale < 1 else image
        if min(small.shape[:2]) < 12:  # its smallest window
            return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
        rows = self._network.detect_faces(
            small,
            fit_to_image=False,
            box_format="xyxy",
            output_type="numpy",
            threshold_onet=min(self.threshold, 0.8),  # its own, below which it keeps no face
        )
        rows = np.asarray(rows, np.float32).reshape(-1, np.shape(rows)[-1])
        rows = rows[rows[:, 5] >= self.threshold]
        rows = rows[np.argsort(-rows[:, 5], kind="stable")]
        # Back to the picture; boxes and edges scale without a half pixel.
        back = np.array([image.shape[1] / size[1], image.shape[0] / size[0]] * 2, np.float32)
        return rows[:, 1:5] * back, rows[:, 5]
