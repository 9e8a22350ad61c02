"""`keras-landmarks evaluate`: a model's errors on annotated faces, with their protocol."""

import json
import os

from keras_landmarks import files
from keras_landmarks.errors import NORMALISERS

WORDS = {
    "help": "measure a model on annotated faces",
    "description": "Measures a model on the faces of a named split and prints NME, AUC and "
    "failure rate with their protocol.",
    "epilog": "example: keras-landmarks evaluate cnn6-300w --data 300W --split 300w/lfpw-test",
}


def add_arguments(parser):
    from keras_landmarks.data import PROTOCOLS
    from keras_landmarks.evaluation import BOXES

    parser.add_argument(
        "name", metavar="NAME", help="a model of `keras-landmarks list`; several as one: A+B"
    )
    parser.add_argument(
        "--mirrored", action="store_true", help="take the mean with the mirror image's points"
    )
    parser.add_argument(
        "--data",
        required=True,
        metavar="FOLDER",
        help="the data set in its official layout, as 300W's afw/, helen/, lfpw/, ibug/",
    )
    parser.add_argument(
        "--split",
        default="300w/lfpw-test",
        help=f"one of {', '.join(PROTOCOLS)} (default: %(default)s)",
    )
    parser.add_argument(
        "--box",
        default="annotation",
        choices=BOXES,
        help="where the face boxes come from (default: %(default)s)",
    )
    parser.add_argument(
        "--normaliser",
        choices=(*NORMALISERS, "face_box"),
        help="the distance that errors are divided by (default: the split's own)",
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures and each face's error")
    parser.add_argument("--plot", metavar="FILE", help="draw the CED curve")
    parser.add_argument(
        "--skip-broken", action="store_true", help="warn of a broken file, and go on"
    )


def _names(name):
    """One model or several; a path may hold a plus."""
    return [name] if os.path.exists(name) else name.split("+")


def run(options):
    from keras_landmarks import data, evaluation, load
    from keras_landmarks.pictures import plots

    if options.plot:
        plots.need_matplotlib()
    model = load(_names(options.name), mirrored=options.mirrored)
    protocol = data.get_protocol(options.split)
    kind = options.normaliser or protocol.normaliser
    faces = data.read_split(options.data, options.split, options.skip_broken)
    result = evaluation.evaluate(model, faces, options.box, skip_broken=options.skip_broken)
    facts = {"split": options.split, **result.summary(kind, protocol.limit)}
    if part := data.part_of(options.split, len(faces)):
        facts["part"] = part
    if model.scheme.name != result.annotated_scheme:
        facts["points"] = (
            f"{result.scheme}: those that the model's {model.scheme.name} and the faces' "
            f"{result.annotated_scheme} share"
        )
    print(json.dumps(facts, indent=1))
    if options.json:
        facts["faces_percent"] = result.by_face(kind)
        files.write_json(options.json, facts)
    if options.plot:
        evaluation.plot_ced([result], options.plot, kind=kind)
