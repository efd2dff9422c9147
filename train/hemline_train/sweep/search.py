"""
A sweep from its file to its results: what is left to do is given to workers, each outcome kept as it comes.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hemline.datasets import split
from hemline.errors import DatasetError
from hemline_train import data
from hemline_train import recipe as recipes
from hemline_train.lock import locked
from hemline_train.recipe import Recipe
from hemline_train.sweep import results
from hemline_train.sweep.config import Configuration, Sweep, configurations
from hemline_train.sweep.jobs import Job, Material, Outcome
from hemline_train.sweep.page import results_page

# Runs jobs: (jobs, material name -> .npz file, put). Puts each outcome as soon as it is there.
Runner = Callable[[Sequence[Job], dict[str, Path], Callable[[Outcome], None]], None]


@dataclass(frozen=True)
class Watch:
    """Who is told how a sweep goes. begin: jobs left, jobs in all. outcome: its number, what it is of, itself."""

    begin: Callable[[int, int], None] = lambda left, jobs: None
    outcome: Callable[[int, Configuration, Outcome], None] = lambda number, configuration, outcome: None


def run(
    sweep: Sweep,
    out: Path,
    runner: Runner,
    *,
    where: str,
    data_path: str | None = None,
    skip_bad: bool = False,
    keep_weights: bool = True,
    watch: Watch | None = None,
) -> dict[str, Any]:
    """Do what is left of a sweep, write its results into `out`, and return them.

    where: what the runner is, for the results. skip_bad: leave out pictures that cannot be read.
    Interrupted at any point, the same call goes on; a fold that is finished is never computed again. The results
    are written however it ends.
    """
    watch = watch or Watch()
    chosen = configurations(sweep)
    out.mkdir(parents=True, exist_ok=True)
    with locked(out, "sweeping into"), tempfile.TemporaryDirectory(prefix="hemline-sweep-") as directory:
        store = results.Store(out)
        jobs, materials, digests = _jobs(
            sweep,
            chosen,
            Path(directory),
            partial(_material, sweep, data_path=data_path, skip_bad=skip_bad),
            keep_weights,
        )
        facts = {"sweep": sweep.name, "folds": sweep.folds, "fold_seed": sweep.fold_seed, "materials": digests}
        store.open(facts)
        outcomes = store.finished()
        left = [job for job in jobs if job.key not in outcomes]
        of = {job.key: configuration for job, configuration in zip(jobs, _each(chosen, sweep.folds), strict=True)}
        watch.begin(len(left), len(jobs))
        started = time.perf_counter()

        def put(outcome: Outcome) -> None:
            if outcome.key in outcomes or outcome.key not in of:
                return  # a task that a cluster ran twice
            store.put(outcome)
            outcomes[outcome.key] = outcome
            number = sum(key in outcomes for key in of)
            watch.outcome(number, of[outcome.key], outcome)

        def report() -> dict[str, Any]:
            wall = time.perf_counter() - started
            table = results.report(sweep, chosen, outcomes, wall=wall, where=where)
            if not left:  # nothing was done: the time is that of the call that did it
                table.update(_timing(out))
            store.write(table, results_page(table), results.best_recipe(table, chosen))
            return table

        try:
            if left:
                runner(left, materials, put)
        except BaseException:
            with suppress(OSError):  # the error that is on its way says more
                report()
            raise
        return report()


def _timing(out: Path) -> dict[str, Any]:
    try:
        before = json.loads((out / "results.json").read_text(encoding="utf-8"))
        return {key: before[key] for key in ("wall_seconds", "where")}
    except (OSError, ValueError, KeyError):
        return {}


def _each(chosen: Sequence[Configuration], folds: int) -> list[Configuration]:
    return [configuration for configuration in chosen for _ in range(folds)]


def _jobs(
    sweep: Sweep,
    chosen: Sequence[Configuration],
    directory: Path,
    load: Callable[[Recipe], Material],
    keep_weights: bool,
) -> tuple[list[Job], dict[str, Path], dict[str, str]]:
    """Return the jobs, the file of each material, and a digest of what is in it."""
    files: dict[str, Path] = {}
    digests: dict[str, str] = {}
    jobs = []
    for configuration in chosen:
        name = _material_name(configuration.recipe)
        if name not in files:
            material = load(configuration.recipe)
            files[name] = directory / f"{name}.npz"
            material.save(files[name])
            digests[name] = hashlib.sha256(files[name].read_bytes()).hexdigest()
        text = recipes.dump(configuration.recipe)
        jobs += [Job(configuration.key, fold, text, name, keep_weights) for fold in range(sweep.folds)]
    return jobs, files, digests


def _material_name(recipe: Recipe) -> str:
    """Return a name for what a recipe looks at: configurations that look at the same share one file."""
    looked_at: Mapping[str, Any] = {
        "name": recipe.data.name,
        "limit": recipe.data.limit,
        "preprocess": asdict(recipe.preprocess),
    }
    return hashlib.sha256(json.dumps(looked_at, sort_keys=True).encode()).hexdigest()[:12]


def _material(sweep: Sweep, recipe: Recipe, *, data_path: str | None, skip_bad: bool) -> Material:
    whole = data.whole(recipe, data=data_path, skip_bad=skip_bad)
    if len(whole.labels) < 2:
        raise DatasetError(f"{whole.name}: one class, {whole.labels[0]!r}; there is nothing to tell apart")
    targets = whole.part.targets
    for count, label in zip(np.bincount(targets, minlength=len(whole.labels)), whole.labels, strict=True):
        if count < sweep.folds:
            raise DatasetError(
                f"{whole.name}: class {label!r} has too few pictures for {sweep.folds} folds: {count}; "
                "use fewer folds, or more pictures"
            )
    try:
        folds = split.folds(targets, sweep.folds, seed=sweep.fold_seed, groups=whole.groups, labels=whole.labels)
    except DatasetError as error:
        raise DatasetError(f"{whole.name}: {error}") from None
    return Material(whole.part.pixels, targets, folds, whole.labels, whole.groups)
