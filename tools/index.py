"""Writes keras_landmarks/zoo.json and the tables of README.md, zoo/README.md and the cards.

    python tools/index.py

Facts come from the recipes, the published weights and the measured results; nothing is typed here.
"""

import hashlib
import inspect
import json

from recipes import ZOO, names, read_recipe

from keras_landmarks import images, weights, zoo

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


def results_table(rows):
    """The accuracy of a model under every box and normaliser."""
    lines = [
        "| boxes | normaliser | faces | missed | NME, % | AUC at 8 % | > 8 %, % | > 10 %, % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['box']} | {row['normaliser']} | {row['faces']} | {row['missed']} "
            f"| {row['nme_percent']:.2f} | {row['auc_at_8']:.3f} "
            f"| {100 * row['failure_rate_at_8']:.1f} | {100 * row['failure_rate_at_10']:.1f} |"
        )
    return "\n".join(lines)


def stages_table(rows):
    """The accuracy after each stage of a cascade, and by region."""
    regions = list(rows[0]["regions_percent"]) if rows else []
    lines = [
        " | ".join(["| stage", "NME, %", "AUC at 8 %", "> 8 %, %", *regions, ""]).strip(),
        "|---" * (4 + len(regions)) + "|",
    ]
    for row in rows:
        numbers = " | ".join(f"{row['regions_percent'][region]:.2f}" for region in regions)
        lines.append(
            f"| {row['model'].removeprefix('stage').removesuffix('_landmarks')} "
            f"| {row['nme_percent']:.2f} | {row['auc_at_8']:.3f} "
            f"| {100 * row['failure_rate_at_8']:.1f} | {numbers} |"
        )
    return "\n".join(lines)


def confidence_table(row):
    """What a model knows of its own errors."""
    least, any_ = row["nme_without_percent"], row["nme_without_any_percent"]
    lines = ["| points left out | the least sure: NME, % | at random: NME, % |", "|---|---|---|"]
    lines += [f"| {p} % | {nme:.2f} | {any_.get(p, least['0']):.2f} |" for p, nme in least.items()]
    lines += [
        "",
        f"Rank correlation of foretold and true errors (Spearman): {row['rank_correlation']:.2f}. "
        "Faces against places without one, by the mean foretold error: AUC "
        f"{row['false_detection_auc']:.3f}.",
    ]
    return "\n".join(lines)


def comparison_table(rows):
    """The variants of `tools/compare_losses.py`."""
    lines = [
        "| variant | validation | lfpw-test | its 20 % most sideways |",
        "|---|---|---|---|",
    ]
    for name, row in rows.items():
        lines.append(
            f"| {name} | {row['validation_percent']:.2f} | {row['test_percent']:.2f} "
            f"| {row['test_sideways_percent']:.2f} |"
        )
    return "\n".join(lines)


def formats_table(index):
    """How exactly the exported files repeat Keras: of every model and format."""
    lines = [
        "| model | Keras: NME, % | format | size | furthest point, px | NME, % |",
        "|---|---|---|---|---|---|",
    ]
    for name in index:
        for row in read_results(name).get("formats", []):
            kind = row["format"] + (f" ({row['arithmetic']})" if "arithmetic" in row else "")
            lines.append(
                f"| `{name}` | {row['keras_nme_percent']:.3f} | {kind} "
                f"| {row['bytes'] / 2**20:.1f} MiB "
                f"| {row['largest_difference_px']:.3f} | {row['nme_percent']:.3f} |"
            )
    return "\n".join(lines)


