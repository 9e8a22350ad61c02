"""Trains a model of the zoo by its recipe.

python tools/train.py cnn6-300w --data 300W --out runs/cnn6-300w [--resume]
"""

import argparse

from recipes import read_recipe

from keras_landmarks import data, training


def read_samples(recipe, folder, skip_broken=False, more=None, records=None):
    """A recipe's `Samples`, and those held out, from a folder of faces and perhaps another."""
    faces = data.read_300w(folder, recipe.split, skip_broken)
    more = data.read_300w(more, recipe.split, skip_broken) if more else ()
    return recipe.samples(faces, skip_broken, more, records)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", help="a model of the zoo, or the path of a file with a RECIPE")
    parser.add_argument("--data", required=True, help="folder that holds afw/, helen/, lfpw/")
    parser.add_argument("--more", help="another such folder: faces to train on, not to choose on")
    parser.add_argument("--out", required=True, help="folder for checkpoint, log and weights")
    parser.add_argument("--records", help="folder for the faces in memory's place; made if need be")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument(
        "--skip-broken", action="store_true", help="warn of a broken file, and go on"
    )
    arguments = parser.parse_args()
    recipe = read_recipe(arguments.name)
    given = arguments.data, arguments.skip_broken, arguments.more, arguments.records
    samples, held_out = read_samples(recipe, *given)
    chosen = len(held_out.faces) if held_out else 0
    print(f"{len(samples.faces)} faces, {len(samples)} steps an epoch, {chosen} to choose on")
    training.train(recipe, samples, held_out, arguments.out, arguments.resume)
    print(f"The best weights are in {arguments.out}/best.safetensors.")


if __name__ == "__main__":
    main()
