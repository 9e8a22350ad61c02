"""Measures published models on faces of which a part is hidden, and what known shapes can mend.

    python tools/compare_occlusion.py --data 300W [MODEL ...]

All meet the same covered faces of lfpw/testset. Where a model says how sure its points are, unsure
ones are also inferred from the others, by the shapes of the training faces. Writes
zoo/occlusion.json and the table of zoo/README.md; with models named only these are measured anew.
"""

import argparse
import dataclasses

import index

from keras_landmarks import Landmarker, data, evaluation, files, list_models, load, shapes

PROTOCOL = {"split": "300w/lfpw-test", "box": "annotation", "normaliser": "corners"}


def variants(model, faces, exemplars):
    """`{how: Evaluation}` of a model."""
    if "score" not in model.output:
        found = {"as found": evaluation.evaluate(model, faces)}
        if "error" in model.output:
            result = found["as found"]
            moved = shapes.infer(result.predicted, result.confidence, exemplars)
            found["with shapes"] = dataclasses.replace(result, predicted=moved)
        return found
    facts = {"scheme": model.scheme, "margin": model.margin, "box": model.box, "name": model.name}
    decoded = {"landmarks": model.get_layer("decoded").output}
    return {
        "as found": evaluation.evaluate(Landmarker(model.input, decoded, **facts), faces),
        "with shapes": evaluation.evaluate(model, faces),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="MODEL", help="default: all of the zoo")
    parser.add_argument("--data", required=True, help="folder that holds afw/, helen/, lfpw/")
    arguments = parser.parse_args()
    faces = evaluation.occlude(data.read_300w(arguments.data, PROTOCOL["split"]))
    known = data.read_300w(arguments.data, "300w/train")
    exemplars = shapes.learn_dictionary([face.landmarks for face in known])
    published = [name for name in index.names() if index.weights_of(name).is_file()]
    for name in arguments.names or published:
        rows = []
        for how, result in variants(load(name), faces, exemplars).items():
            kind = PROTOCOL["normaliser"]
            hidden, visible = evaluation.hidden_and_visible(result, faces, kind)
            errors = {"hidden": hidden, "visible": visible}
            errors["all"] = float(result.errors(kind).mean())
            percent = {key: round(100 * value, 3) for key, value in errors.items()}
            rows.append({"model": name, "how": how, **percent, "faces": len(faces), **PROTOCOL})
            rows[-1]["sha256"] = list_models()[name]["sha256"]
            print(rows[-1])
        rows += [row for row in index.read_json(index.OCCLUSION) if row["model"] != name]
        rows = [row for other in published for row in rows if row["model"] == other]
        files.write_json(index.OCCLUSION, rows)
    index.main()


if __name__ == "__main__":
    main()
