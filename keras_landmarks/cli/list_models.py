"""`keras-landmarks list`: the models of the zoo."""

import json

WORDS = {
    "help": "list the models",
    "description": "Lists the models.",
    "epilog": "example: keras-landmarks list --json",
}


def add_arguments(parser):
    parser.add_argument("--json", action="store_true", help="print all facts as JSON")


def run(options):
    from keras_landmarks import list_models

    models = list_models()
    if options.json:
        print(json.dumps(models, indent=1))
        return
    head = ("name", "scheme", "crop", "parameters", "size", "NME", "a face", "data")
    print("{:<22}{:<9}{:<6}{:>11}{:>10}{:>8}{:>10}  {}".format(*head))
    for name, facts in models.items():
        size = "-" if facts["sha256"] is None else f"{facts['bytes'] / 2**20:.1f} MiB"
        nme = "-" if facts["nme"] is None else f"{facts['nme']:.2f} %"
        time = "-" if facts["latency_ms"] is None else f"{facts['latency_ms']:.1f} ms"
        print(
            f"{name:<22}{facts['arguments']['scheme']:<9}{facts['crop']:<6}"
            f"{facts['parameters'] / 1e6:>9.2f} M{size:>10}{nme:>8}{time:>10}  {facts['licence']}"
        )
