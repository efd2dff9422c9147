"""
A recipe: a TOML file that says everything about one training, read into frozen dataclasses.

Nothing is ignored: an unknown key, a wrong type or a value out of range is an error that names the file
and the key. Law: load(path of dump(r)) == r. No TensorFlow: reading recipes takes milliseconds.
"""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from hemline import toml
from hemline.errors import UsageError, unknown
from hemline.gates import Gates
from hemline.preprocess import Preprocess
from hemline_train import augment
from hemline_train.architecture import Layer, parse
from hemline_train.augment import Augment

RECIPES = Path(__file__).parent / "recipes"
OPTIMISERS = ("adam", "adamw", "sgd")
SCHEDULES = ("constant", "cosine", "linear")
KEEP = ("best", "last")
CLASS_WEIGHTS = ("none", "balanced")


def _range(low: float, high: float, *, default: Any = MISSING, above: bool = False) -> Any:
    """A number from low (or above it) to high, both included."""
    return field(default=default, metadata={"low": low, "high": high, "above": above})


@dataclass(frozen=True)
class DataConfig:
    """What is trained on.

    name: a data set's name or path, for hemline.datasets.locate.
    validation: share of the training pictures that is held out, chosen by a hash of the index; 0 takes the data set's
        own validation split.
    split_seed: another seed holds out other pictures.
    limit: use only so many pictures of each split, evenly spaced; 0 uses all.
    """

    name: str
    validation: float = _range(0.0, 0.9, default=0.1)
    split_seed: int = _range(0, 2**31 - 1, default=0)
    limit: int = _range(0, 2**31 - 1, default=0)


@dataclass(frozen=True)
class ModelConfig:
    """The layers between Rescaling and the classifying layer, as hemline_train.architecture reads them."""

    layers: tuple[str, ...]

    def __post_init__(self) -> None:
        self.parsed()

    def parsed(self) -> tuple[Layer, ...]:
        """Return the layers."""
        return parse(self.layers)


@dataclass(frozen=True)
class TrainingConfig:
    """How it is trained.

    batch: pictures a step, over all replicas together.
    epochs: the most there will be.
    patience: stop after so many epochs without a lower validation loss; 0 never stops early.
    momentum: of sgd; 0 is plain stochastic gradient descent.
    schedule: of the learning rate, from its peak: "constant", or to 0 at the last epoch as "cosine" or "linear".
    warmup: epochs, or a part of one, in which the learning rate rises from 0 to its peak.
    weight_decay: of adamw and sgd, decoupled: a step takes learning rate x this from each weight; biases and
        batch normalisation keep theirs.
    label_smoothing: probability that is taken from the label and shared out over all classes.
    average: momentum of the exponential average of the weights over the steps, which then is the model; 0 is none.
    keep: whose weights are the model's: "best" those of the epoch with the lowest validation loss, "last" those
        of the last epoch, as most published figures are of.
    class_weights: "balanced" weighs a picture by pictures / (classes x pictures of its class).
    scale_with_replicas: multiply batch and learning rate by the number of replicas, the linear scaling rule.
    """

    learning_rate: float = _range(0.0, 10.0, above=True)
    epochs: int = _range(1, 100_000)
    optimiser: str = field(default="adam", metadata={"choices": OPTIMISERS})
    batch: int = _range(1, 1_000_000, default=32)
    patience: int = _range(0, 100_000, default=3)
    momentum: float = _range(0.0, 0.9999, default=0.0)
    schedule: str = field(default="constant", metadata={"choices": SCHEDULES})
    warmup: float = _range(0.0, 1000.0, default=0.0)
    weight_decay: float = _range(0.0, 1.0, default=0.0)
    label_smoothing: float = _range(0.0, 0.9, default=0.0)
    average: float = _range(0.0, 0.99999, default=0.0)
    keep: str = field(default="best", metadata={"choices": KEEP})
    class_weights: str = field(default="none", metadata={"choices": CLASS_WEIGHTS})
    scale_with_replicas: bool = False

    def __post_init__(self) -> None:
        if self.momentum and self.optimiser != "sgd":
            raise UsageError(f"momentum {self.momentum} with optimiser {self.optimiser!r}; momentum belongs to sgd")
        if self.weight_decay and self.optimiser == "adam":
            raise UsageError(f"weight_decay {self.weight_decay} with optimiser 'adam'; it belongs to adamw and sgd")
        if self.schedule != "constant" and self.patience:
            raise UsageError(
                f"patience {self.patience} with schedule {self.schedule!r}, which is at its best at the end; "
                "patience = 0 lets it get there"
            )
        if self.warmup >= self.epochs:
            raise UsageError(f"warmup {self.warmup} with {self.epochs} epochs; it must end before they do")


