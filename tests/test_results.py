"""Measured results: kept by split, each figure with its protocol."""

import json
import pathlib

import index
import pytest
import recipes
import repeat
import tables

from keras_landmarks import list_models
from keras_landmarks.export.formats import FORMATS

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
        assert {"commit", "sha256", "accuracy"} <= set(found)
        assert ("formats" in found) == ("formats_sha256" in found)
        for row in found["accuracy"]:
            assert {"box", "normaliser", "faces", "missed"} <= set(row)


@pytest.mark.parametrize("name", MEASURED)
def test_measured_results_are_of_the_weights_that_are_published(name):
    published = list_models()[name]["sha256"]
    for found in index.read_results(name)["splits"].values():
        assert found["sha256"] == published, "tools/evaluate.py measures them anew"
        assert found.get("formats_sha256", published) == published, "tools/check_formats.py"


def test_disturbed_and_covered_faces_were_shown_to_the_weights_that_are_published():
    published = {name: facts["sha256"] for name, facts in list_models().items() if facts["sha256"]}
    disturbed, covered = index.read_json(index.ROBUSTNESS), index.read_json(index.OCCLUSION)
    assert {*disturbed["models"]} == {*disturbed["sha256"]} == {row["model"] for row in covered}
    found = {*disturbed["sha256"].items()} | {(row["model"], row["sha256"]) for row in covered}
    assert found == {*published.items()}, "tools/robustness.py and tools/compare_occlusion.py"


def test_recipes_were_run_again_beside_the_logs_that_are_published():
    for name, facts in index.read_json(index.REPEATED).items():
        rows = repeat.read_log(recipes.ZOO / name / "log.csv")
        published = facts["published"]
        assert repeat.errors(rows, len(published["training"])) == published, "tools/repeat.py"


def test_beside_dlibs_trees_stand_the_weights_that_are_published():
    for split in index.read_json(index.PEERS).values():
        for name in {*split["rows"]} - {"dlib"}:
            assert split["rows"][name]["sha256"] == list_models()[name]["sha256"], "tools/peers.py"


@pytest.mark.parametrize("name", MEASURED)
def test_what_is_measured_is_published_and_measured_in_every_format(name):
    assert list_models()[name]["sha256"]
    rows = index.read_results(name)["splits"][index.SPLIT]["formats"]
    kinds = [row["format"] for row in rows]
    if kinds.count("tflite-int8") == 2:  # once without, once by training faces
        kinds.remove("tflite-int8")
    assert kinds == list(FORMATS)


@pytest.mark.parametrize("name", MEASURED)
def test_errors_on_crops_are_those_of_detect_but_for_some_hundredths(name):
    found = index.read_results(name)["splits"][index.SPLIT]
    by_detect = next(row for row in found["accuracy"] if row["box"] == "annotation")
    on_crops = {row["keras_nme_percent"] for row in found["formats"]}
    assert list(on_crops) == pytest.approx([by_detect["nme_percent"]], abs=0.02)


@pytest.mark.parametrize("name", MEASURED)
def test_a_card_has_a_place_for_what_was_measured(name):
    card = (recipes.ZOO / name / "card.md").read_text()
    splits = index.read_results(name)["splits"].values()
    for key in ("accuracy", "stages", "confidence"):
        table = "results" if key == "accuracy" else key
        if any(found.get(key) for found in splits):
            assert f"\n<!-- {table}: written by tools/index.py -->\n" in card
            assert f"\n<!-- end of {table} -->\n" in card


def test_the_index_and_all_tables_are_what_the_tool_writes():
    index.main(["--check"])


def test_what_is_stale_is_named_and_stays_as_it_is(tmp_path, monkeypatch):
    card, fresh = tmp_path / "card.md", tmp_path / "README.md"
    card.write_text("old")
    fresh.write_text("new")
    monkeypatch.setattr(index, "written", lambda: {card: "new", fresh: "new"})
    with pytest.raises(SystemExit, match=r"Not as tools/index.py writes them: \S*card\.md\.$"):
        index.main(["--check"])
    assert card.read_text() == "old"
    index.main()
    assert card.read_text() == "new"


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
