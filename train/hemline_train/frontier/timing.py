"""
Latencies of several bundles on this machine, in turns: whatever else it does meets all of them alike.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping

from hemline import bench
from hemline.bundle import Bundle
from hemline.report import machine
from hemline_train.frontier.metrics import INT8, Latency, Timing

THREADS = 1  # what hemline itself runs with where no device profile says otherwise


def timings(
    bundles: Mapping[str, Bundle], *, seconds: float, rounds: int, say: Callable[[str], None]
) -> dict[str, Timing]:
    """Return {recipe: timing} of {recipe: bundle}; each artifact has `seconds` in each round.

    The figure is latency_p50_ms as `hemline bench` has it: the engine's call, uint8 pixels in, float logits out.
    """
    medians: dict[tuple[str, str], list[float]] = {}
    backends: dict[tuple[str, str], str] = {}
    for turn in range(1, rounds + 1):
        for recipe, bundle in bundles.items():
            for row in bench.measure(bundle, list(INT8), seconds=seconds, threads=THREADS):
                key = (recipe, row["artifact"])
                medians.setdefault(key, []).append(row["latency_p50_ms"])
                backends[key] = row["backend"]
        say(f"latency: round {turn} of {rounds}")
    here = machine.facts()
    return {
        recipe: Timing(
            here,
            THREADS,
            seconds,
            tuple(
                Latency(name, backends[key], statistics.median(medians[key]), tuple(medians[key]))
                for name in INT8
                for key in [(recipe, name)]
            ),
        )
        for recipe in bundles
    }
