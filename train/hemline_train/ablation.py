"""
What each ingredient of a recipe brings: the recipe, and the recipe without one thing or with one more, trained with the
same seeds.

Compared on the validation pictures, which chose the recipe. The test pictures are for what was chosen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.errors import UsageError
from hemline_train import recipe as recipes
from hemline_train.data import Part
from hemline_train.frontier.compare import difference, summary
from hemline_train.published.suite import FIRST_SEED, Planned
from hemline_train.recipe import Recipe
from hemline_train.run import Run
from hemline_train.sweep.config import with_values

WHOLE = "all of it"
ROUGH = ("rotation", "translation", "zoom", "brightness", "contrast", "noise", "blur", "negative", "surroundings")
# what is left out, and by which keys; one that a recipe does not have is not tried
WITHOUT: dict[str, dict[str, Any]] = {
    "teacher": {"distill.weight": 0.0},
    "several looks": {"distill.together": False},
    "crop": {"augment.crop": 0},
    "flip": {"augment.flip": 0.0},
    "random erasing": {"augment.erase": 0.0},
    "rough pictures": {f"augment.{name}": 0.0 for name in ROUGH},
    "any augmentation": {"augment.crop": 0, **{f"augment.{name}": 0.0 for name in ("flip", "erase", *ROUGH)}},
    "cosine": {"training.schedule": "constant"},
    "warm-up": {"training.warmup": 0.0},
    "weight decay": {"training.weight_decay": 0.0},
    "label smoothing": {"training.label_smoothing": 0.0},
    "average of the weights": {"training.average": 0.0},
    "dropout": {"model.dropout": 0.0},
}


@dataclass(frozen=True)
class Row:
    """One line of the table. gain: of the ingredient, in accuracy, with its 95 % interval; None for all of it.

    name: "without INGREDIENT", or "with KEY=VALUE" of what the recipe does not have.
    """

    name: str
    accuracy: float
    spread: float | None
    gain: tuple[float, float, float] | None


def variants(recipe: Recipe, names: Sequence[str] = (), also: Sequence[str] = ()) -> dict[str, Recipe]:
    """Return {row of the table: recipe}, the whole recipe first, each under a name of its own.

    names: of WITHOUT, all by default. also: KEY=VALUE of what the recipe does not have. What would change nothing is
    not there.
    """
    found = {WHOLE: recipes.without_expectation(recipe)}
    for name in names or WITHOUT:
        if name not in WITHOUT:
            raise UsageError(f"no ingredient {name!r}; there are {', '.join(WITHOUT)}")
        changed = _changed(recipe, WITHOUT[name], name)
        if changed != recipes.without_expectation(recipe):
            found[f"without {name}"] = changed
    for assignment in also:
        found[f"with {assignment}"] = with_values(recipe, recipes.assigned([assignment]), "--with")
    return {name: replace(one, name=f"{recipe.name}-{_slug(name)}") for name, one in found.items()}


def _slug(name: str) -> str:
    return "whole" if name == WHOLE else re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-")


def _changed(recipe: Recipe, values: Mapping[str, Any], name: str) -> Recipe:
    known = set(recipes.flat(recipe))
    if any(line.startswith("dropout") for line in recipe.model.layers):
        known.add("model.dropout")
    there = {key: value for key, value in values.items() if key in known}
    return with_values(recipe, there, f"without {name}")


def plan(recipe: Recipe, out: Path, seeds: int, names: Sequence[str] = (), also: Sequence[str] = ()) -> list[Planned]:
    """Return every training, OUT/VARIANT/seed-S, seed by seed, so that a stop leaves whole comparisons."""
    if seeds < 1:
        raise UsageError(f"--seeds {seeds}; give 1 or more")
    return [
        Planned(replace(variant, seed=seed), out / variant.name / f"seed-{seed}")
        for seed in range(FIRST_SEED, FIRST_SEED + seeds)
        for variant in variants(recipe, names, also).values()
    ]


def rows(
    recipe: Recipe,
    out: Path,
    seeds: int,
    *,
    data_path: str | None,
    names: Sequence[str] = (),
    also: Sequence[str] = (),
) -> list[Row]:
    """Return the table of finished trainings: the whole recipe, then what each ingredient brings or would bring."""
    from hemline_train import data

    pictures = data.load(recipe, data=data_path).validation  # the same for every variant
    table: list[Row] = []
    whole: NDArray[np.bool_] | None = None
    for name, variant in variants(recipe, names, also).items():
        right = _right(variant, out, seeds, pictures)
        figures = summary([float(row.mean()) for row in right])
        gain = None
        if whole is None:
            whole = right
        else:
            apart = difference(right, whole) if name.startswith("with ") else difference(whole, right)
            gain = (apart.mean, apart.low, apart.high)
        table.append(Row(name, figures.mean, figures.spread, gain))
    return table


def _right(variant: Recipe, out: Path, seeds: int, pictures: Part) -> NDArray[np.bool_]:
    """Return which validation pictures the seeds of a variant get right, (seeds, N)."""
    from hemline_train import models
    from hemline_train.evaluate import model_of

    right = []
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        run = Run(out / variant.name / f"seed-{seed}")
        logits, _ = models.outputs(model_of(run.root), pictures.pixels)
        right.append(logits.argmax(axis=1) == pictures.targets)
    return np.stack(right)


def markdown(table: Sequence[Row], seeds: int, epochs: int) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        f"| {epochs} epochs, {seeds} seeds | validation accuracy | what the ingredient brings, 95 % |",
        "|---|---|---|",
    ]
    for row in table:
        spread = "" if row.spread is None else f" ± {100 * row.spread:.2f}"
        gain = "" if row.gain is None else "{:+.2f} ({:+.2f} to {:+.2f}) points".format(*(100 * x for x in row.gain))
        lines.append(f"| {row.name} | {100 * row.accuracy:.2f}{spread} | {gain} |")
    return "\n".join(lines) + "\n"
