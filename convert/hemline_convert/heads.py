"""
From a classifier as people save it to the model that hemline converts: pixels 0..255 in, logits and embedding out.

A saved classifier ends in probabilities or in logits and takes what its author fed it. The layers are called
again, the same objects with the same weights, on a new input and without the softmax; what has no effect when
a model answers (dropout, augmentation) is left out. Law: softmax of the new logits is what the old model says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from hemline.errors import DataError

Tensor = Any  # a Keras tensor; the library ships no types

# no effect in inference; the random ones also bring state that converters stumble over
IDLE = ("Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise", "ActivityRegularization")
# leave scores as they are
PASSING = (*IDLE, "Flatten", "Reshape", "Identity")
LEAST_PROBABILITY = 1e-6
# of probabilities, before and after: float32 and another order of operations
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Input:
    """What a model expects of the pixels 0..255 RGB that it is given: x * scale + offset, blue first when bgr."""

    scale: float = 1.0
    offset: float = 0.0
    bgr: bool = False


def pixel_shape(model: Any) -> tuple[int, int, int]:
    """Return (H, W, C) of the pictures that a model takes; (H, W) counts as one channel."""
    shapes = [tuple(tensor.shape) for tensor in model.inputs]
    shape = shapes[0][1:]
    if len(shapes) != 1 or len(shape) not in (2, 3) or not all(isinstance(side, int) for side in shape):
        raise DataError(
            f"input {_said(shapes)}; hemline converts models of one picture, (None, H, W, C), H and W fixed"
        )
    height, width, channels = (*shape, 1)[:3]
    if channels not in (1, 3):
        first = "channels first" if height in (1, 3) else f"{channels} channels"
        raise DataError(f"input {_said(shapes)}: {first}; hemline converts (None, H, W, 1) and (None, H, W, 3)")
    return height, width, channels


def two_outputs(model: Any, given: Input, pictures: NDArray[np.uint8]) -> Any:
    """Return a keras.Model of float32 pixels 0..255 (N, H, W, C) with {"logits": (N, classes), "embedding": (N, D)}.

    The embedding is what the last Dense layer is given. One sigmoid becomes two logits, 0 and its own.
    pictures: (n, H, W, C), on which both models are compared. The model given is of no use afterwards.
    """
    shape = pixel_shape(model)
    if given.bgr and shape[2] != 3:
        raise DataError(f"--bgr: the model takes pictures of {shape[2]} channel")
    said = _answers(model, given, pictures)
    layer, activation = _last(model)
    if activation is None and np.allclose(said.sum(axis=1), 1, atol=1e-3) and said.min() >= 0:
        activation = "probabilities"  # an average of several softmaxes, for instance
    if activation == "sigmoid" and said.shape[1] > 1:
        raise DataError(
            f"{said.shape[1]} sigmoids in layer {layer.name!r}: each class for itself; hemline converts models "
            "that choose one class (softmax)"
        )
    pixels = keras.Input(shape, dtype="float32", name="pixels")
    replay = _Replay(layer if activation in ("softmax", "sigmoid") else None)
    scores = replay.model(model, _fed(pixels, given, len(model.inputs[0].shape) == 3))
    embedding = replay.embedding()
    if activation == "probabilities":
        scores = keras.ops.log(keras.layers.Rescaling(1.0, LEAST_PROBABILITY, name="probabilities")(scores))
    elif scores.shape[-1] == 1:
        scores = _both(layer, embedding)
    rebuilt = keras.Model(pixels, {"logits": scores, "embedding": embedding}, name="hemline")
    _compare(rebuilt, pictures, _probabilities(said, activation))
    return rebuilt


def _fed(tensor: Tensor, given: Input, without_channel: bool) -> Tensor:
    """Return what the model takes, of pixels 0..255 RGB."""
    if given.bgr:
        # a convolution, because every converter and engine has one
        swap = keras.layers.Conv2D(3, 1, use_bias=False, name="rgb_to_bgr")
        tensor = swap(tensor)
        swap.set_weights([np.eye(3, dtype=np.float32)[::-1][None, None]])
    if (given.scale, given.offset) != (1.0, 0.0):
        tensor = keras.layers.Rescaling(given.scale, given.offset, name="pixels_scaled")(tensor)
    if without_channel:
        tensor = keras.layers.Reshape(tensor.shape[1:3], name="pixels_without_channel")(tensor)
    return tensor


def _last(model: Any) -> tuple[Any, str | None]:
    """Return the layer that gives the answer, and its "softmax" or "sigmoid"; None when it has neither."""
    tensor = _scores(_outputs(model))
    while True:
        layer, node, _ = tensor._keras_history
        if isinstance(layer, keras.Model):
            tensor = _scores(_outputs(layer))
            continue
        kind = type(layer).__name__
        activation = "softmax" if kind == "Softmax" else getattr(getattr(layer, "activation", None), "__name__", None)
        before = layer._inbound_nodes[node].input_tensors
        if len(before) == 1 and (kind in PASSING or (kind == "Activation" and activation == "linear")):
            tensor = before[0]
            continue
        return layer, activation if activation in ("softmax", "sigmoid") else None


def _both(layer: Any, embedding: Tensor) -> Tensor:
    """Return two logits for the one of a Dense layer: softmax of (0, z) is (1 - sigmoid(z), sigmoid(z))."""
    if type(layer).__name__ == "Activation":
        layer = layer._inbound_nodes[0].input_tensors[0]._keras_history.operation
    if type(layer).__name__ != "Dense":
        raise DataError(f"one score, from layer {layer.name!r}; expected a Dense layer there")
    both = keras.layers.Dense(2, name="logits_of_both")
    logits = both(embedding)
    kernel, *bias = layer.get_weights()
    single = bias[0] if bias else np.zeros(1, np.float32)
    both.set_weights([np.concatenate([np.zeros_like(kernel), kernel], axis=1), np.concatenate([[0.0], single])])
    return logits


class _Replay:
    """Calls the layers of a model again, in their order, nested models opened up.

    without: the layer whose softmax or sigmoid is left out, or None.
    """

    def __init__(self, without: Any) -> None:
        self._without = without
        self._by_name: dict[str, Any] = {}
        self._into_dense: Tensor = None
        self._into_convolution: Tensor = None

    def embedding(self) -> Tensor:
        """Return what the last Dense layer was given; of a model without one, its last maps, each averaged."""
        if self._into_dense is not None:
            return self._into_dense
        if self._into_convolution is None:
            raise DataError("no Dense layer; hemline takes the embedding from before the last one")
        return keras.layers.GlobalAveragePooling2D(name="maps_averaged")(self._into_convolution)

    def model(self, model: Any, tensor: Tensor) -> Tensor:
        """Return the model's answer for a tensor."""
        if isinstance(model, keras.Sequential):
            for layer in model.layers:
                tensor = self._call(layer, tensor)
            return tensor
        # what keras.models.clone_model does, which would make a new graph when it is given no Input
        return _scores(model._run_through_graph([tensor], operation_fn=lambda layer: layer, call_fn=self._call))

    def _call(self, layer: Any, *arguments: Any, **options: Any) -> Tensor:
        kind = type(layer).__name__
        if isinstance(layer, keras.Model):
            return self.model(layer, arguments[0])
        if kind in IDLE or kind.startswith("Random") or (layer is self._without and kind in ("Softmax", "Activation")):
            return arguments[0]
        if layer is self._without:
            layer.activation = keras.activations.linear
        if kind == "Dense" and len(arguments[0].shape) == 2:
            self._into_dense = arguments[0]
        if kind == "Conv2D":
            self._into_convolution = arguments[0]
        while self._by_name.setdefault(layer.name, layer) is not layer:
            layer.name += "_again"  # two nested models may each call a layer "dense"
        options.pop("training", None)
        return layer(*arguments, **options)


