"""Measures tracking frame by frame on rendered motion over real faces: zoo/studies/tracking.*

    python tools/compare_tracking.py --data 300W [--every 15] [--model dan-300w]

Each of some faces of lfpw/testset sways, grows and turns under a noisy camera, so that its points
are known in every frame. The faces are tracked, with and without smoothing, or detected anew in
each frame; errors are means over the faces that a way has found.
"""

import argparse

import numpy as np
from recipes import ZOO

from keras_landmarks import Tracker, data, errors, faces, files, geometry, load, pictures
from keras_landmarks.pictures import plots

FRAMES, SIZE, NOISE = 40, (320, 320), 6
"""Frames of a film, their size, and the sigma of the camera's noise in levels."""


def motion(face):
    """The transforms `(2, 3)` of the picture to each frame, which sway back to where they begin."""
    box = np.float64(face.truth_box)
    middle = (box[:2] + box[2:]) / 2 - 0.5
    scale = 130 / (box[2:] - box[:2]).max()
    for i in range(FRAMES):
        sway = np.sin(2 * np.pi * i / FRAMES)
        to = (SIZE[1] / 2 + 30 * sway, SIZE[0] / 2 + 15 * np.sin(4 * np.pi * i / FRAMES))
        place = geometry.similarity_transform(scale * (1 + 0.1 * sway), 15 * sway, middle)
        place[:, 2] += np.array(to) - middle
        yield np.float64(place)


def film(face, seed):
    """`(frames, landmarks)` of a face in motion."""
    rng, photo = np.random.default_rng(seed), face.pixels()
    places = list(motion(face))
    frames = [pictures.warp(photo, place, SIZE) for place in places]
    frames = [
        np.clip(frame + rng.normal(0, NOISE, frame.shape), 0, 255).astype(np.uint8)
        for frame in frames
    ]
    return frames, [geometry.transform_points(face.landmarks, place) for place in places]


def of_face(found, truth):
    """The landmarks of the face that is looked for, or None."""
    if not found:
        return None
    boxes = np.stack([geometry.box_from_landmarks(face.landmarks) for face in found])
    shares = faces.overlap(boxes, geometry.box_from_landmarks(truth))
    return found[int(np.argmax(shares))].landmarks if shares.max() > 0.3 else None


def measure(model, films):
    """`{way: errors (faces, frames) in percent}`, NaN where the face was not found."""
    ways = {
        "tracked": lambda frames: [found for _, found in Tracker(model, cutoff=None).track(frames)],
        "tracked, smoothed": lambda frames: [found for _, found in Tracker(model).track(frames)],
        "detected in each frame": lambda frames: [model.detect(frame) for frame in frames],
    }
    rows = {way: np.full((len(films), FRAMES), np.nan) for way in ways}
    for number, (frames, truths) in enumerate(films):
        for way, find in ways.items():
            for i, (found, truth) in enumerate(zip(find(frames), truths)):
                points = of_face(found, truth)
                if points is not None:
                    error = errors.face_errors(truth[None], points[None], model.scheme)[0]
                    rows[way][number, i] = 100 * error
        print(f"{number + 1} of {len(films)} faces", flush=True)
    return rows


def page(model, rows):
    """The study as Markdown."""
    best = {way: np.nanmean(errors) for way, errors in rows.items()}
    said = ", ".join(f"{way} {error:.2f}" for way, error in best.items())
    lines = ["| way | NME, % | first ten frames | last ten | found, % |", "|---|---|---|---|---|"]
    for way, row in rows.items():
        cells = best[way], np.nanmean(row[:, :10]), np.nanmean(row[:, -10:])
        share = 100 * np.isfinite(row).mean()
        lines.append(f"| {way} | {' | '.join(f'{c:.2f}' for c in cells)} | {share:.1f} |")
    count = len(rows["tracked"])
    return (
        "# tracking\n\nThe paper of the DAN names tracking as a use and gives no figure. Here, "
        f"`{model.name}` on {count} faces of lfpw-test that sway, grow and turn, {FRAMES} frames "
        f"each: {said} % (corners).\n\n" + "\n".join(lines) + "\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder that holds lfpw/testset")
    parser.add_argument("--every", type=int, default=15, help="take one of so many faces")
    parser.add_argument("--model", default="dan-300w")
    options = parser.parse_args()
    model = load(options.model)
    chosen = data.read_300w(options.data, "300w/lfpw-test")[:: options.every]
    rows = measure(model, [film(face, i) for i, face in enumerate(chosen)])
    place = ZOO / "studies" / "tracking"
    facts = {way: np.nanmean(row, axis=0).round(3).tolist() for way, row in rows.items()}
    facts = {"model": model.name, "faces": len(chosen), "nme_percent_by_frame": facts}
    files.write_json(place.with_suffix(".json"), facts)
    files.write_bytes(place.with_suffix(".md"), page(model, rows).encode())
    with plots.figure(place.with_suffix(".png")) as figure:
        axes = figure.add_subplot(xlabel="frame", ylabel="NME, %")
        for way, row in rows.items():
            axes.plot(np.nanmean(row, axis=0), label=way)
        axes.grid(alpha=0.3)
        axes.legend()
    print(page(model, rows))


if __name__ == "__main__":
    main()
