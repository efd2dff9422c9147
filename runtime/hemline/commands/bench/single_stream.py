"""
Measuring in the style of MLPerf Tiny: its single-stream rule and an accuracy. No submission, and nothing like one.

Source: the runner of https://github.com/mlcommons/tiny and https://github.com/eembc/energyrunner: five inputs, each
inferred over and over for ten seconds at least, the median of the five throughputs; accuracy on a data set of its own.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hemline import datasets, parity
from hemline.bench import document, rounds, validity
from hemline.bench.rounds import Measured, Settings
from hemline.bundle import Bundle
from hemline.commands.bench.showing import created, facts
from hemline.metrics import wilson

RUNS = 5
LEAST_S = 10.0
NAME = "single stream, in the style of MLPerf Tiny; not a submission, and not one of its models or data sets"
MEANS = (
    f"In the style of MLPerf Tiny, not a submission: {RUNS} pictures, each answered over and over for at least "
    f"{LEAST_S:g} seconds and 10 inferences; the median of the throughputs counts. Preprocessing is not timed."
)


def measured(
    bundle: Bundle, names: list[str], settings: Settings, data: str | None, say: Callable[[str], None]
) -> dict[str, Any]:
    """Return the result, its figures in "style". A run lasts settings.seconds where that is longer than ten."""
    each = max(LEAST_S, settings.seconds)
    plain = replace(settings, runs=RUNS, run_s=each, rounds=1, extras=False)
    found = rounds.rounds_of(bundle, names, plain, say)
    good = [one for one in found if one.failed is None]
    if not good:
        assert found[0].failed is not None
        raise found[0].failed
    report = document.document(bundle, found, plain, created=created(), machine=facts(settings.machine))
    on, accuracies = _accuracies(bundle, [one.artifact for one in good], data)
    report["seconds"] = RUNS * each
    report["style"] = {
        "name": NAME,
        "means": MEANS,
        "artifacts": [{**_row(one), "accuracy_on": on, **accuracies[one.artifact]} for one in good],
    }
    report["invalid"] = [reason.as_dict() for reason in validity.worst([_reasons(one, settings) for one in good])]
    return report


def _row(one: Measured) -> dict[str, Any]:
    rates = [run["inferences"] / run["seconds"] for run in one.runs]
    median = statistics.median(rates)
    runs = [{key: run[key] for key in ("inferences", "seconds")} for run in one.runs]
    return {
        "artifact": one.artifact,
        "backend": one.opened[0]["backend"],
        "inferences_per_second": median,
        "latency_ms": 1000 / median,
        "rates": rates,
        "runs": runs,
    }


def _reasons(one: Measured, settings: Settings) -> list[validity.Reason]:
    seen = [(run["seconds"], run["seen"]) for run in one.runs]
    busiest = max(one.busiest, key=lambda used: used[2], default=None)
    return validity.reasons(seen, cores=settings.machine.cores, threads=one.threads, busiest=busiest)


def _accuracies(bundle: Bundle, names: list[str], data: str | None) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return on what, and {artifact: accuracy with its interval}; of golden inputs the agreement, which has none."""
    if data is None:
        agreed = {name: figures["agreement"] for name, figures in parity.check_golden(bundle, names)}
        on = "golden inputs: agreement with the reference, not accuracy"
        return on, {name: {"accuracy": share, "accuracy_ci95": None} for name, share in agreed.items()}
    dataset = datasets.read(datasets.locate(data))
    targets = parity.targets_for(bundle, dataset)
    found = {}
    for name, logits in parity.answers(bundle, dataset.pixels(bundle.preprocess), names).items():
        right = int((logits.argmax(axis=1) == targets).sum())
        found[name] = {"accuracy": right / len(targets), "accuracy_ci95": list(wilson(right, len(targets)))}
    return f"{len(targets):,} pictures of {dataset.name}/{dataset.split}", found
