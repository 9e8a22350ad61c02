"""Writes keras_landmarks/zoo.json and the tables of zoo/README.md and README.md from what is there.

    python tools/index.py

Facts come from the recipes, the published weights and the measured results; nothing is typed here.
"""

import hashlib
import inspect
import json

from recipes import ZOO, names, read_recipe

from keras_landmarks import images, weights, zoo

MARKERS = "<!-- models: written by tools/index.py -->", "<!-- end of models -->"


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
    path = weights.FOLDER / f"{name}.safetensors"
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


def read_results(name):
    path = ZOO / name / "results.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def table(index):
    """The models as a Markdown table."""
    rows = [
        "| model | NME, % | the paper's | parameters | size | one face | licence of the data |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, facts in index.items():
        size = f"{facts['bytes'] / 2**20:.1f} MiB" if facts["bytes"] else "not published"
        nme = f"{facts['nme']:.2f}" if facts["nme"] else "-"
        latency = f"{facts['latency_ms']:.1f} ms" if facts["latency_ms"] else "-"
        rows.append(
            f"| [`{name}`](zoo/{name}/card.md) | {nme} | {facts['paper_nme'] or '-'} "
            f"| {facts['parameters'] / 1e6:.1f} M | {size} | {latency} | {facts['licence']} |"
        )
    return "\n".join(rows)


def put_table(path, text):
    """Replaces what stands between the markers of a file."""
    content = path.read_text(encoding="utf-8")
    before, rest = content.split(MARKERS[0])
    after = rest.split(MARKERS[1])[1]
    content = f"{before}{MARKERS[0]}\n{text}\n{MARKERS[1]}{after}"
    images.write_bytes(path, content.encode())


def main():
    index = {name: entry(name) for name in names()}
    images.write_bytes(zoo.INDEX, (json.dumps(index, indent=1) + "\n").encode())
    put_table(ZOO.parent / "README.md", table(index))
    put_table(ZOO / "README.md", table(index).replace("](zoo/", "]("))
    print(f"{zoo.INDEX.name} and the tables hold {len(index)} models.")


if __name__ == "__main__":
    main()
