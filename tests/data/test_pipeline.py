import functools
import gc
import itertools
import sys
import time
import weakref

import keras
import numpy as np
import pytest

from keras_landmarks import geometry, metrics, own_schemes
from keras_landmarks.data import (
    LIGHT,
    Augmentation,
    BrokenFile,
    Face,
    Samples,
    made_up_face,
    made_up_faces,
)
from keras_landmarks.models import cnn
from keras_landmarks.pictures.images import warp, write_image
from keras_landmarks.schemes import SCHEMES, get_scheme

NOTHING = {"rotation": 0, "mirror": 0, "shift": 0, "blur": 0}
GEOMETRY = {
    "nothing": {},
    "rotation": {"rotation": 30},
    "mirror": {"mirror": 1},
    "shift": {"shift": 0.05},
    "scale": {"scale": 0.2},
    "elastic": {"elastic": 0.2},
    "everything": {"rotation": 30, "mirror": 0.5, "shift": 0.05, "scale": 0.1, "elastic": 0.1},
}
EAGERLY = keras.backend.backend() == "tensorflow"  # compiling takes longer than these few steps
on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="tf.data is TensorFlow's"
)


@functools.cache
def some_faces(count=10, size=100):
    return made_up_faces(count, size=size)


def lit_face(point, height, width, crop, scheme="ibug68"):
    """A black picture with a bright blob, a few pixels of the crop wide, at one landmark."""
    unit = made_up_face(5, 1000, scheme)[1] / 1000
    landmarks = unit * min(height, width) + [(width - min(height, width)) / 2, 0]
    extent = (landmarks.max(axis=0) - landmarks.min(axis=0) + 1).max() * 1.25
    sigma = max(2 * extent / crop, 1.5)
    distances = np.hypot(*(np.mgrid[:height, :width] - landmarks[point][::-1, None, None]))
    blob = 255 * np.exp(-(distances**2) / (2 * sigma**2))
    image = np.repeat(np.rint(blob).astype(np.uint8)[..., None], 3, axis=2)
    return Face(image, landmarks, scheme)


def centre_of_light(crop):
    """Where the light of a crop lies, from all of its pixels: `(x, y)`."""
    light = crop.sum(axis=2).astype(float)
    x = (light.sum(axis=0) * np.arange(crop.shape[1])).sum() / light.sum()
    y = (light.sum(axis=1) * np.arange(crop.shape[0])).sum() / light.sum()
    return x, y


@pytest.mark.parametrize("size", [64, 160])
@pytest.mark.parametrize("picture", [(90, 120), (300, 260), (1500, 1500)], ids=str)
@pytest.mark.parametrize("what", GEOMETRY)
def test_a_lit_pixel_moves_with_its_landmark(what, picture, size):
    augmentation = Augmentation(**NOTHING | GEOMETRY[what])
    point, other = 36, 45  # the outer eye corners: a mirrored face has the other one there
    face = lit_face(point, *picture, size)
    samples = Samples([face], (size, size), augmentation=augmentation, batch=1)
    for seed in range(6):
        crop, landmarks = samples.sample(0, np.random.default_rng(seed))
        light = centre_of_light(crop)
        mirrored = light[0] > (landmarks[27:31, 0]).mean()  # right of the nose
        assert mirrored == (what == "mirror") or what == "everything"
        np.testing.assert_allclose(landmarks[other if mirrored else point], light, atol=0.12)


def test_a_lit_pixel_moves_with_its_landmark_into_a_crop_that_is_not_square():
    face = lit_face(30, 300, 260, 48)
    samples = Samples([face], (48, 96), augmentation=Augmentation(**NOTHING), batch=1)
    crop, landmarks = samples.sample(0)
    assert crop.shape == (48, 96, 3)
    np.testing.assert_allclose(landmarks[30], centre_of_light(crop), atol=0.15)


