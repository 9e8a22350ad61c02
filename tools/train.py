"""Trains a model of the zoo, or a recipe of your own, on faces of 300W.

Examples:
    python tools/train.py cnn6-300w --data 300W --out runs/cnn6-300w
    python tools/train.py cnn6-300w --data 300W --out runs/cnn6-300w --resume
    python tools/train.py my_recipe.py --data 300W --out runs/mine

--out gets best.safetensors (the weights with the lowest error on the held-out faces; what
keras_landmarks.load("runs/mine") opens), checkpoint.safetensors (for --resume), log.csv, loss.png.
With several devices TensorFlow trains on all of them.
"""

import argparse

from recipes import names, read_recipe

from keras_landmarks import data, training


def read_samples(recipe, folder, skip_broken=False, more=None):
    """A recipe's `Samples`, and those held out, from a folder of faces and perhaps another."""
    faces = data.read_300w(folder, recipe.split, skip_broken)
    more = data.read_300w(more, recipe.split, skip_broken) if more else ()
    return recipe.samples(faces, skip_broken, more)


def main():
    shown = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=shown)
    parser.add_argument(
        "name", help=f"{', '.join(names())}, or the path of a Python file with a RECIPE"
    )
    parser.add_argument("--data", required=True, help="folder that holds afw/, helen/, lfpw/")
    parser.add_argument("--more", help="another such folder: faces to train on, not to choose on")
    parser.add_argument("--out", required=True, help="folder for checkpoint, log and weights")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from the checkpoint in --out; begin where there is none",
    )
    parser.add_argument(
        "--skip-broken", action="store_true", help="warn of a broken file, and go on"
    )
    arguments = parser.parse_args()
    recipe = read_recipe(arguments.name)
    samples, held_out = read_samples(recipe, arguments.data, arguments.skip_broken, arguments.more)
    chosen = len(held_out.faces) if held_out else 0
    print(f"{len(samples.faces)} faces, {len(samples)} steps an epoch, {chosen} to choose on")
    training.train(recipe, samples, held_out, arguments.out, arguments.resume)
    print(f"The best weights are in {arguments.out}/best.safetensors.")


if __name__ == "__main__":
    main()
