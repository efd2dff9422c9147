"""
SWEEP.toml: recipes, the keys that vary, how they are searched, how many folds.

    recipes = ["fashion-cnn"]            names, or paths beside the sweep file
    search = "grid"                      or "random": `samples` configurations of each recipe, by `seed`
    folds = 3

    [parameters]                         any key of a recipe
    "training.batch" = [64, 32]
    "model.dropout" = [0.3, 0.5]         the rate of every dropout layer
    "training.learning_rate" = { low = 1e-4, high = 1e-2, scale = "log" }      random search only

    [set]                                the same in every configuration
    "training.epochs" = 5

No TensorFlow: reading a sweep takes milliseconds.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hemline import toml
from hemline.errors import UsageError, unknown
from hemline_train import recipe as recipes
from hemline_train.recipe import Recipe

SWEEPS = Path(__file__).parent.parent / "sweeps"
KEYS = ("recipes", "search", "folds", "fold_seed", "samples", "seed", "parameters", "set")
SEARCHES = ("grid", "random")
MOST_CONFIGURATIONS = 100_000


@dataclass(frozen=True)
class Range:
    """Values from low to high, both included; whole numbers where both ends are. log: even in the logarithm."""

    low: float
    high: float
    log: bool = False

    def at(self, share: float) -> float | int:
        """Return the value at a share of the way, 0 to below 1."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            top = self.high + 1
            value = self.low * (top / self.low) ** share if self.log else self.low + (top - self.low) * share
            return min(self.high, int(value))
        return float(self.low * (self.high / self.low) ** share if self.log else self.low + self.span * share)

    @property
    def span(self) -> float:
        """How wide it is."""
        return self.high - self.low


@dataclass(frozen=True)
class Sweep:
    """What a sweep file says. parameters: dotted key -> its values."""

    name: str
    recipes: tuple[Recipe, ...]
    parameters: Mapping[str, tuple[Any, ...] | Range]
    search: str = "grid"
    folds: int = 3
    fold_seed: int = 0
    samples: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Configuration:
    """One recipe with its values. key: 12 hex digits of the sha256 of the recipe as resolved.

    parameters: what varies, by its dotted key; `recipe` among them where a sweep has several.
    """

    key: str
    recipe: Recipe
    parameters: Mapping[str, Any]

    def __str__(self) -> str:
        return "  ".join(f"{key.rpartition('.')[2]}={value}" for key, value in self.parameters.items()) or self.key


def names() -> list[str]:
    """Return the sweeps that come with hemline."""
    return sorted(path.stem for path in SWEEPS.glob("*.toml"))


