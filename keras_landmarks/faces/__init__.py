"""From a picture to points: boxes, crops, landmarks, tracks.

Nothing here needs Keras or TensorFlow, but for `Mtcnn` when it is called.
"""

from keras_landmarks.faces.aligning import TEMPLATES, align, align_transform
from keras_landmarks.faces.blazeface import BlazeFace
from keras_landmarks.faces.boxes import (
    CONVENTIONS,
    Convention,
    check_boxes,
    convert_boxes,
    get_convention,
    overlap,
)
from keras_landmarks.faces.detection import Detection, Track
from keras_landmarks.faces.detectors import (
    Framed,
    calibrate,
    convention_of,
    detect_boxes,
    detect_faces,
    find_face,
)
from keras_landmarks.faces.finder import find_faces
from keras_landmarks.faces.looking import cut_crops
from keras_landmarks.faces.model import predict_in_parts
from keras_landmarks.faces.mtcnn import Mtcnn
from keras_landmarks.faces.pose import Pose
from keras_landmarks.faces.scheme_drawing import draw_scheme
from keras_landmarks.faces.shown import Detections
from keras_landmarks.faces.smoothing import OneEuro
from keras_landmarks.faces.tracking import Tracker

__all__ = [
    "CONVENTIONS",
    "TEMPLATES",
    "BlazeFace",
    "Convention",
    "Detection",
    "Detections",
    "Framed",
    "Mtcnn",
    "OneEuro",
    "Pose",
    "Track",
    "Tracker",
    "align",
    "align_transform",
    "calibrate",
    "check_boxes",
    "convention_of",
    "convert_boxes",
    "cut_crops",
    "detect_boxes",
    "detect_faces",
    "draw_scheme",
    "find_face",
    "find_faces",
    "get_convention",
    "overlap",
    "predict_in_parts",
]
