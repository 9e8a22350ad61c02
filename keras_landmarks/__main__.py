"""`python -m keras_landmarks`: the command line."""

import sys

from keras_landmarks.cli import main

sys.exit(main())
