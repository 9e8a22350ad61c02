"""How detect does on turned pictures: faces found and NME at each turn.

    python tools/compare_tilts.py MODEL --data 300W [--photos WFLW] [--split 300w/lfpw-test]

Found, of whole photos: of WFLW's test list, the photos with one annotated face, if they are there;
else of the split. NME, in percent of the outer eye corners' distance: of the faces that are found
in the pictures of the split, which are cut at 2.2 times the face.
"""

import argparse
import pathlib

import numpy as np

from keras_landmarks import data, errors, geometry, load
from keras_landmarks.faces import overlap
from keras_landmarks.pictures import images

TURNS = (0, 30, 45, 60, 90, 135, 180)
LIST = "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_test.txt"


def turned(picture, landmarks, degrees):
    """The whole picture turned clockwise in a black square, and its landmarks there."""
    height, width = picture.shape[:2]
    side = int(np.hypot(height, width)) + 1
    centre = (width - 1) / 2, (height - 1) / 2
    shift = (side - width) / 2, (side - height) / 2
    place = np.float64(geometry.similarity_transform(1.0, degrees, centre, shift))
    moved = geometry.transform_points(np.float64(landmarks), place)
    return images.warp(picture, place, (side, side)), np.float32(moved)


def find(model, picture, landmarks):
    """The detection of a known face: the one whose points share most of their box with it."""
    faces, box = model.detect(picture), geometry.box_from_landmarks(landmarks)
    boxes = [geometry.box_from_landmarks(face.landmarks) for face in faces]
    shares = [float(overlap(one[None], box)[0]) for one in boxes]
    best = int(np.argmax(shares)) if faces else None
    return faces[best] if faces and shares[best] >= 0.3 else None


def read_photos(folder):
    """`(path, 98 points)` of WFLW's photos of which one face is in the list."""
    rows = {}
    for line in (folder / LIST).read_text().splitlines():
        *numbers, name = line.split()
        rows.setdefault(name, []).append(np.array(numbers[:196], np.float32).reshape(98, 2))
    return [(folder / "WFLW_images" / name, one[0]) for name, one in rows.items() if len(one) == 1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", metavar="MODEL", help="a model of the zoo")
    parser.add_argument("--data", required=True, help="folder that holds afw/, helen/, lfpw/")
    parser.add_argument("--photos", type=pathlib.Path, help="folder of WFLW")
    parser.add_argument("--split", default="300w/lfpw-test")
    parser.add_argument("--every", type=int, default=1, help="take one of so many faces")
    options = parser.parse_args()
    model = load(options.name)
    faces = data.read_300w(options.data, options.split)[:: options.every]
    crops = [(face.image, face.landmarks) for face in faces]
    photos = read_photos(options.photos)[:: options.every] if options.photos else crops
    print(f"{options.name}, {len(photos)} photos, {len(crops)} faces of {options.split}")
    print("| turn | photos found | faces found | NME, % | of upright |\n|---|---|---|---|---|")
    upright = None
    for degrees in TURNS:
        seen = [find(model, *turned(images.read_image(p), points, degrees)) for p, points in photos]
        found, rows = sum(face is not None for face in seen), []
        for path, points in crops:
            picture, points = turned(images.read_image(path), points, degrees)
            if (face := find(model, picture, points)) is not None:
                rows.append(errors.face_errors(points[None], face.landmarks[None])[0])
        nme = 100 * float(np.mean(rows))
        upright = upright or nme
        print(
            f"| {degrees} | {found} | {len(rows)} | {nme:.2f} | {nme / upright:.2f} |", flush=True
        )


if __name__ == "__main__":
    main()
