"""Errors that people make in annotations are found."""

import dataclasses
import tracemalloc

import cv2
import numpy as np
import pytest
from loaded import load

from keras_landmarks import data, schemes
from keras_landmarks.data.duplicates import picture_hash, same_pictures
from keras_landmarks.evaluation import check_faces, doubts
from keras_landmarks.evaluation.suspicion import suspect
from keras_landmarks.faces import Detection


class Knows:
    """A model that finds the true 68 points of made-up faces, but for a pixel or so."""

    name, scheme = "knows", schemes.IBUG68

    def __init__(self, faces):
        self.points = {face.pixels().tobytes(): face.landmarks for face in faces}

    def of(self, faces):
        return [self.detect(face.pixels(), face.truth_box, "truth")[0].landmarks for face in faces]

    def detect(self, image, boxes, convention):
        points = self.points[image.tobytes()]
        points = points + np.random.default_rng(0).normal(0, 0.5, points.shape)
        return [Detection(points, np.float32(boxes), self.scheme)]


@pytest.fixture(scope="module")
def faces():
    return data.made_up_faces(40, size=100)


@pytest.fixture(scope="module")
def knows(faces):
    return Knows(faces)


def test_a_face_that_no_crop_shows_is_told_of():
    faces = data.made_up_faces(4, size=100, scheme="five5")
    faces[1] = dataclasses.replace(faces[1], landmarks=faces[1].landmarks + 300)
    alone = np.where(np.arange(5)[:, None] == 2, faces[2].landmarks, np.nan)
    faces[2] = dataclasses.replace(faces[2], landmarks=alone)
    check = check_faces({"mine": faces}, load("tiny-ibug68"))
    assert check.doubts[1] == ["5 points outside", "box elsewhere", "no crop shows it"]
    assert "no crop shows it" in check.doubts[2]
    assert {1, 2} <= set(check.worst)
    assert check.sheet(side=64).any()


def test_a_face_that_is_there_twice_and_one_without_landmarks_are_told_of():
    faces = data.made_up_faces(4, size=100)
    again = dataclasses.replace(faces[1], name="again", landmarks=faces[1].landmarks + 0.5)
    other = dataclasses.replace(faces[1], name="other", landmarks=faces[1].landmarks + 9)
    bare = dataclasses.replace(faces[2], name="bare", landmarks=None, box=faces[2].truth_box)
    check = check_faces({"mine": [*faces, again, other, bare]})
    said = [i for i, doubts in enumerate(check.doubts) if any("again" in d for d in doubts)]
    assert said == [4]
    assert check.doubts[4] == [f"the face of {faces[1].name} again"]
    assert check.facts["faces_that_are_there_twice"] == 1
    assert check.facts["faces_without_landmarks"] == 1
    assert len(check.faces) == 6


def changed(faces, number, points):
    faces = list(faces)
    faces[number] = dataclasses.replace(faces[number], landmarks=points)
    return faces


def test_a_mirrored_and_a_shuffled_order_are_told_from_a_right_one(faces, knows):
    scheme = schemes.IBUG68
    wrong = changed(faces, 3, faces[3].landmarks[list(scheme.mirror)])
    wrong = changed(wrong, 7, np.random.default_rng(1).permutation(faces[7].landmarks))
    found = suspect(wrong, knows.of(wrong), knows)
    assert np.flatnonzero(found.is_mirrored).tolist() == [3]
    assert np.flatnonzero(found.is_shuffled).tolist() == [7]
    assert found.errors[0] < 0.03
    check = check_faces({"mine": wrong}, knows)
    assert set(check.worst[:2]) == {3, 7}
    assert "mirrored order" in check.doubts[3]
    assert "shuffled order" in check.doubts[7]
    assert check.facts["faces_in_mirrored_order"] == check.facts["faces_in_another_order"] == 1
    assert check.sheet(4, side=60).shape == (60 + 16, 4 * 60, 3)


