"""
One training of a cross-validation, and its answers to the pictures that it was not trained on.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import storage, unknown
from hemline.datasets import split
from hemline.errors import RunError
from hemline.unknown import Answers
from hemline_train.crossvalidation.plan import Fold, Pieces
from hemline_train.data import Part
from hemline_train.flaws import Flaws, FlawsConfig
from hemline_train.recipe import Recipe
from hemline_train.start import Start

# distances to what good parts look like, as hemline.unknown computes them; the first is the one that is reported first
DISTANCES = ("mahalanobis", "directions", "cosine", "neighbours")
WATCHED = 64  # training pictures that a loss is watched on, where nothing is chosen by held-out ones


@dataclass(frozen=True)
class Outcome:
    """What one training answered. tested: (N,) bool, over all pictures; the others have a row for each that is tested.

    logits: (n, classes) float32. distances: from the embeddings of good training pictures, (n,), more is stranger; of
    trainings without a defect alone. seconds: that it took. epochs: that it had.
    """

    tested: NDArray[np.bool_]
    logits: NDArray[np.float32]
    seconds: float
    epochs: int
    distances: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write an .npz without pickle, in one step."""
        stream = io.BytesIO()
        facts = np.array([self.seconds, self.epochs])
        far = {f"distance-{name}": values for name, values in self.distances.items()}
        np.savez_compressed(stream, allow_pickle=False, tested=self.tested, logits=self.logits, facts=facts, **far)
        storage.write_file(path, stream.getvalue())

    @classmethod
    def load(cls, path: Path) -> Outcome:
        """Return what save() wrote; RunError where it is something else."""
        try:
            with np.load(path, allow_pickle=False) as file:
                far = {name.partition("-")[2]: file[name] for name in file if name.startswith("distance-")}
                seconds, epochs = file["facts"].tolist()
                return cls(file["tested"], file["logits"], seconds, int(epochs), far)
        except (ValueError, KeyError, OSError, EOFError) as error:
            raise RunError(f"{path}: {error}; delete it to have this training done again") from None


def execute(
    fold: Fold,
    recipe: Recipe,
    part: Part,
    pieces: Pieces,
    beginning: Start | None,
    tell: Callable[[int, int], None] = lambda epoch, epochs: None,
) -> Outcome:
    """Train a recipe on the fold's pictures and ask it about the rest. tell: gets (epochs done, epochs)."""
    from hemline_train import backend

    backend.start()
    import keras

    from hemline_train import loop, models

    started = time.perf_counter()
    train, validation = _divided(fold, recipe, part, pieces)
    keras.backend.clear_session()  # what the training before this one left in memory
    trained = loop.fit(
        recipe,
        train,
        validation,
        len(pieces.labels),
        watch=loop.Watch(epoch=lambda row, history: tell(len(history), recipe.training.epochs)),
        beginning=beginning,
        flaws=Flaws.of(_known(recipe.flaws, fold, pieces), recipe.data.good, pieces.labels),
    )
    ask = partial(models.outputs, trained.model, mirror=recipe.preprocess.mirror)
    logits, embeddings = ask(part.pixels[fold.tested])
    distances = {}
    if fold.kind == "unseen":
        good = part.take(fold.trained & (pieces.targets == pieces.good))
        near = Answers(*ask(good.pixels), good.targets)
        asked = Answers(logits, embeddings, pieces.targets[fold.tested])
        distances = {name: -unknown.scores(unknown.WAYS[name](near, 1.0), asked) for name in DISTANCES}
    return Outcome(fold.tested, logits, time.perf_counter() - started, len(trained.history), distances)


def _divided(fold: Fold, recipe: Recipe, part: Part, pieces: Pieces) -> tuple[Part, Part]:
    """Return what the fold is trained on and what its training is watched by.

    A recipe that stops or chooses by held-out pictures gets some, as `hemline train` would hold them out; one that
    keeps its last epoch has no use for them, and few parts are better trained on.
    """
    training = recipe.training
    if training.keep == "last" and not training.patience:
        train = part.take(fold.trained)
        return train, train.take(np.arange(min(WATCHED, len(train))) * len(train) // min(WATCHED, len(train)))
    there = np.flatnonzero(fold.trained)
    groups = None if fold.kind == "random" else [pieces.groups[index] for index in there]
    held = split.validation_part(
        pieces.targets[there],
        recipe.data.validation or 0.1,
        seed=recipe.data.split_seed,
        groups=groups,
        labels=pieces.labels,
    )
    return part.take(there[~held]), part.take(there[held])


def _known(flaws: FlawsConfig | None, fold: Fold, pieces: Pieces) -> FlawsConfig | None:
    """Return the flaws without those of a class that the fold must not see."""
    if flaws is None:
        return None
    seen = {pieces.labels[target] for target in np.unique(pieces.targets[fold.trained]).tolist()}
    left: dict[str, Any] = {kind: label if label in seen else "" for kind, label in flaws.labels.items()}
    copied = tuple(label for label in flaws.copied if label in seen)
    return replace(flaws, **left, copied=copied) if copied or any(left.values()) else None
