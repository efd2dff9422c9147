"""
The page of a benchmark: whether it is to be believed first, then what a day of use will be like.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hemline.report import bench_charts as charts
from hemline.report.bench_time import over_time, time_legend
from hemline.report.digits import duration, lasting, or_dash
from hemline.report.html import Markup, element, facts, join, page, section, table
from hemline.report.table import size

Report = Mapping[str, Any]
LATENCY_MEANS = (
    "One picture at a time, pixels in and answers out: nothing is left out and nothing averaged away. p99 is what one "
    "call of a hundred exceeds."
)
CURVES_MEAN = (
    "To the right are the slow ones: at p99 stands what one of a hundred calls exceeds, at p99.9 one of a "
    "thousand. Dots have upright bars where there are enough calls for a 95 % interval."
)
TIME_MEANS = "Every window with its p50 and p99, by the time so far. Upright lines part rounds: fresh processes."
THROUGHPUT_MEANS = (
    "Pictures a second when as many are handed over at once as the axis says. Dots in another colour are with more "
    "threads, handed over at the best number for one."
)
WHOLE_MEANS = "From the bytes of a picture file to a label: decode, preprocess, the engine's call, softmax (medians)."
NOTHING = "–"


def bench_page(report: Report) -> str:
    """Return the page of a result of hemline bench."""
    rows = report["artifacts"]
    whole, speed = charts.whole_path(rows), charts.throughput(rows)
    content = {
        "latency": ("Latency", [_note(LATENCY_MEANS), *charts.latencies(rows)]) if rows else None,
        "tail": ("The slow ones", [_note(CURVES_MEAN), charts.curves(rows)]) if rows else None,
        "time": ("Over time", [_note(TIME_MEANS), over_time(rows), time_legend(rows)]) if rows else None,
        "throughput": ("Throughput", [_note(THROUGHPUT_MEANS), *speed]) if speed else None,
        "whole": ("From file to label", [_note(WHOLE_MEANS), *whole]) if whole else None,
        "style": ("Single stream", _style(report["style"])) if report.get("style") else None,
        "gates": ("Gates", _gates(report["gates"])) if report["gates"] else None,
        "figures": ("All figures", _figures(rows)) if rows else None,
        "machine": ("Where and how", _machine(report)),
    }
    shown = {name: part for name, part in content.items() if part is not None}
    links = [element("a", heading, href=f"#{name}") for name, (heading, _) in shown.items()]
    head = element(
        "header",
        element("p", "Benchmark", class_="kind"),
        element("h1", report["bundle"]),
        verdict(report),
        element("nav", *links, aria_label="Sections"),
    )
    sections = [section(name, heading, *parts) for name, (heading, parts) in shown.items()]
    state = "INVALID" if report["invalid"] else "figures"
    return page(f"{report['bundle']}: benchmark, {state}", head, *sections, looks=charts.LOOKS)


def verdict(report: Report) -> Markup:
    """Return whether the measurement is to be believed, and what could not be measured."""
    marks = report["invalid"]
    notes: list[object] = [*report["notes"]]
    notes += [f"{row['artifact']} could not be measured: {row['reason']}" for row in report["failures"]]
    notes += [f"{row['artifact']} was not measured: {row['reason']}" for row in report["not_run"]]
    unsteady = [row for row in report["artifacts"] if not row["warmup"]["steady"] or row["change"]]
    notes += [f"{charts.row_name(row)} never became steady: {why}" for row in unsteady for why in _unsteady(row)]
    rest = element("ul", *(element("li", note) for note in notes)) if notes else None
    if marks:
        lines = [element("strong", f"✗ invalid: {mark['what']}") for mark in marks]
        details = [element("p", f"{mark['detail']}.") for mark in marks]
        said = element("p", "The figures below are what was measured; they are not what this machine can do.")
        parts = [part for pair in zip(lines, details, strict=True) for part in pair]
        return element("div", *parts, said, rest, class_="verdict failed")
    if not report["artifacts"]:
        return element("div", element("strong", "✗ Nothing could be measured"), rest, class_="verdict failed")
    said = element("p", "Nobody else used the machine to speak of, and nothing held it back.")
    return element("div", element("strong", "✓ A valid measurement"), said, rest, class_="verdict passed")


def _unsteady(row: Report) -> list[str]:
    found = [] if row["warmup"]["steady"] else [row["warmup"]["reason"] or "its medians kept moving"]
    if row["change"]:
        ratio = row["change"]["ratio"]
        way = "slower" if ratio > 1 else "faster"
        found.append(f"from {lasting(row['change']['start_s'])} on it is {abs(ratio - 1):.0%} {way}")
    return found


def _note(text: str) -> Markup:
    return element("p", text, class_="note")


def _figures(rows: Sequence[Report]) -> list[Markup]:
    return [
        element("h3", "Latency of one picture"),
        table(
            [
                "artifact",
                "p50",
                "95 % interval",
                "p90",
                "p99",
                "95 % interval",
                "p99.9",
                "max",
                "inferences",
                "drawn by",
            ],
            [_latency(row) for row in rows],
            label="Latency",
        ),
        element("h3", "Start"),
        table(
            ["artifact", "load", "first", "process to answer", "warm-up", "its inferences", "steady"],
            [_start(row) for row in rows],
            label="Start",
        ),
        element("h3", "What it takes"),
        table(
            [
                "artifact",
                "files",
                "RSS",
                "peak",
                "CPU an inference",
                "energy",
                "× bare",
                "classifier adds",
                "pictures/s",
                "runs in",
            ],
            [_cost(row) for row in rows],
            label="Memory, processor, energy, overhead",
        ),
        _missing(rows),
    ]


def _latency(row: Report) -> list[object]:
    ends = {name: row["intervals"][name]["ci95"] for name in ("p50", "p99")}
    p999 = row["latency_p999_ms"]
    return [
        _code(row),
        duration(row["latency_p50_ms"]),
        interval(ends["p50"]),
        duration(row["latency_p90_ms"]),
        duration(row["latency_p99_ms"]),
        interval(ends["p99"]),
        NOTHING if p999 is None else duration(p999),
        duration(row["latency_max_ms"]),
        f"{row['inferences']:,}",
        row["intervals"]["p50"]["by"],
    ]


def interval(ends: Sequence[float | None]) -> str:
    """Return the ends of an interval for a person; an end that is not known is a question mark."""
    low, high = ("?" if end is None else duration(end) for end in ends)
    if low == high == "?":
        return NOTHING
    (figure, _, unit), same = low.partition(" "), high.rpartition(" ")[2]
    return f"{figure if unit == same else low} to {high}"  # the unit once


def _start(row: Report) -> list[object]:
    warmup = row["warmup"]
    times = [duration(row[key]) for key in ("load_ms", "first_ms", "cold_start_ms")]
    steady = element("b", "✓") if warmup["steady"] and not row["change"] else element("i", "✗ never")
    cell = element("td", steady, class_=None if warmup["steady"] and not row["change"] else "failed")
    return [_code(row), *times, duration(warmup["ms"]), f"{warmup['inferences']:,}", cell]


def _cost(row: Report) -> list[object]:
    memory = [NOTHING if row[key] is None else size(row[key]) for key in ("rss_bytes", "peak_rss_bytes")]
    adds = row["classifier_adds_us"]
    return [
        _code(row),
        size(row["bytes"]),
        *memory,
        duration(row["cpu_ms"]),
        NOTHING if row["energy_mj"] is None else f"{row['energy_mj']:.3g} mJ",
        or_dash(row["overhead_ratio"], ".2f"),
        NOTHING if adds is None else duration(adds / 1000),
        or_dash(row["pictures_per_second"], ",.0f"),
        row["backend"],
    ]


def _missing(rows: Sequence[Report]) -> Markup:
    why = dict.fromkeys(f"{field}: {reason}" for row in rows for field, reason in row["missing"].items())
    return element("p", f"Not known: {'; '.join(why)}.", class_="note") if why else join(())


def _code(row: Report) -> Markup:
    return element("code", charts.row_name(row))


def _gates(gates: Sequence[Report]) -> list[Markup]:
    rows = []
    for gate in gates:
        value = NOTHING if gate["value"] is None else f"{gate['value']:.3g}"
        ends = [None if gate[key] is None else f"{gate[key]:.3g}" for key in ("low", "high")]
        interval_shown = NOTHING if ends == [None, None] else f"{ends[0] or '?'} to {ends[1] or '?'}"
        state = {"passed": element("b", "✓ passed"), "failed": element("i", "✗ fails")}.get(gate["state"], NOTHING)
        cell = element("td", state, class_="failed" if gate["state"] == "failed" else None)
        rows.append([element("code", gate["artifact"]), gate["gate"], value, interval_shown, f"{gate['bar']:g}", cell])
    # of an invalid measurement the details stand at the head of the page
    whys = {gate["why"]: gate["why"].partition(" (")[0] for gate in gates}
    skipped = [
        f"{gate['artifact']} {gate['gate']} ({whys[gate['why']]})" for gate in gates if gate["state"] == "skipped"
    ]
    shown = table(["artifact", "gate", "figure", "95 % interval", "at most", "verdict"], rows, label="Gates")
    return [shown, *([_note(f"Not judged: {'; '.join(skipped)}.")] if skipped else [])]


def _style(style: Report) -> list[Markup]:
    header = ["artifact", "median", "runs", "accuracy", "on"]
    rows = []
    for row in style["artifacts"]:
        runs = ", ".join(f"{rate:,.0f}" for rate in row["rates"])
        accuracy = NOTHING if row["accuracy"] is None else f"{row['accuracy']:.4f}"
        rate = f"{row['inferences_per_second']:,.1f}/s"
        rows.append([element("code", row["artifact"]), rate, runs, accuracy, row["accuracy_on"]])
    return [_note(style["means"]), table(header, rows, label="Single stream")]


def _machine(report: Report) -> list[Markup]:
    machine = dict(report["machine"])
    where = ", ".join(machine.pop(key) for key in ("processor", "system") if key in machine)
    engines = dict.fromkeys(f"{row['artifact'].partition(':')[0]}: {row['backend']}" for row in report["artifacts"])
    created = report["created"]
    pairs = [
        ("measured", f"{created[:10]} {created[11:16]} UTC"),
        ("each artifact", f"{lasting(report['seconds'])} of latency in {report['rounds']} rounds"),
        ("machine", where),
        *((name, value) for name, value in machine.items()),
        ("engines", join(engines, element("br"))),
    ]
    return [facts(pairs, [("class lock", element("code", report["class_lock"]))])]
