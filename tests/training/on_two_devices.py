"""Trains recipes of `test_training` on two virtual CPUs: `python on_two_devices.py OUT`."""

import pathlib
import sys

import tensorflow as tf

CPU = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(CPU, [tf.config.LogicalDeviceConfiguration()] * 2)

import scale  # noqa: E402
import test_training  # noqa: E402

from keras_landmarks import training  # noqa: E402

out = pathlib.Path(sys.argv[1])
print(type(training.devices.default_strategy()).__name__)
for name, recipe in test_training.SHARED.items():
    test_training.run(recipe, out / name, validated=False)
test_training.run_in_two_goes(test_training.SHARED["averaged"], out / "resumed", validated=False)
scale.losses(out / "losses")
try:
    test_training.run(test_training.ODD, out / "odd")
except ValueError as error:
    print(error)
