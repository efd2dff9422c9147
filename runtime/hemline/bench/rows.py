"""
From what the rounds told to the figures of an artifact: one row of the result file.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from hemline.bench import quantiles, steady, validity
from hemline.bench.histogram import Histogram
from hemline.bench.rounds import Measured, Window
from hemline.bundle import Bundle

# shares of a curve of quantiles; the tail is what a curve is looked at for
CURVE = (0.0, 0.01, 0.05, *(tenth / 10 for tenth in range(1, 9)), 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
TAIL = (0.9995, 0.9999, 0.99995, 0.99999, 0.999999)
Row = dict[str, Any]


def row_of(bundle: Bundle, one: Measured, cores: int) -> Row:
    """Return the figures of an artifact that was measured in windows; docs/bench.md says what each is.

    cores: of the machine.
    """
    artifact = bundle.artifact(one.artifact)
    missing: dict[str, str] = {}
    row: Row = {
        "artifact": one.artifact,
        "backend": one.opened[0]["backend"],
        "bytes": artifact.bytes,
        "sha256": artifact.sha256,
        "threads": one.threads,
        **{key: _median(one.opened, key) for key in ("load_ms", "first_ms", "cold_start_ms")},
        "warmup": _warmup(one.warmups),
        **_latency(one.windows, missing),
        "windows": [_window(window) for window in one.windows],
        "change": _change(one.windows),
        **_cost(one, missing),
        **_extras(one, missing),
    }
    seen = [(window.seconds, window.seen) for window in one.windows]
    busiest = max(one.busiest, key=lambda used: used[2], default=None)
    found = validity.reasons(seen, cores=cores, threads=one.threads, busiest=busiest)
    row["invalid"] = [reason.as_dict() for reason in found]
    row["missing"] = missing
    return row


def _median(messages: Sequence[dict[str, Any]], key: str) -> float:
    return float(statistics.median(message[key] for message in messages))


def _warmup(warmups: Sequence[dict[str, Any]]) -> Row:
    """Return the warm-up of the rounds: medians, and steady only where every round was."""
    unsteady = [warmup for warmup in warmups if not warmup["steady"]]
    return {
        "steady": not unsteady,
        "inferences": round(_median(warmups, "inferences")),
        "ms": _median(warmups, "ms"),
        "reason": unsteady[0]["reason"] if unsteady else None,
    }


def _latency(windows: Sequence[Window], missing: dict[str, str]) -> Row:
    durations = [window.durations for window in windows]
    rounds = [window.round for window in windows]
    whole = quantiles.added(durations)
    found: Row = {"inferences": whole.count}
    intervals: dict[str, Any] = {}
    for share, name in quantiles.NAMES.items():
        at = quantiles.quantile(share, durations, rounds)
        key, enough = f"latency_{name}_ms", whole.count >= quantiles.needed(share)
        found[key] = at.value if enough or name != "p999" else None
        if found[key] is None:
            needed = quantiles.needed(share)
            missing[key] = f"{whole.count:,} inferences; at least {needed:,} are needed: give more --seconds"
        intervals[name] = {"ci95": [at.low, at.high], "by": at.by}
    found["latency_max_ms"] = whole.longest_ns / 1e6
    found["latency_mean_ms"] = whole.sum_ns / whole.count / 1e6
    found["intervals"] = intervals
    found["curve"] = curve(whole)
    return found


def curve(whole: Histogram) -> list[list[float]]:
    """Return [[share, ms], ...] up to the longest: each share for which there are ten longer ones, or the last."""
    shares = [*CURVE, *(share for share in TAIL if whole.count * (1 - share) >= 10)]
    return [[share, whole.quantile(share)] for share in shares] + [[1.0, whole.longest_ns / 1e6]]


def _window(window: Window) -> Row:
    seen, durations = window.seen, window.durations
    return {
        "round": window.round,
        "start_s": round(window.start_s, 3),
        "seconds": round(window.seconds, 4),
        "inferences": durations.count,
        "p50_ms": durations.quantile(0.5),
        "p90_ms": durations.quantile(0.9),
        "p99_ms": durations.quantile(0.99),
        "max_ms": durations.longest_ns / 1e6,
        "others_cores": seen.others_cores,
        "stolen": seen.stolen,
        "waited": seen.waited,
        "temperature_c": seen.temperature_c,
        "mhz": seen.mhz,
        "throttled": list(seen.throttled),
        "energy_j": seen.energy_j,
        "yardstick_ms": window.yardstick_ms,
    }


def _change(windows: Sequence[Window]) -> Row | None:
    found = steady.change([window.durations.quantile(0.5) for window in windows])
    if found is None:
        return None
    return {"window": found.window, "start_s": round(windows[found.window].start_s, 3), "ratio": found.ratio}


def _cost(one: Measured, missing: dict[str, str]) -> Row:
    """Return processor time and energy of an inference, and memory."""
    count = sum(window.durations.count for window in one.windows)
    joules = [window.seen.energy_j for window in one.windows]
    energy = None if None in joules else 1000 * sum(joule for joule in joules if joule is not None) / count
    if energy is None:
        missing["energy_mj"] = one.no_energy or "the counter could not be read all the time"
    found: Row = {"cpu_ms": 1000 * sum(window.cpu_s for window in one.windows) / count, "energy_mj": energy}
    for key in ("rss_bytes", "peak_rss_bytes"):
        known = [message[key] for message in one.memory if message[key] is not None]
        found[key] = int(np.median(known)) if known else None
        if not known:
            missing[key] = "this system does not say"
    base = [message["base_rss_bytes"] for message in one.opened if message["base_rss_bytes"] is not None]
    found["base_rss_bytes"] = int(np.median(base)) if base else None
    return found


def _extras(one: Measured, missing: dict[str, str]) -> Row:
    extras = one.extras
    found: Row = {
        "bare_p50_ms": None,
        "overhead_ratio": None,
        "overhead_ci95": None,
        "classifier_adds_us": None,
        **extras.get("overhead", {}),
        "throughput": extras.get("throughput", []),
        "whole": extras.get("whole", []),
    }
    own = [row["pictures_per_second"] for row in found["throughput"] if row["threads"] == one.threads]
    found["pictures_per_second"] = max(own, default=None)
    if not extras:
        missing["overhead_ratio"] = missing["pictures_per_second"] = "not asked for"
    return found
