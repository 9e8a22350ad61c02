"""Trains networks with batch normalisation, on two virtual CPUs if asked to.

python two_replicas.py OUT [two]
"""

import functools
import pathlib
import sys

import tensorflow as tf

if "two" in sys.argv:
    CPU = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(CPU, [tf.config.LogicalDeviceConfiguration()] * 2)

import keras

from keras_landmarks import data, models, weights
from keras_landmarks.losses import L1
from keras_landmarks.models import blocks
from keras_landmarks.training import Recipe, Stage, train


def small(mean_shape=None):
    """A convolution, its batch normalisation and landmarks."""
    crops = keras.Input((16, 16, 3), name="crops")
    x = blocks.convolution(blocks.rescale(crops), 8, 3, "conv", stride=2)
    x = keras.layers.Flatten(name="flatten")(x)
    landmarks = blocks.landmark_head(x, 68, (16, 16), mean_shape)
    return keras.Model(crops, {"landmarks": landmarks}, name="small")


NETWORKS = {
    "small": (small, 16),
    "dan": (functools.partial(models.dan, size=16, filters=(4, 8), hidden=16, dropout=0), 16),
    "resnet": (functools.partial(models.resnet, width=0.0625, size=32), 32),
}


def main(out):
    devices = tf.config.list_logical_devices("CPU")
    # One for all trainings: a second one begins its collective keys anew, of other shapes.
    strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
    for name, (build, side) in NETWORKS.items():
        start = {}
        stage = Stage(
            L1(),
            1,
            lambda steps: keras.optimizers.SGD(0.01),
            start=lambda model, start=start: start.update(weights.get_weights(model)),
        )
        recipe = Recipe(build, (stage,), (side, side), batch=8)
        samples = data.Samples(data.made_up_faces(32, size=60), recipe.size, batch=8)
        assert len(samples) == 4
        model = train(recipe, samples, None, out / name / "run", strategy=strategy, verbose=0)
        weights.save_arrays(out / name / "start.safetensors", start)
        weights.save_arrays(out / name / "end.safetensors", weights.get_weights(model))
    print(strategy.num_replicas_in_sync)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
