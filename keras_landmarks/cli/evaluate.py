"""`keras-landmarks evaluate`: a model's errors on annotated faces, with their protocol."""

import json

from keras_landmarks import files
from keras_landmarks.errors import NORMALISERS

WORDS = {
    "help": "measure a model on annotated faces",
    "description": "Measures a model on the faces of a named split and prints NME, AUC and "
    "failure rate with their protocol.",
    "epilog": "example: keras-landmarks evaluate cnn6-300w --data 300W --split 300w/lfpw-test",
}


def add_arguments(parser):
    from keras_landmarks.data import SPLITS
    from keras_landmarks.evaluation import BOXES

    parser.add_argument("name", metavar="NAME", help="a model of `keras-landmarks list`")
    parser.add_argument(
        "--data",
        required=True,
        metavar="FOLDER",
        help="holds afw/, helen/, lfpw/, ibug/ as the 300W archives unpack",
    )
    parser.add_argument(
        "--split",
        default="300w/lfpw-test",
        help=f"one of {', '.join(SPLITS)} (default: %(default)s)",
    )
    parser.add_argument(
        "--box",
        default="annotation",
        choices=BOXES,
        help="where the face boxes come from (default: %(default)s)",
    )
    parser.add_argument(
        "--normaliser",
        default="corners",
        choices=NORMALISERS,
        help="the distance that errors are divided by (default: %(default)s)",
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures and each face's error")
    parser.add_argument("--plot", metavar="FILE", help="draw the CED curve")
    parser.add_argument(
        "--skip-broken", action="store_true", help="warn of a broken file, and go on"
    )


def run(options):
    from keras_landmarks import data, evaluation, load
    from keras_landmarks.pictures import plots

    if options.plot:
        plots.need_matplotlib()
    model = load(options.name)
    faces = data.read_300w(options.data, options.split, options.skip_broken)
    result = evaluation.evaluate(model, faces, options.box, skip_broken=options.skip_broken)
    facts = {"split": options.split, **result.summary(options.normaliser)}
    print(json.dumps(facts, indent=1))
    if options.json:
        facts["faces_percent"] = result.by_face(options.normaliser)
        files.write_json(options.json, facts)
    if options.plot:
        evaluation.plot_ced([result], options.plot, kind=options.normaliser)
