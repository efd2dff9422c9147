"""
One job of a sweep: one configuration, one fold. The same function runs in a local process and on Spark.

What a job needs travels as plain data (recipe text, an .npz file of pictures), and so does what comes back.
TensorFlow is imported where a job is executed, not before.
"""

from __future__ import annotations

import io
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import storage, toml
from hemline.datasets import split
from hemline.errors import DatasetError, HemlineError
from hemline_train import recipe as recipes


@dataclass(frozen=True)
class Job:
    """What is to be trained and scored. configuration: a Configuration's key. recipe: TOML as resolved.

    material: name of the pictures it works on. keep_weights: whether the weights come back too.
    """

    configuration: str
    fold: int
    recipe: str
    material: str
    keep_weights: bool = True

    @property
    def key(self) -> str:
        """Its name in a store, the same in every sweep over the same folds."""
        return f"{self.configuration}-{self.fold}"


@dataclass(frozen=True)
class Material:
    """The pictures of all jobs. pixels: (N, H, W, C) uint8. targets: (N,) int64. folds: (N,) int64, where tested.

    groups: N group names or None; no hold-out cuts one.
    """

    pixels: NDArray[np.uint8]
    targets: NDArray[np.int64]
    folds: NDArray[np.int64]
    labels: tuple[str, ...]
    groups: tuple[str, ...] | None = None

    def save(self, path: Path) -> None:
        """Write an .npz file without pickle, uncompressed: it is read once by every worker."""
        stream = io.BytesIO()
        arrays: dict[str, Any] = {"pixels": self.pixels, "targets": self.targets, "folds": self.folds}
        arrays["labels"] = np.array(self.labels)
        if self.groups is not None:
            arrays["groups"] = np.array(self.groups)
        np.savez(stream, allow_pickle=False, **arrays)
        storage.write_file(path, stream.getvalue())

    @classmethod
    def load(cls, path: Path) -> Material:
        """Return what save() wrote."""
        with np.load(path, allow_pickle=False) as file:
            groups = tuple(file["groups"].tolist()) if "groups" in file else None
            return cls(file["pixels"], file["targets"], file["folds"], tuple(file["labels"].tolist()), groups)


@dataclass(frozen=True)
class Outcome:
    """What one job came to.

    reason: why there is no score, None where there is one. accuracy, loss: of the fold, scored once.
    correct: for each of its pictures whether the answer was right, in their order, as "0" and "1".
    seconds: of the whole job. where: host and process. weights: an .npz of the model's arrays, or None.
    """

    configuration: str
    fold: int
    reason: str | None = None
    accuracy: float | None = None
    loss: float | None = None
    count: int = 0
    epochs: int = 0
    kept_epoch: int = 0
    parameters: int = 0
    seconds: float = 0.0
    where: str = ""
    history: list[dict[str, Any]] = field(default_factory=list)
    correct: str = ""
    weights: bytes | None = None

    @property
    def key(self) -> str:
        """The key of its job."""
        return f"{self.configuration}-{self.fold}"

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the weights, as JSON holds it."""
        return {key: value for key, value in asdict(self).items() if key != "weights"}

    @classmethod
    def from_dict(cls, table: Mapping[str, Any], weights: bytes | None = None) -> Outcome:
        """Return what as_dict() gave; TypeError where it is something else."""
        return cls(**table, weights=weights)


_loaded: dict[str, Material] = {}  # of this worker


def loaded(name: str, path: Path) -> Material:
    """Return the material of that name, read once by this process; one at a time is kept in memory."""
    if name not in _loaded:
        _loaded.clear()
        _loaded[name] = Material.load(path)
    return _loaded[name]


def execute(job: Job, material: Material) -> Outcome:
    """Train one configuration on all folds but one, and score it on that one.

    What is wrong with a configuration (layers that do not fit, a loss that is not finite) is an Outcome with
    a reason: trying it again would not help. Any other error is raised.
    """
    started = time.perf_counter()
    nothing = Outcome(job.configuration, job.fold, where=f"{socket.gethostname()}:{os.getpid()}")
    try:
        outcome = _execute(job, material, nothing)
    except HemlineError as error:
        outcome = replace(nothing, reason=str(error))
    return replace(outcome, seconds=round(time.perf_counter() - started, 3))


def _execute(job: Job, material: Material, outcome: Outcome) -> Outcome:
    from hemline_train import backend

    backend.start()
    import keras
    import tensorflow as tf

    from hemline.metrics import log_loss
    from hemline_train import loop, models
    from hemline_train.data import Part

    recipe = recipes.parse_recipe(toml.loads(job.recipe, name=f"job {job.key}"), f"job {job.key}")
    tested = material.folds == job.fold
    held_out = inner_holdout(material, job.fold, recipe.data.validation, recipe.data.split_seed)
    whole = Part(material.pixels, material.targets)
    keras.backend.clear_session()  # what the job before this one left in memory
    tf.get_logger().setLevel("ERROR")  # it warns of a function compiled for each job, which is what is wanted
    trained = loop.fit(recipe, whole.take(~tested & ~held_out), whole.take(held_out), len(material.labels))
    logits, _ = models.outputs(trained.model, material.pixels[tested], mirror=recipe.preprocess.mirror)
    right = logits.argmax(axis=1) == material.targets[tested]
    return replace(
        outcome,
        accuracy=float(right.mean()),
        loss=log_loss(logits, material.targets[tested]),
        count=len(right),
        epochs=len(trained.history),
        kept_epoch=trained.kept_epoch,
        parameters=models.trainable_parameters(trained.model),
        history=[asdict(row) for row in trained.history],
        correct="".join("1" if hit else "0" for hit in right),
        weights=_weights(trained.model) if job.keep_weights else None,
    )


def inner_holdout(material: Material, fold: int, fraction: float, seed: int) -> NDArray[np.bool_]:
    """Return which pictures stop the training of a fold, (N,) bool: held out of the others, no group cut."""
    held = np.zeros(len(material.targets), bool)
    others = np.flatnonzero(material.folds != fold)
    if material.groups is None:  # by the index in the whole set: the same pictures stop whichever fold they are not in
        held[others] = split.holdout(len(material.targets), fraction, seed=seed)[others]
    else:
        groups = [material.groups[index] for index in others]
        held[others] = split.validation_part(material.targets[others], fraction, seed=seed, groups=groups)
    rest = ~held & (material.folds != fold)
    for target, label in enumerate(material.labels):
        if not np.any(material.targets[rest] == target):
            raise DatasetError(f"fold {fold}: no picture of class {label!r} is left to train on; use fewer folds")
    if not held.any():
        raise DatasetError(f"fold {fold}: nothing is held out to stop by; raise data.validation")
    return held


def _weights(model: Any) -> bytes:
    stream = io.BytesIO()
    arrays = {variable.path.replace("/", "."): np.asarray(variable) for variable in model.variables}
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()
