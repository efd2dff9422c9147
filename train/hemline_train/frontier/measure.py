"""
From runs to metrics: convert each, ask Keras and every engine for each test picture, and count.

Nothing is taken on trust: a run that has the name of one of hemline's recipes has to be that recipe, and a bundle
that is there already has to hold that run's answers.
"""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import datasets, golden, parity
from hemline.bundle import Bundle
from hemline.datasets import Dataset
from hemline.errors import RunError, UsageError
from hemline.preprocess import Preprocess
from hemline_train import recipe as recipes
from hemline_train.evaluate import reference_outputs
from hemline_train.frontier.metrics import FLOAT, INT8, Measured, Metrics, Trained
from hemline_train.frontier.right import Right, pack
from hemline_train.frontier.timing import timings
from hemline_train.recipe import Recipe
from hemline_train.run import read_facts

SPLIT = "test"
# what may differ between the runs of one recipe: another seed, and what is asked of a training or of a conversion
FREE = ("seed", "expect.", "gates.")


@dataclass(frozen=True)
class Plan:
    """How to measure. bundles: folder of the bundles, RECIPE-seed-S each; what is missing is converted into it.

    data: what the user gave as --data. rounds, seconds: of the latency; 0 rounds leave it out.
    """

    bundles: Path
    data: str | None = None
    rounds: int = 3
    seconds: float = 1.0


@dataclass(frozen=True)
class Source:
    """A finished run: what it says of itself."""

    path: Path
    recipe: Recipe
    facts: Mapping[str, Any]
    validation_accuracy: float
    minutes: float

    @property
    def title(self) -> str:
        """Its name among bundles."""
        return f"{self.recipe.name}-seed-{self.recipe.seed}"


def measure(runs: Sequence[Path], plan: Plan, say: Callable[[str], None] = lambda line: None) -> list[Metrics]:
    """Return the metrics of the recipes that the runs are of, each with the seeds that were given.

    say: told one line a step.
    """
    sources: dict[str, list[Source]] = {}
    for path in runs:
        source = read(path)
        sources.setdefault(source.recipe.name, []).append(source)
    for seeds in sources.values():
        _one_recipe(seeds)
    bundles = {seed.title: _bundle(seed, plan, say) for seeds in sources.values() for seed in seeds}
    found = [
        _metrics(sorted(seeds, key=lambda seed: seed.recipe.seed), bundles, plan, say) for seeds in sources.values()
    ]
    if not plan.rounds:
        return found
    first = {metrics.recipe: bundles[f"{metrics.recipe}-seed-{metrics.seeds[0].seed}"] for metrics in found}
    timing = timings(first, seconds=plan.seconds, rounds=plan.rounds, say=say)
    return [replace(metrics, timing=timing[metrics.recipe]) for metrics in found]


def read(path: Path) -> Source:
    """Return what a run says of itself. RunError when it is not finished, UsageError when its name is not its own."""
    facts = read_facts(path)
    if facts["status"] != "finished":
        raise RunError(f"{path}: its training is {facts['status']}; finish it with --resume")
    recipe = recipes.load(path / "recipe.toml")
    if recipe.name in recipes.names():
        _same(recipes.load(recipe.name), recipe, path, f"hemline's recipe {recipe.name}")
    metrics = json.loads((path / "metrics.json").read_text(encoding="utf-8"))
    with (path / "history.csv").open(newline="", encoding="utf-8") as stream:
        seconds = sum(float(row["seconds"]) for row in csv.DictReader(stream))
    return Source(path, recipe, facts, float(metrics["validation"]["accuracy"]), seconds / 60)


def _one_recipe(seeds: Sequence[Source]) -> None:
    first = seeds[0]
    for number, seed in enumerate(seeds[1:], start=1):
        _same(first.recipe, seed.recipe, seed.path, str(first.path))
        if seed.facts["data"]["sha256"] != first.facts["data"]["sha256"]:
            raise UsageError(
                f"{seed.path}: was trained on other pictures than {first.path}; train both with one --data"
            )
        if seed.recipe.seed in [other.recipe.seed for other in seeds[:number]]:
            raise UsageError(f"{seed.path}: seed {seed.recipe.seed} was given already; give each seed once")


