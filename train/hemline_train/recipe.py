"""
A recipe: a TOML file that says everything about one training, read into frozen dataclasses.

Nothing is ignored: an unknown key, a wrong type or a value out of range is an error that names the file
and the key. Law: load(path of dump(r)) == r. No TensorFlow: reading recipes takes milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hemline import toml
from hemline.errors import UsageError, unknown
from hemline.gates import Gates
from hemline.preprocess import Preprocess
from hemline_train import augment
from hemline_train.architecture import Layer, parse
from hemline_train.augment import Augment
from hemline_train.flaws import FlawsConfig
from hemline_train.places import Grid
from hemline_train.tables import build, emit, number, plain

RECIPES = Path(__file__).parent / "recipes"
OPTIMISERS = ("adam", "adamw", "sgd")
SCHEDULES = ("constant", "cosine", "linear")
KEEP = ("best", "last")
CLASS_WEIGHTS = ("none", "balanced")


@dataclass(frozen=True)
class DataConfig:
    """What is trained on.

    name: a data set's name or path, for hemline.datasets.locate.
    validation: share of the training pictures that is held out, chosen by a hash of the index, or by whole groups where
        pictures come in groups; 0 takes the data set's own validation split.
    split_seed: another seed holds out other pictures.
    limit: use only so many pictures of each split, evenly spaced; 0 uses all.
    good: the class of good parts, where every other one is a defect; "" where the classes are not of that kind.
    """

    name: str
    validation: float = number(0.0, 0.9, default=0.1)
    split_seed: int = number(0, 2**31 - 1, default=0)
    limit: int = number(0, 2**31 - 1, default=0)
    good: str = ""


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

    learning_rate: float = number(0.0, 10.0, above=True)
    epochs: int = number(1, 100_000)
    optimiser: str = field(default="adam", metadata={"choices": OPTIMISERS})
    batch: int = number(1, 1_000_000, default=32)
    patience: int = number(0, 100_000, default=3)
    momentum: float = number(0.0, 0.9999, default=0.0)
    schedule: str = field(default="constant", metadata={"choices": SCHEDULES})
    warmup: float = number(0.0, 1000.0, default=0.0)
    weight_decay: float = number(0.0, 1.0, default=0.0)
    label_smoothing: float = number(0.0, 0.9, default=0.0)
    average: float = number(0.0, 0.99999, default=0.0)
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
    weight: float = number(0.0, 1.0, default=0.5)
    temperature: float = number(0.0, 100.0, default=2.0, above=True)
    views: int = number(1, 100_000, default=8)
    together: bool = False
    view_seed: int = number(0, 2**31 - 1, default=0)

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

    parameters: int = number(1, 10**12)
    seconds_per_epoch: float = number(0.0, 1e6, above=True)
    test_accuracy: float | None = number(0.0, 1.0, default=None)
    validation_accuracy: float | None = number(0.0, 1.0, default=None)

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
    flaws: None draws nothing into pictures of good parts.
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
    flaws: FlawsConfig | None = None
    gates: Gates = field(default_factory=Gates)
    seed: int = number(0, 2**31 - 1, default=0)
    expect: Expectation | None = None

    def __post_init__(self) -> None:
        augment.check(self.augment, *self.preprocess.shape)
        if self.flaws is not None:
            self._check_flaws()
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name):
            raise UsageError(f"name {self.name!r}; it is letters, digits, '.', '_' and '-', the first no sign")

    def _check_flaws(self) -> None:
        if not self.data.good:
            raise UsageError("[flaws] are drawn into pictures of good parts; name their class: data.good")
        edge = min(self.preprocess.height, self.preprocess.width)
        if self.flaws and not self.augment.crop < (self.flaws.window or edge) <= edge:
            raise UsageError(f"flaws.window {self.flaws.window}: above augment.crop, and at most the picture's {edge}")
        if self.flaws and self.flaws.places:
            if self.augment.mixes:
                raise UsageError("flaws.places: of a mixed picture no place has one class; leave mixup and cutmix out")
            Grid.of(self.model.parsed(), self.preprocess.height, self.preprocess.width)
        if self.distill is not None:
            raise UsageError("[flaws] and [distill]: the teachers have not seen what is drawn; leave one of them out")
        if self.training.class_weights != "none":
            raise UsageError(
                "[flaws] make the rare classes less rare, and training.class_weights would do so again; leave one out"
            )


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
    recipe = build(Recipe, table, where)
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
    table = plain(recipe)
    assert isinstance(table, dict)
    return table


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
    lines = [f"{key} = {emit(value)}" for key, value in table.items() if not isinstance(value, dict)]
    for section, values in table.items():
        if isinstance(values, dict):
            lines += ["", f"[{section}]", *(f"{key} = {emit(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


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