@pytest.mark.parametrize("scheme", ["ibug68", "ibug51", "five5"])
def test_the_landmarks_of_a_mirrored_sample_follow_the_scheme(scheme):
    faces = made_up_faces(3, scheme=scheme)
    mirroring = Augmentation(**NOTHING | {"mirror": 1})
    samples = Samples(faces, (64, 64), augmentation=mirroring, batch=1)
    mirror = get_scheme(scheme).mirror
    for i in range(3):
        crop, landmarks = samples.sample(i)
        flipped, moved = samples.sample(i, np.random.default_rng(0))
        for k in range(len(landmarks)):
            x, y = landmarks[mirror[k]]
            np.testing.assert_allclose(moved[k], [63 - x, y], atol=1e-3)
        difference = np.abs(flipped[:, ::-1].astype(int) - crop)
        assert difference.max() <= 8  # OpenCV 4 warps at thirty-seconds of a pixel, 5 exactly
        assert difference.mean() < 0.1


@pytest.mark.parametrize("size", [(64, 64), (160, 160)])
def test_the_landmarks_of_a_crop_follow_from_the_box_by_the_conventions(size):
    for face in some_faces(4):
        crop, landmarks = Samples([face], size, margin=1.5).sample(0)
        left, top, right, bottom = face.box
        side = max(right - left, bottom - top) * 1.5
        x0, y0 = (left + right - side) / 2, (top + bottom - side) / 2
        for (x, y), (u, v) in zip(face.landmarks, landmarks):
            assert u == pytest.approx((x + 0.5 - x0) * size[1] / side - 0.5, abs=1e-3)
            assert v == pytest.approx((y + 0.5 - y0) * size[0] / side - 0.5, abs=1e-3)
        assert crop.shape == (*size, 3)
        assert crop.dtype == np.uint8
        assert landmarks.dtype == np.float32


def test_the_truth_box_is_the_landmarks_own():
    face = some_faces()[0]
    crop, landmarks = Samples([face], (64, 64), margin=1.0, box="truth").sample(0)
    extent = landmarks.max(axis=0) - landmarks.min(axis=0)
    longer = face.landmarks.max(axis=0) - face.landmarks.min(axis=0) + 1
    assert extent.max() == pytest.approx(64 * (1 - 1 / longer.max()), abs=1e-3)
    assert not np.array_equal(crop, Samples([face], (64, 64), margin=1.0).sample(0)[0])


def test_a_crop_may_reach_out_of_the_picture_into_black():
    image, landmarks = made_up_face(1, 100)
    face = Face(np.full_like(image, 200), landmarks, "ibug68", box=(60, 20, 140, 100))
    crop = Samples([face], (64, 64), margin=1.0).sample(0)[0]
    assert (crop[:, :31] == 200).all()
    assert (crop[:, 33:] == 0).all()


def test_a_batch_depends_on_its_step_alone():
    def make(seed=3):
        return Samples(some_faces(), (32, 32), augmentation=Augmentation(), batch=4, seed=seed)

    samples, same, other = make(), make(), make(seed=4)
    expected = [samples.batch_at(step) for step in range(6)]
    for step in (5, 0, 3, 3, 1):
        crops, landmarks = same.batch_at(step)
        np.testing.assert_array_equal(crops, expected[step][0])
        np.testing.assert_array_equal(landmarks, expected[step][1])
    for step in range(6):
        assert not np.array_equal(other.batch_at(step)[0], expected[step][0])
    for one, two in itertools.combinations(expected, 2):
        assert not np.array_equal(one[0], two[0])


