"""Annotation files and data sets as they are published, one format a file."""

from keras_landmarks.data.readers.aflw import read_aflw
from keras_landmarks.data.readers.coco import read_coco
from keras_landmarks.data.readers.cofw import read_cofw, read_cofw68
from keras_landmarks.data.readers.cvat import read_cvat
from keras_landmarks.data.readers.dlib import read_dlib
from keras_landmarks.data.readers.helen29 import read_helen29
from keras_landmarks.data.readers.labelme import read_labelme
from keras_landmarks.data.readers.labelstudio import read_labelstudio
from keras_landmarks.data.readers.lapa import read_lapa
from keras_landmarks.data.readers.lp import read_lp
from keras_landmarks.data.readers.merl import read_merl
from keras_landmarks.data.readers.pts import read_bounding_boxes, read_pts, read_pts_folders
from keras_landmarks.data.readers.table import read_table
from keras_landmarks.data.readers.video300 import read_300vw
from keras_landmarks.data.readers.wflw import read_wflw, read_wflw_list

__all__ = [
    "read_300vw",
    "read_aflw",
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
    "read_table",
    "read_wflw",
    "read_wflw_list",
]
