"""
One training from a recipe to a finished run directory.
"""

from __future__ import annotations

import errno
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import storage
from hemline.bundle import class_lock
from hemline.drawn import drawn
from hemline.errors import RunError
from hemline.golden import Golden
from hemline.metrics import score, softmax
from hemline.preprocess import Preprocess
from hemline_train import backend, data, distill, loop, models, plates, plots
from hemline_train.checkpoint import Epoch, best_epoch
from hemline_train.data import Pictures
from hemline_train.events import Events
from hemline_train.flaws import Flaws
from hemline_train.loop import Watch
from hemline_train.recipe import Recipe
from hemline_train.run import Run
from hemline_train.start import Start, start

# class-balanced training pictures that travel with the run; int8 conversion measures ranges on them
CALIBRATION_COUNT = 500
# in golden.npz: drawn garments a class, or plates a flaw
GOLDEN_PER_CLASS = 3
GOLDEN_PER_FLAW = 6
# what the machine refuses, as opposed to a bug
NOT_OURS = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EIO)
GOLDEN_SEED = 2017  # any; the pictures of a golden file never change


@dataclass(frozen=True)
class Finished:
    """A finished run. metrics: what metrics.json holds. parameters: trainable ones.

    was_finished: it was so before, nothing was done.
    """

    run: Run
    metrics: dict[str, Any]
    parameters: int
    epochs: int
    was_finished: bool


def train(
    recipe: Recipe,
    out: Path,
    *,
    data_path: str | None = None,
    resume: bool = False,
    skip_bad: bool = False,
    watch: Watch | None = None,
) -> Finished:
    """Train a recipe into the run directory `out`, or go on with the training that is there.

    data_path: what the user gave as --data. skip_bad: leave out pictures that cannot be read.
    Interrupted at any point, the directory can be resumed; a finished one is left as it is.
    """
    run = Run(out)
    run.check(recipe, resume=resume)
    # before the directory is made: a data set that is not there leaves nothing behind
    pictures = data.load(recipe, data=data_path, skip_bad=skip_bad)
    teachers = distill.teachers(recipe, out.parent, pictures) if run.status != "finished" else None
    # what the checkpoints of a training hold has it in it
    beginning = None if run.checkpoints.epochs() else start(recipe, out.parent, pictures)
    try:
        with run.opened(recipe):
            if run.status == "finished":
                return _finished(run)
            facts = _facts(recipe, pictures, data_path)
            facts["start"] = beginning.facts if beginning else None if run.status == "new" else run.facts.get("start")
            _same_data(run, facts)
            trained = _fit(run, recipe, pictures, facts, teachers, beginning, watch or Watch())
            metrics = _complete(run, recipe, pictures, trained)
            run.write_facts({**facts, "status": "finished"})
    except OSError as error:
        if error.errno not in NOT_OURS:
            raise
        raise RunError(f"{out}: {error.strerror}; see to that, then go on with --resume") from error
    return Finished(run, metrics, facts["parameters"], len(trained.history), was_finished=False)


def _facts(recipe: Recipe, pictures: Pictures, data_path: str | None) -> dict[str, Any]:
    """Return what run.json says from the start."""
    relative = data_path is not None and not Path(data_path).is_absolute()
    return {
        "name": recipe.name,
        "recipe": recipe.name,
        "status": "running",
        "labels": list(pictures.labels),
        "class_lock": class_lock(pictures.labels),
        "preprocess": recipe.preprocess.as_dict(),
        "gates": recipe.gates.as_dict(),
        "data": {
            "name": pictures.name,
            # an absolute path would say more about a machine than a shared run should
            "path_hint": data_path if relative else None,
            "validation": recipe.data.validation,
            "split_seed": recipe.data.split_seed,
            "limit": recipe.data.limit,
            "good": recipe.data.good or None,
            "train_count": len(pictures.train),
            "validation_count": len(pictures.validation),
            "test_count": 0 if pictures.test is None else len(pictures.test),
            "skipped": pictures.skipped,
            "sha256": pictures.fingerprint(),
        },
        "parameters": 0,
        "epochs_done": 0,
        "best_epoch": 0,
        "seconds_per_epoch": None,
        "replicas": 0,
        "versions": backend.versions(),
    }


def _same_data(run: Run, facts: dict[str, Any]) -> None:
    if run.status == "new":
        return
    there = run.facts
    if there["data"]["sha256"] != facts["data"]["sha256"] or there["class_lock"] != facts["class_lock"]:
        raise RunError(
            f"{run.root}: was trained on other pictures or labels than these; resume with the same --data, "
            "or choose another --out"
        )