def test_an_augmented_epoch_draws_each_index_once_and_drops_the_rest():
    faces = [
        Face(
            np.full((50, 50, 3), 10 * i, np.uint8),
            25 + made_up_face(0, 10)[1],
            "ibug68",
            box=(10, 10, 40, 40),
        )
        for i in range(1, 8)
    ]
    augmentation = Augmentation(**NOTHING)
    indices = [0, 1, 2, 3, 4, 5, 6, 6, 6]
    samples = Samples(faces, (8, 8), 1.0, augmentation=augmentation, indices=indices, batch=2)
    assert len(samples) == 4
    orders = []
    for epoch in range(5):
        batches = [samples.batch_at(4 * epoch + i)[0] for i in range(4)]
        drawn = [int(crop[4, 4, 0]) // 10 - 1 for crops in batches for crop in crops]
        assert all(drawn.count(i) <= indices.count(i) for i in range(7))
        orders.append(tuple(drawn))
    assert len(set(orders)) == 5


def test_without_augmentation_batches_keep_order_and_the_last_one():
    samples = Samples(some_faces(), (16, 16), batch=4)
    crops, landmarks = samples.arrays()
    assert len(samples) == 3
    assert [len(samples.batch_at(i)[0]) for i in range(3)] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([samples.batch_at(i)[0] for i in range(3)]), crops)
    np.testing.assert_array_equal(
        np.concatenate([samples.batch_at(i)[1] for i in range(3)]), landmarks
    )
    np.testing.assert_array_equal(samples.batch_at(4)[0], samples.batch_at(1)[0])


def test_arrays_are_not_augmented_and_follow_the_indices():
    samples = Samples(
        some_faces(), (16, 16), augmentation=Augmentation(), indices=[2, 0, 2], batch=1
    )
    crops, landmarks = samples.arrays()
    for i, index in enumerate((2, 0, 2)):
        crop, points = samples.sample(index)
        np.testing.assert_array_equal(crops[i], crop)
        np.testing.assert_array_equal(landmarks[i], points)


def test_the_mean_shape_is_that_of_faces_and_their_mirror_images():
    samples = Samples(some_faces(), (16, 32))
    mirror = get_scheme("ibug68").mirror
    total = np.zeros((68, 2))
    for landmarks in samples.arrays()[1]:
        for k in range(68):
            x, y = (landmarks[k] + 0.5) / [32, 16] - 0.5
            u, v = (landmarks[mirror[k]] + 0.5) / [32, 16] - 0.5
            total[k] += (x / 2 - u / 2, y / 2 + v / 2)
    np.testing.assert_allclose(samples.mean_shape(), total / 10, atol=1e-5)


def test_the_mean_shape_of_points_without_partners_is_that_of_the_faces_alone(monkeypatch):
    mine = own_schemes.scheme_of_names("mine", [f"p{i}" for i in range(6)], mirror=[])
    monkeypatch.setitem(SCHEMES, "mine", mine)
    faces = [  # of the right eye
        Face(face.image, face.landmarks[36:42], mine, face.truth_box) for face in some_faces()
    ]
    samples = Samples(faces, (16, 32))
    places = (samples.arrays()[1] + 0.5) / [32, 16] - 0.5
    assert np.ptp(places.mean(axis=0)[:, 0]) > 0.02
    np.testing.assert_allclose(samples.mean_shape(), places.mean(axis=0), atol=1e-5)


def test_shapes_are_of_the_faces_that_are_picked_alone():
    faces = some_faces()
    part = Samples(faces, (16, 16)).replace(indices=[5, 2, 2])
    alone = Samples([faces[2], faces[5]], (16, 16))
    np.testing.assert_array_equal(part.shapes(), alone.shapes())


def batches_of(dataset, count):
    drawn = itertools.islice(iter(dataset), count)
    return [(np.array(crops), np.array(y["landmarks"])) for crops, y in drawn]


def assert_same(batches, samples, first_step):
    for i, (crops, landmarks) in enumerate(batches):
        expected = samples.batch_at(first_step + i)
        np.testing.assert_array_equal(crops, expected[0])
        np.testing.assert_array_equal(landmarks, expected[1])


