"""A model whose stages are trained together, each by its own loss."""

import warnings

import keras
from keras import ops

from keras_landmarks.losses import Align


class MultiLoss(keras.Model):
    """The layers of a model in several stages, with a loss for each stage; the losses are added.

    For training alone: it shares its layers with the model, which is then trained too. `Align`
    compares patches of the chosen channels of the map that the stage itself looks at. Its gradient
    goes to the predicted landmarks only: maps that are the same everywhere would have no loss.

    Args:
        model: a functional model with `landmarks` among its outputs.
        losses: `{layer: loss}`: a Keras loss of landmarks for the layer of a stage that puts
            landmarks out; `Align` for a layer `stage{i}_landmarks` of `ffld`; `Validation` for the
            layer `validated` of a model that tells expected errors. `landmarks` names the landmarks
            that are measured, whatever layer puts them out.
        lesson: `Lesson` of a teacher, whose loss of `landmarks` is added; None has none.
        landmarks: `(batch, n, 2)`, computed from the model's input, that are measured; None takes
            the model's.

    Raises:
        ValueError: if there is no loss, no layer of a name, or `Align` is of a layer that reads no
            patches. A warning where a loss draws maps in another place than the model reads them
            (`stride` and `offset`).

    Example:
        graph = MultiLoss(model, {"stage0_landmarks": IodL2(), "stage1_landmarks": L2(),
                                  "stage2_landmarks": L1(), "stage3_landmarks": Align()})
        graph.compile("adam")
        graph.fit(crops, {"landmarks": landmarks})

    Reference:
        Yan et al., Fine-grained facial landmark detection exploiting intermediate feature
        representations (FFLD), 2020, section 4.
    """

    def __init__(self, model, losses, lesson=None, landmarks=None):
        if not isinstance(losses, dict) or not losses:
            raise ValueError("MultiLoss needs a loss for at least one layer, {layer: loss}.")
        outputs = {"landmarks": model.output["landmarks"] if landmarks is None else landmarks}
        for name, loss in losses.items():
            if name != "landmarks":
                outputs[name] = model.get_layer(name).output
                _check_place(model, name, loss)
            if isinstance(loss, Align):
                if not name.endswith("landmarks") or name == "landmarks":
                    raise ValueError(
                        f"Align is a loss of stage1_landmarks of ffld and alike: {name} reads no "
                        "patches."
                    )
                crop = model.get_layer(_sibling(name, "crop"))
                outputs[_sibling(name, "crop")] = crop.input[0]
        super().__init__(model.input, outputs, name=model.name)
        self.stage_losses, self.lesson = losses, lesson

    def get_config(self):
        raise ValueError(
            "A MultiLoss is for training alone, and no file of it could be read: save the model "
            "whose layers it has, or its weights (ModelCheckpoint's save_weights_only=True)."
        )

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        total = 0.0
        weights = sample_weight["landmarks"] if isinstance(sample_weight, dict) else sample_weight
        for name, loss in self.stage_losses.items():
            truth, predicted = y["landmarks"], y_pred[name]
            if isinstance(loss, Align):
                truth, predicted = (self._patches(name, y_pred, p) for p in (truth, predicted))
            total = total + loss(truth, predicted, weights)
        if self.lesson is not None:
            total = total + self.lesson.loss(x, y_pred["landmarks"])
        for more in self.losses:  # regularisers, and what layers add
            total = total + ops.cast(self._aggregate_additional_loss(more), "float32")
        return total

    def zero_grad(self, set_to_none=True):
        """PyTorch's, of each variable: Keras knows them by paths, which teachers may have, too."""
        for variable in self.trainable_variables:
            variable.value.grad = None

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        found = {name: y_pred[name] for name in ("landmarks", *self.stage_losses)}
        truth = dict.fromkeys(found, y["landmarks"])
        if isinstance(sample_weight, dict):
            sample_weight = sample_weight["landmarks"]
        weights = None if sample_weight is None else dict.fromkeys(found, sample_weight)
        return super().compute_metrics(x, truth, found, weights)

    def get_metrics_result(self):
        # By the names that they have where a model has no output but its landmarks.
        found = super().get_metrics_result()
        return {name.removeprefix("landmarks_"): value for name, value in found.items()}

    def _patches(self, name, outputs, landmarks):
        crop, choose = (self.get_layer(_sibling(name, what)) for what in ("crop", "choose"))
        patches = crop(ops.stop_gradient(outputs[_sibling(name, "crop")]), landmarks)
        kernel = ops.cast(ops.stop_gradient(choose.kernel), patches.dtype)
        patches = ops.einsum("bnhwc,nck->bnhwk", patches, kernel)
        missing = ops.isnan(landmarks[:, :, :1, None, None])
        return ops.where(missing, float("nan"), patches)


def _check_place(model, name, loss):
    """Warns where maps are drawn by a loss half a pixel, say, from where the model reads them."""
    maps, drawn = model.get_layer(name).output, getattr(loss, "get_config", dict)()
    asked = {"stride", "offset"}
    for layer in model.layers if asked <= set(drawn) else ():
        try:
            seen = layer.input if asked <= set(vars(layer)) else None
        except (AttributeError, ValueError):  # it is called several times
            continue
        first = seen[0] if isinstance(seen, (list, tuple)) else seen
        if first is maps and _place(drawn) != _place(vars(layer)):
            warnings.warn(
                f"The loss of {name} draws maps of stride {drawn['stride']} and offset "
                f"{drawn['offset']}; {model.name} reads them by {layer.stride} and {layer.offset}.",
                stacklevel=3,
            )


def _place(facts):
    stride, offset = facts["stride"], facts["offset"]
    return stride, (stride - 1) / 2 if offset is None else offset


def _sibling(name, what):
    """Another layer of the same stage."""
    return name.replace("landmarks", what)
