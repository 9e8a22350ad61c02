"""Made-up faces, drawn from a posed 68-point shape: for tests, tutorials and first tries.

A small network can learn them; they are no stand-in for real ones.
"""

import cv2
import numpy as np

from keras_landmarks.data.face import Face
from keras_landmarks.names import number
from keras_landmarks.schemes import convert


def frontal_shape(mouth=0.06, eyes=0.07):
    """A symmetric face of 68 points, two units wide: `(68, 3)`, with z to the viewer."""
    points = []
    for i in range(17):
        angle = np.pi * i / 16
        points.append((-np.cos(angle), 1.2 * np.sin(angle) - 0.2, -0.6 * abs(np.cos(angle))))
    for side in (-1, 1):
        for i in range(5):
            x = 0.78 - 0.14 * i if side < 0 else 0.22 + 0.14 * i
            points.append((side * x, -0.55 - 0.1 * np.sin(np.pi * (x - 0.22) / 0.56), 0.25))
    points += [(0, -0.3 + 0.13 * i, 0.35 + 0.1 * i) for i in range(4)]
    points += [(0.1 * i, 0.24 - 0.02 * abs(i), 0.45 - 0.03 * abs(i)) for i in range(-2, 3)]
    lid = [(-1, 0), (-0.4, -1), (0.4, -1), (1, 0), (0.4, 1), (-0.4, 1)]
    for side in (-1, 1):
        points += [(side * 0.42 + 0.18 * x, -0.28 + eyes * y, 0.2) for x, y in lid]
    for steps, width, height in ((12, 0.38, 0.08 + mouth), (8, 0.3, mouth)):
        for i in range(steps):
            angle = np.pi - 2 * np.pi * i / steps
            points.append((width * np.cos(angle), 0.58 - height * np.sin(angle), 0.3))
    return np.array(points, np.float64)


def random_shape(rng, size=200):
    """A posed face in a picture of `size` x `size`: `(68, 2)` pixels."""
    shape = frontal_shape(rng.uniform(0.02, 0.12), rng.uniform(0.05, 0.09))
    shape *= (1, rng.uniform(0.9, 1.1), 1)
    yaw, roll = np.deg2rad(rng.uniform(-1, 1, 2) * (40, 20))
    x = shape[:, 0] * np.cos(yaw) + shape[:, 2] * np.sin(yaw)
    y = shape[:, 1]
    turned = np.stack([x * np.cos(roll) - y * np.sin(roll), x * np.sin(roll) + y * np.cos(roll)], 1)
    return turned * size * rng.uniform(0.22, 0.3) + size * rng.uniform(0.45, 0.55, 2)


def draw_face(rng, landmarks, size=200):
    """The picture of a face: skin, brows, eyes, nose and mouth, `(size, size, 3)` uint8."""
    rows = rng.integers(0, 256, (2, 1, 3))
    image = cv2.resize(np.tile(rows, (1, 2, 1)).astype(np.uint8), (size, size))
    dark, line = rng.integers(10, 70, 3).tolist(), max(size // 80, 1)

    def fill(points, colour):
        cv2.fillPoly(image, [np.int32(np.rint(points * 16))], colour, cv2.LINE_AA, 4)

    def stroke(points, width):
        points = [np.int32(np.rint(points * 16))]
        cv2.polylines(image, points, False, dark, width * line, cv2.LINE_AA, 4)

    p = landmarks
    middle, top = (p[0] + p[16]) / 2, p[19:25].mean(axis=0)
    angles = np.linspace(0, np.pi, 9)[:, None]
    forehead = middle + (p[16] - middle) * np.cos(angles) + 1.5 * (top - middle) * np.sin(angles)
    skin = rng.integers((150, 100, 80), (250, 200, 180)).tolist()
    fill(np.concatenate([p[:17], forehead]), skin)
    for brow in (p[17:22], p[22:27]):
        stroke(brow, 3)
    stroke(p[27:31], 1)
    stroke(p[31:36], 2)
    for eye in (p[36:42], p[42:48]):
        fill(eye, (245, 245, 245))
        radius = np.linalg.norm(eye[0] - eye[3]) / 6
        centre = np.int32(np.rint(eye.mean(axis=0) * 16))
        cv2.circle(image, centre.tolist(), int(radius * 16), dark, -1, cv2.LINE_AA, 4)
    fill(p[48:60], (190, 60, 70))
    fill(p[60:68], (60, 10, 20))
    return image


def made_up_face(seed, size=200, scheme="ibug68") -> tuple[np.ndarray, np.ndarray]:
    """A made-up face, which depends on the seed alone.

    Args:
        seed: a whole number of at least zero, or a tuple of such.
        size: height and width of the picture.
        scheme: of the landmarks: a scheme that `ibug68` converts to, or its name.

    Returns:
        `(image, landmarks)`: `(size, size, 3)` uint8 RGB and `(n, 2)` float32 in its pixels.
    """
    rng = np.random.default_rng(seed)
    landmarks = random_shape(rng, size).astype(np.float32)
    return draw_face(rng, landmarks, size), convert(landmarks, "ibug68", scheme)


def made_up_faces(count, seed=0, size=200, scheme="ibug68") -> list[Face]:
    """Made-up faces with detector-like boxes; each two that follow each other share a photo.

    Args:
        count: how many.
        seed: a whole number of at least zero.
        size: height and width of a picture.
        scheme: of the landmarks: a scheme that `ibug68` converts to, or its name.

    Returns:
        List of `Face`.

    Example:
        samples = data.Samples(data.made_up_faces(48), (64, 64), augmentation=data.Augmentation())
    """
    faces = []
    number("size", size, least=1, whole=True)
    for i in range(number("count", count, least=0, whole=True)):
        image, landmarks = made_up_face((seed, i), size)
        low, high = landmarks.min(axis=0), landmarks.max(axis=0) + 1
        landmarks = convert(landmarks, "ibug68", scheme)
        jitter = np.random.default_rng((seed, i, 1)).uniform(-0.05, 0.05, 4)
        box = np.concatenate([low, high]) + jitter * np.tile(high - low, 2)
        faces.append(Face(image, landmarks, scheme, box, f"face {i}", f"photo {i // 2}"))
    return faces
