"""Draws the pictures of README.md: portrait.jpg, time.png and robustness.png in docs/pictures/.

    python tools/show_front.py

The portrait is NASA's of Eileen Collins (public domain), with points, confidence and pose; the plot
sets every model's error against its time, with dlib's whole call and the faces that it finds; the
last one shows the errors on disturbed faces.
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
DISTURBED = ("unet-300w", "unet-fast-300w", "resnet18-ffld-300w", "dan-300w", "cnn6-300w")
"""Whose errors on disturbed faces are drawn."""
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


def plot_robustness(path):
    """The errors of some models over the amounts of each disturbance."""
    models = index.read_json(index.ROBUSTNESS)["models"]
    kinds = {}
    for row in list(models[DISTURBED[0]])[1:]:
        kind, amount = row.rsplit(" ", 1)
        kinds.setdefault(kind, []).append((float(amount), row))
    with figure(path, (10, 4)) as drawn:
        for axes, (kind, rows) in zip(drawn.subplots(2, 5).flat, kinds.items()):
            for name in DISTURBED:
                places = [(amount, models[name][row]) for amount, row in sorted(rows)]
                axes.plot(*zip(*places), ".-", label=name.removesuffix("-300w"))
            axes.set_title(kind, fontsize=9)
            axes.set_ylim(2.5, 8)
            axes.tick_params(labelsize=7)
            axes.grid(alpha=0.3)
        for empty in drawn.axes[len(kinds) :]:
            empty.axis("off")
        drawn.axes[0].set_ylabel("NME, %", fontsize=8)
        drawn.legend(*drawn.axes[0].get_legend_handles_labels(), loc="lower right", fontsize=8)


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    pictures.write_image(PICTURES / "portrait.jpg", portrait())
    plot(PICTURES / "time.png")
    plot_robustness(PICTURES / "robustness.png")
