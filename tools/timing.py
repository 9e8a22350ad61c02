"""The clock of the benchmarks, and the face they are run on."""

import pathlib
import time

import numpy as np

PORTRAIT = pathlib.Path(__file__).resolve().parent.parent / "tutorials" / "astronaut.jpg"
PORTRAIT_BOX = (170, 63, 276, 189)


def milliseconds(call, repeats=200, seconds=8):
    """The median time of a call, of so many or as many as fit into the seconds."""
    for _ in range(3):
        call()
    times = []
    while len(times) < repeats and sum(times) < seconds:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))


def use_threads(count):
    """Has TensorFlow and OpenCV use so many threads; to be called before anything else."""
    import cv2
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(count)
    cv2.setNumThreads(count)


def photos():
    """The portrait of 512 x 512, a photo of 12 megapixels with it, and a group of 12 such faces."""
    import cv2

    from keras_landmarks.pictures import images

    portrait = images.read_image(PORTRAIT)
    large = np.full((3000, 4000, 3), 96, np.uint8)
    large[:, 500:3500] = cv2.resize(portrait, (3000, 3000), interpolation=cv2.INTER_CUBIC)
    group = np.tile(cv2.resize(portrait, (300, 300), interpolation=cv2.INTER_AREA), (3, 4, 1))
    return {"portrait": portrait, "12 megapixels": large, "group": group}