def _same(wanted: Recipe, found: Recipe, path: Path, whose: str) -> None:
    there, here = recipes.flat(wanted), recipes.flat(found)
    for key in sorted({*there, *here}):
        if not key.startswith(FREE) and there.get(key) != here.get(key):
            raise UsageError(
                f"{path}: its {key} is {here.get(key)!r}, in {whose} it is {there.get(key)!r}; "
                "only the seed may be another"
            )


def _bundle(source: Source, plan: Plan, say: Callable[[str], None]) -> Bundle:
    """Return the run's bundle: the one that is there, else converted."""
    path = plan.bundles / source.title
    if not path.exists():
        say(f"{source.title}: converting")
        command = [sys.executable, "-m", "hemline", "convert", str(source.path), "--out", str(path)]
        data = ["--data", plan.data] if plan.data else []
        # in a process of its own: training and conversion meet on disk only
        done = subprocess.run([*command, "--formats", ",".join(INT8), *data], stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise RunError(
                f"{source.path}: hemline convert ended with {done.returncode}, its lines above say why; "
                f"what is in {path} is taken as it is, so it can be made by hand"
            )
    bundle = Bundle.load(path)
    theirs = golden.load(bundle)
    ours = golden.parse((source.path / "golden.npz").read_bytes(), name=str(source.path / "golden.npz"))
    if theirs is None or not np.array_equal(theirs.logits, ours.logits):
        raise UsageError(f"{path}: is not made from {source.path}; remove it, or give another --bundles")
    for name in INT8:
        bundle.artifact(name)
    return bundle


def _metrics(seeds: Sequence[Source], bundles: Mapping[str, Bundle], plan: Plan, say: Callable[[str], None]) -> Metrics:
    first = seeds[0]
    dataset = datasets.read(datasets.locate(first.facts["data"]["name"], data=plan.data), SPLIT)
    pixels = dataset.pixels(Preprocess.from_dict(first.facts["preprocess"]))
    trained = []
    for seed in seeds:
        artifacts = _artifacts(seed, bundles[seed.title], dataset, pixels)
        say(f"{seed.title}: " + ", ".join(f"{row.artifact} {row.accuracy:.4f}" for row in artifacts))
        epochs = int(seed.facts["epochs_done"])
        trained.append(Trained(seed.recipe.seed, epochs, seed.minutes, seed.validation_accuracy, artifacts))
    return Metrics(
        recipe=first.recipe.name,
        data=f"{dataset.name}/{dataset.split}",
        n=len(dataset),
        pictures_sha256=_fingerprint(dataset),
        train_count=int(first.facts["data"]["train_count"]),
        validation_count=int(first.facts["data"]["validation_count"]),
        parameters=int(first.facts["parameters"]),
        seeds=tuple(trained),
        teachers=tuple(recipes.flat(first.recipe).get("distill.teachers", ())),
    )


def _artifacts(source: Source, bundle: Bundle, dataset: Dataset, pixels: NDArray[np.uint8]) -> tuple[Measured, ...]:
    targets = parity.targets_for(bundle, dataset)
    sizes = {FLOAT: (source.path / "model.keras").stat().st_size} | {name: bundle.artifact(name).bytes for name in INT8}
    logits = {FLOAT: reference_outputs(source.path, pixels)[0], **parity.answers(bundle, pixels, INT8)}
    return tuple(_measured(name, sizes[name], logits[name].argmax(axis=1) == targets) for name in (FLOAT, *INT8))


def _measured(name: str, size: int, right: Right) -> Measured:
    return Measured(name, size, int(right.sum()) / len(right), pack(right))


def _fingerprint(dataset: Dataset) -> str:
    """Return the sha256 over labels, targets and pictures, in their order."""
    digest = hashlib.sha256("\n".join(dataset.labels).encode())
    digest.update(dataset.targets.astype("<i8").tobytes())
    for index in range(len(dataset)):
        digest.update(np.ascontiguousarray(dataset.picture(index)).tobytes())
    return digest.hexdigest()
