"""Measures every published model on faces and boxes that were disturbed.

    python tools/robustness.py --data 300W [--every 4] [MODEL ...]

All meet the same faces of lfpw/testset, from the annotators' detector boxes: see
`evaluation.DISTURBANCES`. Writes zoo/robustness.json and the table of zoo/README.md; with models
named only these are measured anew. What is measured of a model stays when it is stopped.
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
    before = index.read_json(index.ROBUSTNESS).get("protocol", protocol)
    if before != protocol and options.names:
        raise ValueError(f"The other models were measured by {before}: name none.")
    for name in options.names or published:
        model, figures = load(name), {}
        for row, kind, amount in rows():
            disturbed = faces if kind is None else evaluation.disturb(faces, kind, amount)
            result = evaluation.evaluate(model, disturbed, verbose=0)
            error = float(result.errors(PROTOCOL["normaliser"]).mean())
            figures[row] = round(100 * error, 3)
            print(name, row, figures[row], flush=True)
        found = index.read_json(index.ROBUSTNESS)  # another run may have written it meanwhile
        if found.get("protocol") != protocol:
            found = {"protocol": protocol, "models": {}, "sha256": {}}
        found["models"][name], found["sha256"][name] = figures, list_models()[name]["sha256"]
        for part in ("models", "sha256"):
            found[part] = {name: found[part][name] for name in published if name in found[part]}
        files.write_json(index.ROBUSTNESS, found)
    index.main()


if __name__ == "__main__":
    main()
