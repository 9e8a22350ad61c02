"""Draws the pictures of the site's gallery; `tools/site_pages.py` calls it."""

import io

import cv2
import numpy as np
from timing import PORTRAIT

from keras_landmarks import Tracker, data, draw, faces, load, pictures

COLOURS = [(228, 26, 28), (55, 126, 184), (77, 175, 74), (152, 78, 163), (255, 127, 0)]


def png(image):
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


def parts(photo, face):
    """The face's contours, each in a colour of its own."""
    large = cv2.resize(photo[30:220, 130:310], None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    for i, (name, (_, closed)) in enumerate(face.scheme.contours.items()):
        line = np.rint(((face[name] - (130, 30) + 0.5) * 3 - 0.5) * 16).astype(np.int32)
        colour = COLOURS[i % len(COLOURS)]
        cv2.polylines(large, [line], closed, colour, 2, cv2.LINE_AA, 4)
        for point in line.tolist():
            cv2.circle(large, point, 56, colour, -1, cv2.LINE_AA, 4)
    return large


def uses(photo, face):
    """A levelled crop, the face aligned, and the face hidden."""
    aligned = faces.align(photo, face)
    aligned = cv2.resize(aligned, (224, 224), interpolation=cv2.INTER_CUBIC)
    around = [(70, 70, 70), 5]
    hidden = faces.Detection(face.landmarks, face.box, face.scheme)
    hidden = hidden.crop(pictures.anonymise(photo, [face]), 224, 2.2)
    row = [face.crop(photo, 224), aligned, hidden]
    return np.hstack([cv2.copyMakeBorder(p, *4 * [around[1]], 0, value=around[0]) for p in row])


def tracking(model, photo):
    """A GIF of a face that moves, turns and is followed."""
    from PIL import Image

    tracker, frames = Tracker(model), []
    for i in range(24):
        swing = np.sin(2 * np.pi * i / 24)
        turn = cv2.getRotationMatrix2D((223, 130), 25 * swing, 0.9 + 0.15 * swing)
        turn[:, 2] += (40 * swing, 20 * abs(swing))
        moved = cv2.warpAffine(photo, turn, (512, 512), borderMode=cv2.BORDER_REFLECT)
        frame = np.ascontiguousarray(moved[:288, 96:352])
        drawn = draw(frame, tracker(frame), pose=True)
        frames.append(Image.fromarray(drawn).quantize(96))
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=60, loop=0)
    return file.getvalue()


def made_up():
    """A row of drawn faces with their points."""
    shown = data.made_up_faces(5, seed=3)
    return np.hstack([draw(face.pixels(), [face], boxes=False) for face in shown])


def pictures_of_the_page():
    """`{name: bytes}` of the gallery's pictures."""
    model, photo = load("unet-fast-300w"), pictures.read_image(PORTRAIT)
    (face,) = model.detect(photo)
    return {
        "parts.png": png(parts(photo, face)),
        "uses.png": png(uses(photo, face)),
        "made_up.png": png(made_up()),
        "tracking.gif": tracking(model, photo),
    }
