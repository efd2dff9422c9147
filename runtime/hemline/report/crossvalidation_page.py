"""
The page of `hemline evaluate --group-by`: what a recipe is worth on parts it has never seen, beside what a random split
claims of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hemline.report.charts import Row, Scale, chart, dot, span
from hemline.report.defect_section import defect_section
from hemline.report.html import Markup, element, facts, join, page, section, table

Report = Mapping[str, Any]
LEAK = (
    "Pictures of one part are alike. A split by group keeps them on one side, as a line does, whose parts are all new; "
    "a random split puts them on both, and what is learned of one answers for the other. The first figure is what to "
    "expect; the second is what would have been claimed."
)
UNSEEN = (
    "Each defect was left out of a training altogether, and then told from good parts that were left out too: by the "
    "distance of a picture's embedding from those of good training pictures, in four ways, and by the network's own "
    "defect score."
)


def crossvalidation_page(report: Report) -> str:
    """Return the page of a report that `evaluate --group-by --json` writes."""
    how = report["crossvalidation"]
    head = element(
        "header",
        element("p", "Cross-validation", class_="kind"),
        element("h1", report["bundle"]),
        element(
            "p",
            f"{report['n']:,} pictures of {how['parts']:,} parts of {report['data']}, {how['folds']} folds "
            f"by {how['group_by']}",
        ),
    )
    wide = [
        ("classes", join((element("bdi", label) for label in report["labels"]), ", ")),
        ("class lock", element("code", report["class_lock"])),
        ("trainings", f"{how['trainings']}, {how['seconds'] / 60:.0f} min"),
    ]
    return page(
        f"{report['bundle']}: cross-validation",
        head,
        section(
            "claims", "By group and at random", element("p", LEAK), *_good_bias(how["good_bias"]), *_claims(report)
        ),
        defect_section(report),
        *(
            [section("unseen", "Defects never shown", element("p", UNSEEN), _unseen(report))]
            if report["unseen"]
            else []
        ),
        section("facts", "What was evaluated", facts([], wide)),
    )


def _claims(report: Report) -> list[Markup]:
    named = [("AUROC", "auroc"), ("macro F1", "macro_f1")]
    shown = [
        (f"{name} {row['artifact'].partition(' ')[2]}", row[key], row[f"{key}_ci95"])
        for name, key in named
        for row in report["artifacts"]
        if key in row
    ]
    scale = Scale.over([value for _, _, interval in shown for value in interval])
    lines = [
        Row(name, join((span(scale, *interval), dot(scale, value))), [f"{value:.4f}"])
        for name, value, interval in shown
    ]
    label = "Figures by group and at random, with 95 % intervals over parts"
    return [chart(lines, scale, ("figure",), label=label, show=lambda tick: f"{tick:.4g}", most=6)]


def _good_bias(bias: Mapping[str, Any] | None) -> list[Markup]:
    if bias is None or bias["folds"] is None:
        return []
    each = ", ".join(f"{fold:+.2f}" for fold in bias["folds"])
    said = (
        f"The recipe raises the logit of good parts by {bias['recipe']:.2f} (good_bias), which was chosen by such a "
        "cross-validation. So the names of no fold were judged with it: each has what the answers of the other folds "
        f"ask for, {each}. "
        "AUROC and escape rates are the same under any bias."
    )
    return [element("p", said)]


def _unseen(report: Report) -> Markup:
    names = list(report["unseen"][0]["auroc"])
    cells = [
        [
            element("bdi", row["label"]),
            f"{row['pictures']:,}",
            f"{row['parts']:,}",
            *(f"{row['auroc'][name]:.3f} ({_span(row['auroc_ci95'][name])})" for name in names),
        ]
        for row in report["unseen"]
    ]
    return table(["defect", "pictures", "parts", *names], cells, label="AUROC of defects that were never shown")


def _span(interval: list[float]) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}"
