"""Runs functions of tests on two virtual CPUs: `run("test_some.function(1)", ...)`."""

import importlib
import os
import pathlib
import subprocess
import sys


def run(*calls):
    """Runs each call in a process of its own that has two devices.

    Arguments may be paths, as `repr` writes them. What takes seconds to import is imported once:
    the processes are forks of one that has run nothing yet.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, __file__, *calls]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


def main(calls):
    import tensorflow as tf

    from keras_landmarks.training import progress

    progress.plot_history = lambda history, path: None
    for call in calls:
        importlib.import_module(call.split(".")[0])
    for call in calls:
        if os.fork():
            status = os.waitstatus_to_exitcode(os.wait()[1])
            if status:
                sys.exit(f"{call} ended with {status}.")
        else:
            cpu = tf.config.list_physical_devices("CPU")[0]
            two = [tf.config.LogicalDeviceConfiguration()] * 2
            tf.config.set_logical_device_configuration(cpu, two)
            from keras_landmarks.training.devices import default_strategy

            assert default_strategy().num_replicas_in_sync == 2  # which `train` takes by itself
            assert default_strategy() is default_strategy()  # one for all trainings
            exec(f"import {call.split('.')[0]}; {call}", vars(pathlib).copy())
            return


if __name__ == "__main__":
    main(sys.argv[1:])
