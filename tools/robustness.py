"""Measures every published model on faces and boxes that were disturbed.

    python tools/robustness.py --data 300W [--every 4] [MODEL ...]

All meet the same faces of lfpw/testset, from the annotators' detector boxes: see
`evaluation.DISTURBANCES`. Writes zoo/robustness.json and the table of zoo/README.md; with models
named only these are measured anew.
"""

import argparse

import index

from keras_landmarks import data, evaluation, files, list_models, load

PROTOCOL = {"split": "300w/lfpw-test", "box": "annotation", "normaliser": "corners"}


def rows():
    """`(name, kind, amount)` of the table."""
    yield "as they are", None, None
    for kind, amounts in evaluation.DISTURBANCES.items():
        for amount in amounts:
            yield f"{kind} {amount:g}", kind, amount


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="MODEL", help="default: all of the zoo")
    parser.add_argument("--data", required=True, help="folder that holds afw/, helen/, lfpw/")
    parser.add_argument("--every", type=int, default=4, help="take one of so many faces")
    options = parser.parse_args()
    published = [name for name in index.names() if index.weights_of(name).is_file()]
    faces = data.read_300w(options.data, PROTOCOL["split"])[:: options.every]
    protocol = {"faces": len(faces), **PROTOCOL}
    found = index.read_json(index.ROBUSTNESS)
    if found.get("protocol") != protocol:
        if found and options.names:
            raise ValueError(f"The other models were measured by {found['protocol']}: name none.")
        found = {"protocol": protocol, "models": {}, "sha256": {}}
    names = options.names or published
    models = {name: load(name) for name in names}
    found["models"] |= {name: {} for name in names}
    for row, kind, amount in rows():
        disturbed = faces if kind is None else evaluation.disturb(faces, kind, amount)
        for name, model in models.items():
            result = evaluation.evaluate(model, disturbed, verbose=0)
            error = round(100 * float(result.errors(PROTOCOL["normaliser"]).mean()), 3)
            found["models"][name][row] = error
        print(row, {name: found["models"][name][row] for name in names}, flush=True)
    now = index.read_json(index.ROBUSTNESS)  # another run may have written it meanwhile
    if now.get("protocol") == protocol:
        for key in ("models", "sha256"):
            found[key] = now[key] | {n: v for n, v in found[key].items() if n in names}
    found["models"] = {name: found["models"][name] for name in published if name in found["models"]}
    measured = {name: list_models()[name]["sha256"] for name in names}
    found["sha256"] = {n: s for n, s in {**found["sha256"], **measured}.items() if n in published}
    files.write_json(index.ROBUSTNESS, found)
    index.main()


if __name__ == "__main__":
    main()
