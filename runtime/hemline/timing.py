"""
Measuring short calls on a noisy machine: alternate the calls that are compared, keep every sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray

Call = Callable[[], object]


def interleaved(calls: Mapping[str, Call], *, seconds: float, block: int = 50) -> dict[str, NDArray[np.float64]]:
    """Return {name: durations in ms}, measured in turns of `block` calls so that all meet the same noise.

    seconds: for all calls together, warm-up (a tenth of it) not counted.
    """
    _turns(calls, seconds / 10, block)
    return {name: np.asarray(times) / 1e6 for name, times in _turns(calls, seconds, block).items()}


def _turns(calls: Mapping[str, Call], seconds: float, block: int) -> dict[str, list[int]]:
    durations: dict[str, list[int]] = {name: [] for name in calls}
    end = perf_counter_ns() + int(seconds * 1e9)
    while perf_counter_ns() < end or not all(durations.values()):
        for name, call in calls.items():
            keep = durations[name].append
            for _ in range(block):
                started = perf_counter_ns()
                call()
                keep(perf_counter_ns() - started)
    return durations


def percentiles(durations_ms: NDArray[np.float64]) -> dict[str, float]:
    """Return latency_p50_ms, latency_p90_ms, latency_p99_ms and latency_max_ms."""
    p50, p90, p99 = np.percentile(durations_ms, [50, 90, 99])
    return {
        "latency_p50_ms": float(p50),
        "latency_p90_ms": float(p90),
        "latency_p99_ms": float(p99),
        "latency_max_ms": float(durations_ms.max()),
    }
