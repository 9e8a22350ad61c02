"""The comparisons of the papers' claims: equal steps, several seeds, nothing trained twice."""

import argparse
import dataclasses
import itertools
import json

import compare
import comparing
import numpy as np
import pytest
import repeat
import studies
from faces import write_300w
from small_recipe import RECIPE

from keras_landmarks import weights
from keras_landmarks.data import made_up_faces
from keras_landmarks.losses import L2, Wing
from keras_landmarks.recipes import get_recipe


@pytest.mark.usefixtures("eagerly")
def test_a_study_trains_every_variant_from_every_seed_once(tmp_path, monkeypatch):
    write_300w(tmp_path / "300W", 4)
    (stage, _) = RECIPE.stages
    one = dataclasses.replace(RECIPE, stages=(dataclasses.replace(stage, epochs=4),))
    other = studies.with_loss(dataclasses.replace(one, bins=None), L2())
    study = studies.Study("none", {"Wing": one, "L2, all": other}, baseline=one, covered=True)
    monkeypatch.setattr(compare, "ZOO", tmp_path / "zoo")
    options = dict(data=str(tmp_path / "300W"), more=None, out=tmp_path, seeds=2, short=0.5)
    found = compare.run("small", study, argparse.Namespace(**options))
    steps = [row["steps"] for rows in found.values() for row in rows]
    assert max(steps) - min(steps) <= 1  # as near as whole epochs come
    written = json.loads((tmp_path / "zoo/studies/small.json").read_text())
    assert written["variants"] == found
    assert (tmp_path / "zoo/studies/small.png").is_file()
    assert found["Wing"][0]["lfpw_test"] != found["Wing"][1]["lfpw_test"]
    assert all(row["covered"] != row["lfpw_test"] for rows in found.values() for row in rows)
    page = (tmp_path / "zoo/studies/small.md").read_text()
    assert "The paper: none Here, after 50 % of the epochs: " in page

    monkeypatch.setattr(compare.training, "train", None)  # nothing is trained again
    assert compare.run("small", study, argparse.Namespace(**options)) == found
    published = tmp_path / "zoo/studies/small.json"
    published.write_text(json.dumps({**written, "short": 1.0}))  # of a longer run
    assert compare.run("small", study, argparse.Namespace(**options)) == found
    assert json.loads(published.read_text())["short"] == 1.0
    assert json.loads((tmp_path / "small.json").read_text()) == written
    with pytest.raises(ValueError, match="steps, not .* another --out"):
        compare.run("small", study, argparse.Namespace(**options | {"short": 1.0}))


def test_the_variants_of_a_study_differ_and_keep_what_they_compare_by():
    for name, make in studies.STUDIES.items():
        study = make()
        recipes = list(study.variants.values())
        assert len(recipes) > 1, name
        assert not any(stage.teacher for recipe in recipes for stage in recipe.stages), name
        assert all(one != other for one, other in itertools.pairwise(recipes)), name
        if name == "dan-stages-small":  # whose stages name layers that not all variants have
            for recipe in (study.baseline, *recipes):
                recipe.stages[0].check(recipe.model())
        assert len({recipe.held_out for recipe in recipes}) == 1, name
    patches = studies.STUDIES["ffld-patches-small"]().variants
    shapes = [recipe.model().get_layer("stage1_crop").size for recipe in patches.values()]
    assert shapes == [(8, 8), (4, 4), (6, 6), (12, 12)]
    wing = studies.STUDIES["wing-losses"]().variants
    assert [type(r.stages[0].loss) for r in (wing["Wing"], wing["L2 + PDB"])] == [Wing, L2]
    assert (wing["Wing"].bins, wing["Wing + PDB"].bins) == (None, 9)


def test_a_difference_that_all_seeds_show_is_less_likely_chance():
    alike, apart = comparing.likelihood(np.array([-0.3, 0.3, 0.1])), np.array([-0.3, -0.32, -0.28])
    assert float(alike.split("= ")[1].split(",")[0]) > 0.5
    # Student's t with two degrees of freedom at -26: by its table p = 0.0015.
    assert float(comparing.likelihood(apart).split("= ")[1].split(",")[0]) == pytest.approx(
        0.0015, abs=0.0001
    )


def test_a_study_ends_with_the_claim_what_came_out_and_how_sure():
    def figures(*errors):
        facts = {"held_out": 7.0, "sideways": 9.0, "steps": 10, "minutes": 1.5}
        return [{"lfpw_test": error, **facts} for error in errors]

    rows = {"L2": figures(6.0, 6.2, 6.4), "Wing": figures(5.7, 5.88, 6.12)}  # 0.3 +- 0.02 apart
    said = comparing.sentence("Wing is better.", 0.1, rows)
    assert said.startswith("The paper: Wing is better. Here, after 10 % of the epochs: Wing 5.90, ")
    assert "Wing 5.90, L2 6.20 %; the first two are 0.30 apart (p = 0.00" in said
    first, second = comparing.table(rows).splitlines()[2:]
    assert first == "| L2 | 7.00 ± 0.00 | 6.20 ± 0.20 | 9.00 ± 0.00 | - | 10 | 1.5 |"
    assert second.split(" | ")[4].startswith("-0.30 (p = 0.00")
    assert comparing.table({"L2": figures(6.0)}).endswith(
        "| L2 | 7.00 | 6.00 | 9.00 | - | 10 | 1.5 |"
    )
    alone = comparing.sentence("Wing is better.", 0.1, {"L2": figures(6.0)})
    assert alone.endswith("of the epochs: L2 6.00 %.")


