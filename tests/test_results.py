"""Measured results: kept by split, each figure with its protocol."""

import json
import pathlib

import index
import pytest
import recipes
import tables

from keras_landmarks import list_models

ROW = {
    "box": "detector",
    "normaliser": "corners",
    "faces": 4,
    "missed": 1,
    "nme_percent": 3.5,
    "auc_at_8": 0.41,
    "failure_rate_at_8": 0.2,
    "failure_rate_at_10": 0.2,
}
MEASURED = [path.parent.name for path in sorted(recipes.ZOO.glob("*/results.json"))]


def test_an_evaluation_on_a_split_keeps_the_others_and_the_formats(tmp_path, monkeypatch):
    monkeypatch.setattr(index, "ZOO", tmp_path)
    index.put_results("some", "one", {"commit": "a", "accuracy": [ROW]}, latency_ms=2.0)
    index.put_results("some", "one", {"formats": [1]})
    index.put_results("some", "two", {"commit": "b", "accuracy": []}, latency_ms=3.0)
    index.put_results("some", "one", {"commit": "c", "accuracy": []})
    assert json.loads((tmp_path / "some" / "results.json").read_text()) == {
        "latency_ms": 3.0,
        "splits": {
            "one": {"commit": "c", "accuracy": [], "formats": [1]},
            "two": {"commit": "b", "accuracy": []},
        },
    }


def test_several_splits_have_a_table_each_under_their_name():
    one = tables.by_split(tables.results, {"one": [ROW]})
    assert one == tables.results([ROW])
    assert "| detector | corners | 4 | 1 | 3.50 | 0.410 | 20.0 | 20.0 |" in one
    none = {**ROW, "faces": 0, "missed": 5, "nme_percent": None}
    both = tables.by_split(tables.results, {"one": [ROW], "two": [none]})
    assert both == f"`one`:\n\n{one}\n\n`two`:\n\n{tables.results([none])}"
    assert "| 0 | 5 | - |" in both


@pytest.mark.parametrize("name", MEASURED)
def test_measured_results_are_keyed_by_split(name):
    results = json.loads((pathlib.Path(recipes.ZOO) / name / "results.json").read_text())
    assert set(results) == {"latency_ms", "splits"}
    for found in results["splits"].values():
        assert {"commit", "accuracy"} <= set(found)
        for row in found["accuracy"]:
            assert {"box", "normaliser", "faces", "missed"} <= set(row)


@pytest.mark.parametrize("name", list_models())
def test_beside_a_papers_number_stands_ours_by_its_normaliser(name):
    facts, results = list_models()[name], index.read_results(name)
    kind = index.normaliser_of_paper(recipes.read_recipe(name))
    assert (kind is None) == (facts["paper_nme"] is None)
    expected = index.headline(results, kind).get("nme_percent")
    assert facts["nme_as_paper"] == expected
    assert (expected is None) == (kind is None or name not in MEASURED)
    if kind == "corners":
        assert expected == facts["nme"]
