"""
The page of a parity report: the verdict first, then what it rests on, down to the pictures that changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.gates import Verdict
from hemline.report import parity_changes, search
from hemline.report.digits import beside, chance, duration, or_dash, share, signed
from hemline.report.html import Markup, element, facts, join, page, section, table
from hemline.report.parity_charts import accuracy, cost, probability
from hemline.report.table import size
from hemline.report.verdicts import gates, reason, sentence, title, verdicts

Report = Mapping[str, Any]
LATENCIES = ("latency_p50_ms", "latency_p90_ms", "latency_p99_ms", "latency_max_ms")
GLOSSARY = (
    "Lost and gained count the pictures that only the reference, or only the artifact, got right. The ece is the "
    "expected calibration error: how far, on average, the stated confidence is from the share of right answers."
)
GOLDEN_MEANS = (
    "These are golden inputs: a few drawn pictures that travel in the bundle together with what the model "
    "answered before it was converted. They show in a second that this machine computes what it should. They "
    "are no measure of accuracy; for that, give labelled pictures with --data."
)


def parity_page(report: Report, pictures: Callable[[int], NDArray[np.uint8]]) -> str:
    """Return the page of a report of hemline.parity.check.

    pictures: index -> the picture as the artifacts saw it, (H, W, 1 or 3) RGB uint8. Asked for the ones shown.
    """
    judged = verdicts(report)
    measured = "accuracy" in report["artifacts"][0]
    found = bool(report.get("search"))
    parts = [
        section("compared", "What was compared", *_compared(report)),
        section("gates", "Gates", *_gates(report, judged)),
        section("accuracy", "Accuracy", *accuracy(report, judged)) if measured else None,
        section("probability", "Differences in probability", *probability(report, judged)),
        section("cost", "Size and latency", *cost(report)),
        section("search", "Search under a budget", *search.section_of(report["search"])) if found else None,
        section("flips", "Changed answers", *parity_changes.flips(report)),
        section("pictures", "Pictures that changed their answer", *parity_changes.gallery(report, pictures)),
        section("figures", "All figures", *_figures(report)),
    ]
    links = {"gates": "Gates", "accuracy": "Accuracy", "probability": "Probability", "cost": "Size and latency"}
    links |= {"flips": "Changed answers", "pictures": "Pictures", "figures": "All figures"}
    links = {name: text for name, text in links.items() if name != "accuracy" or measured}
    if found:
        links["search"] = "Search"
    head = element(
        "header",
        element("p", "Parity report", class_="kind"),
        element("h1", report["bundle"]),
        _verdict(report, judged.values()),
        element("nav", *(element("a", text, href=f"#{name}") for name, text in links.items()), aria_label="Sections"),
    )
    return page(f"{report['bundle']}: parity {'passed' if report['passed'] else 'FAILED'}", head, *parts)


def _verdict(report: Report, judged: Iterable[Verdict]) -> Markup:
    failed = [verdict for verdict in judged if not verdict.passed]
    count = len(report["gates"])
    if failed:
        line = f"✗ {len(failed)} of {count} gates failed"
        rest = element("ul", *(element("li", f"{sentence(verdict)}.") for verdict in failed))
    else:
        names = len(report["artifacts"])
        line = f"✓ All {count} gates passed"
        artifacts = "1 artifact answers" if names == 1 else f"{names} artifacts answer"
        rest = element("p", f"{artifacts} like {report['reference']} on {_on(report)}, within the bars.")
    left_out = ", ".join(report.get("not_run", ()))
    note = element("p", f"Not compared, because the engine is not here: {left_out}.") if left_out else None
    return element("div", element("strong", line), rest, note, class_=f"verdict {'failed' if failed else 'passed'}")


def _on(report: Report) -> str:
    if report["data"] == "golden":
        return f"{report['n']:,} golden inputs"
    return f"{report['n']:,} pictures of {report['data']}"


def _compared(report: Report) -> list[Markup]:
    engines = dict.fromkeys(f"{row['artifact'].partition(':')[0]}: {row['backend']}" for row in report["artifacts"])
    created = report.get("created")
    machine = dict(report.get("machine", {}))
    where = ", ".join(machine.pop(name) for name in ("processor", "system") if name in machine)
    pairs = [
        ("compared on", _on(report)),
        ("reference", report["reference"]),
        ("measured", created and f"{created[:10]} {created[11:16]} UTC"),
        ("machine", where),
        ("software", ", ".join(f"{name} {version}" for name, version in machine.items())),
        ("engines", join(engines, element("br"))),
    ]
    wide = [
        (f"{len(report['labels'])} classes", join((element("bdi", label) for label in report["labels"]), ", ")),
        ("class lock", element("code", report["class_lock"])),
    ]
    golden = [element("p", GOLDEN_MEANS)] if report["data"] == "golden" else []
    return [*golden, facts(((name, value) for name, value in pairs if value), wide)]


def _gates(report: Report, judged: Mapping[tuple[str, str], Verdict]) -> list[Markup]:
    shown = gates(report)
    rows = []
    for row in report["artifacts"]:
        name = row["artifact"]
        rows.append([element("code", name), *(_gate(judged.get((name, gate))) for gate in shown)])
    missing = [gate for gate in shown if not all((row["artifact"], gate) in judged for row in report["artifacts"])]
    notes = [f"{title(gate)} ({reason(gate)})" for gate in missing]
    return [
        table(["artifact", *map(title, shown)], rows, label="Verdict of every artifact on every gate"),
        *([element("p", f"– not judged: {', '.join(notes)}.", class_="note")] if notes else []),
    ]


def _gate(verdict: Verdict | None) -> Markup:
    if verdict is None:
        return element("td", "–", class_="none")
    bar = f"at {verdict.bound} {verdict.bar:g}"
    value = beside(verdict.value, verdict.bar, 2 if verdict.gate == "accuracy_drop_pp" else 4).replace("-", "−")
    if verdict.passed:
        return element("td", element("b", "✓ "), value, element("small", bar))
    return element("td", element("i", f"✗ {value}"), element("small", f"fails: {bar}"), class_="failed")


def _figures(report: Report) -> list[Markup]:
    rows = report["artifacts"]
    tables = {
        "Answers": (
            ["size", "agreement", "changed", "|dp| p50", "|dp| p95", "|dp| max", "engines agree"],
            [_answers(row) for row in rows],
        )
    }
    if "accuracy" in rows[0]:
        header = ["accuracy", "95 % interval", "drop pp", "lost", "gained", "McNemar p", "ece"]
        tables["Accuracy"] = (header, [_accuracy(row) for row in rows])
    header = ["p50", "p90", "p99", "max", "× float", "runs in", "second engine"]
    tables["Latency and engines"] = (header, [_latency(row) for row in rows])
    parts = []
    for heading, (header, cells) in tables.items():
        lines = [[element("code", row["artifact"]), *line] for row, line in zip(rows, cells, strict=True)]
        parts += [element("h3", heading), table(["artifact", *header], lines, label=heading)]
    if "accuracy" in rows[0]:
        parts.append(element("p", GLOSSARY, class_="note"))
    return parts


def _answers(row: Mapping[str, Any]) -> list[object]:
    moved = [share(row[name]) for name in ("dp_p50", "dp_p95", "dp_max")]
    agreement = f"{row['agreement']:.4f}"
    return [size(row["bytes"]), agreement, f"{len(row['changed']):,}", *moved, or_dash(row["engines_agreement"], ".4f")]


def _accuracy(row: Mapping[str, Any]) -> list[object]:
    low, high = row["accuracy_ci95"]
    shares = [f"{row['accuracy']:.4f}", f"{low:.4f} to {high:.4f}", signed(row["accuracy_drop_pp"])]
    pairs = [f"{row[name]:,}" for name in ("only_reference_right", "only_artifact_right")]
    return [*shares, *pairs, chance(row["mcnemar_p"]), f"{row['ece']:.4f}"]


def _latency(row: Mapping[str, Any]) -> list[object]:
    times = [duration(row[name]) if name in row else "–" for name in LATENCIES]
    return [*times, or_dash(row.get("latency_ratio"), ".2f"), row["backend"], row["second_engine"] or "–"]
