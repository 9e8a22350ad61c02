"""One of the hosts of `test_hosts`, by `TF_CONFIG`: `python on_two_hosts.py OUT [die]`."""

import os
import pathlib
import signal
import sys

import scale
import test_training
from test_training import recipe_of, run, sgd

from keras_landmarks import training
from keras_landmarks.cli import main
from keras_landmarks.data import Samples
from keras_landmarks.losses import L1, Wing

strategy, out = training.join_hosts(100), pathlib.Path(sys.argv[1])
NUMBER = training.devices.place()[0]


def said(recipe, name, **words):
    """Trains, and prints how it ended if it failed."""
    try:
        run(recipe, out / name, **words)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"{name}: {error}", flush=True)


if "die" in sys.argv and NUMBER:
    make = Samples.batch_at

    def batch_at(samples, step, *words):
        if step == 2 * len(samples) - 1:  # the last of the second epoch
            os.kill(os.getpid(), signal.SIGKILL)
        return make(samples, step, *words)

    Samples.batch_at = batch_at
said(test_training.SHARED["averaged"], "killed", resume=True)
if "die" not in sys.argv:
    scale.losses(out / "losses")
    for name, recipe in test_training.MORE.items():
        said(recipe, name)
    said(recipe_of(sgd, stages=(training.Stage((Wing(), L1())[NUMBER], 1, sgd),)), "other")
    said(test_training.ODD, "odd")
    words = ["--recipe", "tests/small_recipe.py", "--data", str(out / "faces")]
    print("train:", main(["train", *words, "--out", str(out / "cli")]))
    with strategy.scope():
        model = test_training.small_cnn()
        model.compile(sgd(1), {"landmarks": L1()})
    try:
        model.fit(test_training.samples_of(recipe_of(sgd))[0].dataset(), verbose=0)
        print("Keras' own fit works.")
    except Exception as error:
        print("Keras' own fit fails:", type(error))
print("over")
