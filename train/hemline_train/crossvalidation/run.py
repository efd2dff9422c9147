"""
A cross-validation from a run to its answers: what is left to do is done, each training's answers kept as they come.

    RUN/crossvalidation/KEY/facts.json      what was cut, and how
    RUN/crossvalidation/KEY/NAME.npz        one training's answers

KEY follows from everything that the answers depend on: recipe, pictures, groups, folds. The same call goes on with an
interrupted one; another recipe or other pictures begin in a folder of their own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from hemline import storage
from hemline.bundle import class_lock
from hemline.errors import DatasetError, UsageError
from hemline.gates import Gates
from hemline_train import data, pool
from hemline_train import recipe as recipes
from hemline_train.crossvalidation.fold import Outcome, execute
from hemline_train.crossvalidation.plan import Fold, Pieces, plan
from hemline_train.data import Part
from hemline_train.lock import locked
from hemline_train.recipe import Recipe
from hemline_train.run import read_facts
from hemline_train.start import Start, start

FOLDER = "crossvalidation"


@dataclass(frozen=True)
class Ask:
    """What is asked for. group_by: column of groups.csv. random: what a random split claims, too. unseen: each defect
    left out of training, too. seed: of the folds.
    """

    group_by: str = "group"
    folds: int = 5
    random: bool = True
    unseen: bool = True
    seed: int = 0


@dataclass(frozen=True)
class Answered:
    """All that was answered. outcomes: by the name of the fold, for every fold of the plan."""

    run: Path
    recipe: Recipe
    name: str
    pieces: Pieces
    ask: Ask
    folds: tuple[Fold, ...]
    outcomes: dict[str, Outcome]


@dataclass(frozen=True)
class Watch:
    """Who is told.

    begin: trainings left, and in all. epoch: which training, epochs done, epochs; of one at a time. fold: one is done.
    say: a worker died.
    """

    begin: Callable[[int, int], None] = lambda left, count: None
    epoch: Callable[[str, int, int], None] = lambda name, done, epochs: None
    fold: Callable[[Fold, Outcome], None] = lambda fold, outcome: None
    say: Callable[[str], None] = lambda line: None


def cross_validate(run: Path, data_path: str, ask: Ask, watch: Watch | None = None, *, workers: int = 1) -> Answered:
    """Train the recipe of a finished or unfinished run for every fold that has no answers yet; return all answers.

    data_path: as the user gave it. workers: trainings at the same time, each in a process of its own.
    Raises UsageError where what the run began with has seen the pictures.
    """
    watch = watch or Watch()
    recipe = recipes.load(run / "recipe.toml")
    facts = read_facts(run)
    _independent(recipe)
    whole = data.whole(recipe, data=data_path, group_by=ask.group_by)
    if facts["class_lock"] != class_lock(whole.labels):
        raise DatasetError(
            f"{data_path}: its classes are {', '.join(whole.labels)}; {facts['name']} has {', '.join(facts['labels'])}"
        )
    assert whole.groups is not None
    good = whole.labels.index(recipe.data.good) if recipe.data.good else None
    pieces = Pieces(whole.part.targets, whole.groups, whole.labels, good)
    folds = plan(pieces, ask.folds, seed=ask.seed, random=ask.random, unseen=ask.unseen)
    beginning = _beginning(recipe, run, whole)
    folder = run / FOLDER / _key(recipe, pieces, whole.part, ask, beginning)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, "cross-validating into"):
        storage.write_file(folder / "facts.json", _facts(recipe, whole, ask))
        outcomes = {fold.name: Outcome.load(path) for fold in folds if (path := folder / f"{fold.name}.npz").exists()}
        watch.begin(len(folds) - len(outcomes), len(folds))
        left = {fold.name: fold for fold in folds if fold.name not in outcomes}

        def put(answer: tuple[str, Outcome]) -> None:
            name, outcome = answer
            outcomes[name] = outcome
            outcome.save(folder / f"{name}.npz")
            watch.fold(left[name], outcome)

        if workers > 1:
            train = partial(_apart, recipe=recipe, part=whole.part, pieces=pieces, beginning=beginning)
            pool.run(left, train, put, workers=workers, say=watch.say)
        else:
            for name, fold in left.items():
                put((name, execute(fold, recipe, whole.part, pieces, beginning, partial(watch.epoch, name))))
    return Answered(run, recipe, whole.name, pieces, ask, tuple(folds), outcomes)


def _apart(fold: Fold, *, recipe: Recipe, part: Part, pieces: Pieces, beginning: Start | None) -> tuple[str, Outcome]:
    """Run in a worker."""
    return fold.name, execute(fold, recipe, part, pieces, beginning)


def _independent(recipe: Recipe) -> None:
    if recipe.distill is not None and recipe.distill.weight > 0:
        raise UsageError(
            f"{recipe.name} learns from {', '.join(recipe.distill.teachers)}, who know the pictures of every fold; "
            "train it without [distill] to cross-validate it"
        )


def _beginning(recipe: Recipe, run: Path, whole: data.Whole) -> Start | None:
    """Return what every fold begins with; refused where that has seen these pictures."""
    if recipe.start is None:
        return None
    begun = start(recipe, run.parent, data.Pictures(whole.name, whole.labels, whole.part, whole.part, None))
    assert begun is not None
    if read_facts(begun.run)["data"]["name"] == whole.name:
        raise UsageError(
            f"{recipe.name} starts from {begun.run}, which was trained on {whole.name} too and knows the pictures of "
            "every fold; train it without [start] to cross-validate it"
        )
    return begun


def _key(recipe: Recipe, pieces: Pieces, part: Part, ask: Ask, beginning: Start | None) -> str:
    """Return a folder's name. random and unseen ask for more trainings and change none."""
    digest = hashlib.sha256()
    # what is expected of a training, and what conversion will ask, do not change it
    digest.update(recipes.dump(replace(recipe, expect=None, gates=Gates())).encode())
    digest.update(json.dumps([ask.folds, ask.seed, pieces.labels, pieces.groups]).encode())
    part.update(digest)
    if beginning is not None:
        digest.update(beginning.facts["model_sha256"].encode())
    return f"{ask.folds}-by-{ask.group_by}-{digest.hexdigest()[:12]}"


def _facts(recipe: Recipe, whole: data.Whole, ask: Ask) -> bytes:
    facts: dict[str, Any] = {
        "schema": 1,
        "recipe": recipe.name,
        "data": whole.name,
        "pictures": len(whole.part),
        "labels": list(whole.labels),
        "group_by": ask.group_by,
        "folds": ask.folds,
        "seed": ask.seed,
    }
    return (json.dumps(facts, indent=1, ensure_ascii=False) + "\n").encode()