@dataclass(frozen=True)
class StartConfig:
    """What training begins with in place of random weights.

    run: name of a run that lies beside the run that is written, or its path; its layers are taken over by their names
        where their weights have the same shapes.
    """

    run: str


@dataclass(frozen=True)
class DistillConfig:
    """Learning from the answers of trained runs, a teacher or several, beside the labels.

    teachers: names of runs that lie beside the run that is written, or their paths. Their probabilities are averaged.
    weight: of the teachers' part in the loss; the labels have the rest. 0 does without them.
    temperature: divides the logits of teachers and student in their part.
    views: crops and flips are drawn so many times; the teachers answer each once, and a student sees them in turn.
    together: the answers to all views of a picture are averaged, and taught for whatever crop the student sees.
    view_seed: of those crops and flips, apart from the training's own, so that students share the answers.
    """

    teachers: tuple[str, ...]
    weight: float = _range(0.0, 1.0, default=0.5)
    temperature: float = _range(0.0, 100.0, default=2.0, above=True)
    views: int = _range(1, 100_000, default=8)
    together: bool = False
    view_seed: int = _range(0, 2**31 - 1, default=0)

    def __post_init__(self) -> None:
        if not self.teachers:
            raise UsageError('teachers is empty; name a run, such as ["fashion-teacher"]')


@dataclass(frozen=True)
class Expectation:
    """What an unchanged recipe reaches; `hemline train` compares and says so.

    parameters: trainable parameters, exactly.
    seconds_per_epoch: about this on two CPU cores; shown, never checked.
    test_accuracy: at least this, 0 to 1. validation_accuracy: in its place, where the data has no test split.
    """

    parameters: int = _range(1, 10**12)
    seconds_per_epoch: float = _range(0.0, 1e6, above=True)
    test_accuracy: float | None = _range(0.0, 1.0, default=None)
    validation_accuracy: float | None = _range(0.0, 1.0, default=None)

    def __post_init__(self) -> None:
        if (self.test_accuracy is None) == (self.validation_accuracy is None):
            raise UsageError("give test_accuracy or validation_accuracy")

    @property
    def accuracy(self) -> tuple[str, float]:
        """The split it is of, "test" or "validation", and the least that is expected."""
        if self.validation_accuracy is not None:
            return "validation", self.validation_accuracy
        assert self.test_accuracy is not None
        return "test", self.test_accuracy


@dataclass(frozen=True)
class Recipe:
    """Everything about one training.

    name: also that of its run's directory and of the bundle made from it.
    gates: the bars that conversion holds its artifacts to.
    start: None begins with random weights.
    distill: None learns from the labels alone.
    seed: of everything random but the split: weights, order, dropout.
    expect: None where a key was changed: nothing is promised then.
    """

    name: str
    data: DataConfig
    preprocess: Preprocess
    model: ModelConfig
    training: TrainingConfig
    augment: Augment = field(default_factory=Augment)
    start: StartConfig | None = None
    distill: DistillConfig | None = None
    gates: Gates = field(default_factory=Gates)
    seed: int = _range(0, 2**31 - 1, default=0)
    expect: Expectation | None = None

    def __post_init__(self) -> None:
        augment.check(self.augment, *self.preprocess.shape)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name):
            raise UsageError(f"name {self.name!r}; it is letters, digits, '.', '_' and '-', the first no sign")


def names() -> list[str]:
    """Return the recipes that come with hemline."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def load(name_or_path: str | Path) -> Recipe:
    """Return a recipe by its name, or from a path that ends in .toml."""
    path = Path(name_or_path)
    if path.suffix != ".toml":
        if str(name_or_path) not in names():
            raise UsageError(f"{unknown('recipe', str(name_or_path), names())}; or give a PATH.toml")
        path = RECIPES / f"{name_or_path}.toml"
    return parse_recipe(toml.read(path), str(path))


def parse_recipe(table: Mapping[str, Any], where: str) -> Recipe:
    """Return the recipe of a parsed TOML document; `where` names it in errors."""
    recipe = _build(Recipe, table, where, "")
    assert isinstance(recipe, Recipe)
    return recipe


def override(recipe: Recipe, assignments: Sequence[str]) -> Recipe:
    """Return the recipe with each KEY=VALUE put in its place: "training.epochs=3", "seed=7".

    A value is written as in TOML; text needs no quotes. Any change drops what the recipe expects.
    """
    return with_values(recipe, assigned(assignments), "--set")


def assigned(assignments: Sequence[str]) -> dict[str, Any]:
    """Return what KEY=VALUE assignments say, a later one of a key in place of an earlier one."""
    values = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise UsageError(f"--set {assignment}: write KEY=VALUE, such as training.epochs=3")
        values[key.strip()] = _toml_value(text.strip())
    return values


def with_values(recipe: Recipe, values: Mapping[str, Any], where: str) -> Recipe:
    """Return the recipe with these values of dotted keys; `where` names them in errors.

    Any change drops what the recipe expects.
    """
    table = as_dict(replace(recipe, expect=None))
    for key, value in values.items():
        _put(table, key, value, where)
    changed = parse_recipe(table, where)
    return recipe if changed == replace(recipe, expect=None) else changed


def without_expectation(recipe: Recipe) -> Recipe:
    """Return the recipe without what it expects of itself: of the same training, always the same text."""
    return replace(recipe, expect=None)


def as_dict(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as nested plain values, as TOML would hold it."""
    plain = _plain(recipe)
    assert isinstance(plain, dict)
    return plain


