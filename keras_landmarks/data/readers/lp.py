"""300W-LP and AFLW2000-3D: 68 points of a fitted 3D face, and its pose, in a `.mat` each."""

import numpy as np

from keras_landmarks.data.face import Face
from keras_landmarks.data.readers.contents import files_of, read_mat
from keras_landmarks.data.readers.finding import Pictures
from keras_landmarks.data.readers.rows import points_of, read_faces, rendered_photo


def read_lp(folder, skip_broken=False) -> list[Face]:
    """Reads all `NAME.mat` beside their `NAME.jpg` in a folder and its folders.

    The points are projections of a fitted 3D model: on the median 5.7 % of the eyes' distance from
    where annotators put them, and along the hidden side of a turned head.

    Args:
        folder: holds the pictures and files. Needs SciPy.
        skip_broken: whether to warn of a broken file, or one without its picture, and go on.

    Returns:
        List of `Face`, scheme ibug68, without boxes; `facts` has `pitch`, `yaw` (above 0 to
        the person's right) and `roll` in degrees.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if a file is broken or without its picture.
    """
    pictures = Pictures(folder)
    # `landmarks/` of 300W-LP repeats the points, `Code/` holds the model.
    files = [
        path
        for path in files_of(pictures.folder, ".mat")
        if not {"landmarks", "Code"} & set(path.relative_to(pictures.folder).parts)
    ]

    def face(path):
        name = path.relative_to(pictures.folder).with_suffix(".jpg").as_posix()
        image = pictures.find(name)
        try:
            points, pose = read_mat(path, "pt3d_68", "Pose_Para")
        except ValueError:  # 300W-LP has two coordinates a point
            points, pose = read_mat(path, "pt2d", "Pose_Para")
        points = points_of(np.asarray(points)[:2].T, 68, path, first=1)
        pitch, yaw, roll = np.degrees(np.ravel(pose)[:3]).tolist()
        facts = {"pitch": pitch, "yaw": yaw, "roll": roll}
        photo = rendered_photo(path.stem)
        return Face(image, points, "ibug68", name=name, photo=photo, facts=facts)

    return read_faces(pictures.folder, files, face, skip_broken, pictures=pictures)