@on_tensorflow
@pytest.mark.parametrize("augmentation", [Augmentation(), None])
@pytest.mark.parametrize("first_step", [0, 5])
def test_each_pass_over_tf_data_gives_the_batches_of_the_next_epoch(augmentation, first_step):
    samples = Samples(some_faces(), (16, 16), augmentation=augmentation, batch=4)
    dataset = samples.dataset(first_step)
    crops, landmarks = dataset.element_spec
    batch = 4 if augmentation else None
    assert tuple(crops.shape) == (batch, 16, 16, 3)
    assert tuple(landmarks["landmarks"].shape) == (batch, 68, 2)
    batches = [batch for _ in range(3) for batch in batches_of(dataset, None)]
    assert len(batches) == 3 * len(samples)
    assert_same(batches, samples, first_step)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("first_step", [0, 4])
def test_each_pass_over_a_py_dataset_gives_the_batches_of_the_next_epoch(first_step, workers):
    samples = Samples(some_faces(), (16, 16), augmentation=Augmentation(), batch=4)
    dataset = samples.py_dataset(first_step, workers=workers)
    batches = [batch for _ in range(3) for batch in batches_of(dataset, None)]
    assert len(batches) == 3 * len(samples)
    assert_same(batches, samples, first_step)


def test_a_py_dataset_has_the_batches_of_an_epoch_and_no_other():
    dataset = Samples(some_faces(), (16, 16), batch=4).py_dataset()
    assert len(list(dataset)) == len(dataset)
    for index in (-1, len(dataset)):
        with pytest.raises(IndexError, match=f"Batch {index} of an epoch of {len(dataset)}"):
            dataset[index]


def test_no_batch_of_a_py_dataset_is_made_twice_in_any_order(monkeypatch):
    samples, made = Samples(some_faces(), (16, 16), augmentation=Augmentation(), batch=1), []
    whole = Samples.batch_at
    monkeypatch.setattr(Samples, "batch_at", lambda self, i, *w: made.append(i) or whole(self, i))
    dataset = samples.py_dataset()
    for i in np.random.default_rng(0).permutation(len(samples)):
        dataset[int(i)]
    assert sorted(made) == list(range(len(samples)))


every_kind = pytest.mark.parametrize(
    "kind", [pytest.param("dataset", marks=on_tensorflow), "py_dataset"]
)


@every_kind
@pytest.mark.parametrize("augmentation", [Augmentation(), None])
def test_a_pass_may_be_told_where_it_starts(kind, augmentation):
    samples = Samples(some_faces(), (16, 16), augmentation=augmentation, batch=4)
    start = iter([7, 2, 11])
    data = getattr(samples, kind)(lambda: next(start))
    for first_step in (7, 2, 11):
        assert_same(batches_of(data, None), samples, first_step)


@every_kind
@pytest.mark.parametrize("augmentation", [Augmentation(), None])
def test_keras_needs_no_number_of_steps(kind, augmentation):
    samples = Samples(some_faces(), (16, 16), augmentation=augmentation, batch=4)
    held_out = Samples(some_faces(5), (16, 16), batch=2)
    model = cnn(size=16, filters=(4,), hidden=4)
    nme = metrics.NME()
    model.compile("adam", {"landmarks": "mse"}, metrics={"landmarks": [nme]}, run_eagerly=EAGERLY)
    data, held = getattr(samples, kind)(), getattr(held_out, kind)()
    assert len(data) == len(samples)
    history = model.fit(data, validation_data=held, epochs=2, verbose=0).history
    assert len(history["val_nme"]) == 2
    crops, landmarks = held_out.arrays()
    found = model.predict(held, verbose=0)["landmarks"]
    np.testing.assert_allclose(found, model.predict(crops, verbose=0)["landmarks"], atol=1e-3)
    error = model.evaluate(held, verbose=0, return_dict=True)["nme"]
    assert error == pytest.approx(metrics.face_errors(landmarks, found).mean(), rel=1e-4)
    assert error == pytest.approx(history["val_nme"][-1], rel=1e-4)
    assert len(model.predict(data, verbose=0)["landmarks"]) == 8 if augmentation else 10
    model.evaluate(data, verbose=0)
    model.fit(data, steps_per_epoch=len(samples), epochs=2, verbose=0)  # as before


