"""Trains the first epochs of recipes anew, beside the log of the published weights.

    python tools/repeat.py NAME ... --data 300W [--more 300W-more] --out runs [--seeds 1]

Three epochs, or --epochs. Each seed has a folder of its own in --out; what was killed goes on; with
two the noise of two runs is known. Writes zoo/repeated.json and its table in zoo/README.md. A log
that is not of the whole recipe is refused, as that of `dan-300w`.
"""

import argparse
import csv
import dataclasses
import pathlib

import index
from recipes import ZOO, names, read_recipe, read_samples

from keras_landmarks import files, training


def first_epochs(recipe, samples, epochs):
    """A recipe that ends after so many epochs; rates fall as in the whole one."""
    stages = []
    for stage in recipe.stages:
        count, epochs = min(stage.epochs, epochs), epochs - min(stage.epochs, epochs)
        steps = stage.epochs * len(samples.replace(batch=stage.batch or samples.batch))

        def optimizer(_, stage=stage, steps=steps):
            return stage.optimizer(steps)

        if count:
            stages.append(dataclasses.replace(stage, epochs=count, optimizer=optimizer))
    return dataclasses.replace(recipe, stages=tuple(stages))


def read_log(path):
    """The rows of a log."""
    with open(path, newline="") as file:
        return [*csv.DictReader(file)]


def errors(rows, epochs):
    """Errors in percent of the first epochs: of the training faces, and of those held out."""
    keys = {"training": "nme", "held_out": "val_nme"}
    return {
        name: [round(100 * float(r[key]), 2) for r in rows[:epochs]] for name, key in keys.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="+", choices=names(), metavar="NAME")
    parser.add_argument("--data", required=True, help="folder that holds afw/, helen/, lfpw/")
    parser.add_argument("--more", help="folder of further faces, as 300W-more")
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder for the runs")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    for name in options.names:
        recipe, log = read_recipe(name), ZOO / name / "log.csv"
        whole = read_log(log)
        if int(whole[-1]["stage"]) != len(recipe.stages):
            raise ValueError(f"{log} is not of all {len(recipe.stages)} stages of the recipe.")
        samples, held_out = read_samples(recipe, options.data, more=options.more)
        short, runs = first_epochs(recipe, samples, options.epochs), []
        for seed in range(recipe.seed, recipe.seed + options.seeds):
            out = options.out / f"{name}-{seed}"
            seeded = samples.replace(seed=seed)
            training.train(dataclasses.replace(short, seed=seed), seeded, held_out, out, True)
            runs.append(read_log(out / "log.csv"))
        found = index.read_json(index.REPEATED)
        published, *again = (errors(rows, options.epochs) for rows in (whole, *runs))
        found[name] = {"published": published, "again": again}
        files.write_json(index.REPEATED, dict(sorted(found.items())))
        print(name, found[name], flush=True)
    index.main()


if __name__ == "__main__":
    main()
