"""`keras-landmarks check`: what annotated faces hold, before anything is trained on them."""

import itertools
import sys

from keras_landmarks.cli import annotated
from keras_landmarks.cli.bar import Bar
from keras_landmarks.cli.named import read_model
from keras_landmarks.cli.photos import is_drawn, keep, print_facts, spare

WORDS = {
    "help": "look for errors in annotated faces",
    "description": "Tells what a data set or annotation file holds: faces, sizes, boxes, missing "
    "points, the same picture twice, points outside of the picture or in a wrong order, and the "
    "faces that a model of the zoo finds most suspicious.",
    "epilog": "example: keras-landmarks check faces.csv --scheme my.toml --out suspicious.jpg",
}
SHOWN = 20
"""Faces that are listed and drawn."""


def add_arguments(parser):
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="FOLDER|FILE",
        help="a data set in its official layout (its whole splits are read), or annotation files",
    )
    parser.add_argument("--images", metavar="FOLDER", help="of the pictures, for files")
    parser.add_argument("--scheme", help="of the points: a name, or a .toml that describes them")
    parser.add_argument(
        "--model",
        default="unet-fast-300w",
        help="whose predictions the points are compared with: of the zoo, a training's folder or "
        "an exported file; 'none' leaves that out (default: %(default)s)",
    )
    parser.add_argument("--out", metavar="FILE", help=f"draw the {SHOWN} most suspicious faces")
    parser.add_argument("--json", metavar="FILE", help="write all that was found ('-' prints it)")


def run(options):
    from keras_landmarks import data, evaluation, pictures

    keep(options.json, options.paths, options.out)
    keep(options.out, ())
    if options.out and not is_drawn(options.out):
        raise ValueError(f"--out {options.out}: expected an ending of a picture, as .png.")
    scheme, parts = annotated.read_scheme(options.scheme), {}
    for path in options.paths:
        splits = data.splits_in(path)
        if splits and (options.images or scheme):
            said = "--images and --scheme are for annotation files"
            raise ValueError(f"{path} is a published data set; {said}.")
        for split in splits:
            parts[_name(split, path, options)] = data.read_split(path, split, skip_broken=True)
        if not splits:
            parts[path] = data.read_any(path, options.images, scheme, skip_broken=True)
    spare(options.out, itertools.chain(*parts.values()))
    model = None if options.model == "none" else read_model(options.model)
    if model is not None:
        annotated.learn(model.scheme)
    for faces in parts.values():
        annotated.lay_own(faces)
    bar = Bar(sum(map(len, parts.values())), "faces")
    found = evaluation.check_faces(parts, model, bar.step)
    bar.close()
    names = data.face.unique_names(found.faces)
    doubts = {names[i]: found.doubts[i] for i in found.worst if found.doubts[i]}
    if options.out:
        pictures.write_image(options.out, found.sheet(SHOWN))
    print_facts(found.facts, options.json, {"doubts": doubts})
    said = sys.stderr if options.json == "-" else sys.stdout
    for i in found.worst[:SHOWN]:
        doubt = ", ".join(found.doubts[i]) or "nothing certain"
        print(f"{i + 1}: {found.faces[i].name}: {doubt}", file=said)
    if options.out:
        print(f"{options.out} shows them.", file=said)


def _name(split, path, options):
    """What a part is called: its split, and its folder where there are several."""
    return split if len(options.paths) == 1 else f"{path} {split}"
