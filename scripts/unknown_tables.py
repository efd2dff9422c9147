"""
The figures of compare_unknown.py as tables of Markdown, and their place in a page.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- compare_unknown.py: begin -->", "<!-- compare_unknown.py: end -->"


def mean(row: Mapping[str, Any], group: str, figure: str) -> float:
    """Return the mean over the kinds of a group."""
    return statistics.fmean(kind[figure] for kind in row[group].values())


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def matrix(rows: Sequence[Mapping[str, Any]], group: str, held: str) -> str:
    """Return the table of all ways on a group of kinds: AUROC and, in percent, what is let through."""
    kinds = list(rows[0][group])
    body = []
    for row in rows:
        cells = [f"{row[group][kind]['auroc']:.3f} / {100 * row[group][kind]['let_through']:.0f}" for kind in kinds]
        total = f"{mean(row, group, 'auroc'):.3f} / {100 * mean(row, group, 'let_through'):.1f}"
        way = f"**{row['way']}**" if row["way"] == held else row["way"]
        body.append([way, *cells, total, f"{row['us']:.1f}", f"{row['bytes'] / 1000:.1f}"])
    return markdown(["way", *kinds, "mean", "us", "KB"], body)


def detailed(row: Mapping[str, Any], at: Mapping[str, Mapping[str, float]]) -> str:
    """Return the table of the chosen way with intervals, and what its threshold in the bundle changes."""
    body = []
    for kind, one in row["judge"].items():
        low, high = one["auroc_ci95"]
        least, most = (100 * share for share in one["let_through_ci95"])
        here = {name: f"{100 * share:.1f} %" for name, share in at[kind].items()}
        body.append(
            [
                kind,
                f"{one['n']:,}" + (f" of {one['groups']} tiles" if "groups" in one else ""),
                f"{one['auroc']:.4f} ({low:.3f} to {high:.3f})",
                f"{100 * one['let_through']:.1f} % ({least:.1f} to {most:.1f})",
                here["known"],
                here["good_without"],
                here["good"],
            ]
        )
    header = ["strangers", "pictures", "AUROC (95 % interval)", "FPR at 95 % recall (95 % interval)"]
    return markdown([*header, "get a label", "were `good`", "are `good`"], body)


def report(whole: Mapping[str, Any]) -> str:
    """Return the tables as Markdown."""
    rows, best, held, at, costs = whole["ways"], whole["chosen"], whole["held"], whole["shipped"], whole["us"]
    row = next(row for row in rows if row["way"] == held)
    head = (
        f"{whole['bundle']} {whole['artifact']}; known: {whole['known']}. In each cell: AUROC / percent of strangers "
        "let through where 95 % of the known are kept. us: median of one picture, where the engine's call takes "
        f"{costs['engine']:.1f} and reading the embedding {costs['embedding']:.1f}. KB: what it adds to an artifact."
    )
    choice = (
        f"The cheapest of those within {100 * whole['margin']:g} point of the least let through and of at most "
        f"{whole['most_bytes'] // 1000} KB: `{best}`. In the bundle: `{held}`."
    )
    effect = (
        f"That threshold keeps {100 * at['recall']:g} % of the validation pictures and {100 * at['known']:.2f} % of "
        f"the test pictures. Accuracy on all test pictures {at['accuracy']:.4f}, on those that get a label "
        f"{at['accuracy_known']:.4f}, on those called unknown {at['accuracy_unknown']:.4f}. `good` were "
        f"{100 * at['good_without']:.2f} % of them, {100 * at['good_without_wrong']:.2f} % of these wrong, and are "
        f"{100 * at['good']:.2f} %, {100 * at['good_wrong']:.2f} % of these wrong."
    )
    lines = [
        head,
        "Strangers that choose, with validation pictures as the known:",
        matrix(rows, "choose", held),
        choice,
        "Strangers that judge, with test pictures as the known:",
        matrix(rows, "judge", held),
        f"`{held}` on them, and what changes at the threshold in the bundle:",
        detailed(row, at["kinds"]),
        effect,
    ]
    through = [f"{100 * share:.1f} % at {100 * float(recall):g} %" for recall, share in at["let_through"].items()]
    lines.append(f"Let through, mean over these kinds, by the share of validation pictures kept: {', '.join(through)}.")
    if at["inside"] is not None:
        lines.append(
            f"Not strangers: of {at['inside']['n']} photos of garments of its classes, lifted off their background and "
            f"laid out, {100 * at['inside']['known']:.0f} % get a label."
        )
    return "\n\n".join(lines)


def put(path: Path, text: str) -> None:
    """Put the tables between the marks of a page."""
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{path}: no {BEGIN} and {END} in it")
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
