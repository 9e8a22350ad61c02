"""The crops of faces that a file is calibrated and checked on."""

import contextlib
import os

import numpy as np

from keras_landmarks import files, geometry
from keras_landmarks.data import made_up_faces
from keras_landmarks.faces.finder import find_boxes
from keras_landmarks.faces.looking import cut_crops
from keras_landmarks.pictures import images


def crops_of(model, representative):
    """Crops of faces to calibrate and check on, `(faces, height, width, 3)` uint8.

    Args:
        model: `Landmarker`.
        representative: as of `export`.
    """
    if representative is None:
        pictures = [face.image for face in made_up_faces(32, size=max(model.size))]
        resize = geometry.resize_transform(pictures[0].shape[:2], model.size)
        return np.stack([images.warp(picture, resize, model.size) for picture in pictures])
    if not isinstance(representative, (str, os.PathLike)):
        crops = np.asarray(representative)
        if crops.ndim != 4 or crops.shape[1:] != (*model.size, 3) or not len(crops):
            raise ValueError(f"Expected crops (faces, {(*model.size, 3)}), got {crops.shape}.")
        return np.stack([images.as_rgb(crop) for crop in crops])
    crops, folder = [], files.as_path(representative)
    if not folder.is_dir():
        raise FileNotFoundError(f"No folder at {folder}.")
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        with contextlib.suppress(ValueError):  # not a picture
            picture = images.read_image(file)
            faces = find_boxes(model.detector, picture)
            known = faces.boxes, faces.convention, np.nan_to_num(faces.angles)
            crops += [crop for crop, _ in cut_crops(model, picture, *known)]
    if not crops:
        raise ValueError(f"{folder} holds no pictures in which a face was found.")
    return np.stack(crops)
