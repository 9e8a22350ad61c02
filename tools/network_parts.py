"""Times of the parts of networks, for `benchmark.py`."""

import numpy as np
from timing import milliseconds, use_threads


def measure_connections(name):
    """Stage one of a DAN and the connection layers behind it, on 1 and 32 faces, one thread."""
    import keras

    from keras_landmarks import geometry, load

    use_threads(1)
    model = load(name)
    tensors = {layer.name: layer.output for layer in model.layers}
    ends = ["stage1_fc1_relu", "stage1_landmarks", "stage2_pixels"]
    sources = [model.get_layer("stage1_conv1a").input, *(tensors[end] for end in ends)]
    stage = keras.Model(model.input, tensors["stage1_landmarks"])
    connection = keras.Model(sources, [tensors["stage2_seen"], tensors["stage2_landmarks"]])
    rows = {}
    for count in (1, 32):
        rng, repeats = np.random.default_rng(0), 100 if count == 1 else 10
        values = [rng.uniform(0, 1, (count, *s.shape[1:])).astype(np.float32) for s in sources]
        # Faces as stage one finds them: the mean shape, turned a little.
        shape = (np.array(model.get_layer("stage1_landmarks").shape) + 0.5) * model.size[0]
        turn = geometry.similarity_transform(0.9, 15, shape.mean(axis=0))
        values[2] = np.float32(geometry.transform_points(shape, turn)) + 2 * values[2]
        crops = np.zeros((count, *model.size, 3), np.uint8)
        rows[count] = {
            "stage_ms": milliseconds(lambda crops=crops: stage.predict_on_batch(crops), repeats),
            "connection_ms": milliseconds(lambda v=values: connection.predict_on_batch(v), repeats),
        }
    return rows


def measure_stages(name):
    """An FFLD's trunk, the crops of its maps and its CropNets, on one face and one thread."""
    import keras

    from keras_landmarks import load

    use_threads(1)
    model = load(name)
    stages = [i for i in (1, 2, 3) if f"stage{i}_crop" in {layer.name for layer in model.layers}]
    crops = [model.get_layer(f"stage{i}_crop") for i in stages]
    patches = [crop.output for crop in crops]
    moves = [model.get_layer(f"stage{i}_moves").output for i in stages]
    trunk = keras.Model(model.input, model.get_layer("stage0_landmarks").output)
    parts = {
        "whole": (model.input, model.output["landmarks"]),
        "trunk": (model.input, trunk.output),
        "crops": ([tensor for crop in crops for tensor in crop.input], patches),
        "CropNets": (patches, moves),
    }
    rng, result = np.random.default_rng(0), {}
    for part, (inputs, outputs) in parts.items():
        graph = keras.Model(inputs, outputs)
        values = [
            # Maps and patches of any values; places inside the picture.
            rng.uniform(0, model.size[0] if t.shape[-1] == 2 else 1, (1, *t.shape[1:]))
            for t in graph.inputs
        ]
        values = [value.astype(np.float32) for value in values]
        values = values if len(values) > 1 else values[0]
        result[part] = milliseconds(lambda g=graph, v=values: g.predict_on_batch(v))
    return result
