"""`keras-landmarks evaluate`: a model's errors on annotated faces, with their protocol."""

import os
import sys

from keras_landmarks.cli import annotated
from keras_landmarks.cli.named import read_model
from keras_landmarks.cli.photos import keep, print_facts, spare
from keras_landmarks.errors import NORMALISERS

WORDS = {
    "help": "measure a model on annotated faces",
    "description": "Measures a model on faces of a named split, or on your own, and prints NME, "
    "AUC and failure rate with their protocol.",
    "epilog": "examples: keras-landmarks evaluate cnn6-300w --data 300W --split 300w/lfpw-test; "
    "keras-landmarks evaluate runs/mine --from faces.csv --scheme my.toml",
}
SPLIT = "300w/lfpw-test"
"""What is read where no split is named."""


def add_arguments(parser):
    from keras_landmarks.evaluation import BOXES

    parser.add_argument(
        "name",
        metavar="NAME",
        help="a model of `keras-landmarks list`, a training's folder or an exported .tflite or "
        ".onnx file; several as one: A+B",
    )
    parser.add_argument(
        "--mirrored", action="store_true", help="take the mean with the mirror image's points"
    )
    annotated.add_arguments(parser, f"default: {SPLIT}")
    parser.add_argument(
        "--box",
        choices=BOXES,
        help="where the face boxes come from (default: annotation, the given ones; truth where "
        "faces of your own have none)",
    )
    parser.add_argument(
        "--normaliser",
        choices=(*NORMALISERS, "face_box"),
        help="the distance that errors are divided by (default: the split's own)",
    )
    parser.add_argument(
        "--json", metavar="FILE", help="write the figures and each face's error ('-' prints them)"
    )
    parser.add_argument("--plot", metavar="FILE", help="draw the CED curve")


def _names(name):
    """One model or several; a path may hold a plus."""
    return [name] if os.path.exists(name) else name.split("+")


def run(options):
    from keras_landmarks import data, evaluation
    from keras_landmarks.evaluation.predicting import lacking, need_boxes
    from keras_landmarks.evaluation.subsets import by_attribute, by_normaliser
    from keras_landmarks.pictures import plots
    from keras_landmarks.schemes import PUBLISHED

    keep(options.json, filter(None, (options.source, options.data)), options.plot)
    keep(options.plot, ())
    if options.plot:
        plots.need_matplotlib(options.plot)
    model = read_model(_names(options.name), options.mirrored)
    annotated.learn(model.scheme)
    if model.scheme not in PUBLISHED:
        options.scheme = options.scheme or (options.source and model.scheme.name)
    faces, split = annotated.read(options, SPLIT)
    spare(options.plot, faces)
    kind, limit = options.normaliser, 0.08
    if split:
        protocol = data.get_protocol(split)
        kind, limit = kind or protocol.normaliser, protocol.limit
    given = split or all(face.box is not None for face in faces)
    box = options.box or ("annotation" if given else "truth")
    if not options.box and not given:
        said = "The squares around the true points stand for the boxes that faces lack: kinder"
        print(f"{said} than a detector's (--box detector).", file=sys.stderr)
    if without := lacking(faces, kind):  # said before hours of work
        said = f"{len(without)} of {len(faces)} faces lack the normaliser {kind or ''}".rstrip()
        other = "face_box" if kind == "box" else "box"
        raise ValueError(f"{said}, as {without[0].name}: take --normaliser {other}.")
    if box == "annotation":
        need_boxes(faces)
        faces = annotated.laid(faces)
    elif box == "detector":
        annotated.lay_own(faces)
    result = evaluation.evaluate(model, faces, box, skip_broken=options.skip_broken)
    facts = {"split": split or options.source, **result.summary(kind, limit)}
    facts["model"] = options.name  # a training is called by its folder
    if options.mirrored:
        facts["mirrored"] = True
    if left_out := len(faces) - len(result.names) - result.missed:
        facts["left_out"] = left_out
    if part := split and data.part_of(split, len(faces) - left_out):
        facts["part"] = part
    facts["points"] = f"all of {result.scheme}"
    if model.scheme.name != result.annotated_scheme:
        facts["points"] = (
            f"{result.scheme}: those that the model's {model.scheme.name} and the faces' "
            f"{result.annotated_scheme} share"
        )
    facts["nme_percent_by"] = by_normaliser(result)
    if subsets := by_attribute(result, faces, kind, limit):
        facts["subsets"] = subsets
    print_facts(facts, options.json, {"faces_percent": result.by_face(kind)})
    if options.plot:
        evaluation.plot_ced([result], options.plot, limit, kind)
