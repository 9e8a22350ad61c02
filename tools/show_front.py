"""Draws the pictures of README.md: docs/pictures/portrait.jpg and docs/pictures/time.png.

    python tools/show_front.py

The portrait is NASA's of Eileen Collins (public domain), with points, confidence and pose; the plot
sets every model's error against its time, with dlib's whole call and the faces that it finds.
"""

import pathlib

import cv2
import index
import numpy as np
from timing import PORTRAIT

from keras_landmarks import draw, list_models, load, pictures
from keras_landmarks.pictures.plots import figure

PICTURES = pathlib.Path(__file__).resolve().parent.parent / "docs" / "pictures"
LEFT = ("unet-fast", "resnet18-ffld", "dan")
"""Whose names stand to the left of their marks."""
OURS, OTHERS = "#2a6fdb", "#d9822b"


def portrait():
    """Three drawn faces: as the photo is, with the mouth covered, and turned by 150 degrees."""
    model, photo = load(), pictures.read_image(PORTRAIT)
    large = cv2.resize(photo[:300, 80:360], None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    covered = large.copy()
    covered[385:600, 190:640] = (70, 90, 160)
    turn = cv2.getRotationMatrix2D((430, 380), -150, 1)
    turned = cv2.warpAffine(large, turn, large.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
    shown = []
    for picture in (large, covered, turned):
        faces = model.detect(picture)
        drawn = draw(picture, faces, boxes=False, pose=True)
        for face in faces:
            for point, sure in zip(face.landmarks, face.confidence.tolist()):
                colour = 255 * min(1.0, 2 - 2 * sure), 220 * min(1.0, 2 * sure), 0.0
                at = np.rint(point * 16).astype(int).tolist()
                cv2.circle(drawn, at, 76, (0, 0, 0), -1, cv2.LINE_AA, 4)
                cv2.circle(drawn, at, 60, colour, -1, cv2.LINE_AA, 4)
        shown.append(cv2.resize(drawn[60:760, 110:750], (480, 525), interpolation=cv2.INTER_AREA))
    return np.hstack(shown)


def plot(path):
    """Error against time of every model of the zoo, and of others."""
    ours = list_models(lambda facts: facts["nme"])
    shown = {k.removesuffix("-300w"): (v["latency_ms"], v["nme"]) for k, v in ours.items()}
    dlib = index.read_json(index.PEERS)["300w/lfpw-test"]["rows"]["dlib"]["nme_percent"]
    ms = index.read_json(index.SPEED)["dlib_ms"]
    others = {"dlib (has probably seen these faces)": (ms, dlib)}
    with figure(path, (7.5, 4)) as drawn:
        axes = drawn.subplots()
        for places, colour, mark in ((shown, OURS, "o"), (others, OTHERS, "s")):
            for name, (ms, nme) in places.items():
                side = (-5, "right") if name in LEFT else (6, "left")
                axes.plot(
                    ms, nme, mark, color=colour, markerfacecolor=colour if mark == "o" else "none"
                )
                axes.annotate(
                    name,
                    (ms, nme),
                    (side[0], 3),
                    textcoords="offset points",
                    ha=side[1],
                    color=colour,
                )
        axes.set(xscale="log", xlim=(0.5, 200), ylim=(2.5, 6))
        ticks = 0.5, 1, 2, 5, 10, 20, 50, 100, 200
        axes.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        axes.set_xlabel("one face, ms on one CPU thread (log)")
        axes.set_ylabel("NME, % of the eye corners' distance")
        axes.grid(alpha=0.3)


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    pictures.write_image(PICTURES / "portrait.jpg", portrait())
    plot(PICTURES / "time.png")
