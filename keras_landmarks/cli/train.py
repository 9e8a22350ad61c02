"""`keras-landmarks train`: a model from nothing, or one of the zoo on faces of one's own."""

import dataclasses
import json
import pathlib
import sys

from keras_landmarks import files
from keras_landmarks.cli import annotated, training_faces
from keras_landmarks.names import number

WORDS = {
    "help": "train a model, or fine-tune one on faces of your own",
    "description": "Trains a model by its recipe, or goes on from trained weights (with a new head "
    "where the points are others), and measures it. The folder it writes is a model: "
    "`load(folder)`, and the NAME of the other commands.",
    "epilog": "examples: keras-landmarks train --recipe cnn6-300w --data 300W --out runs/cnn6; "
    "keras-landmarks train --weights unet-fast-300w --from faces.csv --scheme my.toml "
    "--out runs/mine",
}


LIMITS = {
    "epochs": dict(least=1, whole=True),
    "batch": dict(least=1, whole=True),
    "margin": dict(above=0),
    "test": dict(least=0, below=1),
}
"""Of the numbers that are asked for."""


def add_arguments(parser):
    from keras_landmarks.evaluation import BOXES

    parser.add_argument(
        "--recipe",
        metavar="NAME|PATH",
        help="a model's recipe, or a Python file with a RECIPE (default: fine-tune --weights)",
    )
    parser.add_argument(
        "--weights", metavar="NAME", help="start from a model of the zoo, or a training's folder"
    )
    annotated.add_arguments(parser, "default: the recipe's")
    parser.add_argument(
        "--held-out",
        metavar="FOLDER",
        help="as --data or --from: faces to choose the best epoch on (default: of those, the share "
        "of the photos that the recipe says)",
    )
    parser.add_argument(
        "--more", metavar="FOLDER", help="as --data or --from: faces to train on, not to choose on"
    )
    parser.add_argument(
        "--unlabelled",
        metavar="TABLE",
        help="faces to learn from a recipe's teachers: picture and box of each, as "
        "`keras-landmarks detect PHOTOS --out TABLE` writes",
    )
    parser.add_argument(
        "--test",
        type=float,
        default=0.0,
        metavar="FRACTION",
        help="of the photos, kept apart to measure on (default: measure on the held-out faces, "
        "which the best epoch is chosen on)",
    )
    parser.add_argument("--out", required=True, metavar="RUN", help="the folder to write")
    parser.add_argument(
        "--records",
        metavar="FOLDER",
        help="keep the faces there instead of in memory: for sets that are larger than it",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument(
        "--box",
        choices=BOXES,
        help="crop by the given boxes (the detector's where there are none), by the detector's, or "
        "by the squares around the points (default: annotation)",
    )
    parser.add_argument(
        "--margin", type=float, help="side of the crop over the face's square (the recipe's)"
    )
    parser.add_argument("--epochs", type=int, help="of each stage (the recipe's; fine-tuning: 30)")
    parser.add_argument("--batch", type=int, help="faces in a step (the recipe's; fine-tuning: 32)")
    parser.add_argument("--licence", help="of the faces, which binds the weights")


def run(options):
    from keras_landmarks import data, list_models, training

    if options.recipe is None and options.weights is None:
        raise ValueError("Name a --recipe, or --weights to fine-tune.")
    out = files.as_path(options.out)
    wanted = read_recipe(options.recipe) if options.recipe else None
    _check(options, out)
    training.join_hosts()  # before anything is computed
    first = training.devices.place()[0] == 0
    given = training_faces.read(options, wanted)
    recipe = _recipe(options, wanted, given)
    if options.unlabelled and any(stage.teacher is None for stage in recipe.stages):
        raise ValueError("--unlabelled needs a recipe with a teacher in every stage.")
    skip, split, test = options.skip_broken, given.split, given.test
    samples, held_out = recipe.samples(
        given.faces, skip, given.more, options.records, given.held_out
    )
    chosen = held_out.faces if held_out else ()
    print(
        f"{len(samples.faces)} faces, {len(samples)} steps an epoch, {len(chosen)} to choose on, "
        f"{len(test)} to test on; {samples.scheme.name}, crops of {samples.size[0]} x "
        f"{samples.size[1]} pixels"
    )
    print(f"Trained on {training.devices.kinds()}.")
    if first and not (options.resume and (out / "crops.jpg").exists()):
        data.draw_samples(samples, out / "crops.jpg")
        print(f"{out / 'crops.jpg'} shows crops with their points: are they right?", flush=True)
    model = training.train(recipe, samples, held_out, out, options.resume)
    if not first:  # which measures the model, and writes
        return
    if test:
        given.write_test(out / "test.csv")
    results, parts = {}, _with_extent(_parts(chosen, test, split))
    by_box = _by_box(parts, split)
    for name, part in parts:
        results[name] = _measured(model, part, given.boxes, split, skip, by_box)
        files.write_json(out / "results.json", results)
    here = f"./{out}" if str(out) in list_models() else out  # by its name alone it is the zoo's
    print(f"{out} is the model: `keras-landmarks detect PHOTO --model {here}`.")


def _check(options, out):
    """What can be told before faces are looked at, which may take long."""
    from keras_landmarks import training, zoo

    for name, limits in LIMITS.items():
        if (value := getattr(options, name)) is not None:
            number(f"--{name}", value, **limits)
    if options.weights:
        zoo.read_model(options.weights)
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out} is a file; name a folder.")
    training.checkpoint.path_in(out, options.resume)


