"""Fits the 3D shape of `keras_landmarks/faces/head.py` to the faces of 300w/train, and prints it.

    python tools/fit_head.py --data 300W --poses AFLW2000

Rigid factorisation: a camera's rows are two of a rotation, times the face's size in the picture,
so that the centred points of all pictures, and their mirror images, are a matrix of rank three.
Where the head looks straight ahead no picture says; that one angle comes from known poses, in the
`.mat` files of AFLW2000-3D.

Reference:
    Tomasi and Kanade, Shape and motion from image streams under orthography: a factorization
    method, IJCV 1992.
"""

import argparse
import pathlib

import numpy as np

from keras_landmarks import data
from keras_landmarks.faces import pose
from keras_landmarks.schemes import IBUG68


def factorise(landmarks):
    """The shape of `(faces, n, 2)` points, up to a rotation: `(n, 3)`."""
    points = landmarks - landmarks.mean(axis=1, keepdims=True)
    points = points / np.sqrt((points**2).sum(axis=(1, 2), keepdims=True))
    rows, sizes, shape = np.linalg.svd(points.transpose(0, 2, 1).reshape(-1, points.shape[1]), 0)
    rows, shape = rows[:, :3] * sizes[:3], shape[:3]
    # The rows (a, b) of every camera are as long as each other and orthogonal: linear in Q.
    i, j = np.triu_indices(3)

    def products(a, b):
        return (a[:, i] * b[:, j] + a[:, j] * b[:, i]) * np.where(i == j, 0.5, 1)

    a, b = rows[0::2], rows[1::2]
    zero = np.concatenate([products(a, a) - products(b, b), products(a, b)]) / len(a) ** 0.5
    one = 100 * (products(a, a) + products(b, b)).mean(axis=0)
    solved = np.linalg.lstsq(np.vstack([zero, one]), np.append(np.zeros(len(zero)), 100), None)[0]
    metric = np.zeros((3, 3))
    metric[i, j] = metric[j, i] = solved
    values, vectors = np.linalg.eigh(metric)
    return (np.linalg.inv(vectors * np.sqrt(values)) @ shape).T


def face_frame(shape):
    """The shape with x to the left eye, y up and z to the viewer, the eye corners one apart."""
    flip = np.linalg.lstsq(shape, shape[list(IBUG68.mirror)], None)[0]
    values, vectors = np.linalg.eig(flip)
    x = np.real(vectors[:, np.argmin(np.real(values))])
    right, left = (shape[i] for i in IBUG68.eye_corners)
    x *= np.sign((left - right) @ x) / np.linalg.norm(x)
    brows, nose, jaw = (shape[list(IBUG68.regions[k])].mean(0) for k in ("brows", "nose", "jaw"))
    y = brows - shape[8]
    y -= y @ x * x
    y /= np.linalg.norm(y)
    z = np.cross(x, y)
    z *= np.sign((nose - jaw) @ z)
    shape = shape @ np.stack([x, y, z], axis=1)
    return shape / (shape[IBUG68.eye_corners[1], 0] - shape[IBUG68.eye_corners[0], 0])


def symmetric(shape):
    return (shape + shape[list(IBUG68.mirror)] * (-1, 1, 1)) / 2


def main():
    from scipy.io import loadmat

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder that holds afw/, helen/, lfpw/")
    parser.add_argument("--poses", required=True, help="folder of .mat files of AFLW2000-3D")
    options = parser.parse_args()
    faces = np.array([face.landmarks for face in data.read_300w(options.data)], np.float64)
    mirrored = np.array([IBUG68.mirrored(landmarks, 0) for landmarks in faces])
    shape = symmetric(face_frame(factorise(np.concatenate([faces, mirrored]))))
    files = [loadmat(file) for file in sorted(pathlib.Path(options.poses).glob("*.mat"))]
    points = [file["pt3d_68"][:2].T.astype(np.float64) for file in files]
    truth = [pose.from_aflw2000(file["Pose_Para"][0, :3]).pitch for file in files]
    for _ in range(5):
        found = [pose.of_points(p, shape).pitch for p in points]
        shape = shape @ pose.rotation(0, float(np.mean(found) - np.mean(truth)), 0).T
    for i in range(IBUG68.count):
        if i <= IBUG68.mirror[i]:
            print(f"    {i}: ({', '.join(str(round(1000 * v)) for v in shape[i])}),")


if __name__ == "__main__":
    main()
