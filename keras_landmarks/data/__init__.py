"""Annotated faces: readers, named splits, augmentation, balancing and batches."""

from keras_landmarks.data.augment import LIGHT, STRONG, Augmentation
from keras_landmarks.data.balance import PoseBalance, balance_poses
from keras_landmarks.data.datasets import SPLITS, BrokenFile, read_300w, split_by_photo
from keras_landmarks.data.face import Face
from keras_landmarks.data.loss_balance import FaceLosses, LossBalance, LossBalancing
from keras_landmarks.data.made_up import made_up_face, made_up_faces
from keras_landmarks.data.pipeline import Samples
from keras_landmarks.data.readers.helen29 import read_helen29
from keras_landmarks.data.readers.pts import read_pts

__all__ = [
    "LIGHT",
    "SPLITS",
    "STRONG",
    "Augmentation",
    "BrokenFile",
    "Face",
    "FaceLosses",
    "LossBalance",
    "LossBalancing",
    "PoseBalance",
    "Samples",
    "balance_poses",
    "made_up_face",
    "made_up_faces",
    "read_300w",
    "read_helen29",
    "read_pts",
    "split_by_photo",
]
