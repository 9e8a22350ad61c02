"""Writes keras_landmarks/zoo.json and the tables of README.md, zoo/README.md and the cards.

    python tools/index.py

Facts come from the recipes, the published weights and the measured results; nothing is typed here.
"""

import hashlib
import inspect
import json

import tables
from recipes import ZOO, names, read_recipe

from keras_landmarks import files, weights, zoo

SPEED = ZOO / "speed.json"
"""Written by `tools/speed.py`."""
OCCLUSION = ZOO / "occlusion.json"
"""Written by `tools/compare_occlusion.py`."""


def weights_of(name):
    """The published weights of a model."""
    return weights.FOLDER / f"{name}.safetensors"


def headline(results):
    """The figures of the table: lfpw-test, annotation box, outer eye corners."""
    wanted = {"split": "300w/lfpw-test", "box": "annotation", "normaliser": "corners"}
    return next((row for row in results.get("accuracy", []) if wanted.items() <= row.items()), {})


def entry(name):
    """What zoo.json says of a model."""
    recipe = read_recipe(name)
    builder = getattr(recipe.model, "func", recipe.model)
    arguments = dict(getattr(recipe.model, "keywords", {}))
    arguments.setdefault("scheme", inspect.signature(builder).parameters["scheme"].default)
    path = weights_of(name)
    results = read_results(name)
    content = path.read_bytes() if path.is_file() else None
    return {
        "builder": builder.__name__,
        "arguments": arguments,
        "crop": recipe.size[0],
        "margin": recipe.margin,
        "box": recipe.box,
        "sha256": content and hashlib.sha256(content).hexdigest(),
        "bytes": content and len(content),
        "parameters": recipe.model().count_params(),
        "nme": headline(results).get("nme_percent"),
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


def put_table(path, name, text):
    """Replaces what stands between the markers of a name in a file; without markers, nothing."""
    content = path.read_text(encoding="utf-8")
    first, last = f"<!-- {name}: written by tools/index.py -->", f"<!-- end of {name} -->"
    if first in content:
        before, rest = content.split(first)
        content = f"{before}{first}\n{text}\n{last}{rest.split(last)[1]}"
        files.write_bytes(path, content.encode())


def write_card(name):
    """Puts the measured tables into a model's card."""
    results = read_results(name)
    found = {
        "results": results.get("accuracy"),
        "stages": results.get("stages"),
        "confidence": results.get("confidence"),
        "comparison": read_json(ZOO / name / "comparison.json"),
        "balancing": read_json(ZOO / name / "balancing.json"),
        "decoding": read_json(ZOO / name / "decoding.json"),
    }
    for table, rows in found.items():
        if rows:
            put_table(ZOO / name / "card.md", table, getattr(tables, table)(rows))


def main():
    index = {name: entry(name) for name in names()}
    files.write_json(zoo.INDEX, index)
    readme, models = ZOO.parent / "README.md", tables.models(index)
    put_table(readme, "models", models)
    put_table(ZOO / "README.md", "models", models.replace("](zoo/", "]("))
    formats = {name: read_results(name).get("formats", []) for name in index}
    put_table(readme, "formats", tables.formats(formats))
    if speed := read_json(SPEED):
        put_table(readme, "speed", tables.speed(speed))
    if covered := read_json(OCCLUSION):
        put_table(ZOO / "README.md", "occlusion", tables.occlusion(covered))
    for name in index:
        write_card(name)
    print(f"{zoo.INDEX.name}, the cards and the tables hold {len(index)} models.")


if __name__ == "__main__":
    main()