@pytest.mark.backend
@every_kind
@pytest.mark.parametrize("batch", [2, 4])  # of one batch JAX cannot be told from its own look
def test_fit_sees_every_epoch_from_the_first(kind, batch):
    samples = Samples(some_faces(8), (16, 16), augmentation=Augmentation(), batch=batch)
    model, seen = cnn(size=16, filters=(4,), hidden=4), []

    def loss(y_true, y_pred):
        if keras.backend.backend() == "jax":
            sys.modules["jax"].debug.callback(seen.append, y_true, ordered=True)
        else:
            seen.append(keras.ops.convert_to_numpy(y_true))
        return keras.ops.mean(keras.ops.square(y_true - y_pred))

    model.compile("sgd", {"landmarks": loss}, run_eagerly=True)
    data = getattr(samples, kind)()
    for _ in range(2):
        model.fit(data, epochs=2, shuffle=False, verbose=0)
    for step, landmarks in enumerate(seen):
        np.testing.assert_array_equal(landmarks, samples.batch_at(step)[1])
    assert len(seen) == 4 * len(samples)


def test_batches_in_any_order_are_made_few_at_a_time(monkeypatch):
    samples = Samples(some_faces(10), (16, 16), augmentation=Augmentation(), batch=1)
    samples = samples.replace(indices=np.tile(np.arange(10), 20))
    batches, made = samples.py_dataset(workers=2), []
    make = Samples.batch_at
    monkeypatch.setattr(Samples, "batch_at", lambda *a: made.append(a[1]) or make(*a))
    order = np.random.default_rng(0).permutation(len(batches))[: len(batches) // 2]
    for index in order:
        batches[index]
    time.sleep(0.1)  # for those that are made ahead
    assert len(order) <= len(made) <= len(order) + 2 * 2


def test_samples_do_not_change():
    samples = Samples(some_faces(), (16, 16), augmentation=Augmentation(), batch=4)
    before = samples.batch_at(3)
    with pytest.raises(AttributeError, match=r"take samples\.replace\(indices=\.\.\.\)"):
        samples.indices = np.arange(5)
    with pytest.raises(ValueError, match="read-only"):
        samples.indices[0] = 1
    other = samples.replace(indices=[7, 7, 7, 7], seed=3)
    assert set(other.faces_at(0)) == {7}
    assert other.seed == 3
    np.testing.assert_array_equal(samples.batch_at(3)[0], before[0])
    with pytest.raises(ValueError, match="Cannot replace size"):
        samples.replace(size=(8, 8))
    with pytest.raises(ValueError, match="2 faces are fewer than a batch of 4"):
        samples.replace(indices=[0, 1])


def test_a_batch_tells_its_faces():
    samples = Samples(some_faces(), (16, 16), augmentation=Augmentation(**NOTHING), batch=4)
    for step in range(5):
        plain = samples.plain(samples.faces_at(step))
        np.testing.assert_array_equal(samples.batch_at(step)[0], plain[0])
    chosen = samples.batch_at(0, pick=lambda step: np.array([1, 1, 2, 3]))
    np.testing.assert_array_equal(chosen[0], samples.plain([1, 1, 2, 3])[0])


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"box": "detector"}, "'annotation' or 'truth', not 'detector'"),
        ({"margin": 0}, "margin must be a finite number above 0, not 0"),
        ({"batch": 0}, "batch must be a whole number of at least 1"),
        ({"size": (0, 64)}, "size must be .* numbers of at least 1"),
        ({"size": 64}, r"size must be \(height, width\)"),
        ({"size": (64.5, 64)}, "two whole numbers"),
        ({"batch": 2.5}, "batch must be a whole number"),
        ({"margin": np.nan}, "margin must be"),
        ({"indices": [10]}, "Indices are of some of the 10 faces"),
        ({"indices": [-1]}, "Indices are of some of the 10 faces"),
        ({"indices": []}, "Indices are of some of the 10 faces"),
        ({"indices": [True] * 10}, "Indices are of some of the 10 faces, whole numbers"),
        ({"indices": [[0, 1]]}, "Indices are of some of the 10 faces"),
        ({"seed": None}, "seed must be a whole number of at least 0"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"augmentation": Augmentation(), "batch": 11}, "10 faces are fewer than a batch of 11"),
        ({"augmentation": Augmentation(), "indices": [0, 1], "batch": 3}, "2 faces are fewer"),
    ],
)
def test_bad_arguments_are_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        Samples(some_faces(), **{"size": (64, 64)} | kwargs)


