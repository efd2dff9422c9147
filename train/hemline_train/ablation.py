"""
What each ingredient of a recipe brings: the recipe, and the recipe without one thing or with one more, trained with the
same seeds.

Compared on the validation pictures, which chose the recipe, as they are and under every shift. The test pictures are
for what was chosen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.errors import UsageError
from hemline.mirror import Ask
from hemline.shifts import SHIFTS, STRENGTHS, apply
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
class Figure:
    """An accuracy, and its standard deviation over the seeds, None for one seed.

    gain: of the ingredient, in accuracy, with its 95 % interval; None for all of it.
    """

    accuracy: float
    spread: float | None
    gain: tuple[float, float, float] | None


@dataclass(frozen=True)
class Row:
    """One line of the table.

    name: "without INGREDIENT", or "with KEY=VALUE" of what the recipe does not have.
    clean: on the validation pictures. shifted: the mean over all shifts and strengths; None where it was not asked for.
    """

    name: str
    clean: Figure
    shifted: Figure | None = None


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
    shifted: int = 0,
) -> list[Row]:
    """Return the table of finished trainings: the whole recipe, then what each ingredient brings or would bring.

    shifted: how many of the validation pictures, evenly spaced, are also asked about under every shift; 0 for none.
    """
    from hemline_train import data
    from hemline_train.evaluate import model_of
    from hemline_train.models import outputs

    pictures = data.load(recipe, data=data_path).validation  # the same for every variant
    models = {
        name: [
            partial(
                outputs,
                model_of(Run(out / variant.name / f"seed-{seed}").root),
                mirror=variant.preprocess.mirror,
            )
            for seed in range(FIRST_SEED, FIRST_SEED + seeds)
        ]
        for name, variant in variants(recipe, names, also).items()
    }
    clean = _figures({name: _right(of_seeds, pictures)[None] for name, of_seeds in models.items()})
    if not shifted:
        return [Row(name, clean[name]) for name in models]
    some = pictures.take(np.arange(min(shifted, len(pictures))) * len(pictures) // min(shifted, len(pictures)))
    under = _figures(_under_shift(models, some, recipe.preprocess.pad))
    return [Row(name, clean[name], under[name]) for name in models]


def _under_shift(models: Mapping[str, Sequence[Ask]], pictures: Part, pad: int) -> dict[str, NDArray[np.bool_]]:
    """Return which pictures the seeds of each get right under each shift, (shifts x strengths, seeds, N)."""
    found: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in models}
    for kind, strength in product(SHIFTS, STRENGTHS):
        changed = replace(pictures, pixels=apply(kind, pictures.pixels, strength, pad=pad))
        for name, of_seeds in models.items():
            found[name].append(_right(of_seeds, changed))
    return {name: np.stack(right) for name, right in found.items()}


def _right(models: Sequence[Ask], pictures: Part) -> NDArray[np.bool_]:
    """Return which pictures each model gets right, (models, N)."""
    return np.stack([model(pictures.pixels)[0].argmax(axis=1) == pictures.targets for model in models])


def _figures(right: Mapping[str, NDArray[np.bool_]]) -> dict[str, Figure]:
    """Return the figures of each variant, the whole recipe first. right: (times asked, seeds, N) of each."""
    # how often a picture was answered right, a whole number: its answers under several shifts are not independent
    counts = {name: of_variant.sum(axis=0, dtype=np.int64) for name, of_variant in right.items()}
    times = len(next(iter(right.values())))
    whole, found = next(iter(counts.values())), {}
    for name, count in counts.items():
        of_seeds = summary([float(row.mean()) / times for row in count])
        apart = difference(count, whole) if name.startswith("with ") else difference(whole, count)
        gain = None if name == WHOLE else (apart.mean / times, apart.low / times, apart.high / times)
        found[name] = Figure(of_seeds.mean, of_seeds.spread, gain)
    return found


def markdown(table: Sequence[Row], seeds: int, epochs: int) -> str:
    """Return the rows as a Markdown table."""
    plural = "seed" if seeds == 1 else "seeds"
    heads = [f"{epochs} epochs, {seeds} {plural}", "validation accuracy", "what the ingredient brings, 95 %"]
    if table[0].shifted is not None:
        heads += ["under shift", "what it brings"]
    lines = [_line(heads), "|---" * len(heads) + "|"]
    for row in table:
        figures = [row.clean, *([] if row.shifted is None else [row.shifted])]
        lines.append(_line([row.name, *(cell for figure in figures for cell in _cells(figure))]))
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(figure: Figure) -> tuple[str, str]:
    spread = "" if figure.spread is None else f" ± {100 * figure.spread:.2f}"
    gain = "" if figure.gain is None else "{:+.2f} ({:+.2f} to {:+.2f}) points".format(*(100 * x for x in figure.gain))
    return f"{100 * figure.accuracy:.2f}{spread}", gain
