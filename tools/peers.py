"""Measures dlib's 68-point trees beside the zoo's models on the same faces: zoo/peers.json.

    python tools/peers.py --split 300w/lfpw-test --data 300W MODEL ...
    python tools/peers.py --split wflw/test --data WFLW MODEL ...

Each works on whole pictures with its own detector; means are over the faces that all of them
found. Needs `dlib` (or `dlib-bin`) and the files of `face_recognition_models`. dlib's trees were
trained on 300W, probably on its test faces too, and on none of WFLW.
"""

import argparse
import importlib.util

import index
import numpy as np
from index import PEERS, read_json, sha256_of

from keras_landmarks import data, errors, faces, files, load
from keras_landmarks.schemes import convert


def dlib_trees():
    """A function that finds the landmarks `(68, 2)` of a picture's faces by dlib."""
    import dlib

    package = importlib.util.find_spec("face_recognition_models").submodule_search_locations[0]
    trees = f"{package}/models/shape_predictor_68_face_landmarks.dat"
    detector, predict = dlib.get_frontal_face_detector(), dlib.shape_predictor(trees)

    def find(picture):
        shapes = (predict(picture, box) for box in detector(picture, 1))
        return [np.array([(p.x, p.y) for p in shape.parts()], np.float32) for shape in shapes]

    return find


def of_face(found, face):
    """The landmarks among those found that lie on an annotated face, or None."""
    boxes = [np.array([*points.min(axis=0), *points.max(axis=0)]) for points in found]
    if not found:
        return None
    shares = faces.overlap(boxes, face.truth_box)
    return found[int(np.argmax(shares))] if shares.max() > 0.3 else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--split", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("names", nargs="+", metavar="MODEL")
    options = parser.parse_args()
    models = {name: load(name) for name in options.names}
    finders = {"dlib": dlib_trees()} | {
        name: lambda picture, model=model: [face.landmarks for face in model.detect(picture)]
        for name, model in models.items()
    }
    annotated = data.read_split(options.data, options.split)
    found = {name: [] for name in finders}
    for face in annotated:
        picture = face.pixels()
        for name, find in finders.items():
            found[name].append(of_face(find(picture), face))
    everyone = [i for i in range(len(annotated)) if all(f[i] is not None for f in found.values())]
    result = {"faces": len(annotated), "found_by_all": len(everyone), "rows": {}}
    for name, landmarks in found.items():
        scores = []
        for i in everyone:
            face = annotated[i]
            truth = convert(face.landmarks, face.scheme, "ibug68")
            scores.append(errors.face_errors(truth[None], landmarks[i][None], "ibug68")[0])
        there = sum(points is not None for points in landmarks)
        nme = round(100 * float(np.mean(scores)), 3)
        row = {"found": there, "nme_percent": nme}
        result["rows"][name] = row | ({"sha256": sha256_of(name)} if name in models else {})
        print(options.split, name, result["rows"][name])
    before = read_json(PEERS)
    if left := set(before.get(options.split, {}).get("rows", {})) - set(finders):
        print(f"{PEERS} stays: it is of {', '.join(sorted(left))}, too, on the faces found by all.")
        return
    files.write_json(PEERS, {**before, options.split: result})
    index.main()


if __name__ == "__main__":
    main()
