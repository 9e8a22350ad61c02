"""Trains the variants of a study over several seeds, and says what came out.

    python tools/compare.py STUDY --data 300W [--more 300W-more] --out runs [--short 0.1]

Each training has a folder of its own in --out: what is there is not trained again, and what was
killed goes on. Every variant has the steps of the first one, and all have the same held-out faces.
Writes zoo/studies/STUDY.json and .png after each training. `tools/studies.py` has the studies.
"""

import argparse
import dataclasses
import json
import pathlib
import time

import comparing
import numpy as np
import studies
from recipes import ZOO, read_samples

from keras_landmarks import data, files, training

SPLIT = "300w/lfpw-test"


def shortened(recipe, steps_of_first, steps, share):
    """A recipe with a share of its epochs, and as many steps as the first variant has in them."""
    stages = tuple(
        dataclasses.replace(
            stage, epochs=max(round(share * stage.epochs * steps_of_first / steps), 1)
        )
        for stage in recipe.stages
    )
    return dataclasses.replace(recipe, stages=stages)


def train(recipe, samples, held_out, out, test):
    """One training: its figures, read from its folder where it is done."""
    done = out / "figures.json"
    if done.is_file():
        return json.loads(done.read_text())
    began = time.monotonic()
    model = training.train(recipe, samples, held_out, out, resume=True)
    error, sideways = comparing.measure(model, test)
    figures = {
        "held_out": comparing.measure(model, held_out)[0],
        "lfpw_test": error,
        "sideways": sideways,
        "steps": len(samples) * sum(stage.epochs for stage in recipe.stages),
        "minutes": round((time.monotonic() - began) / 60, 1),
    }
    files.write_json(done, figures)
    return figures


def run(name, study, options):
    """Trains a study, one seed of all variants after another; `{variant: [figures by seed]}`."""
    found, read = {variant: [] for variant in study.variants}, {}
    recipes = study.variants | ({"baseline": study.baseline} if study.baseline else {})
    for variant, recipe in recipes.items():
        read[variant] = read_samples(recipe, options.data, more=options.more)
    first = len(read[next(iter(study.variants))][0])
    faces = data.read_300w(options.data, SPLIT)
    for seed in range(options.seeds):

        def trained(variant, recipe, seed=seed):
            samples, held_out = read[variant]
            recipe = shortened(recipe, first, len(samples), options.short)
            recipe = dataclasses.replace(recipe, seed=seed)
            test = data.Samples(faces, recipe.size, recipe.margin)
            words = f"{variant}-{seed}".replace(" ", "-").replace("/", "").replace(",", "")
            out = pathlib.Path(options.out) / name / words
            return out, train(recipe, samples.replace(seed=seed), held_out, out, test)

        folder = trained("baseline", study.baseline)[0] if study.baseline else None
        for variant, recipe in study.variants.items():
            recipe = studies.begun(recipe, folder) if folder else recipe
            found[variant].append(trained(variant, recipe)[1])
            write(name, study, options, found, len(read[variant][0].faces))
    return found


def write(name, study, options, found, faces):
    """Writes what is known so far."""
    rows = {variant: figures for variant, figures in found.items() if figures}
    facts = {"claim": study.claim, "short": options.short, "faces": faces, "normaliser": "corners"}
    files.write_json(ZOO / "studies" / f"{name}.json", facts | {"variants": rows})
    comparing.plot(rows, ZOO / "studies" / f"{name}.png")


def sentences(found):
    """A line for each variant: mean and spread over the seeds, and what sets it off the first."""
    first = next(iter(found.values()))
    for variant, figures in found.items():
        errors = {
            key: np.array([row[key] for row in figures])
            for key in ("held_out", "lfpw_test", "sideways")
        }
        line = ", ".join(f"{key} {e.mean():.2f} ± {e.std():.2f}" for key, e in errors.items())
        if figures is not first:
            apart = errors["lfpw_test"] - [row["lfpw_test"] for row in first]
            likely = comparing.likelihood(apart)
            line += f"; {apart.mean():+.2f} to the first{likely}"
        yield f"{variant}: {line}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("study", choices=studies.STUDIES)
    parser.add_argument("--data", required=True, help="folder that holds afw/, helen/, lfpw/")
    parser.add_argument("--more", help="another such folder: faces to train on, not to choose on")
    parser.add_argument("--out", required=True, help="folder for the trainings")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--short", type=float, default=1.0, help="share of the epochs")
    options = parser.parse_args()
    study = studies.STUDIES[options.study]()
    found = run(options.study, study, options)
    print(f"The paper: {study.claim}", *sentences(found), sep="\n")


if __name__ == "__main__":
    main()