def _fit(
    run: Run,
    recipe: Recipe,
    pictures: Pictures,
    facts: dict[str, Any],
    teachers: distill.Teachers | None,
    beginning: Start | None,
    watch: Watch,
) -> loop.Trained:
    done = run.checkpoints.latest()
    so_far: Sequence[Epoch] = done.history if done else ()
    with Events(run.clear_events()) as events:

        def record(history: Sequence[Epoch]) -> None:
            seconds = statistics.median(row.seconds for row in history) if history else None
            facts.update(epochs_done=len(history), best_epoch=best_epoch(history), seconds_per_epoch=seconds)
            run.write_history(history)
            run.write_facts(facts)

        def begin(model: Any, replicas: int) -> None:
            facts.update(parameters=models.trainable_parameters(model), replicas=replicas)
            _as_expected(recipe, facts["parameters"])
            record(so_far)
            events.write(so_far)
            watch.begin(model, replicas)

        def epoch(row: Epoch, history: Sequence[Epoch]) -> None:
            record(history)
            events.write([row])
            watch.epoch(row, history)

        return loop.fit(
            recipe,
            pictures.train,
            pictures.validation,
            len(pictures.labels),
            checkpoints=run.checkpoints,
            watch=replace(watch, begin=begin, epoch=epoch),
            teachers=teachers,
            beginning=beginning,
            flaws=Flaws.of(recipe.flaws, recipe.data.good, pictures.labels),
        )


def _as_expected(recipe: Recipe, parameters: int) -> None:
    if recipe.expect and recipe.expect.parameters != parameters:
        raise RunError(
            f"recipe {recipe.name}: {parameters:,} trainable parameters, its [expect] says "
            f"{recipe.expect.parameters:,}; correct the layers or the figure"
        )


def _complete(run: Run, recipe: Recipe, pictures: Pictures, trained: loop.Trained) -> dict[str, Any]:
    """Write what follows from the trained model; return the metrics."""
    run.write_model(trained.model)
    chosen = data.balanced(pictures.train, len(pictures.labels), CALIBRATION_COUNT, seed=recipe.seed)
    run.write_arrays(
        "calibration.npz",
        {"pictures": chosen.pixels, "targets": chosen.targets, "data_name": np.array(pictures.name)},
    )
    _write_golden(run, recipe, trained.model)
    labels = pictures.labels
    figures: dict[str, Any] = {
        "labels": list(labels),
        "best_epoch": trained.best_epoch,
        "kept_epoch": trained.kept_epoch,
    }
    ask = partial(models.outputs, trained.model, mirror=recipe.preprocess.mirror)
    train_logits, _ = ask(pictures.train.pixels)
    figures["train"] = score(train_logits, pictures.train.targets, labels)  # as in inference, without dropout
    validation_logits, _ = ask(pictures.validation.pixels)
    figures["validation"] = score(validation_logits, pictures.validation.targets, labels)
    figures["test"] = None
    shown, logits = pictures.validation, validation_logits
    if pictures.test is not None:
        shown = pictures.test
        logits, _ = ask(shown.pixels)
        figures["test"] = score(logits, shown.targets, labels)
    run.write_metrics(figures)
    plots.write(run.plots, pictures, trained, shown, logits)
    if recipe.augment.any:
        storage.write_file(run.plots / "augmented.png", plots.png(plots.augmented(pictures.train, recipe)))
    return figures


def _write_golden(run: Run, recipe: Recipe, model: Any) -> None:
    pixels = _golden_plates(recipe, model) if recipe.flaws is not None else _golden_garments(recipe.preprocess)
    logits, embedding = models.outputs(model, pixels, mirror=recipe.preprocess.mirror)
    storage.write_file(run / "golden.npz", Golden(pixels, logits, embedding).to_bytes())


def _golden_garments(preprocess: Preprocess) -> NDArray[np.uint8]:
    side = max(8, preprocess.height), max(8, preprocess.width)  # garments are drawn from 8 pixels on
    garments, _ = drawn(GOLDEN_PER_CLASS, seed=GOLDEN_SEED, height=side[0], width=side[1])
    return np.stack([preprocess.apply(garment) for garment in garments])


def _golden_plates(recipe: Recipe, model: Any) -> NDArray[np.uint8]:
    """Return of each flaw the plates that the network is surest of, half of what is drawn.

    Of one on the edge between two classes the engines' own rounding decides, and it tells little of an artifact.
    """
    assert recipe.flaws is not None
    pixels = plates.drawn(tuple(recipe.flaws.labels), 2 * GOLDEN_PER_FLAW, recipe.preprocess, seed=GOLDEN_SEED)
    sure = (
        softmax(models.outputs(model, pixels, mirror=recipe.preprocess.mirror)[0])
        .max(axis=1)
        .reshape(-1, 2 * GOLDEN_PER_FLAW)
    )
    kept = np.sort(np.argsort(-sure, axis=1, kind="stable")[:, :GOLDEN_PER_FLAW], axis=1)
    return np.asarray(pixels[(kept + 2 * GOLDEN_PER_FLAW * np.arange(len(kept))[:, None]).ravel()])


def _finished(run: Run) -> Finished:
    facts = run.facts
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    return Finished(run, metrics, facts["parameters"], facts["epochs_done"], was_finished=True)
