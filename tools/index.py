"""Writes keras_landmarks/zoo.json and the tables of README.md, docs/, zoo/README.md and the cards.

    python tools/index.py [--check]

Facts come from the recipes, the published weights and the measured results; nothing is typed here.
With `--check` nothing is written, and files that are not as they would be written are an error.
"""

import argparse
import hashlib
import json
import sys
import tomllib

import tables
from recipes import ZOO, names, read_recipe

from keras_landmarks import catalogue, files, weights
from keras_landmarks.errors import NORMALISERS

SPLIT = "300w/lfpw-test"
"""The split of the headline's figures."""
DOCS = ZOO.parent / "docs"
SPEED = ZOO / "speed.json"
"""Written by `tools/speed.py`."""
PEERS = ZOO / "peers.json"
"""Written by `tools/peers.py`."""
PHOTOS = ZOO / "photos.json"
"""Written by `tools/photo_times.py`."""
OCCLUSION = ZOO / "occlusion.json"
"""Written by `tools/compare_occlusion.py`."""
ROBUSTNESS = ZOO / "robustness.json"
"""Written by `tools/robustness.py`."""
REPEATED = ZOO / "repeated.json"
"""Written by `tools/repeat.py`."""
PROJECT = tomllib.loads((ZOO.parent / "pyproject.toml").read_text(encoding="utf-8"))
LARGE = PROJECT["tool"]["setuptools"]["exclude-package-data"]["keras_landmarks"]
"""Weights that the wheel leaves to the one of `large/`."""


def weights_of(name):
    """The published weights of a model."""
    return weights.FOLDER / f"{name}.safetensors"


def sha256_of(name):
    """Of the published weights of a model; None where there are none."""
    path = weights_of(name)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def headline(results, normaliser="corners", box="annotation"):
    """The figures of the table: lfpw-test, annotation box, outer eye corners."""
    rows = results.get("splits", {}).get(SPLIT, {}).get("accuracy", [])
    wanted = {"box": box, "normaliser": normaliser}
    return next((row for row in rows if wanted.items() <= row.items()), {})


def by_normaliser(index):
    """`{name: {normaliser: NME}}` of the models that were measured, as the headline's.

    Beside them `truth`, by the pupils with boxes around the truth.
    """
    kinds = {"corners": ("corners",), "pupils": ("pupils",), "truth": ("pupils", "truth")}
    measured = {name: found for name in index if (found := read_results(name))}
    return {
        name: {key: headline(found, *words).get("nme_percent") for key, words in kinds.items()}
        for name, found in measured.items()
    }


def normaliser_of_paper(recipe):
    """The normaliser that a recipe's `paper_nme` names, or None."""
    return next((kind for kind in NORMALISERS if kind in (recipe.paper_nme or "")), None)


def entry(name):
    """What zoo.json says of a model.

    Where the published weights' network is not the recipe's, `published.json` tells its arguments.
    """
    recipe = read_recipe(name)
    builder, arguments = recipe.builder()
    arguments |= read_json(ZOO / name / "published.json").get("arguments", {})
    results, sha256 = read_results(name), sha256_of(name)
    return {
        "builder": builder,
        "arguments": arguments,
        "crop": recipe.size[0],
        "margin": recipe.margin,
        "box": recipe.box,
        "sha256": sha256,
        "bytes": sha256 and weights_of(name).stat().st_size,
        "large": f"weights/{name}.safetensors" in LARGE,
        "parameters": recipe.model().count_params(),
        "nme": headline(results).get("nme_percent"),
        "nme_as_paper": headline(results, normaliser_of_paper(recipe)).get("nme_percent"),
        "paper": recipe.paper,
        "paper_nme": recipe.paper_nme,
        "latency_ms": results.get("latency_ms"),
        "licence": recipe.licence,
    }


def read_json(path):
    """What a file holds, or an empty dict where there is none."""
    return json.loads(path.read_text()) if path.is_file() else {}


def read_results(name):
    return read_json(ZOO / name / "results.json")


def put_results(name, split, found, **facts):
    """Adds results on a split to those of a model, and facts to all of them."""
    results = read_results(name) | facts
    splits = results.setdefault("splits", {})
    splits[split] = splits.get(split, {}) | found
    files.write_json(ZOO / name / "results.json", results)


def put_table(texts, path, name, text):
    """Replaces what stands between the markers of a name in a file; without markers, nothing.

    Args:
        texts: `{path: what the file shall hold}`, which is changed.
        path: of the file.
        name: of the table.
        text: the table.
    """
    content = texts.get(path) or path.read_text(encoding="utf-8")
    first, last = f"<!-- {name}: written by tools/index.py -->", f"<!-- end of {name} -->"
    if first in content:
        before, rest = content.split(first)
        texts[path] = f"{before}{first}\n{text}\n{last}{rest.split(last)[1]}"


def put_card(texts, name):
    """Puts the measured tables into a model's card."""
    splits, card = read_results(name).get("splits", {}), ZOO / name / "card.md"
    for table in ("results", "stages", "confidence"):
        key = "accuracy" if table == "results" else table
        rows = {split: facts[key] for split, facts in splits.items() if facts.get(key)}
        if rows:
            put_table(texts, card, table, tables.by_split(getattr(tables, table), rows))
    for table in ("comparison", "balancing", "decoding"):
        if rows := read_json(ZOO / name / f"{table}.json"):
            put_table(texts, card, table, getattr(tables, table)(rows))


def written():
    """`{path: content}` of every file that is written here."""
    index, texts = {name: entry(name) for name in names()}, {}
    texts[catalogue.INDEX] = json.dumps(index, indent=1) + "\n"
    models = tables.models(index).replace("](zoo/", "](")
    put_table(texts, ZOO / "README.md", "models", models)
    put_table(texts, ZOO.parent / "README.md", "choice", tables.choice(index))
    results = {name: read_results(name).get("splits", {}).get(SPLIT, {}) for name in index}
    formats = {name: found.get("formats", []) for name, found in results.items()}
    put_table(texts, DOCS / "guides" / "export.md", "formats", tables.formats(formats))
    put_table(texts, DOCS / "papers.md", "papers", tables.papers(index, by_normaliser(index)))
    if speed := read_json(SPEED):
        put_table(texts, DOCS / "speed.md", "speed", tables.speed(speed))
    if peers := read_json(PEERS):
        put_table(texts, DOCS / "speed.md", "peers", tables.peers(peers))
    if times := read_json(PHOTOS):
        put_table(texts, DOCS / "speed.md", "photos", tables.photos(times))
    if covered := read_json(OCCLUSION):
        put_table(texts, ZOO / "README.md", "occlusion", tables.occlusion(covered))
    if disturbed := read_json(ROBUSTNESS):
        put_table(texts, ZOO / "README.md", "robustness", tables.robustness(disturbed["models"]))
    if repeated := read_json(REPEATED):
        put_table(texts, ZOO / "README.md", "repeated", tables.repeated(repeated))
    for name in index:
        put_card(texts, name)
    return texts


def main(words=()):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, name what is stale")
    check = parser.parse_args(words).check
    stale = {path: text for path, text in written().items() if path.read_text("utf-8") != text}
    if check and stale:
        raise SystemExit(f"Not as tools/index.py writes them: {', '.join(map(str, stale))}.")
    for path, text in stale.items():
        files.write_bytes(path, text.encode())
    print(f"{catalogue.INDEX.name}, the cards and the tables hold {len(names())} models.")


if __name__ == "__main__":
    main(sys.argv[1:])
