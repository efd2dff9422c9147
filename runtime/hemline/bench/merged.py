"""
The results of several hosts in one file: what `hemline bench --hosts --json` writes, and `hemline bench compare` reads.

Law: each host's part is what that host would have written alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hemline.bench import document
from hemline.bench.document import Document
from hemline.bench.hosts import Answer
from hemline.bundle import Bundle
from hemline.errors import DataError, unknown

SCHEMA = 1
KIND = "bench-hosts"
HEADER = ["host", "processor", "artifact", "p50 us", "95 %", "p99 us", "pictures/s", "RSS MB", "is"]
FIELDS = {"bundle": str, "class_lock": str, "created": str, "hosts": dict, "failures": dict}


def merged(bundle: Bundle, answers: Sequence[Answer], *, created: str) -> dict[str, Any]:
    """Return the answers as plain values; failures are {host: {"what", "fix"}}."""
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "bundle": bundle.title,
        "class_lock": bundle.class_lock,
        "created": created,
        "hosts": {answer.host: answer.report for answer in answers if answer.report is not None},
        "failures": {
            answer.host: {"what": answer.failed, "fix": answer.fix} for answer in answers if answer.report is None
        },
    }


def status(answers: Sequence[Answer]) -> int:
    """Return 3 when no host answered, 1 when one did not or failed a gate, 4 when an artifact was not measured."""
    if all(answer.report is None for answer in answers):
        return 3
    if any(answer.report is None or answer.status == 1 for answer in answers):
        return 1
    return max(answer.status for answer in answers)


def rows(found: dict[str, Any], order: Sequence[str]) -> list[list[str]]:
    """Return a row for every artifact of every host, and for a host that did not answer one that says why."""
    lines = []
    for host in order:
        failure = found["failures"].get(host)
        if failure is not None:
            lines.append([host, *["-"] * 7, f"FAILED: {failure['what']}; {failure['fix']}"])
            continue
        report = found["hosts"][host]
        processor = report["machine"].get("processor", "-")
        lines += [[host, processor, *_figures(row)] for row in report["artifacts"]]
        for row in report["failures"]:
            lines += [[host, processor, row["artifact"], *["-"] * 5, f"FAILED: {row['reason']}"]]
    return lines


def _figures(row: dict[str, Any]) -> list[str]:
    low, high = ("?" if end is None else f"{1000 * end:.1f}" for end in row["intervals"]["p50"]["ci95"])
    speed, memory = row["pictures_per_second"], row["peak_rss_bytes"]
    return [
        row["artifact"] if row["threads"] == 1 else f"{row['artifact']} x{row['threads']}",
        f"{1000 * row['latency_p50_ms']:.1f}",
        f"{low}..{high}",
        f"{1000 * row['latency_p99_ms']:.1f}",
        "-" if speed is None else f"{speed:,.0f}",
        "-" if memory is None else f"{memory / 1e6:.0f}",
        "; ".join(f"invalid: {mark['what']}" for mark in row["invalid"]) or "valid",
    ]


def read(path: str) -> list[tuple[str | None, Document]]:
    """Return the documents in a file: one, whose host is None, or those of several hosts, (host, document) each.

    path: FILE, or FILE:HOST for that host's alone.
    """
    file, host = _divided(path)
    try:
        if Path(file).stat().st_size > document.MOST_BYTES:
            raise DataError(f"{file}: larger than {document.MOST_BYTES >> 20} MiB, not a result of hemline bench")
        text = Path(file).read_bytes()
    except OSError as error:
        raise DataError(f"{file}: {(error.strerror or str(error)).lower()}") from None
    found = _plain(text)
    if not isinstance(found, dict) or found.get("kind") != KIND:
        if host is not None:
            raise DataError(f"{path}: {file} is not of several hosts; write such a file with: hemline bench --hosts")
        return [(None, document.parse(text, name=file))]
    if found.get("schema") != SCHEMA:
        raise DataError(
            f"{file}: schema {found.get('schema')!r}, this version reads {SCHEMA}; measure again with this version"
        )
    document.check(found, FIELDS, file)
    if not found["hosts"]:
        raise DataError(f"{file}: no host of it answered, there is nothing to compare")
    if host is not None and host not in found["hosts"]:
        raise DataError(f"{file}: {unknown('host', host, found['hosts'])}")
    chosen = found["hosts"] if host is None else {host: found["hosts"][host]}
    return [(name, document.parse(json.dumps(one), name=f"{file}:{name}")) for name, one in chosen.items()]


def _plain(text: bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None  # the reader of a single document says what is wrong


def _divided(path: str) -> tuple[str, str | None]:
    """Return the file, and the host that is named after it."""
    for at, sign in enumerate(path):
        if sign == ":" and not Path(path).exists() and Path(path[:at]).is_file():
            return path[:at], path[at + 1 :]
    return path, None
