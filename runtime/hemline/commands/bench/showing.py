"""Where the figures of hemline bench go, and how they look in a terminal."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone
from typing import Any

from hemline.bench import document
from hemline.bench.machine import Machine
from hemline.commands import output
from hemline.commands.output import STDOUT
from hemline.report import junit, machine
from hemline.report.bench_page import bench_page
from hemline.report.table import size, table


def created() -> str:
    """Return now, as files carry it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def facts(at: Machine) -> dict[str, str]:
    """Return {what: which} about the machine and its software."""
    return {**machine.facts(), **at.facts()}


def write(found: dict[str, Any], options: argparse.Namespace) -> None:
    """Write the files that were asked for; print what no file has the place of."""
    if options.json:
        output.write_json(options.json, found)
    if options.junit:
        output.write(options.junit, junit.of_bench(found))
    if options.html:
        output.write(options.html, bench_page(found))
    # of a choice the table of candidates says it all
    if STDOUT not in (options.json, options.junit, options.html) and not options.recommend:
        for line in lines(found):
            print(line)


def lines(found: dict[str, Any]) -> list[str]:
    """Return the figures as a person reads them, the marks last."""
    said = [_style(found["style"])] if found["style"] else []
    if found["artifacts"]:
        said.append(_table(found["artifacts"]))
    return [*said, *remarks(found)]


def remarks(found: dict[str, Any]) -> list[str]:
    """Return what is to be known about the figures, the marks last."""
    said = [f"{row['artifact']}: {row['reason']}" for row in found["failures"]]
    said += [f"not measured: {row['artifact']}, {row['reason']}" for row in found["not_run"]]
    for row in found["artifacts"]:
        name = row["artifact"] if row["threads"] == 1 else f"{row['artifact']} x{row['threads']}"
        if not row["warmup"]["steady"]:
            said.append(f"{name} never became steady: {row['warmup']['reason']}")
        if row["change"]:
            change = row["change"]
            way = "slower" if change["ratio"] > 1 else "faster"
            said.append(f"{name} changed: from {change['start_s']:.3g} s on it is {abs(change['ratio'] - 1):.0%} {way}")
    return [*said, *found["notes"], *document.marks(found)]


def _table(rows: list[dict[str, Any]]) -> str:
    header = ["artifact", "size", "load ms", "first ms", "p50 us", "95 %", "p90 us", "p99 us", "p99.9 us"]
    header += ["over bare", "classifier adds us", "pictures/s", "RSS MB", "CPU us", "runs in"]
    return table(header, [_row(row) for row in rows])


def _row(row: dict[str, Any]) -> list[str]:
    p999 = row["latency_p999_ms"]
    return [
        row["artifact"] if row["threads"] == 1 else f"{row['artifact']} x{row['threads']}",
        size(row["bytes"]),
        f"{row['load_ms']:.1f}",
        f"{row['first_ms']:.2f}",
        f"{1000 * row['latency_p50_ms']:.1f}",
        _interval(row["intervals"]["p50"]["ci95"]),
        f"{1000 * row['latency_p90_ms']:.1f}",
        f"{1000 * row['latency_p99_ms']:.1f}",
        "-" if p999 is None else f"{1000 * p999:.1f}",
        _or_dash(row["overhead_ratio"], ".2f"),
        _or_dash(row["classifier_adds_us"], ".1f"),
        _or_dash(row["pictures_per_second"], ",.0f"),
        "-" if row["peak_rss_bytes"] is None else f"{row['peak_rss_bytes'] / 1e6:.0f}",
        f"{1000 * row['cpu_ms']:.1f}",
        row["backend"],
    ]


def _interval(ends: list[float | None]) -> str:
    low, high = ("?" if end is None else f"{1000 * end:.1f}" for end in ends)
    return f"{low}..{high}"


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _style(style: dict[str, Any]) -> str:
    rows = [
        [
            row["artifact"],
            f"{row['inferences_per_second']:,.1f}",
            f"{row['latency_ms']:.4g}",
            _or_dash(row["accuracy"], ".4f"),
            row["accuracy_on"],
        ]
        for row in style["artifacts"]
    ]
    head = ["artifact", "inferences/s", "ms", "accuracy", "on"]
    return f"{style['name']}\n{table(head, rows)}"
