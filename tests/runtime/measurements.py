"""What the tests of benchmarks share: results that were never measured, and a machine made of files."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np

from hemline.bench.machine import Machine

WINDOW = {
    "round": 0,
    "start_s": 0.0,
    "seconds": 1.0,
    "inferences": 1000,
    "p50_ms": 1.0,
    "p90_ms": 1.1,
    "p99_ms": 1.5,
    "max_ms": 4.0,
    "others_cores": 0.01,
    "stolen": 0.0,
    "waited": 0.0,
    "temperature_c": None,
    "mhz": 1500.0,
    "throttled": [],
    "energy_j": None,
}


def row(artifact: str = "litert:int8", *, level: float = 1.0, threads: int = 1, **changes: Any) -> dict[str, Any]:
    """Return the figures of an artifact whose median is `level` ms in twelve windows of three rounds."""
    windows = []
    for number in range(12):
        scaled = {key: level * WINDOW[key] for key in ("p50_ms", "p90_ms", "p99_ms", "max_ms")}  # type: ignore[operator]
        windows.append({**WINDOW, **scaled, "round": number // 4, "start_s": float(number)})
    found = {
        "artifact": artifact,
        "backend": "fake",
        "bytes": 32_000,
        "sha256": f"{artifact} and its files",
        "threads": threads,
        "load_ms": 12.0,
        "first_ms": 1.5,
        "cold_start_ms": 300.0,
        "warmup": {"steady": True, "inferences": 5, "ms": 8.0, "reason": None},
        "inferences": 12_000,
        "latency_p50_ms": level,
        "latency_p90_ms": 1.1 * level,
        "latency_p99_ms": 1.5 * level,
        "latency_p999_ms": 3 * level,
        "latency_max_ms": 4 * level,
        "latency_mean_ms": 1.02 * level,
        "intervals": {
            name: {"ci95": [0.99 * at * level, 1.01 * at * level], "by": "inferences"}
            for name, at in (("p50", 1.0), ("p90", 1.1), ("p99", 1.5), ("p999", 3.0))
        },
        "curve": [[0.0, 0.9 * level], [0.5, level], [0.9, 1.1 * level], [0.99, 1.5 * level], [1.0, 4 * level]],
        "windows": windows,
        "change": None,
        "cpu_ms": level,
        "energy_mj": None,
        "rss_bytes": 60_000_000,
        "peak_rss_bytes": 70_000_000,
        "base_rss_bytes": 50_000_000,
        "bare_p50_ms": 0.95 * level,
        "overhead_ratio": 1.05,
        "overhead_ci95": [1.04, 1.06],
        "classifier_adds_us": 9.0,
        "pictures_per_second": 1000 / level,
        "throughput": [
            {"batch": 1, "threads": threads, "pictures_per_second": 900 / level},
            {"batch": 32, "threads": threads, "pictures_per_second": 1000 / level},
            {"batch": 32, "threads": 2 * threads, "pictures_per_second": 1500 / level},
        ],
        "whole": [
            {
                "picture": "drawn photo",
                "bytes": 40_000,
                "inferences": 50,
                "p50_ms": 5 * level,
                "p90_ms": 6 * level,
                "p99_ms": 7 * level,
                "decode_ms": 2 * level,
                "preprocess_ms": 2 * level,
                "infer_ms": level,
            }
        ],
        "invalid": [],
        "missing": {"energy_mj": "no energy counter here (RAPL or INA)"},
    }
    return {**found, **changes}


def document(*rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a result of these rows."""
    found = {
        "schema": 1,
        "kind": "bench",
        "bundle": "closet@1",
        "class_lock": "ab" * 32,
        "created": "2026-01-02T03:04:05Z",
        "seconds": 12.0,
        "rounds": 3,
        "machine": {"processor": "Fake 1, 4 cores", "system": "Linux aarch64", "cores": "4", "kernel": "6.1"},
        "invalid": [],
        "notes": [],
        "artifacts": list(rows) or [row()],
        "failures": [],
        "not_run": [],
        "style": None,
        "gates": [],
    }
    return copy.deepcopy({**found, **changes})


def noisy(found: dict[str, Any], random: np.random.Generator, *, rounds: float, windows: float) -> dict[str, Any]:
    """Return a result as another run would give it: rounds and windows differ by these standard deviations."""
    made = copy.deepcopy(found)
    for own in made["artifacts"]:
        levels = np.exp(random.normal(0, rounds, 1 + max(window["round"] for window in own["windows"])))
        for window in own["windows"]:
            factor = float(levels[window["round"]] * np.exp(random.normal(0, windows)))
            for key in ("p50_ms", "p90_ms", "p99_ms", "max_ms"):
                window[key] *= factor
    return made


class Tree:
    """A machine made of files: two cores that have done nothing yet."""

    def __init__(self, folder: Path) -> None:
        self.machine = Machine(folder / "proc", folder / "sys")
        self.times()

    def put(self, path: str, text: object) -> None:
        """Write a file below the folder, such as sys/class/thermal/thermal_zone0/temp."""
        whole = self.machine.proc.parent / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_text(f"{text}\n")

    def times(self, *, user: int = 0, idle: int = 0, stolen: int = 0) -> None:
        """Set what /proc/stat has counted, in hundredths of a second."""
        line = f"{user} 0 0 {idle} 0 0 0 {stolen} 0 0"
        self.put("proc/stat", f"cpu  {line}\ncpu0 {line}\ncpu1 0 0 0 0 0 0 0 0 0 0")

    def process(self, pid: int, name: str, *, ticks: int, started: int = 7) -> None:
        """Set what a process has used."""
        rest = " ".join(["S", "1", *["0"] * 9, str(ticks), "0", *["0"] * 6, str(started), *["0"] * 5])
        self.put(f"proc/{pid}/stat", f"{pid} ({name}) {rest}")