def flat(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as {"training.epochs": 10, ...}, the keys that --set takes."""
    rows = {}
    for key, value in as_dict(recipe).items():
        if isinstance(value, dict):
            rows.update({f"{key}.{inner}": deep for inner, deep in value.items()})
        else:
            rows[key] = value
    return rows


def dump(recipe: Recipe) -> str:
    """Return the recipe as TOML, every key written out."""
    table = as_dict(recipe)
    lines = [f"{key} = {_emit(value)}" for key, value in table.items() if not isinstance(value, dict)]
    for section, values in table.items():
        if isinstance(values, dict):
            lines += ["", f"[{section}]", *(f"{key} = {_emit(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


# ---- reading


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _build(kind: type, table: Mapping[str, Any], where: str, prefix: str) -> Any:
    """Return an instance of the dataclass `kind`; every key checked, errors say where and which."""
    known = {entry.name: entry for entry in fields(kind)}
    for key in table:
        if key not in known:
            raise UsageError(f"{where}: {unknown('key', prefix + key, [prefix + name for name in known])}")
    values = {}
    for name, entry in known.items():
        if name in table:
            wanted = _hints(kind)[name]
            values[name] = _convert(wanted, table[name], where, prefix + name)
            _check(entry.metadata, values[name], where, prefix + name)
        elif entry.default is MISSING and entry.default_factory is MISSING:
            raise UsageError(f"{where}: {prefix + name} is missing")
    try:
        return kind(**values)
    except UsageError as error:  # what a dataclass checks itself: Preprocess, ModelConfig
        raise UsageError(f"{where}: {prefix.rstrip('.') or 'recipe'}: {error}") from None


def _convert(wanted: Any, value: Any, where: str, key: str) -> Any:
    if isinstance(wanted, types.UnionType):  # X | None
        wanted = next(part for part in typing.get_args(wanted) if part is not type(None))
    if is_dataclass(wanted):
        if not isinstance(value, Mapping):
            raise UsageError(f"{where}: [{key}] is a table, found {value!r}")
        assert isinstance(wanted, type)
        return _build(wanted, value, where, f"{key}.")
    if typing.get_origin(wanted) is tuple:
        if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
            raise UsageError(f"{where}: {key} is a list of text, found {value!r}")
        return tuple(value)
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is not wanted:  # not isinstance: true is no whole number
        word = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}[wanted]
        raise UsageError(f"{where}: {key} is {word}, found {value!r}")
    return value


def _check(limits: Mapping[str, Any], value: Any, where: str, key: str) -> None:
    if "choices" in limits and value not in limits["choices"]:
        raise UsageError(f"{where}: {key}: {unknown('choice', value, limits['choices'])}")
    if "low" in limits:
        low, high, above = limits["low"], limits["high"], limits.get("above", False)
        # written so that NaN is out of range
        if not ((low < value if above else low <= value) and value <= high):
            raise UsageError(f"{where}: {key} is {'above' if above else 'from'} {low} to {high}, found {value!r}")


def _put(table: dict[str, Any], key: str, value: Any, where: str) -> None:
    section, dot, name = key.rpartition(".")
    inner = table.get(section) if dot else table
    if not isinstance(inner, dict) or name not in inner or isinstance(inner[name], dict):
        known = [f"{outer}.{deep}" for outer, row in table.items() if isinstance(row, dict) for deep in row]
        known += [outer for outer, row in table.items() if not isinstance(row, dict)]
        raise UsageError(f"{where}: {unknown('key', key, known)}")
    if type(inner[name]) is str and not isinstance(value, str):
        value = str(value)
    inner[name] = value


def _toml_value(text: str) -> Any:
    try:
        return toml.loads(f"value = {text}", name="--set")["value"]
    except UsageError:  # text without quotes
        return text


# ---- writing


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((entry.name, _plain(getattr(value, entry.name))) for entry in fields(value))
        return {key: inner for key, inner in pairs if inner is not None}
    return list(value) if isinstance(value, tuple) else value


def _emit(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(_emit(inner) for inner in value)}]"
    if isinstance(value, str):
        # JSON's string escapes are TOML's, but for the delete character
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float):
        text = repr(value)
        return text if any(mark in text for mark in ".en") else f"{text}.0"
    return str(value)
