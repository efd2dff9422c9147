"""
The training loop: a recipe and pictures in, a model with its best weights and its history out.

It knows no run directory: a sweep calls fit for each fold. The same code runs on one device and on
several. On one, a training resumed from any checkpoint gives the same bytes as one never interrupted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray

from hemline.errors import RunError
from hemline.metrics import log_loss
from hemline.mirror import Ask
from hemline_train import backend, losses, models, schedule, windows
from hemline_train.checkpoint import Arrays, Checkpoints, Epoch, State, best_epoch
from hemline_train.data import Part
from hemline_train.data.feed import Feed
from hemline_train.distill import Teachers
from hemline_train.flaws import Flaws
from hemline_train.places import Grid, Places
from hemline_train.recipe import DistillConfig, Recipe, TrainingConfig
from hemline_train.start import Start

if TYPE_CHECKING:
    from hemline_train.data.pipeline import Batches
    from hemline_train.data.plain import PlainBatches

# steps that run without returning to Python, on one device; for a small model a tenth faster than one by one
STEPS_PER_EXECUTION = 16

OPTIMISERS: dict[str, Callable[[TrainingConfig, Any], Any]] = {
    "adam": lambda config, rate: keras.optimizers.Adam(rate, **_averaged(config)),
    "adamw": lambda config, rate: keras.optimizers.AdamW(rate, weight_decay=config.weight_decay, **_averaged(config)),
    "sgd": lambda config, rate: keras.optimizers.SGD(
        rate, momentum=config.momentum, weight_decay=config.weight_decay or None, **_averaged(config)
    ),
}
# by their names: biases, and the scale and shift of batch normalisation
UNDECAYED = ["bias", "gamma", "beta"]


@dataclass(frozen=True)
class Step:
    """Where a training is. Both count from 1; loss and accuracy are means over the epoch so far."""

    epoch: int
    step: int
    steps: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Watch:
    """Who is told how a training goes. begin: model and replicas, before the first epoch.

    windows: an epoch on windows, of how many, before that.
    """

    begin: Callable[[Any, int], None] = lambda model, replicas: None
    step: Callable[[Step], None] = lambda step: None
    epoch: Callable[[Epoch, Sequence[Epoch]], None] = lambda row, history: None
    windows: Callable[[Epoch, int], None] = lambda row, epochs: None


@dataclass(frozen=True)
class Trained:
    """The end of a training. model: outputs logits and embedding, with the weights of kept_epoch."""

    model: Any
    history: tuple[Epoch, ...]
    best_epoch: int
    kept_epoch: int
    replicas: int


def fit(
    recipe: Recipe,
    train: Part,
    validation: Part,
    classes: int,
    *,
    checkpoints: Checkpoints | None = None,
    watch: Watch | None = None,
    teachers: Teachers | None = None,
    beginning: Start | None = None,
    flaws: Flaws | None = None,
) -> Trained:
    """Train a recipe to its end, from the latest of `checkpoints` when there is one.

    teachers: those of the recipe's [distill]. beginning: what its [start] names. flaws: those of its [flaws].

    After each epoch the checkpoint is written first, then watch.epoch is called.
    Raises RunError at a loss that is not finite; the checkpoint of the epoch before it stays.
    """
    watch = watch or Watch()
    flaws = None if flaws is None else flaws.knowing(train)
    state = checkpoints.latest() if checkpoints else None
    begun = _begun_on_windows(recipe, train, classes, flaws, beginning, watch) if flaws and state is None else None
    backend.seed(recipe.seed)
    strategy = backend.strategy()
    replicas = int(strategy.num_replicas_in_sync)
    with strategy.scope():
        model = network(recipe, classes, beginning)
        if begun is not None:
            models.take_over(model, begun)
        training = scaled(recipe.training, replicas)
    places = _places(recipe, flaws)
    batches = _batches(recipe, training.batch, train, classes, strategy, teachers, flaws, places)
    with strategy.scope():
        distill = recipe.distill if teachers is not None else None
        mixed = recipe.augment.mixes
        classifier = compiled(
            model, training, replicas, steps=batches.steps, distill=distill, mixed=mixed, places=places
        )
    variables, optimiser = model.variables, classifier.optimizer.variables
    ask = partial(models.outputs, model, mirror=recipe.preprocess.mirror)
    history: list[Epoch] = []
    best: Arrays = _values(variables)
    if state is not None:
        _assign(variables, state.model)
        _assign(optimiser, state.optimiser)
        history, best = list(state.history), state.best
    watch.begin(model, replicas)
    while not finished(history, recipe.training):
        start = time.perf_counter()
        number = len(history) + 1
        loss, accuracy = _epoch(number, classifier, batches, watch.step)
        learning = _values(variables)
        if training.average:
            _take_average(classifier)
        row = _validated(number, loss, accuracy, ask, validation, start)
        history.append(row)
        if best_epoch(history) == row.epoch:
            best = _values(variables)
        if training.average:
            _assign(variables, learning)
        if checkpoints:
            checkpoints.save(State(learning, _values(optimiser), best, tuple(history)))
        watch.epoch(row, history)
    batches.close()
    if recipe.training.keep == "best":
        _assign(variables, best)
    elif training.average:
        _take_average(classifier)
    if flaws is not None:
        bias = model.get_layer("logits").bias
        bias.assign(bias + flaws.shift(train.targets, classes))
    return Trained(model, tuple(history), best_epoch(history), kept_epoch(history, recipe.training), replicas)


def _begun_on_windows(
    recipe: Recipe, train: Part, classes: int, flaws: Flaws, beginning: Start | None, watch: Watch
) -> dict[str, Any] | None:
    """Return the weights of each layer after windows of good pictures, None where the recipe asks for none."""
    if recipe.flaws is None or not recipe.flaws.window:
        return None
    small = windows.recipe_of(recipe)
    seen, watched = windows.parts(recipe, train, flaws)
    told = Watch(epoch=lambda row, history: watch.windows(row, small.training.epochs))
    trained = fit(small, seen, watched, classes, beginning=beginning, watch=told)
    return {layer.name: layer.get_weights() for layer in trained.model.layers}


def network(recipe: Recipe, classes: int, beginning: Start | None = None) -> Any:
    """Return the model that training begins with, which learns as quickly as the library that computes allows."""
    model = models.build(recipe.model.parsed(), recipe.preprocess.shape, classes)
    if beginning is not None:
        beginning.into(model)
    if backend.tensorflow_computes():
        from hemline_train.normalisation import fuse

        fuse(model)
    return model


def _batches(
    recipe: Recipe,
    batch: int,
    train: Part,
    classes: int,
    strategy: Any,
    teachers: Teachers | None,
    flaws: Flaws | None,
    places: Places | None,
) -> Batches | PlainBatches:
    feed = Feed(
        train,
        batch=batch,
        seed=recipe.seed,
        augmentation=recipe.augment,
        pad=recipe.preprocess.pad,
        class_weights=balanced_weights(train, classes) if recipe.training.class_weights == "balanced" else None,
        teachers=teachers,
        flaws=flaws,
        places=places,
    )
    if backend.tensorflow_computes():
        from hemline_train.data.pipeline import Batches

        return Batches(feed, strategy)
    from hemline_train.data.plain import PlainBatches

    return PlainBatches(feed)


def _places(recipe: Recipe, flaws: Flaws | None) -> Places | None:
    """Return which places of a picture are asked beside it, None where a recipe asks for none."""
    if flaws is None or recipe.flaws is None or not recipe.flaws.places:
        return None
    height, width, _ = recipe.preprocess.shape
    return Places(Grid.of(recipe.model.parsed(), height, width), flaws.good, recipe.flaws.places)


def scaled(training: TrainingConfig, replicas: int) -> TrainingConfig:
    """Return the training with batch and learning rate of all replicas, where it asks for that."""
    if not training.scale_with_replicas:
        return training
    return replace(training, batch=training.batch * replicas, learning_rate=training.learning_rate * replicas)


def balanced_weights(part: Part, classes: int) -> NDArray[np.float32]:
    """Return the weight of each class, (classes,): pictures / (classes x pictures of the class); 0 for none."""
    counts = np.bincount(part.targets, minlength=classes)
    weights = len(part) / (classes * np.maximum(counts, 1))
    return np.where(counts > 0, weights, 0).astype(np.float32)


def kept_epoch(history: Sequence[Epoch], training: TrainingConfig) -> int:
    """Return the number of the epoch whose weights a training keeps."""
    return len(history) if training.keep == "last" else best_epoch(history)


def finished(history: Sequence[Epoch], training: TrainingConfig) -> bool:
    """Whether no epoch is left: all are done, or `patience` of them brought no lower validation loss."""
    waited = len(history) - best_epoch(history)
    return len(history) >= training.epochs or (training.patience > 0 and waited >= training.patience)


def compiled(
    model: Any,
    training: TrainingConfig,
    replicas: int,
    *,
    steps: int,
    distill: DistillConfig | None = None,
    mixed: bool = False,
    places: Places | None = None,
) -> Any:
    """Return the model that is trained: the same layers, logits alone, after them those of its places where asked.

    steps: an epoch's. mixed: pictures are.
    """
    logits = model.output["logits"]
    classes = int(logits.shape[-1])
    classifier = keras.Model(model.inputs, logits if places is None else models.with_places(model))
    optimiser = OPTIMISERS[training.optimiser](training, schedule.rate(training, steps))
    if training.weight_decay:
        optimiser.exclude_from_weight_decay(var_names=UNDECAYED)
    # Keras ends each fit by putting the average in the weights' place. A fit here is one epoch, and the next one has to
    # go on from what was learned
    optimiser.finalize_variable_values = lambda weights: None
    several = distill is not None or mixed or places is not None
    accuracy = losses.Accuracy(classes) if several else keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    whole = losses.loss(training, distill, mixed=mixed or places is not None)
    classifier.compile(
        optimiser,
        whole if places is None else losses.Placed(whole, classes, places.good, places.weight),
        metrics=[accuracy],
        # the loop that Keras builds for more fails under MirroredStrategy ("must feed a value for placeholder")
        steps_per_execution=STEPS_PER_EXECUTION if replicas == 1 else 1,
    )
    # its variables must be there before a checkpoint is put into them
    classifier.optimizer.build(classifier.trainable_variables)
    return classifier


def _averaged(training: TrainingConfig) -> dict[str, Any]:
    """Return what makes an optimiser keep the exponential average of the weights beside them."""
    return {"use_ema": True, "ema_momentum": training.average} if training.average else {}


def _take_average(classifier: Any) -> None:
    """Put the average of the weights in their place."""
    weights = classifier.trainable_variables
    keras.optimizers.Optimizer.finalize_variable_values(classifier.optimizer, weights)
    # by value: JAX would go on with the optimiser's own arrays, and free them
    _assign(weights, _values(weights))
    for weight in weights:
        if weight.constraint is not None:  # which the average was not held to
            weight.assign(weight.constraint(weight))


def _epoch(
    number: int, classifier: Any, batches: Batches | PlainBatches, tell: Callable[[Step], None]
) -> tuple[float, float]:
    """Train for one epoch; return the means of loss and accuracy over it."""
    guard = _Guard(number, batches.steps, tell)
    logs = classifier.fit(
        batches.epoch(number),
        # a distributed data set has no length, and neither has what a generator gives
        steps_per_epoch=batches.steps if batches.replicas > 1 or not backend.tensorflow_computes() else None,
        verbose=0,
        shuffle=False,
        callbacks=[guard],
    ).history
    return float(logs["loss"][0]), float(logs["accuracy"][0])


def _validated(number: int, loss: float, accuracy: float, ask: Ask, validation: Part, start: float) -> Epoch:
    """Return the epoch with the figures of the model on the validation pictures. start: of the epoch, perf_counter."""
    logits, _ = ask(validation.pixels)
    val_loss = log_loss(logits, validation.targets)
    val_accuracy = float(np.mean(logits.argmax(axis=1) == validation.targets))
    if not math.isfinite(val_loss):
        raise RunError(f"validation loss is {val_loss} after epoch {number}; {_ADVICE}")
    return Epoch(number, loss, accuracy, val_loss, val_accuracy, round(time.perf_counter() - start, 3))


_ADVICE = "a lower training.learning_rate usually helps; the checkpoints before it are kept"


class _Guard(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no types
    """Stops at a loss that is not finite, and tells how far the epoch is."""

    def __init__(self, epoch: int, steps: int, tell: Callable[[Step], None]) -> None:
        super().__init__()
        self._epoch, self._steps, self._tell = epoch, steps, tell
        self._last = 0  # the last step that was looked at

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        assert logs is not None
        step = min(batch + 1, self._steps)
        loss = float(logs["loss"])  # a mean over the epoch so far: not finite from the first bad step on
        if not math.isfinite(loss):
            raise RunError(f"loss is {loss} in epoch {self._epoch}, {self._within(step)}; {_ADVICE}")
        self._last = step
        self._tell(Step(self._epoch, step, self._steps, loss, float(logs["accuracy"])))

    def _within(self, step: int) -> str:
        return f"step {step}" if self._last == step - 1 else f"steps {self._last + 1} to {step}"


def _values(variables: Sequence[Any]) -> Arrays:
    # a copy: convert_to_numpy may hand out the variable's own memory
    return tuple(np.array(keras.ops.convert_to_numpy(variable)) for variable in variables)


def _assign(variables: Sequence[Any], values: Arrays) -> None:
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [value.shape for value in values]:
        raise RunError("the checkpoint belongs to another model or optimiser; train again into another --out")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
