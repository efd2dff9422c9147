"""
From finished runs to the figures that stand beside the published ones. Pure arithmetic; nothing is trained.
"""

from __future__ import annotations

import csv
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hemline.errors import RunError
from hemline_train import recipe as recipes
from hemline_train.published.figures import Published, published
from hemline_train.run import read_facts

GRID = "fashion-cnn-grid"
Z = 1.959964  # of a two-sided 95 % interval of the normal distribution
JUDGED = (
    "A published figure counts as reproduced where it lies in the 95 % interval of ours. The interval is that of the "
    "mean over the seeds: the variance of the test pictures, and of the seeds by their number."
)


def report(out: Path) -> dict[str, Any]:
    """Return the figures of every finished run below `out`, beside the published ones.

    Raises RunError when a recipe has no finished run, and when runs were not made on the same pictures.
    """
    found = {name: _runs(out / name) for name in published()}
    rows = [_row(runs, published()[name]) for name, runs in found.items()]
    return {"schema": 1, "pictures": _pictures(out, found), "rows": rows, "cv": _cross_validated(out / GRID)}


def _runs(directory: Path) -> list[dict[str, Any]]:
    runs = [_run(path) for path in sorted(directory.glob("seed-*")) if _finished(path)]
    if not runs:
        raise RunError(f"{directory}: no finished run; 'hemline train --all-published' trains them")
    return runs


def _pictures(out: Path, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, int]:
    """Return how many pictures every run trained on, stopped by, and was tested on."""
    parts = ("train", "validation", "test")
    counts = {
        tuple(int(run["facts"]["data"][f"{part}_count"]) for part in parts) for runs in found.values() for run in runs
    }
    if len(counts) > 1:
        raise RunError(f"{out}: its runs were made on different numbers of pictures; train them with the same --data")
    return dict(zip(parts, counts.pop(), strict=True))


def _row(runs: Sequence[dict[str, Any]], given: Published) -> dict[str, Any]:
    tested = [run["metrics"]["test"] for run in runs]
    accuracy = [figures["accuracy"] for figures in tested]
    mean = statistics.fmean(accuracy)
    low, high = interval(accuracy, tested[0]["n"])
    train = statistics.fmean(run["metrics"]["train"]["accuracy"] for run in runs)
    validation = statistics.fmean(run["metrics"]["validation"]["accuracy"] for run in runs)
    recipe = recipes.load(given.recipe)
    return {
        "recipe": given.recipe,
        "published": {
            "parameters": given.parameters,
            "test_accuracy": list(given.test_accuracy),
            "test_loss": given.test_loss,
            "train_accuracy": given.train_accuracy,
            "cv_accuracy": given.cv_accuracy,
            "seconds_per_epoch": list(given.seconds_per_epoch),
        },
        "against": given.against,
        "reason": given.reason,
        "batch": recipe.training.batch,
        "parameters": runs[0]["facts"]["parameters"],
        "seeds": [run["seed"] for run in runs],
        "n": tested[0]["n"],
        "test_accuracy": accuracy,
        "mean": mean,
        "spread": statistics.stdev(accuracy) if len(accuracy) > 1 else None,
        "interval": [low, high],
        "verdict": verdict((low, high), given.test_accuracy),
        "test_loss": statistics.fmean(figures["loss"] for figures in tested),
        "train_accuracy": train,
        "train_shown": statistics.fmean(run["history"][run["metrics"]["kept_epoch"] - 1]["train"] for run in runs),
        "validation_accuracy": validation,
        "gap": train - validation,
        "epochs": [run["facts"]["epochs_done"] for run in runs],
        "seconds_per_epoch": statistics.median(run["facts"]["seconds_per_epoch"] for run in runs),
        "history": [run["history"] for run in runs],
        "labels": runs[0]["metrics"]["labels"],
        "per_class": _per_class(tested),
        "confusion": _mean_confusion(tested),
    }


def interval(accuracies: Sequence[float], pictures: int) -> tuple[float, float]:
    """Return the 95 % interval of the mean accuracy over runs that were all tested on the same pictures.

    The pictures' part does not shrink with more seeds: p (1 - p) / pictures + seeds' variance / seeds.
    """
    mean = statistics.fmean(accuracies)
    variance = mean * (1 - mean) / pictures
    if len(accuracies) > 1:
        variance += statistics.variance(accuracies) / len(accuracies)
    return mean - Z * math.sqrt(variance), mean + Z * math.sqrt(variance)


def verdict(ours: tuple[float, float], theirs: Sequence[float]) -> str:
    """Return "reproduced", "above" or "below": where our interval lies beside what is published.

    theirs: one figure, or the least and the most of several.
    """
    low, high = ours
    if high < min(theirs):
        return "below"
    return "above" if low > max(theirs) else "reproduced"


def _finished(path: Path) -> bool:
    return (path / "run.json").exists() and read_facts(path)["status"] == "finished"


def _run(path: Path) -> dict[str, Any]:
    metrics = json.loads((path / "metrics.json").read_text(encoding="utf-8"))
    if not metrics["test"]:
        raise RunError(f"{path}: has no figures of test pictures")
    with (path / "history.csv").open(newline="", encoding="utf-8") as stream:
        history = [
            {"epoch": int(row["epoch"]), "train": float(row["accuracy"]), "validation": float(row["val_accuracy"])}
            for row in csv.DictReader(stream)
        ]
    seed = recipes.load(path / "recipe.toml").seed
    return {"facts": read_facts(path), "metrics": metrics, "history": history, "seed": seed}


def _per_class(tested: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return precision, recall and F1 of each class: means over the seeds."""
    rows = []
    for entries in zip(*(figures["per_class"] for figures in tested), strict=True):
        means = {name: statistics.fmean(entry[name] for entry in entries) for name in ("precision", "recall", "f1")}
        rows.append({"label": entries[0]["label"], **means, "support": entries[0]["support"]})
    return rows


def _mean_confusion(tested: Sequence[dict[str, Any]]) -> list[list[float]]:
    """Return what is taken for what, as a mean over the seeds."""
    return [
        [statistics.fmean(counts) for counts in zip(*lines, strict=True)]
        for lines in zip(*(figures["confusion"] for figures in tested), strict=True)
    ]


def _cross_validated(directory: Path) -> dict[str, Any] | None:
    """Return the best of the grid search, None while it has not been run."""
    path = directory / "results.json"
    if not path.exists():
        return None
    table = json.loads(path.read_text(encoding="utf-8"))
    if table["finished"] < table["jobs"]:
        return None
    best = table["configurations"][0]
    keys = ("accuracy", "accuracy_ci95", "spread", "parameters")
    return {
        **{key: best[key] for key in keys},
        "folds": table["folds"],
        "jobs": table["jobs"],
        "where": table["where"],
        "wall_seconds": table["wall_seconds"],
        "job_seconds": table["job_seconds"],
    }