def read_recipe(name):
    """The recipe of a name of the zoo, or the `RECIPE` of a Python file at a path."""
    import importlib.util

    from keras_landmarks import recipes

    path = pathlib.Path(name)
    if path.suffix != ".py":
        return recipes.get_recipe(name)
    if not path.is_file():
        raise FileNotFoundError(f"No recipe at {path}.")
    spec = importlib.util.spec_from_file_location("keras_landmarks_own_recipe", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "RECIPE"):
        raise ValueError(f"{path} has no RECIPE.")
    return module.RECIPE


def _recipe(options, wanted, given):
    """What the words ask for, of the `training_faces.Given`."""
    from keras_landmarks import recipes, training

    if options.weights:
        known = options.weights in recipes.list_recipes()
        own = wanted or (recipes.get_recipe(options.weights) if known else None)
        faces = [*given.faces, *given.more]
        recipe = training.fine_tuning(
            options.weights, faces, own, **_given(options, "epochs", "batch")
        )
    else:
        recipe = training.for_scheme(wanted, given.faces[0].scheme)
        each = _given(options, "epochs") | ({"batch": None} if options.batch is not None else {})
        stages = tuple(dataclasses.replace(stage, **each) for stage in recipe.stages)
        recipe = dataclasses.replace(recipe, stages=stages)
    own = () if options.weights else ("batch",)  # fine-tuning has it, and may have lowered it
    change = {"box": "truth" if given.truth else "annotation"} | _given(options, "margin", *own)
    of_300w = training.Recipe.licence
    licence = options.licence or f"{options.source or given.split}: see its own terms"
    if given.split and not options.licence:
        name = given.split.partition("/")[0]
        licence = of_300w if name == "300w" else f"{name}: see its own terms"
    if options.weights:
        known = str(recipe.licence)
        change["licence"] = known if licence in known else f"{known}; {licence}"
    elif options.licence or options.source or recipe.licence == of_300w:
        change["licence"] = licence
    return dataclasses.replace(recipe, **change)


def _given(options, *names):
    """Those of some options that are given."""
    return {k: value for k in names if (value := getattr(options, k)) is not None}


def _parts(chosen, test, split):
    """What is measured: `(name, faces)`."""
    of = f" of {split}" if split else ""
    return [(f"{name}{of}", part) for name, part in (("held out", chosen), ("test", test)) if part]


def _with_extent(parts):
    """The same without faces whose marked points are one point: nothing tells their size."""
    from keras_landmarks.evaluation.predicting import lacking

    kept = []
    for name, faces in parts:
        if gone := {id(face) for face in lacking(faces, "box")}:
            print(f"{len(gone)} faces {name} have one marked point: not measured.", file=sys.stderr)
        kept.append((name, [face for face in faces if id(face) not in gone]))
    return [(name, faces) for name, faces in kept if faces]


def _by_box(parts, split):
    """Whether all parts are measured by the points' box, as a face lacks the usual normaliser."""
    from keras_landmarks import data
    from keras_landmarks.evaluation.predicting import lacking

    kind = data.get_protocol(split).normaliser if split else None
    without = lacking([face for _, faces in parts for face in faces], kind)
    if without:
        print(f"By the points' box: {without[0].name} lacks the usual one.", file=sys.stderr)
    return bool(without)


def _measured(model, faces, given, split, skip_broken, by_box=False):
    """Figures by the boxes that faces had, by the truth's and by the detector's; prints them.

    By the normaliser of the split's protocol or the scheme's; by the points' box where that is
    asked for, or a face lacks the points of that.
    """
    from keras_landmarks import data, evaluation

    kind, limit, rows = None, 0.08, []
    if split:
        protocol = data.get_protocol(split)
        kind, limit = protocol.normaliser, protocol.limit
    for box in (*["annotation"] * given, "truth", "detector"):
        found = evaluation.evaluate(model, faces, box, skip_broken=skip_broken)
        try:
            rows.append(found.summary("box" if by_box else kind, limit))
        except ValueError as error:
            print(f"By the points' box: {error}", file=sys.stderr)
            rows.append(found.summary("box", limit))
        print(json.dumps({k: v for k, v in rows[-1].items() if k != "regions_percent"}))
    return rows
