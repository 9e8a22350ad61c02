"""The comparisons of the papers' claims: equal steps, several seeds, nothing trained twice."""

import argparse
import dataclasses
import itertools
import json

import compare
import comparing
import numpy as np
import pytest
import studies
from faces import write_300w
from small_recipe import RECIPE

from keras_landmarks.losses import L2, Wing


def test_a_study_trains_every_variant_from_every_seed_once(tmp_path, monkeypatch):
    write_300w(tmp_path / "300W", 4)
    (stage, _) = RECIPE.stages
    one = dataclasses.replace(RECIPE, stages=(dataclasses.replace(stage, epochs=4),))
    other = studies.with_loss(dataclasses.replace(one, bins=None), L2())
    study = studies.Study("none", {"Wing": one, "L2, all": other}, baseline=one)
    monkeypatch.setattr(compare, "ZOO", tmp_path / "zoo")
    options = dict(data=str(tmp_path / "300W"), more=None, out=tmp_path, seeds=2, short=0.5)
    found = compare.run("small", study, argparse.Namespace(**options))
    steps = [row["steps"] for rows in found.values() for row in rows]
    assert max(steps) - min(steps) <= 1  # as near as whole epochs come
    written = json.loads((tmp_path / "zoo/studies/small.json").read_text())
    assert written["variants"] == found
    assert (tmp_path / "zoo/studies/small.png").is_file()
    assert found["Wing"][0]["lfpw_test"] != found["Wing"][1]["lfpw_test"]
    assert len(list(compare.sentences(found))) == 2

    monkeypatch.setattr(compare.training, "train", None)  # nothing is trained again
    assert compare.run("small", study, argparse.Namespace(**options)) == found


def test_the_variants_of_a_study_differ_and_keep_what_they_compare_by():
    for name, make in studies.STUDIES.items():
        study = make()
        recipes = list(study.variants.values())
        assert len(recipes) > 1, name
        assert all(one != other for one, other in itertools.pairwise(recipes)), name
        assert len({recipe.held_out for recipe in recipes}) == 1 or name == "wing-networks"
    wing = studies.wing_losses().variants
    assert [type(r.stages[0].loss) for r in (wing["Wing"], wing["L2 + PDB"])] == [Wing, L2]
    assert (wing["Wing"].bins, wing["Wing + PDB"].bins) == (None, 9)


def test_a_difference_that_all_seeds_show_is_less_likely_chance():
    alike, apart = comparing.likelihood(np.array([-0.3, 0.3, 0.1])), np.array([-0.3, -0.32, -0.28])
    assert float(alike.split("= ")[1].split(",")[0]) > 0.5
    # Student's t with two degrees of freedom at -26: by its table p = 0.0015.
    assert float(comparing.likelihood(apart).split("= ")[1].split(",")[0]) == pytest.approx(
        0.0015, abs=0.0001
    )