def test_no_faces_are_an_error():
    with pytest.raises(ValueError, match="at least one face"):
        Samples([], (64, 64))
    with pytest.raises(ValueError, match=r"Expected faces \(data.Face\), .* not '300W'"):
        Samples("300W", (64, 64))
    samples = Samples(iter(made_up_faces(2)), (8, 8))
    assert repr(samples) == "<Samples of 2 faces; `fit` takes their dataset() or py_dataset()>"


def test_faces_of_two_schemes_are_an_error():
    with pytest.raises(ValueError, match=r"one scheme, not of \['five5', 'ibug68'\]"):
        Samples(made_up_faces(1) + made_up_faces(1, scheme="five5"), (64, 64))


def test_a_box_outside_of_the_picture_is_an_error_that_names_the_face():
    image, landmarks = made_up_face(0, 100)
    face = Face(image, landmarks, "ibug68", box=(400, 400, 450, 450), name="ann")
    with pytest.raises(ValueError, match="ann: the box .* lies outside of the picture"):
        Samples([face], (64, 64))


@pytest.fixture
def faces_with_a_broken_picture(tmp_path):
    faces = []
    for i in range(3):
        image, landmarks = made_up_face(i, 100)
        write_image(tmp_path / f"{i}.jpg", image)
        faces.append(Face(tmp_path / f"{i}.jpg", landmarks, "ibug68"))
    data = (tmp_path / "1.jpg").read_bytes()
    (tmp_path / "1.jpg").write_bytes(data[: len(data) // 2])
    return faces


def test_a_broken_picture_is_named(faces_with_a_broken_picture):
    with pytest.raises(ValueError, match=r"1\.jpg is cut short"):
        Samples(faces_with_a_broken_picture, (64, 64))


def test_a_missing_picture_is_named(faces_with_a_broken_picture):
    faces_with_a_broken_picture[0].image.unlink()
    with pytest.raises(FileNotFoundError, match=r"No picture at .*0\.jpg"):
        Samples(faces_with_a_broken_picture, (64, 64))


def test_skip_broken_warns_and_goes_on(faces_with_a_broken_picture):
    with pytest.warns(BrokenFile, match=r"1\.jpg is left out: .* cut short"):
        samples = Samples(faces_with_a_broken_picture, (64, 64), skip_broken=True)
    assert [face.image.name for face in samples.faces] == ["0.jpg", "2.jpg"]
    np.testing.assert_array_equal(samples.indices, [0, 1])
    np.testing.assert_array_equal(
        samples.sample(1)[0], Samples(faces_with_a_broken_picture[2:], (64, 64)).sample(0)[0]
    )


def test_a_broken_picture_that_indices_count_on_is_an_error(faces_with_a_broken_picture):
    with pytest.raises(ValueError, match=r"1\.jpg is broken, and indices count on it"):
        Samples(faces_with_a_broken_picture, (64, 64), indices=[0, 1], skip_broken=True)


def test_none_but_broken_pictures_are_an_error(faces_with_a_broken_picture):
    broken = faces_with_a_broken_picture[1:2]
    with pytest.warns(BrokenFile), pytest.raises(ValueError, match="None of the pictures"):
        Samples(broken, (64, 64), skip_broken=True)


def test_a_sample_without_augmentation_is_the_face_as_it_is():
    samples = Samples(list(made_up_faces(1)), (32, 32))
    for made, plain in zip(samples.sample(0, np.random.default_rng(0)), samples.sample(0)):
        np.testing.assert_array_equal(made, plain)


@pytest.mark.parametrize("of", [2, 3])
def test_parts_of_a_batch_are_all_of_it(of):
    samples = Samples(some_faces(), (16, 16), batch=8, augmentation=Augmentation())
    whole = samples.batch_at(0)
    parts = [samples.batch_at(0, part=(i, of)) for i in range(of)]
    for expected, found in zip(whole, zip(*parts)):
        np.testing.assert_array_equal(np.concatenate(found), expected)


def test_crops_that_are_not_square_are_as_fine_as_those_that_detect_sees():
    image = np.zeros((400, 400, 3), np.uint8)
    image[:, ::2] = 255
    face = Face(image, made_up_face(0)[1], "ibug68", [100, 100, 300, 300])
    crop, _ = Samples([face], (64, 200), margin=1.0).sample(0)
    seen = warp(image, geometry.box_transform(face.square(), (64, 200)), (64, 200))
    np.testing.assert_allclose(crop, seen, atol=1)


def test_a_dataset_keeps_its_pictures_as_long_as_it_is_used():
    tf = pytest.importorskip("tensorflow")
    faces = made_up_faces(6, size=40)

    def made(_=None):
        return Samples(faces, (16, 16), augmentation=LIGHT, batch=2).dataset()

    uses = {
        "alone": made,
        "mapped": lambda: made().map(lambda crops, truth: crops).prefetch(1),
        "both": lambda: tf.data.Dataset.zip((made(), made())),
        "within": lambda: tf.data.Dataset.range(1).flat_map(made),
        "shared": lambda: tf.distribute.get_strategy().experimental_distribute_dataset(made()),
    }
    for name, use in uses.items():
        batches = iter(use())
        gc.collect()
        assert sum(1 for _ in batches) == 3, name
    samples = Samples(faces, (16, 16), augmentation=LIGHT, batch=2)
    gone = weakref.ref(samples)
    assert sum(1 for _ in samples.dataset()) == 3
    del samples
    gc.collect()
    assert gone() is None


def test_samples_keep_no_part_of_the_picture_itself():
    image, landmarks = made_up_face(0)
    box = (0, 0, *image.shape[1::-1])  # so that the surroundings are as wide as the picture
    samples = Samples([Face(image, landmarks, "ibug68", box)], image.shape[:2], batch=1)
    before = samples.arrays()[0].copy()
    image[:] = 0
    np.testing.assert_array_equal(samples.arrays()[0], before)


def test_the_box_moves_with_a_picture_that_is_reduced():
    image, landmarks = made_up_face(0, 600)
    face = Face(image, landmarks, "ibug68", box=(101, 103, 501, 503))
    _, found = Samples([face], (64, 64), margin=1.0).sample(0)
    np.testing.assert_allclose(found, (landmarks + 0.5 - (101, 103)) * 64 / 400 - 0.5, atol=1e-3)


def test_an_augmented_crop_within_the_picture_has_no_black_rim():
    white = np.full((400, 400, 3), 255, np.uint8)
    face = Face(white, made_up_face(0, 100)[1] + 150, "ibug68", (150, 150, 250, 250))
    samples = Samples([face], (64, 64), augmentation=Augmentation(blur=0), batch=1)
    for seed in range(30):
        assert samples.sample(0, np.random.default_rng(seed))[0].min() == 255