def test_a_study_says_what_is_left_without_the_points_that_a_model_does_not_trust():
    truth = np.stack([face.landmarks for face in made_up_faces(10)]).astype("float32")
    eyes = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=-1)
    off = np.where(np.arange(68) < 20, 0.1, 0.02) * eyes[:, None]  # 20 points, 30 % are 20.4
    found = {"landmarks": truth + np.stack([off, 0 * off], axis=-1), "error": off}

    class Samples:
        def arrays(self):
            return None, truth

    class Model:
        def predict(self, crops, batch_size, verbose):
            return found

    figures = comparing.measure(Model(), Samples())
    expected = {"trusted": 2.0, "failures": 0.0, "nme": (20 * 10 + 48 * 2) / 68}
    assert {key: figures[key] for key in expected} == pytest.approx(expected, abs=0.001)
    assert figures["auc"] == pytest.approx(1 - figures["nme"] / 8, abs=0.001)
    rows = {"BBO": [{"held_out": 4, "lfpw_test": 4, "steps": 9, "minutes": 1} | figures]}
    head, _, row = comparing.table(rows).splitlines()
    assert head.endswith("| minutes | AUC at 8 % | ≥ 8 %, % | without the 30 % least sure |")
    assert row.endswith("| 9 | 1.0 | 0.456 | 0.00 | 2.00 |")
    del rows["BBO"][0]["trusted"]
    assert "least sure" not in comparing.table(rows)


def test_the_first_epochs_of_a_recipe_have_its_rates():
    samples, _ = RECIPE.samples(made_up_faces(12))
    short = repeat.first_epochs(RECIPE, samples, 5)
    assert [stage.epochs for stage in short.stages] == [3, 2]
    assert len(repeat.first_epochs(RECIPE, samples, 3).stages) == 1
    whole, first = RECIPE.stages[1], short.stages[1]
    rates, again = whole.optimizer(5 * len(samples)), first.optimizer(2 * len(samples))
    for step in (0, len(samples), 2 * len(samples)):
        assert again._learning_rate(step) == rates._learning_rate(step)


def test_figures_of_another_recipe_are_not_taken(tmp_path, monkeypatch):
    write_300w(tmp_path / "300W", 4)
    (stage, _) = RECIPE.stages
    recipe = dataclasses.replace(RECIPE, stages=(dataclasses.replace(stage, epochs=1),))
    samples, held_out = compare.read_samples(recipe, str(tmp_path / "300W"))
    made_of = compare.fingerprint(recipe, samples, held_out)
    figures = {"steps": len(samples), "lfpw_test": 5.0}
    compare.files.write_json(tmp_path / "figures.json", figures | {"made of": made_of})
    assert compare.train(recipe, samples, held_out, tmp_path, None) == figures
    other = studies.with_loss(recipe, L2())
    with pytest.raises(ValueError, match="of another recipe or other faces: name another --out"):
        compare.train(other, samples, held_out, tmp_path, None)


def test_a_shorter_run_does_not_replace_what_is_published():
    whole = {"short": 0.5, "variants": {"a": [{}] * 3, "b": [{}] * 3}}
    begun = {"short": 0.5, "variants": {"a": [{}], "b": []}}
    short = {"short": 0.02, "variants": {"a": [{}] * 3, "b": [{}] * 3}}
    assert compare.worth(whole) > max(compare.worth(begun), compare.worth(short))
    once = {"short": 0.5, "variants": {"a": [{}], "b": [{}]}}
    often = {"short": 0.2, "variants": {"a": [{}] * 3, "b": [{}] * 3}}
    assert compare.worth(whole) > compare.worth(once) > compare.worth(often)


def test_the_steps_of_a_stage_are_those_of_its_own_batch():
    stage = dataclasses.replace(RECIPE.stages[0], epochs=2)
    stages = (stage, dataclasses.replace(stage, epochs=3, batch=2))
    recipe = dataclasses.replace(RECIPE, stages=stages, batch=4)
    samples, _ = dataclasses.replace(recipe, held_out=0, bins=None).samples(made_up_faces(8))
    batches = len(samples)
    assert compare.steps_of(recipe, samples) == 2 * batches + 3 * 2 * batches


def test_networks_of_other_depths_have_epochs_of_their_own():
    for name, equal in (
        ("wing-networks", False),
        ("dan-stages", False),
        ("dan-stages-small", False),
        ("wing-losses", True),
    ):
        assert studies.STUDIES[name]().equal_steps is equal
    recipe = get_recipe("resnet50-300w")
    for stage, half in zip(recipe.stages, compare.shortened(recipe, 0.5).stages, strict=True):
        assert abs(half.epochs - stage.epochs / 2) <= 0.5


def test_each_stage_of_a_dan_starts_as_a_copy_of_the_one_before_behind_the_trained_one(tmp_path):
    study = studies.STUDIES["dan-stages-small"]()
    trained = study.baseline.model()
    for variable in trained.weights:
        variable.assign(variable + 0.5)
    weights.save_arrays(tmp_path / "best.safetensors", weights.get_weights(trained), {})
    recipe = compare.begun(study.variants["three"], tmp_path)
    model = recipe.model()
    for stage in recipe.stages:
        stage.start(model)
    first, second, third = (model.get_layer(f"stage{i}_conv1a").kernel for i in (1, 2, 3))
    np.testing.assert_array_equal(first, trained.get_layer("stage1_conv1a").kernel)
    np.testing.assert_array_equal(second[:, :, :1], first)
    assert not np.any(second[:, :, 1:])  # the heatmap and the feature image are not seen yet
    np.testing.assert_array_equal(third, second)
    last = model.get_layer("stage3_fc2").kernel  # stays what the baseline has
    np.testing.assert_array_equal(last, trained.get_layer("stage3_fc2").kernel)
