"""
The result file: what `hemline bench --json` writes, and what `hemline bench compare` reads back.

A file that is read was written by somebody: its shape is checked, key by key, before anything is computed with it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hemline.bench import validity
from hemline.bench.rounds import Measured, Settings
from hemline.bench.rows import row_of
from hemline.bench.validity import Reason
from hemline.bundle import Bundle
from hemline.errors import DataError

SCHEMA = 1
KIND = "bench"
MOST_BYTES = 64 << 20
Document = dict[str, Any]

# name: type; a tuple allows either. What stands in lists and tables below has a table of its own.
NUMBER, MAYBE = (int, float), (int, float, type(None))
FIELDS: dict[str, Any] = {
    "schema": int,
    "kind": str,
    "bundle": str,
    "class_lock": str,
    "created": str,
    "seconds": NUMBER,
    "rounds": int,
    "machine": dict,
    "invalid": list,
    "notes": list,
    "artifacts": list,
    "failures": list,
    "not_run": list,
    "style": (dict, type(None)),
    "gates": list,
}
ARTIFACT: dict[str, Any] = {
    "artifact": str,
    "backend": str,
    "bytes": int,
    "sha256": str,
    "threads": int,
    "load_ms": NUMBER,
    "first_ms": NUMBER,
    "cold_start_ms": NUMBER,
    "warmup": dict,
    "inferences": int,
    "latency_p50_ms": NUMBER,
    "latency_p90_ms": NUMBER,
    "latency_p99_ms": NUMBER,
    "latency_p999_ms": MAYBE,
    "latency_max_ms": NUMBER,
    "latency_mean_ms": NUMBER,
    "intervals": dict,
    "curve": list,
    "windows": list,
    "change": (dict, type(None)),
    "cpu_ms": NUMBER,
    "energy_mj": MAYBE,
    "rss_bytes": MAYBE,
    "peak_rss_bytes": MAYBE,
    "base_rss_bytes": MAYBE,
    "bare_p50_ms": MAYBE,
    "overhead_ratio": MAYBE,
    "overhead_ci95": (list, type(None)),
    "classifier_adds_us": MAYBE,
    "pictures_per_second": MAYBE,
    "throughput": list,
    "whole": list,
    "invalid": list,
    "missing": dict,
}
WINDOW: dict[str, Any] = {
    "round": int,
    "start_s": NUMBER,
    "seconds": NUMBER,
    "inferences": int,
    "p50_ms": NUMBER,
    "p90_ms": NUMBER,
    "p99_ms": NUMBER,
    "max_ms": NUMBER,
    "others_cores": MAYBE,
    "stolen": MAYBE,
    "waited": NUMBER,
    "temperature_c": MAYBE,
    "mhz": MAYBE,
    "throttled": list,
    "energy_j": MAYBE,
}


YARDSTICK = "yardstick_ms"  # of a window


def document(
    bundle: Bundle,
    measured: Sequence[Measured],
    settings: Settings,
    *,
    created: str,
    machine: Mapping[str, str],
    not_run: Sequence[Mapping[str, str]] = (),
) -> Document:
    """Return the result of a run as plain values. machine: facts about it. not_run: {"artifact", "reason"} each."""
    cores = int(machine["cores"])
    rows = [row_of(bundle, one, cores) for one in measured if one.failed is None and one.windows]
    every = [[Reason(**reason) for reason in row["invalid"]] for row in rows]
    failures = [{"artifact": one.artifact, "reason": str(one.failed)} for one in measured if one.failed is not None]
    earlier = list(dict.fromkeys(what for one in measured for what in one.earlier))
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "bundle": bundle.title,
        "class_lock": bundle.class_lock,
        "created": created,
        "seconds": settings.seconds,
        "rounds": settings.processes,
        "machine": dict(machine),
        "invalid": [reason.as_dict() for reason in validity.worst(every)],
        "notes": [f"since it was started, before this run: {', '.join(earlier)}"] if earlier else [],
        "artifacts": rows,
        "failures": failures,
        "not_run": [dict(entry) for entry in not_run],
        "style": None,
        "gates": [],
    }


def marks(found: Mapping[str, Any]) -> list[str]:
    """Return the marks of a document or of one of its rows, such as "invalid: machine busy (...)"."""
    return [str(Reason(**reason)) for reason in found["invalid"]]


def read(path: str) -> Document:
    """Return the document in a file."""
    try:
        if Path(path).stat().st_size > MOST_BYTES:
            raise DataError(f"{path}: larger than {MOST_BYTES >> 20} MiB, not a result of hemline bench")
        text = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    return parse(text, name=path)


def parse(text: bytes | str, *, name: str) -> Document:
    """Return the document in JSON text; DataError that names what is wrong."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}: cannot be read as JSON ({error})") from None
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise DataError(f"{name}: not a result of hemline bench; write one with hemline bench --json F")
    if found.get("schema") != SCHEMA:
        raise DataError(
            f"{name}: schema {found.get('schema')!r}, this version reads {SCHEMA}; measure again with this version"
        )
    check(found, FIELDS, name)
    for row in found["artifacts"]:
        check(row, ARTIFACT, f"{name}: an artifact")
        if not row["windows"]:
            raise DataError(f"{name}: {row['artifact']} has no windows; measure again")
        for window in row["windows"]:
            check(window, WINDOW, f"{name}: a window of {row['artifact']}")
            if not all(window[key] > 0 for key in ("p50_ms", "p90_ms", "p99_ms")):
                raise DataError(f"{name}: a window of {row['artifact']} took no time; measure again")
            if YARDSTICK in window:  # results of the first version have none
                check(window, {YARDSTICK: NUMBER}, f"{name}: a window of {row['artifact']}")
                if not 0 < window[YARDSTICK] < math.inf:
                    raise DataError(f"{name}: the yardstick of {row['artifact']} took no time; measure again")
        for mark in row["invalid"]:
            check(mark, {"what": str, "detail": str}, f"{name}: a mark of {row['artifact']}")
    return found


def check(found: object, fields: Mapping[str, Any], name: str) -> None:
    """Refuse a table that lacks a field, or has one of another type. Fields that are not known are left alone."""
    if not isinstance(found, dict):
        raise DataError(f"{name}: expected a table, found {type(found).__name__}")
    for key, kind in fields.items():
        if key not in found:
            raise DataError(f"{name}: {key!r} is missing; measure again with this version")
        value = found[key]
        # True is an int for Python, and no number here
        if not isinstance(value, kind) or isinstance(value, bool):
            raise DataError(f"{name}: {key} is {type(value).__name__}; measure again with this version")