def speed_table(speed):
    """The time of every model in every runtime, and as multiples of two yardsticks."""
    lines = [
        "| model | runtime | 1 face | 32 faces, each | 2 threads: 1 face | 32, each | `detect` "
        "| memory | x dlib | x floor |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, facts in speed["models"].items():
        floor = 1000 * facts["multiply_adds"] / speed["multiply_adds_a_second"]
        for row in facts["rows"]:
            one, two = row["1"], row["2"]
            dlib = f"{one['1'] / speed['dlib_ms']:.2f}" if speed["dlib_ms"] else "-"
            lines.append(
                f"| `{name}` | {row['runtime']} | {one['1']:.2f} | {one['32'] / 32:.2f} "
                f"| {two['1']:.2f} | {two['32'] / 32:.2f} | {one['detect']:.2f} "
                f"| {one['memory_mib']:.0f} MiB | {dlib} | {one['1'] / floor:.1f} |"
            )
    dlib = f"{speed['dlib_ms']:.2f} ms" if speed["dlib_ms"] else "not measured"
    rate = speed["multiply_adds_a_second"] / 1e9
    lines += [
        "",
        f"Milliseconds, one thread unless said. dlib's 68-point trees in the same run: {dlib}; "
        f"MTCNN, which `detect` calls where no box is given: {speed['detector_ms']:.0f} ms on the "
        f"512 x 512 portrait. Floor: the network's multiply-adds at the {rate:.0f} thousand "
        "million a second that float32 matrix products reach on one thread.",
    ]
    return "\n".join(lines)


def occlusion_table(rows):
    """Every model on covered faces."""
    lines = ["| model | points | hidden | visible | all |", "|---|---|---|---|---|"]
    for row in rows:
        lines.append(
            f"| `{row['model']}` | {row['how']} | {row['hidden']:.2f} | {row['visible']:.2f} "
            f"| {row['all']:.2f} |"
        )
    return "\n".join(lines)


def balancing_table(rows):
    """The variants of `tools/compare_balancing.py`: means over the seeds, and their spread."""
    names = "validation", "lfpw-test", "20 % most sideways", "without 10 %", "20 %", "30 %"
    lines = ["| variant | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for name, row in rows.items():
        cells = [f"{mean:.2f} ± {spread:.2f}" for mean, spread in row.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def put_table(path, name, text):
    """Replaces what stands between the markers of a name in a file; without markers, nothing."""
    content = path.read_text(encoding="utf-8")
    first, last = f"<!-- {name}: written by tools/index.py -->", f"<!-- end of {name} -->"
    if first in content:
        before, rest = content.split(first)
        content = f"{before}{first}\n{text}\n{last}{rest.split(last)[1]}"
        images.write_bytes(path, content.encode())


def write_card(name):
    """Puts the measured tables into a model's card."""
    card, comparison = ZOO / name / "card.md", ZOO / name / "comparison.json"
    balancing = ZOO / name / "balancing.json"
    results = read_results(name)
    put_table(card, "results", results_table(results.get("accuracy", [])))
    put_table(card, "stages", stages_table(results.get("stages", [])))
    if balancing.is_file():
        put_table(card, "balancing", balancing_table(json.loads(balancing.read_text())))
    if results.get("confidence"):
        put_table(card, "confidence", confidence_table(results["confidence"]))
    if comparison.is_file():
        put_table(card, "comparison", comparison_table(json.loads(comparison.read_text())))


def main():
    index = {name: entry(name) for name in names()}
    images.write_bytes(zoo.INDEX, (json.dumps(index, indent=1) + "\n").encode())
    put_table(ZOO.parent / "README.md", "models", table(index))
    put_table(ZOO / "README.md", "models", table(index).replace("](zoo/", "]("))
    put_table(ZOO.parent / "README.md", "formats", formats_table(index))
    if SPEED.is_file():
        put_table(ZOO.parent / "README.md", "speed", speed_table(json.loads(SPEED.read_text())))
    if OCCLUSION.is_file():
        put_table(
            ZOO / "README.md", "occlusion", occlusion_table(json.loads(OCCLUSION.read_text()))
        )
    for name in index:
        write_card(name)
    print(f"{zoo.INDEX.name}, the cards and the tables hold {len(index)} models.")


if __name__ == "__main__":
    main()
