"""
Teachers: what trained runs answer about the pictures a student is trained on.

The teachers see each picture cropped and mirrored in a few ways, its views, and answer each once: a teacher costs views
x its inference, not a share of every epoch. A student sees the views in turn and is taught the answer to each; with
`together` it is taught the mean over a picture's views, however it sees the picture itself, and the views are made as
those that the teacher learned from. What else augmentation does to a picture, a rectangle erased or the noise of a poor
camera, is new in every epoch and is the student's alone: it learns to answer as if nothing had happened. The answers
lie in the teacher's run, under a name that follows from everything they depend on, and serve every student that asks
for the same.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import storage
from hemline.bundle import class_lock
from hemline.errors import UsageError
from hemline.metrics import softmax
from hemline.preprocess import Preprocess
from hemline_train import augment, models
from hemline_train import recipe as recipes
from hemline_train.data import Part, Pictures
from hemline_train.evaluate import model_of
from hemline_train.recipe import DistillConfig, Recipe
from hemline_train.run import finished_run, read_facts

ANSWERS = "answers"  # directory of a run


def teachers(recipe: Recipe, beside: Path, pictures: Pictures) -> Teachers | None:
    """Return the teachers of a recipe, None where it has none.

    beside: the directory that runs given by name lie in.
    Raises UsageError for a teacher that is not there or not finished, that has other classes or another
    preprocessing, or that was trained on other pictures: it may have learnt what the student is validated on.
    """
    config = recipe.distill
    if config is None or config.weight == 0:
        return None
    what = f"{recipe.name} learns from"
    runs = [finished_run(name, beside, what, 'distill.teachers=["PATH"]') for name in config.teachers]
    fingerprint = pictures.fingerprint()
    for run in runs:
        _check(run, recipe, pictures.labels, fingerprint)
    return Teachers(config, runs, recipe, pictures.train, fingerprint)


class Teachers:
    """Trained runs, and the pictures that they and their student look at."""

    def __init__(
        self, config: DistillConfig, runs: Sequence[Path], recipe: Recipe, part: Part, fingerprint: str
    ) -> None:
        """part: the training pictures. fingerprint: that of all pictures of the training."""
        self._config, self._recipe, self._part, self._fingerprint = config, recipe, part, fingerprint
        self._runs = {run: hashlib.sha256((run / "model.keras").read_bytes()).hexdigest() for run in runs}
        self._augments = {run: augment.gentle(_seen(run, recipe)) for run in runs}
        self._models: dict[Path, Any] = {}
        self._always: NDArray[np.float32] | None = None  # what they say in every epoch

    def view(self, epoch: int) -> int:
        """Return the number of the view, from 1, that is looked at in an epoch."""
        return (epoch - 1) % self._config.views + 1

    def numbers(self, own: NDArray[np.float32], epoch: int) -> NDArray[np.float32]:
        """Return the random numbers of a student's epoch: crop and flip are those of its view where that is taught.

        own: what augment.draw gave for it, a row a training picture.
        """
        if self._config.together:
            return own
        return augment.with_gentle(own, self._drawn(self.view(epoch)))

    def probabilities(self, epoch: int) -> NDArray[np.float32]:
        """Return (N, classes) in the order of the training pictures: what the teachers say in an epoch.

        The mean of the teachers for the epoch's view, or over all views: several looks at a picture are right more
        often than one.
        """
        if not self._config.together:
            return self._said([self.view(epoch)])
        if self._always is None:
            self._always = self._said(range(1, self._config.views + 1))
        return self._always

    def _said(self, views: Sequence[int]) -> NDArray[np.float32]:
        """Return the mean probability over views and teachers, at the temperature."""
        temperature = self._config.temperature
        total: Any = 0.0
        for view, run in product(views, self._runs):
            total = total + softmax(self._logits(run, view).astype(np.float32), temperature)
        mean: NDArray[np.float32] = (total / (len(views) * len(self._runs))).astype(np.float32)
        return mean

    def _logits(self, run: Path, view: int) -> NDArray[np.float16]:
        """Return a teacher's answers to a view, from their file where they are there.

        In half precision: what is lost is far below what teachers differ by.
        """
        path = run / ANSWERS / f"{self._key(run, view)}.npz"
        logits = _read(path, len(self._part))
        if logits is None:
            if run not in self._models:
                self._models[run] = model_of(run)
            logits = models.outputs(self._models[run], self._pixels(run, view))[0].astype(np.float16)
            path.parent.mkdir(exist_ok=True)
            stream = io.BytesIO()
            np.savez(stream, allow_pickle=False, logits=logits)
            storage.write_file(path, stream.getvalue())
        return logits

    def _drawn(self, view: int) -> NDArray[np.float32]:
        return augment.draw(len(self._part), seed=self._config.view_seed, epoch=view)

    def _pixels(self, run: Path, view: int) -> NDArray[np.uint8]:
        pixels = self._part.pixels
        if not self._augments[run].any:
            return pixels
        return augment.apply(self._augments[run], pixels, self._drawn(view), pad=self._recipe.preprocess.pad)

    def _key(self, run: Path, view: int) -> str:
        """Return a name for a teacher's answers: a hash over its weights, the pictures, what is made of them."""
        facts = {
            "model": self._runs[run],
            "pictures": self._fingerprint,
            # without augmentation every view is the same
            "view": [self._config.view_seed, view] if self._augments[run].any else [],
            # by what is asked for alone: an augmentation that comes to be makes no answer another one
            "augment": self._augments[run].asked,
            "pad": self._recipe.preprocess.pad,
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]


def _seen(run: Path, recipe: Recipe) -> augment.Augment:
    """Return the augmentation whose crop and flip make the views that a teacher answers for a student."""
    assert recipe.distill is not None
    return recipes.load(run / "recipe.toml").augment if recipe.distill.together else recipe.augment


def _read(path: Path, count: int) -> NDArray[np.float16] | None:
    """Return the logits in a file of answers; None where it is missing, damaged or of another length."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            logits: NDArray[np.float16] = file["logits"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return logits if len(logits) == count else None


def _check(run: Path, recipe: Recipe, labels: Sequence[str], fingerprint: str) -> None:
    facts = read_facts(run)
    if facts["class_lock"] != class_lock(labels):
        raise UsageError(
            f"{recipe.name} learns from {run}: it knows {', '.join(facts['labels'])}; the data has {', '.join(labels)}"
        )
    # a teacher answers each view by itself, whatever mirror images are asked where it is used
    if replace(Preprocess.from_dict(facts["preprocess"]), mirror=recipe.preprocess.mirror) != recipe.preprocess:
        raise UsageError(f"{recipe.name} learns from {run}: its [preprocess] is another; teacher and student share it")
    if facts["data"]["sha256"] != fingerprint:
        raise UsageError(
            f"{recipe.name} learns from {run}: it was trained on other pictures, and may have seen those that the "
            "student is validated on; give both the same [data]"
        )
