"""Trains the variants of a study over several seeds, and says what came out.

    python tools/compare.py STUDY --data 300W [--more 300W-more] --out runs [--short 0.1]

Each training has a folder of its own in --out: what is there is not trained again, and what was
killed goes on. Every variant has the steps of the first one, but where a study is of networks that
each need their own, and all have the same held-out faces. Writes STUDY.json, .png and .md (a table,
and a sentence: the claim, what came out, how sure) into --out after each training, and at last into
zoo/studies/, where no longer run is. `tools/studies` has the studies, a file for each paper.
"""

import argparse
import dataclasses
import json
import pathlib
import time

import comparing
import studies
from recipes import ZOO, read_samples

from keras_landmarks import data, evaluation, files, training, weights
from keras_landmarks.training.fingerprint import fingerprint

SPLIT = "300w/lfpw-test"


def shortened(recipe, share):
    """A recipe with a share of its epochs."""
    stages = tuple(
        dataclasses.replace(stage, epochs=max(round(share * stage.epochs), 1))
        for stage in recipe.stages
    )
    return dataclasses.replace(recipe, stages=stages)


def begun(recipe, folder):
    """A recipe whose first stage starts from the weights in a folder, as far as it has the same."""

    def start(model):
        arrays, _ = weights.load_arrays(folder / "best.safetensors")
        known = {variable.path for variable in model.weights}
        weights.set_weights(model, {p: a for p, a in arrays.items() if p in known})
        if first.start:
            first.start(model)

    first, *rest = recipe.stages
    stages = dataclasses.replace(first, start=start), *rest
    return dataclasses.replace(recipe, stages=stages)


def steps_of(recipe, samples):
    batches = [len(samples.replace(batch=s.batch or samples.batch)) for s in recipe.stages]
    return sum(count * stage.epochs for count, stage in zip(batches, recipe.stages))


def train(recipe, samples, held_out, out, faces, covered=None):
    """One training: its figures, read from its folder where it is done.

    The minutes are those since it last went on, on a machine as busy as it was.
    """
    done, steps = out / "figures.json", steps_of(recipe, samples)
    made_of = fingerprint(recipe, samples, held_out)
    if done.is_file():
        figures = json.loads(done.read_text())
        if (trained := figures["steps"]) != steps:
            raise ValueError(f"{out} is of {trained} steps, not {steps}: name another --out.")
        if figures.pop("made of", None) != made_of:
            raise ValueError(f"{out} is of another recipe or other faces: name another --out.")
        return figures
    began = time.monotonic()
    model = training.train(recipe, samples, held_out, out, resume=True)

    def measured(faces):
        return comparing.measure(model, data.Samples(faces, recipe.size, recipe.margin))

    found = measured(faces)
    figures = {
        "held_out": comparing.measure(model, held_out)["nme"],
        "lfpw_test": found.pop("nme"),
        **found,
        **({"covered": measured(covered)["nme"]} if covered else {}),
        "steps": steps,
        "minutes": round((time.monotonic() - began) / 60, 1),
    }
    files.write_json(done, figures | {"made of": made_of})
    return figures


def run(name, study, options):
    """Trains a study, one seed of all variants after another; `{variant: [figures by seed]}`."""
    found, read = {variant: [] for variant in study.variants}, {}
    recipes = study.variants | ({"baseline": study.baseline} if study.baseline else {})
    for variant, recipe in recipes.items():
        read[variant] = read_samples(recipe, options.data, more=options.more)
    first = next(iter(study.variants))
    most = steps_of(study.variants[first], read[first][0])
    faces = data.read_300w(options.data, SPLIT)
    covered = evaluation.occlude(faces) if study.covered else None
    for seed in range(options.seeds):

        def trained(variant, recipe, seed=seed):
            samples, held_out = read[variant]
            equal = study.equal_steps and recipe is not study.baseline
            equal = most / steps_of(recipe, samples) if equal else 1
            recipe = shortened(recipe, options.short * equal)
            recipe = dataclasses.replace(recipe, seed=seed)
            words = f"{variant}-{seed}".replace(" ", "-").replace("/", "").replace(",", "")
            out = pathlib.Path(options.out) / name / words
            samples = samples.replace(seed=seed)
            return out, train(recipe, samples, held_out, out, faces, covered)

        folder = trained("baseline", study.baseline)[0] if study.baseline else None
        for variant, recipe in study.variants.items():
            recipe = begun(recipe, folder) if folder else recipe
            found[variant].append(trained(variant, recipe)[1])
            place, count = pathlib.Path(options.out), len(read[variant][0].faces)
            print(write(place, name, study, options, found, count), flush=True)
    published = ZOO / "studies" / f"{name}.json"
    if published.is_file() and worth(json.loads(published.read_text())) > worth(
        {"short": options.short, "variants": found}
    ):
        print(f"{published} stays: it is of a longer run, or of more seeds.")
    else:
        write(published.parent, name, study, options, found, count)
    return found


def worth(facts):
    """How long the trainings of a study are, and then how many they are."""
    return facts["short"], sum(map(len, facts["variants"].values()))


def write(folder, name, study, options, found, faces):
    """Writes what is known so far; returns the page."""
    rows = {variant: figures for variant, figures in found.items() if figures}
    facts = {"claim": study.claim, "short": options.short, "faces": faces, "normaliser": "corners"}
    files.write_json(folder / f"{name}.json", facts | {"variants": rows})
    comparing.plot(rows, folder / f"{name}.png")
    said = comparing.sentence(study.claim, options.short, rows)
    page = f"# {name}\n\n{said}\n\n{comparing.table(rows)}\n"
    files.write_bytes(folder / f"{name}.md", page.encode())
    return page


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("study", choices=studies.STUDIES)
    parser.add_argument("--data", required=True, help="folder that holds afw/, helen/, lfpw/")
    parser.add_argument("--more", help="another such folder: faces to train on, not to choose on")
    parser.add_argument("--out", required=True, help="folder for the trainings")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--short", type=float, default=1.0, help="share of the epochs")
    options = parser.parse_args()
    run(options.study, studies.STUDIES[options.study](), options)


if __name__ == "__main__":
    main()
