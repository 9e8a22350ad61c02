"""`keras-landmarks info`: what a model of the zoo is, its licence, and its points drawn."""

import ast
import importlib.resources

from keras_landmarks import files
from keras_landmarks.cli.named import is_exported, read_model

WORDS = {
    "help": "tell what a model is",
    "description": "Prints a model's facts, how it was made, its points and the licence of its "
    "training data, which binds the weights.",
    "epilog": "example: keras-landmarks info unet-300w --draw points.png",
}


def add_arguments(parser):
    parser.add_argument(
        "name",
        metavar="NAME",
        help="a model of `keras-landmarks list`, a training's folder or an exported file",
    )
    parser.add_argument("--draw", metavar="FILE", help="draw its numbered points as a picture")


def run(options):
    from keras_landmarks import faces, list_models, pictures
    from keras_landmarks.schemes import can_convert

    name = options.name
    file = is_exported(name) or name.endswith((".keras", ".safetensors")) or "/" in name
    own = name not in list_models() and (file or files.as_path(name).exists())
    scheme = _of_path(options.name) if own else _of_zoo(options.name)
    for name, (points, _) in scheme.contours.items():
        print(f"{'':<11} {name:<12} {', '.join(map(str, points))}")
    if options.draw and own and not can_convert("ibug68", scheme):
        raise ValueError(f"{scheme.name} has no picture: crops.jpg of a training shows its points.")
    if options.draw:
        pictures.write_image(options.draw, faces.draw_scheme(scheme))


def _of_path(path):
    """Tells of a training or a file; its scheme."""
    model = read_model(path)
    print(f"{path}: {model.name}\n")
    lines = {
        "crop": _crop(*model.size, model.margin, model.box),
        "licence": f"{model.licence} (of the training data, which binds the weights)",
        "scheme": f"{model.scheme.name}, {model.scheme.count} points (from 0):",
    }
    print(*(f"{name:<11} {value}" for name, value in lines.items()), sep="\n")
    return model.scheme


def _of_zoo(name):
    """Tells of a model of the zoo; its scheme."""
    from keras_landmarks import catalogue, schemes

    facts = catalogue.facts_of(name)
    scheme = schemes.get_scheme(facts["arguments"]["scheme"])
    size = f"{facts['bytes'] / 2**20:.1f} MiB" if facts["bytes"] else "no published weights"
    lines = {
        "parameters": f"{facts['parameters']:,} ({size})",
        "crop": _crop(facts["crop"], facts["crop"], facts["margin"], facts["box"]),
        "error": facts["nme"]
        and f"{facts['nme']:.2f} % of the distance of the outer eye corners on 300w/lfpw-test",
        "one face": facts["latency_ms"] and f"{facts['latency_ms']:.1f} ms on one CPU thread",
        "paper": facts["paper"],
        "paper's": facts["paper_nme"],
        "licence": f"{facts['licence']} (of the training data, which binds the weights)",
        "scheme": f"{scheme.name}, {scheme.count} points (from 0):",
    }
    recipe = importlib.resources.files("keras_landmarks.recipes") / f"{name.replace('-', '_')}.py"
    print(f"{name}: {ast.get_docstring(ast.parse(recipe.read_text('utf-8')))}\n")
    print(*(f"{key:<11} {value}" for key, value in lines.items() if value), sep="\n")
    return scheme


def _crop(height, width, margin, box):
    return (
        f"{height} x {width} pixels, {margin:g} x the longer side of a box of the convention {box}"
    )
