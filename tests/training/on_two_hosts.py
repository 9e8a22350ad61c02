"""The two hosts of `test_hosts`, twice: in the first round one is killed.

`python on_two_hosts.py OUT` writes what each printed to `OUT/ROUND-NUMBER.txt`, and prints how and
when they ended. TensorFlow, which takes seconds, is imported once: hosts are forks.
"""

import contextlib
import dataclasses
import functools
import json
import multiprocessing
import os
import pathlib
import signal
import sys
import time

import scale
import tensorflow  # noqa: F401
import test_training

from keras_landmarks.training import progress

progress.plot_history = lambda history, path: None  # takes as long as a training here


def host(out, round_, environment):
    """One host's process, by `TF_CONFIG`."""
    os.environ.update(environment)
    number = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
    with (out / f"{round_}-{number}.txt").open("w", 1) as file, contextlib.redirect_stdout(file):
        from keras_landmarks import training

        strategy = training.join_hosts(100)
        if round_ == "killed":
            die(out, number)
        else:
            go_on(out, number, strategy)


def said(recipe, out, name, **words):
    """Trains, and prints how it ended if it failed."""
    try:
        test_training.run(recipe, out / name, **words)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"{name}: {error}")


def shifted(number, model, samples):
    for variable in model.weights:
        variable.assign(variable + number)


def die(out, number):
    """The second host is killed in the last step of the second epoch."""
    from keras_landmarks.data import Samples

    make = Samples.batch_at

    def batch_at(samples, step, *words):
        if step == 2 * len(samples) - 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return make(samples, step, *words)

    if number:
        Samples.batch_at = batch_at
    said(test_training.SHARED["averaged"], out, "killed", resume=True)
    print("epochs:", test_training.epochs_in(out / "killed"))


def go_on(out, number, strategy):
    """That training to its end, and others."""
    from test_training import recipe_of, sgd

    from keras_landmarks.cli import main
    from keras_landmarks.losses import L1, Wing
    from keras_landmarks.training import Stage

    said(test_training.SHARED["averaged"], out, "killed", resume=True)
    scale.losses(out / "losses")
    for name, recipe in test_training.MORE.items():
        adapt = functools.partial(shifted, number)  # that hosts begin alike is seen to
        said(dataclasses.replace(recipe, adapt=adapt), out, name)
    said(recipe_of(sgd, stages=(Stage((Wing(), L1())[number], 1, sgd),)), out, "other")
    said(test_training.ODD, out, "odd")
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


def main(out):
    ends, fork = {}, multiprocessing.get_context("fork")
    for round_ in ("killed", "after"):
        hosts = [
            fork.Process(target=host, args=(out, round_, environment))
            for environment in scale.environments("tensorflow", 1, 2)
        ]
        for process in hosts:
            process.start()
        for number in (1, 0):
            hosts[number].join(400)
            ends[f"{round_}-{number}"] = hosts[number].exitcode, time.monotonic()
            hosts[number].kill()
    print(json.dumps(ends))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
