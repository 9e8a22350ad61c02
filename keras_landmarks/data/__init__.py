"""Annotated faces: readers, named splits, augmentation, balancing and batches."""

from keras_landmarks.data.augment import HARD, LIGHT, STRONG, Augmentation
from keras_landmarks.data.balance import PoseBalance, balance_poses
from keras_landmarks.data.datasets import SPLITS, BrokenFile, read_300w, split_by_photo
from keras_landmarks.data.face import Face
from keras_landmarks.data.laying import lay_boxes
from keras_landmarks.data.loss_balance import LossBalance
from keras_landmarks.data.made_up import made_up_face, made_up_faces
from keras_landmarks.data.pipeline import Samples
from keras_landmarks.data.preview import draw_samples
from keras_landmarks.data.protocols import (
    PROTOCOLS,
    Protocol,
    get_protocol,
    part_of,
    read_split,
)
from keras_landmarks.data.readers import (
    read_300vw,
    read_aflw,
    read_bounding_boxes,
    read_coco,
    read_cofw,
    read_cofw68,
    read_cvat,
    read_dlib,
    read_helen29,
    read_labelme,
    read_labelstudio,
    read_lapa,
    read_lp,
    read_merl,
    read_pts,
    read_pts_folders,
    read_table,
    read_wflw,
    read_wflw_list,
)
from keras_landmarks.data.reading import read_any, splits_in
from keras_landmarks.data.records import write_records
from keras_landmarks.data.writers import write_coco, write_dlib, write_pts, write_table
from keras_landmarks.moved import old_name

__all__ = [
    "HARD",
    "LIGHT",
    "PROTOCOLS",
    "SPLITS",
    "STRONG",
    "Augmentation",
    "BrokenFile",
    "Face",
    "LossBalance",
    "PoseBalance",
    "Protocol",
    "Samples",
    "balance_poses",
    "draw_samples",
    "get_protocol",
    "lay_boxes",
    "made_up_face",
    "made_up_faces",
    "part_of",
    "read_300vw",
    "read_300w",
    "read_aflw",
    "read_any",
    "read_bounding_boxes",
    "read_coco",
    "read_cofw",
    "read_cofw68",
    "read_cvat",
    "read_dlib",
    "read_helen29",
    "read_labelme",
    "read_labelstudio",
    "read_lapa",
    "read_lp",
    "read_merl",
    "read_pts",
    "read_pts_folders",
    "read_split",
    "read_table",
    "read_wflw",
    "read_wflw_list",
    "split_by_photo",
    "splits_in",
    "write_coco",
    "write_dlib",
    "write_pts",
    "write_records",
    "write_table",
]


def __getattr__(name):
    if name in ("FaceLosses", "LossBalancing"):
        return old_name(__name__, name, "training")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