def load(name_or_path: str | Path, assignments: Sequence[str] = ()) -> Sweep:
    """Return a sweep by its name, or from a path that ends in .toml.

    assignments: KEY=VALUE, put into every recipe after what the file sets.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        if str(name_or_path) not in names():
            raise UsageError(f"{unknown('sweep', str(name_or_path), names())}; or give a PATH.toml")
        path = SWEEPS / f"{name_or_path}.toml"
    return _parse(toml.read(path), path, recipes.assigned(assignments))


def configurations(sweep: Sweep) -> list[Configuration]:
    """Return every configuration once, in the order of the file. Every recipe is checked here, before any job."""
    found: dict[str, Configuration] = {}
    for base in sweep.recipes:
        for values in _chosen(sweep):
            where = f"{sweep.name}: {', '.join(f'{key} = {value}' for key, value in values.items())}"
            resolved = with_values(base, values, where)
            _refuse_other_runs(resolved, sweep.name)
            key = hashlib.sha256(recipes.dump(resolved).encode()).hexdigest()[:12]
            shown = {"recipe": base.name, **values} if len(sweep.recipes) > 1 else values
            found.setdefault(key, Configuration(key, resolved, shown))
    return list(found.values())


def _refuse_other_runs(recipe: Recipe, where: str) -> None:
    if recipe.start is not None:
        raise UsageError(
            f"{where}: {recipe.name} starts from {recipe.start.run}; a sweep begins each fold with random weights: "
            "give a recipe without [start]"
        )
    if recipe.distill is not None and recipe.distill.weight > 0:
        raise UsageError(
            f"{where}: {recipe.name} learns from {', '.join(recipe.distill.teachers)}, who know the pictures of every "
            'fold; add "distill.weight" = 0 to [set]'
        )


def with_values(recipe: Recipe, values: Mapping[str, Any], where: str) -> Recipe:
    """Return the recipe with these values, `model.dropout` being the rate of every dropout layer."""
    plain = dict(values)
    if "model.dropout" in plain:
        rate = plain.pop("model.dropout")
        if not any(line.startswith("dropout") for line in recipe.model.layers):
            raise UsageError(f"{where}: recipe {recipe.name} has no dropout layer for model.dropout to change")
        plain["model.layers"] = [
            f"dropout {rate}" if line.split()[0] == "dropout" else line for line in recipe.model.layers
        ]
    changed = recipes.with_values(recipe, plain, where)
    # what is expected of a recipe says nothing of a sweep, and must not change a key
    return recipes.without_expectation(changed)


def _chosen(sweep: Sweep) -> Iterator[dict[str, Any]]:
    keys = list(sweep.parameters)
    if sweep.search == "grid":
        lists = [values for values in sweep.parameters.values() if isinstance(values, tuple)]
        yield from (dict(zip(keys, values, strict=True)) for values in itertools.product(*lists))
        return
    for number in range(sweep.samples):
        # each sample by its number: more samples leave the first ones as they are
        shares = np.random.Generator(np.random.PCG64([sweep.seed, number])).random(len(keys))
        yield {key: _at(sweep.parameters[key], float(share)) for key, share in zip(keys, shares, strict=True)}


def _at(values: tuple[Any, ...] | Range, share: float) -> Any:
    if isinstance(values, Range):
        value = values.at(share)
        return float(f"{value:.4g}") if isinstance(value, float) else value
    return values[int(share * len(values))]


# ---- reading


def _parse(table: Mapping[str, Any], path: Path, assigned: Mapping[str, Any]) -> Sweep:
    for key in table:
        if key not in KEYS:
            raise UsageError(f"{path}: {unknown('key', key, KEYS)}")
    search = table.get("search", "grid")
    if search not in SEARCHES:
        raise UsageError(f"{path}: search: {unknown('choice', str(search), SEARCHES)}")
    fixed = {**_flat(table.get("set", {}), path, "set"), **assigned}
    parameters = {
        key: _values(value, f"{path}: parameters: {key}", search)
        for key, value in _flat(table.get("parameters", {}), path, "parameters").items()
    }
    for key in assigned:
        if key in parameters:
            parameters[key] = (assigned[key],)  # asked for on the command line: no longer varied
    if search == "random" and not parameters:
        raise UsageError(f"{path}: a random search without [parameters]")
    sweep = Sweep(
        path.stem,
        tuple(_recipe(name, path, fixed) for name in _recipe_names(table, path)),
        parameters,
        search,
        _whole(table, "folds", path, default=3, low=2),
        _whole(table, "fold_seed", path, default=0, low=0),
        _whole(table, "samples", path, default=None if search == "random" else 0, low=1 if search == "random" else 0),
        _whole(table, "seed", path, default=0, low=0),
    )
    count = math.prod(len(values) for values in parameters.values() if isinstance(values, tuple))
    if search == "grid" and count * len(sweep.recipes) > MOST_CONFIGURATIONS:
        raise UsageError(f"{path}: a grid of {count:,} configurations; a random search takes `samples` of them")
    return sweep


def _recipe_names(table: Mapping[str, Any], path: Path) -> list[str]:
    names = table.get("recipes")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise UsageError(f'{path}: recipes is a list of recipes, such as ["fashion-cnn"], found {names!r}')
    return names


def _recipe(name: str, path: Path, fixed: Mapping[str, Any]) -> Recipe:
    there = path.parent / name if name.endswith(".toml") else name
    try:
        recipe = recipes.load(there)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    return with_values(recipe, fixed, f"{path}: set")


def _flat(table: Any, path: Path, section: str) -> dict[str, Any]:
    """Return dotted keys, whether the file quotes them, dots them or nests tables."""
    if not isinstance(table, Mapping):
        raise UsageError(f"{path}: [{section}] is a table, found {table!r}")
    rows: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping) and "low" not in value and "high" not in value:
            rows.update({f"{key}.{inner}": deep for inner, deep in _flat(value, path, section).items()})
        else:
            rows[key] = value
    return rows


def _values(value: Any, where: str, search: str) -> tuple[Any, ...] | Range:
    if isinstance(value, list):
        if not value:
            raise UsageError(f"{where} is an empty list; give values")
        return tuple(value)
    if not isinstance(value, Mapping):
        raise UsageError(f"{where} is a list of values, found {value!r}; a fixed value belongs into [set]")
    if search == "grid":
        raise UsageError(f'{where} is a range; a grid takes a list of values, search = "random" takes both')
    for key in value:
        if key not in ("low", "high", "scale"):
            raise UsageError(f"{where}: {unknown('key', key, ('low', 'high', 'scale'))}")
    low, high, scale = value.get("low"), value.get("high"), value.get("scale", "linear")
    if not (isinstance(low, (int, float)) and isinstance(high, (int, float)) and low < high):
        raise UsageError(f"{where}: a range has a low below its high, found {low!r} and {high!r}")
    if scale not in ("linear", "log") or (scale == "log" and low <= 0):
        raise UsageError(f'{where}: scale is "linear", or "log" with a low above 0; found {scale!r} from {low!r}')
    return Range(low, high, scale == "log")


def _whole(table: Mapping[str, Any], key: str, path: Path, *, default: int | None, low: int) -> int:
    value = table.get(key, default)
    if type(value) is not int or value < low:
        raise UsageError(f"{path}: {key} is a whole number from {low}, found {value!r}")
    return value