def test_comparing_points_takes_no_memory_for_each_pair_of_a_face(faces, knows):
    many, found = list(faces) * 20, np.concatenate([knows.of(faces)] * 20)
    tracemalloc.start()
    try:
        suspect(many, found, knows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < len(many) * 68 * 68 * 8  # bytes of as many distances


def test_points_of_a_scheme_without_a_conversion_are_foretold_by_the_other_faces(faces, knows):
    mine = schemes.Scheme(
        name="mine",
        count=3,
        mirror=(1, 0, 2),
        contours={"all": ((0, 1, 2), True)},
        regions={"all": (0, 1, 2)},
        right_eye=(0,),
        left_eye=(1,),
        eye_corners=None,
        normaliser="pupils",
    )
    schemes.SCHEMES["mine"] = mine
    try:
        own = [
            data.Face(f.image, f.landmarks[[36, 45, 57]] + [0, 3], "mine", name=f.name)
            for f in faces
        ]
        own[5].landmarks[2] += 20  # one point of one face
        own[6].landmarks = own[6].landmarks[[1, 0, 2]]
        own[9].landmarks[0] = np.nan  # nobody marked it
        found = suspect(own, knows.of(own), knows)
        assert found.against == "what knows's ibug68 points foretell"
        assert int(np.argmax(found.errors)) == 6
        assert found.is_mirrored[6]
        others = np.delete(found.errors, [5, 6])
        assert found.errors[5] > 1.5 * others.max()
        # What no crop shows is judged itself by nobody, and costs the others nothing.
        unseen = np.array(knows.of(own))
        unseen[[20, 21, 22]] = np.nan
        rest = np.setdiff1d(np.arange(len(own)), [20, 21, 22])
        assert np.isfinite(suspect(own, unseen, knows).errors[rest]).all()
        few = suspect(own[:20], knows.of(own[:20]), knows)
        assert np.isnan(few.errors).all()
        assert "too few" in few.against
    finally:
        schemes.SCHEMES.pop("mine")


def test_the_same_picture_is_found_smaller_lighter_and_compressed(faces):
    images = [face.pixels() for face in faces[:12]]
    small = cv2.resize(images[4], (60, 60), interpolation=cv2.INTER_AREA)
    lighter = cv2.convertScaleAbs(images[5], alpha=0.8, beta=30)
    coded = cv2.imdecode(cv2.imencode(".jpg", images[6], [1, 40])[1], cv2.IMREAD_COLOR)
    hashes = [picture_hash(image) for image in [*images, small, lighter, coded]]
    pairs = same_pictures(hashes)
    assert {(4, 12), (5, 13), (6, 14)} <= set(pairs)
    assert picture_hash(np.full((50, 50, 3), 90, np.uint8)) is None
    assert same_pictures([None, None, hashes[0]]) == []


def test_the_same_picture_in_train_and_test_is_told_of(faces):
    train = [dataclasses.replace(face, photo=face.name) for face in faces[:6]]
    test = [dataclasses.replace(train[2], name="other", photo="other"), *faces[20:22]]
    check = check_faces({"train": train, "test": test})
    assert "train: face 2 = test: other" in check.facts["same_pictures"]
    assert check.facts["same_pictures_across_parts"] >= 1
    assert check.facts["faces"] == {"train": 6, "test": 3}
    assert any("as test: other" in doubt for doubt in check.doubts[2])


def test_points_outside_and_boxes_elsewhere_are_told_of(faces):
    some = [dataclasses.replace(face, photo=face.name) for face in faces[:4]]
    points = some[1].landmarks.copy()
    points[8] = 50, 130
    points[3] = np.nan
    some[1] = dataclasses.replace(some[1], landmarks=points)
    some[2] = dataclasses.replace(some[2], box=[0, 0, 12, 12])
    check = check_faces({"mine": some})
    assert check.doubts[1][0] == "1 points outside"
    assert check.doubts[2] == ["box elsewhere"]
    facts = check.facts
    assert facts["faces_with_points_outside"] == facts["faces_with_missing_points"] == 1
    assert facts["faces_with_boxes"] == 4
    assert facts["missing_points_percent"] == pytest.approx(100 / (4 * 68), abs=0.01)
    assert facts["picture_sizes"] == ["100 x 100", "100 x 100"]


def test_no_faces_and_several_schemes_are_errors(faces):
    with pytest.raises(ValueError, match="no faces to check"):
        check_faces({"train": []})
    five = data.made_up_faces(2, scheme="five5")
    with pytest.raises(ValueError, match=r"of one scheme are checked together"):
        check_faces({"a": faces[:1], "b": five})
    broken = dataclasses.replace(faces[0], image="none.jpg")
    with (
        pytest.warns(UserWarning, match="is left out"),
        pytest.raises(ValueError, match="no faces"),
    ):
        check_faces({"a": [broken]})


def test_a_closed_mouth_is_no_doubt_and_neighbours_on_each_other_are(faces):
    right, wrong = [], []
    for kind, pairs in (
        (right, [(61, 67), (62, 66), (63, 65)]),
        (right, [(37, 41), (38, 40), (43, 47)]),
        (wrong, [(60, 61)]),
        (wrong, [(61, 67), (30, 33)]),
        (wrong, [(48, 54)]),
        (wrong, [(36, 39)]),
        (wrong, [(49, 51)]),
    ):
        points = faces[0].landmarks.copy()
        for a, b in pairs:
            points[a] = points[b]
        check = check_faces({"mine": [dataclasses.replace(faces[0], landmarks=points)]})
        kind += check.doubts
    assert right == [[], []]
    assert wrong == [["points on each other"]] * 5


@pytest.mark.parametrize(
    ("scheme", "places", "doubted"),
    [
        ("wflw98", [62, 66, 96], False),  # a closed eye and its pupil
        ("cofw29", [12, 13, 16], False),
        ("lapa106", [68, 72, 74, 104], False),
        ("lapa106", [74, 104], False),
        ("wflw98", [96, 97], True),  # both pupils
        ("wflw98", [62, 63, 96], True),
        ("five5", [0, 1], True),
        ("cofw29", [16, 28], True),
    ],
)
def test_a_closed_eye_holds_its_pupil(scheme, places, doubted):
    count = schemes.get_scheme(scheme).count
    points = np.random.default_rng(0).uniform(20, 80, (count, 2)).astype(np.float32)
    points[places] = points[places[0]]
    face = data.Face(np.zeros((100, 100, 3), np.uint8), points, scheme)
    assert doubts.of_face(face, 0) == ["points on each other"] * doubted


def test_what_the_model_doubts_comes_before_what_looks_odd(faces):
    some = list(faces[:6])
    some[2] = dataclasses.replace(some[2], box=[0, 0, 12, 12])
    some[4] = dataclasses.replace(some[4], landmarks=some[4].landmarks + np.float32([7, 0]))
    check = check_faces({"mine": some}, Knows(faces))
    assert check.doubts[4][-1].endswith("% off")
    assert check.worst[:2] == [4, 2]


def test_frames_of_a_still_camera_are_told_once_each(faces):
    pixels = faces[0].pixels()
    images = [cv2.convertScaleAbs(pixels, beta=i) for i in range(27)]
    some = [
        dataclasses.replace(faces[0], image=image, name=f"{i}", photo=f"{i}")
        for i, image in enumerate(images)
    ]
    hashes = [picture_hash(face.pixels()) for face in some]
    assert len(same_pictures(hashes)) == len(some) - 1
    check = check_faces({"train": some[:20], "test": some[20:]})
    told = check.facts["same_pictures"]
    assert len(told) == 26
    assert told[-1] == "train: 0 = test: 26"  # of another part sooner than of its own
    assert check.facts["same_pictures_across_parts"] == 7
    assert all(any("as " in doubt for doubt in doubts) for doubts in check.doubts)


def test_up_to_six_bits_of_another_are_the_same_picture():
    first = 0x5A5A_1234_0F0F_7777
    hashes = [first, first ^ 0b111111, first ^ 0b1111111, None, first ^ (63 << 57)]
    assert same_pictures(hashes) == [(0, 1), (1, 2), (0, 4)]