def _answers(model: Any, given: Input, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what the model itself says, (n, classes), fed as it expects."""
    seen = pictures[..., ::-1] if given.bgr else pictures
    fed = seen.astype(np.float32) * np.float32(given.scale) + np.float32(given.offset)
    said = np.asarray(_scores(model(fed.reshape(-1, *model.inputs[0].shape[1:]), training=False)), np.float32)
    if said.ndim != 2:
        raise DataError(f"answers of shape {said.shape[1:]}; expected one row, a score for each class")
    return said


def _probabilities(said: NDArray[np.float32], activation: str | None) -> NDArray[np.float32]:
    if activation is None:
        said = np.asarray(keras.ops.sigmoid(said) if said.shape[1] == 1 else keras.ops.softmax(said))
    return np.concatenate([1 - said, said], axis=1) if said.shape[1] == 1 else said


def _compare(rebuilt: Any, pictures: NDArray[np.uint8], probabilities: NDArray[np.float32]) -> None:
    ours = np.asarray(keras.ops.softmax(rebuilt(pictures.astype(np.float32), training=False)["logits"]))
    difference = float(np.abs(ours - probabilities).max())
    if not difference <= TOLERANCE:  # not a number is no agreement either
        raise DataError(f"taken apart and put together it answers otherwise, by {difference:.2g} of a probability")


def _outputs(model: Any) -> Any:
    # a Sequential that was loaded and not called yet has no .output
    return model.outputs if isinstance(model, keras.Sequential) else model.output


def _scores(outputs: Any) -> Tensor:
    """Return the one output that scores the classes: the only one, or the one called "logits"."""
    if isinstance(outputs, dict):
        outputs = [outputs["logits"]] if "logits" in outputs else list(outputs.values())
    if isinstance(outputs, (list, tuple)):
        if len(outputs) != 1:
            raise DataError(f"{len(outputs)} outputs; hemline converts models of one, a score for each class")
        return outputs[0]
    return outputs


def _said(shapes: list[tuple[Any, ...]]) -> str:
    return " and ".join(map(str, shapes))
