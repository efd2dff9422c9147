"""
The report of a cross-validation for a terminal: what holds for unseen parts beside what a random split claims.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hemline.report.table import table

Report = Mapping[str, Any]


def text(report: Report) -> str:
    """Return the tables of a report of hemline_train.crossvalidation.figures."""
    how = report["crossvalidation"]
    head = (
        f"{report['bundle']} on {report['data']}: {report['n']:,} pictures of {how['parts']:,} parts, "
        f"{how['folds']} folds by {how['group_by']}; {how['trainings']} trainings, {how['seconds'] / 60:.0f} min"
    )
    return "\n\n".join([f"{head}\n{_beside(report)}", *_good_bias(report), *_per_defect(report), *_unseen(report)])


def _beside(report: Report) -> str:
    rows = report["artifacts"]
    lines = [
        [name, *(cell for row in rows for cell in _cells(row, key, place))]
        for name, key, place in _figures(rows[0])
        if all(key in row for row in rows)
    ]
    columns = ["", "no part on both sides", "95 %"]
    if len(rows) > 1:
        columns += ["a random split claims", "95 %"]
    return table(columns, lines)


def _good_bias(report: Report) -> list[str]:
    bias = report["crossvalidation"]["good_bias"]
    if bias is None:
        return []
    asked = f"answers to unseen parts ask for a good_bias of {bias['by_all']:+.2f}"
    if bias["folds"] is None:
        return [f"{asked}; the recipe has none"]
    each = ", ".join(f"{fold:+.2f}" for fold in bias["folds"])
    return [
        f"{asked}, the recipe's is {bias['recipe']:+.2f}; each fold was judged with what the others ask for: {each}"
    ]


def _figures(row: Report) -> list[tuple[str, str, str | None]]:
    """Return what is shown: its name, its key, and its place where the key holds several."""
    found: list[tuple[str, str, str | None]] = [
        ("AUROC good/defect", "auroc", None),
        ("macro F1", "macro_f1", None),
        ("accuracy", "accuracy", None),
    ]
    escapes = "escape_at_false_reject"
    found += [(f"escapes at {100 * float(rate):g} % false rejects", escapes, rate) for rate in row.get(escapes, {})]
    return found


def _cells(row: Report, key: str, place: str | None) -> list[str]:
    if key == "accuracy":  # Wilson's interval takes six pictures of one part for six parts
        return [f"{row[key]:.4f}", "-"]
    value, interval = row[key], row[f"{key}_ci95"]
    if place is not None:
        value, interval = value[place], interval[place]
    return [f"{value:.4f}", span(interval)]


def _per_defect(report: Report) -> list[str]:
    row = report["artifacts"][0]
    if "per_defect" not in row:
        return []
    rates = list(row["escape_at_false_reject"])
    header = [
        "defect",
        "pictures",
        "parts",
        "recall",
        "95 %",
        *(f"escapes at {100 * float(rate):g} %" for rate in rates),
    ]
    lines = [
        [
            entry["label"],
            f"{entry['pictures']:,}",
            f"{entry['parts']:,}",
            f"{entry['recall']:.3f}",
            span(entry["recall_ci95"], 3),
            *(_share(entry, rate) for rate in rates),
        ]
        for entry in row["per_defect"]
    ]
    return [f"each defect, no part on both sides; recall is by its own name\n{table(header, lines)}"]


def _share(entry: Report, rate: str) -> str:
    interval = entry["escape_at_false_reject_ci95"][rate]
    return f"{entry['escape_at_false_reject'][rate]:.3f} ({span(interval, 3)})"


def _unseen(report: Report) -> list[str]:
    rows = report["unseen"]
    if not rows:
        return []
    names = list(rows[0]["auroc"])
    header = ["never trained on", "pictures", "parts", *(f"{name}" for name in names)]
    lines = [
        [
            row["label"],
            f"{row['pictures']:,}",
            f"{row['parts']:,}",
            *(f"{row['auroc'][name]:.3f} ({span(row['auroc_ci95'][name], 3)})" for name in names),
        ]
        for row in rows
    ]
    means = [sum(row["auroc"][name] for row in rows) / len(rows) for name in names]
    lines.append(["mean", "", "", *(f"{mean:.3f}" for mean in means)])
    told = (
        "AUROC against good parts, of a defect that the network was never shown, by the distance of its embedding from"
    )
    return [f"{told}\ngood parts in four ways, and by the network's own defect score\n{table(header, lines)}"]


def span(interval: Sequence[float], digits: int = 4) -> str:
    """Return an interval in words."""
    return f"{interval[0]:.{digits}f} to {interval[1]:.{digits}f}"
