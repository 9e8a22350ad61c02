"""Trains one model on one device, two devices and two hosts: how far losses are apart, steps/s.

python tools/scale.py [--steps 100]
"""

import argparse
import csv
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

LOSSES = 20
"""Steps whose losses are compared."""

PLACES = {
    "TensorFlow, one device": ("tensorflow", 1, 1),
    "TensorFlow, two devices of a host": ("tensorflow", 2, 1),
    "TensorFlow, two hosts": ("tensorflow", 1, 2),
    "JAX, one device": ("jax", 1, 1),
    "JAX, two devices of a host": ("jax", 2, 1),
    "JAX, two hosts": ("jax", 1, 2),
}
"""Backend, devices of a host, hosts."""


def network(mean_shape=None):
    """Two convolutions with batch normalisation, and landmarks."""
    import keras

    from keras_landmarks.models import blocks

    crops = keras.Input((32, 32, 3), name="crops")
    x = blocks.convolution(blocks.rescale(crops), 16, 3, "conv1", stride=2)
    x = blocks.convolution(x, 32, 3, "conv2", stride=2)
    x = keras.layers.Flatten(name="flatten")(x)
    landmarks = blocks.landmark_head(x, 68, (32, 32), mean_shape)
    return keras.Model(crops, {"landmarks": landmarks}, name="small")


def losses(out, epochs=LOSSES, steps=1, strategy=None):
    """Trains a small network with batch normalisation; an epoch has so many steps of 16 faces.

    Args:
        out: folder of the training.
        epochs: how many.
        steps: in an epoch.
        strategy: as of `train`.

    Returns:
        The loss of each epoch, and when each began, in seconds.
    """
    import keras

    from keras_landmarks import data, losses
    from keras_landmarks.training import Recipe, Stage, train

    began = []

    class Timed(data.Samples):
        def batch_at(self, step, *words, **more):
            if step % len(self) == 0:
                began.append(time.perf_counter())
            return super().batch_at(step, *words, **more)

    stage = Stage(losses.L1(), epochs, lambda steps: keras.optimizers.SGD(1e-3))
    recipe = Recipe(network, (stage,), (32, 32))
    faces = data.made_up_faces(16, size=60)
    words = {"batch": 16, "indices": [*range(16)] * steps, "augmentation": recipe.augmentation}
    samples = Timed(faces, recipe.size, **words)
    train(recipe, samples, None, out, strategy=strategy, verbose=0)
    with (pathlib.Path(out) / "log.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)], began


def free_ports(count):
    """So many ports of the loopback that nobody listens on."""
    doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [door.getsockname()[1] for door in doors]
    for door in doors:
        door.close()
    return ports


def environments(backend, devices, hosts):
    """The environment of each host's process."""
    ports = free_ports(hosts)
    addresses = [f"127.0.0.1:{port}" for port in ports]
    for number in range(hosts):
        found = {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "2"}
        if backend == "jax":
            more = f" --xla_force_host_platform_device_count={devices}"
            found["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + more
        if hosts > 1 and backend == "jax":
            found["KERAS_DISTRIBUTION_JOB_ADDRESSES"] = addresses[0]
            found["KERAS_DISTRIBUTION_NUM_PROCESSES"] = str(hosts)
            found["KERAS_DISTRIBUTION_PROCESS_ID"] = str(number)
        elif hosts > 1:
            task = {"type": "worker", "index": number}
            found["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
        yield {**os.environ, **found}


def child(out, devices, steps):
    """One host's process: prints its losses and its steps a second."""
    if os.environ["KERAS_BACKEND"] == "tensorflow" and devices > 1:
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        parts = [tf.config.LogicalDeviceConfiguration()] * devices
        tf.config.set_logical_device_configuration(cpu, parts)
    found, _ = losses(out / "losses")
    _, began = losses(out / "speed", 4, steps)
    print(json.dumps({"losses": found, "speed": 2 * steps / (began[3] - began[1])}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=100, help="of an epoch that is timed")
    parser.add_argument("--child", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--devices", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, options.devices, options.steps)
        return
    first = {}
    print("| | largest difference of a loss | steps a second |\n|---|---|---|")
    for name, (backend, devices, hosts) in PLACES.items():
        with tempfile.TemporaryDirectory() as out:
            command = [sys.executable, __file__, "--child", out, "--devices", str(devices)]
            command += ["--steps", str(options.steps)]
            processes = [
                subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
                for env in environments(backend, devices, hosts)
            ]
            outputs = [process.communicate()[0] for process in processes]
        found = json.loads(outputs[0].splitlines()[-1])
        one = first.setdefault(backend, found["losses"])
        apart = max(abs(a - b) for a, b in zip(found["losses"], one))
        print(f"| {name} | {apart:.1e} of {one[0]:.2f} | {found['speed']:.1f} |", flush=True)


if __name__ == "__main__":
    main()
