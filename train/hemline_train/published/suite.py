"""
Every published network trained with every seed, each once: what is finished stays, what stopped goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from hemline.errors import UsageError
from hemline_train import pool
from hemline_train import recipe as recipes
from hemline_train.published.figures import published
from hemline_train.recipe import Recipe
from hemline_train.run import Run

FIRST_SEED = 1


@dataclass(frozen=True)
class Planned:
    """One training of the suite, and where its run lies."""

    recipe: Recipe
    out: Path

    @property
    def finished(self) -> bool:
        """Whether its run is there, of this recipe, and complete. UsageError when it is of another."""
        if not self.out.exists():
            return False
        run = Run(self.out)
        run.check(self.recipe, resume=True)
        return run.status == "finished"


def plan(out: Path, seeds: int) -> list[Planned]:
    """Return every training of the suite: OUT/RECIPE/seed-S for seeds 1 to `seeds`."""
    if seeds < 1:
        raise UsageError(f"--seeds {seeds}; give 1 or more")
    every = range(FIRST_SEED, FIRST_SEED + seeds)
    return [
        Planned(replace(recipes.load(name), seed=seed), out / name / f"seed-{seed}")
        for name in published()
        for seed in every
    ]


def train(
    planned: Sequence[Planned],
    *,
    data_path: str | None,
    workers: int = 1,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Train what is not finished, `workers` at a time, each on its share of the cores."""
    left = [one for one in planned if not one.finished]
    say(f"{len(planned)} trainings, {len(planned) - len(left)} finished before")
    if not left:
        return
    done = 0

    def put(said: str) -> None:
        nonlocal done
        done += 1
        say(f"[{done}/{len(left)}]  {said}")

    tasks = {f"{one.recipe.name}  seed {one.recipe.seed}": one for one in left}
    pool.run(tasks, partial(_train, data_path), put, workers=workers, say=say)


def _train(data_path: str | None, planned: Planned) -> str:
    """Run in a worker: train one, and return what came of it."""
    from hemline_train import backend

    backend.start()
    import keras

    from hemline_train.training import train as train_one

    keras.backend.clear_session()  # what the training before this one left in memory
    done = train_one(planned.recipe, planned.out, data_path=data_path, resume=planned.out.exists())
    figures = done.metrics["test"] or done.metrics["validation"]
    seconds = done.run.facts["seconds_per_epoch"]
    return (
        f"{planned.recipe.name}  seed {planned.recipe.seed}: accuracy {figures['accuracy']:.4f}, "
        f"{done.epochs} epochs of {seconds:.1f} s"
    )
