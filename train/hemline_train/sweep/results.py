"""
Finished jobs on disk, and the table that follows from them.

    sweep.json        the sweep: folds, seed, the data of each material
    jobs/KEY.json     one finished job, written once, in one step; a kill loses only what was running
    weights/KEY.npz   the arrays of its model
    results.csv  results.json  results.html  best.toml

The score of a configuration is the mean over its folds. Two intervals go with it, because there are two
questions. accuracy_ci95 is Wilson's, over all pictures, each tested once: how well these models are measured.
Whether another configuration is as good as the best is asked of the differences fold by fold, with the
correction of Nadeau and Bengio (Machine Learning 52, 2003) for folds that share their training pictures.
"""

from __future__ import annotations

import csv
import io
import json
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hemline import storage
from hemline.errors import RunError, UsageError
from hemline.metrics import wilson
from hemline_train import recipe as recipes
from hemline_train.sweep.config import Configuration, Sweep
from hemline_train.sweep.jobs import Outcome

SCHEMA = 1
# two-sided 95 % quantiles of Student's t for 1 to 9 degrees of freedom, as in any table of it
T95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)

Row = dict[str, Any]


class Store:
    """The finished jobs of a sweep in a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def open(self, facts: Mapping[str, Any]) -> None:
        """Begin a sweep here, or go on with the one that is here.

        facts: what finished jobs depend on beside their recipe. Raises UsageError where the jobs here belong
        to other facts, or something else is here.
        """
        path = self.root / "sweep.json"
        here = {"schema": SCHEMA, **facts}
        if path.exists():
            there = json.loads(path.read_text(encoding="utf-8"))
            for key in ("schema", "folds", "fold_seed"):
                if there.get(key) != here[key]:
                    raise UsageError(
                        f"{self.root}: its {key} is {there.get(key)!r}, asked for {here[key]!r}; choose another --out"
                    )
            for name, digest in here["materials"].items():
                if there["materials"].get(name, digest) != digest:
                    raise UsageError(f"{self.root}: its jobs saw other pictures than these; choose another --out")
            here["materials"] = {**there["materials"], **here["materials"]}
        elif self.root.is_dir() and any(entry.name != ".lock" for entry in self.root.iterdir()):
            raise UsageError(f"{self.root}: is no sweep and not empty; choose another --out")
        storage.write_file(path, _json(here))

    def put(self, outcome: Outcome) -> None:
        """Keep a finished job; its weights first, so that a job that is there is whole."""
        if outcome.weights is not None:
            storage.write_file(self.root / "weights" / f"{outcome.key}.npz", outcome.weights)
        storage.write_file(self.root / "jobs" / f"{outcome.key}.json", _json(outcome.as_dict()))

    def finished(self) -> dict[str, Outcome]:
        """Return every finished job by its key, without weights."""
        found = {}
        for path in sorted((self.root / "jobs").glob("*.json")):
            try:
                outcome = Outcome.from_dict(json.loads(path.read_text(encoding="utf-8")))
            except (ValueError, TypeError) as error:
                raise RunError(f"{path}: {error}; delete it to have the job done again") from None
            found[outcome.key] = outcome
        return found

    def write(self, report: Mapping[str, Any], page: str, best: str | None) -> None:
        """Replace the results."""
        storage.write_file(self.root / "results.json", _json(report))
        storage.write_file(self.root / "results.csv", _csv(report).encode())
        storage.write_file(self.root / "results.html", page.encode())
        if best is not None:
            storage.write_file(self.root / "best.toml", best.encode())


def report(
    sweep: Sweep, configurations: Sequence[Configuration], outcomes: Mapping[str, Outcome], *, wall: float, where: str
) -> dict[str, Any]:
    """Return the results as results.json holds them, the best configuration first.

    outcomes: by job key; those of other configurations are left out. wall: seconds that this call took.
    where: what ran the jobs. A configuration with a fold that is missing or failed stands behind all others.
    """
    rows = [_row(configuration, sweep.folds, outcomes) for configuration in configurations]
    rows.sort(key=lambda row: (not row["complete"], -(row["accuracy"] or 0.0), row["loss"] or math.inf))
    best = rows[0] if rows and rows[0]["complete"] else None
    for row in rows:
        row.update(_against(row, best, sweep.folds))
    return {
        "schema": SCHEMA,
        "sweep": sweep.name,
        "search": sweep.search,
        "folds": sweep.folds,
        "jobs": len(configurations) * sweep.folds,
        "finished": sum(len(row["folds"]) for row in rows),
        "failed": sum(fold["reason"] is not None for row in rows for fold in row["folds"]),
        "job_seconds": round(sum(fold["seconds"] for row in rows for fold in row["folds"]), 1),
        "wall_seconds": round(wall, 1),
        "where": where,
        "parameters": list(configurations[0].parameters) if configurations else [],
        "best": None if best is None else best["configuration"],
        "configurations": rows,
    }


def _row(configuration: Configuration, folds: int, outcomes: Mapping[str, Outcome]) -> Row:
    found = [outcomes.get(f"{configuration.key}-{fold}") for fold in range(folds)]
    done = [outcome for outcome in found if outcome is not None]
    scored = [outcome for outcome in done if outcome.accuracy is not None]
    accuracies = [outcome.accuracy for outcome in scored if outcome.accuracy is not None]
    count = sum(outcome.count for outcome in scored)
    hits = sum(outcome.correct.count("1") for outcome in scored)
    return {
        "configuration": configuration.key,
        "recipe": configuration.recipe.name,
        "parameters": dict(configuration.parameters),
        "complete": len(scored) == folds,
        "accuracy": statistics.fmean(accuracies) if scored else None,
        "accuracy_ci95": list(wilson(hits, count)) if scored else None,
        "spread": statistics.stdev(accuracies) if len(scored) > 1 else None,
        "loss": statistics.fmean(outcome.loss for outcome in scored if outcome.loss is not None) if scored else None,
        "count": count,
        "trainable": max((outcome.parameters for outcome in scored), default=None),
        "epochs": statistics.fmean(outcome.epochs for outcome in scored) if scored else None,
        "seconds": round(sum(outcome.seconds for outcome in done), 1),
        "folds": [
            {
                "fold": outcome.fold,
                "accuracy": outcome.accuracy,
                "loss": outcome.loss,
                "epochs": outcome.epochs,
                "seconds": outcome.seconds,
                "where": outcome.where,
                "reason": outcome.reason,
            }
            for outcome in done
        ],
    }


def _against(row: Row, best: Row | None, folds: int) -> Row:
    """Return how far a configuration is from the best, over the same folds."""
    if best is None or not row["complete"]:
        return {"behind": None, "behind_ci95": None, "as_good_as_best": None}
    if row is best:
        return {"behind": 0.0, "behind_ci95": [0.0, 0.0], "as_good_as_best": True}
    pairs = zip(best["folds"], row["folds"], strict=True)
    low, mean, high = paired([ours["accuracy"] - theirs["accuracy"] for ours, theirs in pairs])
    return {"behind": mean, "behind_ci95": [low, high], "as_good_as_best": low <= 0}


def paired(differences: Sequence[float]) -> tuple[float, float, float]:
    """Return (low, mean, high) of differences of k folds of cross-validation: a corrected 95 % t interval.

    The variance is that of the differences times 1/k + test/train = 1/k + 1/(k-1).
    """
    count = len(differences)
    mean = statistics.fmean(differences)
    quantile = T95[count - 2] if count - 2 < len(T95) else 1.96 * (1 + 1.35 / (count - 1))
    half = quantile * statistics.stdev(differences) * math.sqrt(1 / count + 1 / (count - 1))
    return mean - half, mean, mean + half


def best_recipe(table: Mapping[str, Any], configurations: Sequence[Configuration]) -> str | None:
    """Return the best configuration as a recipe for `hemline train`, None while no configuration is complete."""
    if table["best"] is None:
        return None
    row = table["configurations"][0]
    chosen = next(entry for entry in configurations if entry.key == table["best"])
    low, high = row["accuracy_ci95"]
    return (
        f"# The best of sweep {table['sweep']}: mean accuracy {row['accuracy']:.4f} over {table['folds']} folds "
        f"(95 %: {low:.4f} to {high:.4f}).\n\n{recipes.dump(chosen.recipe)}"
    )


def _csv(table: Mapping[str, Any]) -> str:
    names = table["parameters"]
    figures = ("accuracy", "spread", "loss", "behind", "as_good_as_best", "trainable", "epochs", "seconds", "complete")
    folds = range(table["folds"])
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    head = ["rank", "configuration", "recipe", *(name for name in names if name != "recipe")]
    writer.writerow([*head, *figures, "accuracy_low", "accuracy_high", *(f"fold_{fold}" for fold in folds)])
    for rank, row in enumerate(table["configurations"], 1):
        by_fold = {fold["fold"]: fold["accuracy"] for fold in row["folds"]}
        values = [row["parameters"][name] for name in names if name != "recipe"]
        low_high = row["accuracy_ci95"] or [None, None]
        scores = [*(row[name] for name in figures), *low_high, *(by_fold.get(fold) for fold in folds)]
        writer.writerow([rank, row["configuration"], row["recipe"], *values, *scores])
    return stream.getvalue()


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
