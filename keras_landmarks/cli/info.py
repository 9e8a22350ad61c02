"""`keras-landmarks info`: what a model of the zoo is, its licence, and its points drawn."""

import importlib

WORDS = {
    "help": "tell what a model is",
    "description": "Prints a model's facts, how it was made, its points and the licence of its "
    "training data, which binds the weights.",
    "epilog": "example: keras-landmarks info unet-300w --draw points.png",
}


def add_arguments(parser):
    parser.add_argument("name", metavar="NAME", help="a model of `keras-landmarks list`")
    parser.add_argument("--draw", metavar="FILE", help="draw its numbered points as a picture")


def run(options):
    from keras_landmarks import faces, pictures, schemes, zoo

    facts = zoo.facts_of(options.name)
    scheme = schemes.get_scheme(facts["arguments"]["scheme"])
    size = f"{facts['bytes'] / 2**20:.1f} MiB" if facts["bytes"] else "no published weights"
    lines = {
        "parameters": f"{facts['parameters']:,} ({size})",
        "crop": f"{facts['crop']} x {facts['crop']} pixels, {facts['margin']:g} x the longer side "
        f"of a box of the convention {facts['box']}",
        "error": facts["nme"]
        and f"{facts['nme']:.2f} % of the distance of the outer eye corners on 300w/lfpw-test",
        "one face": facts["latency_ms"] and f"{facts['latency_ms']:.1f} ms on one CPU thread",
        "paper": facts["paper"],
        "paper's": facts["paper_nme"],
        "licence": f"{facts['licence']} (of the training data, which binds the weights)",
        "scheme": f"{scheme.name}, {scheme.count} points (from 0):",
    }
    recipe = importlib.import_module(f"keras_landmarks.recipes.{options.name.replace('-', '_')}")
    print(f"{options.name}: {recipe.__doc__.strip()}\n")
    print(*(f"{name:<11} {value}" for name, value in lines.items() if value), sep="\n")
    for name, (points, _) in scheme.contours.items():
        print(f"{'':<11} {name:<12} {', '.join(map(str, points))}")
    if options.draw:
        pictures.write_image(options.draw, faces.draw_scheme(scheme))
