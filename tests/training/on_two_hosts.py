"""One of the hosts of `test_hosts`, by `TF_CONFIG`: `python on_two_hosts.py OUT [words]`."""

import pathlib
import sys

import test_training

from keras_landmarks import training

out = pathlib.Path(sys.argv[1])
training.join_hosts(30)
try:
    test_training.run(test_training.SHARED["averaged"], out)
except (ValueError, RuntimeError, OSError) as error:
    print("ended:", error)
print("over")
