"""
The part of a parity page about changed answers: which classes they went between, and the pictures themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.report.html import Markup, element, heat, join, picture, table

LOST, GAINED = "right before, wrong now", "wrong before, right now"
PAIRS = 15  # rows of the table of flips
OPEN = 24  # pictures shown at once; the rest is folded
PER_ARTIFACT = 24  # of each artifact, the pictures that moved furthest
MOST_BYTES = 1_200_000  # of the gallery: what a mail or a CI server still takes


@dataclass
class Change:
    """A picture that changed its answer in at least one artifact. answers: {new answer: artifacts that give it}."""

    index: int
    source: str
    before: str
    label: str | None
    dp: float = 0.0
    answers: dict[str, list[str]] = field(default_factory=dict)


def changes(report: Mapping[str, Any], per_artifact: int | None = None) -> list[Change]:
    """Return every changed picture once: what moved furthest in each artifact first, then the second of each.

    So an artifact that is broken does not hide what happened in the others.
    per_artifact: only pictures that are among the first so many of an artifact.
    """
    found: dict[int, Change] = {}
    ranks: dict[int, int] = {}
    for row in report["artifacts"]:
        for rank, change in enumerate(row["changed"]):
            index = change["index"]
            ranks[index] = min(rank, ranks.get(index, rank))
            entry = found.setdefault(index, Change(index, change["source"], change["from"], change["label"]))
            entry.dp = max(entry.dp, change["dp"])
            entry.answers.setdefault(change["to"], []).append(row["artifact"])
    wanted = [change for change in found.values() if per_artifact is None or ranks[change.index] < per_artifact]
    return sorted(wanted, key=lambda change: (ranks[change.index], -change.dp, change.index))


def flips(report: Mapping[str, Any]) -> list[Markup]:
    """Return how often an answer went from one class to another, an artifact a column."""
    counts = {
        row["artifact"]: Counter({(flip["from"], flip["to"]): flip["count"] for flip in row["flips"]})
        for row in report["artifacts"]
    }
    same = [name for name, count in counts.items() if not count]
    steady = element("p", "No answer changed in ", join(_codes(same), ", "), ".", class_="note") if same else join(())
    changed = {name: count for name, count in counts.items() if count}
    if not changed:
        return [element("p", "Every artifact gives the reference's answer for every picture.")]
    total = sum(changed.values(), Counter())
    shown = [pair for pair, _ in total.most_common(PAIRS)]
    most = max(count[pair] for count in changed.values() for pair in shown)
    rows: list[list[object]] = [
        [_arrow(*pair), *(heat(count[pair], most) for count in changed.values())] for pair in shown
    ]
    if len(total) > len(shown):
        rest = [sum(count.values()) - sum(count[pair] for pair in shown) for count in changed.values()]
        rows.append([f"{len(total) - len(shown)} other pairs", *(heat(count, most, plain=True) for count in rest)])
    rows.append(["all", *(element("td", f"{sum(count.values()):,}", class_="sum") for count in changed.values())])
    if "accuracy" in report["artifacts"][0]:
        by_name = {row["artifact"]: row for row in report["artifacts"]}
        rows.append([LOST, *(f"{by_name[name]['only_reference_right']:,}" for name in changed)])
        rows.append([GAINED, *(f"{by_name[name]['only_artifact_right']:,}" for name in changed)])
    header = ["reference → artifact", *map(_head, changed)]
    return [
        table(header, rows, label="Changed answers by class and artifact", class_="flips"),
        steady,
    ]


def gallery(report: Mapping[str, Any], pictures: Callable[[int], NDArray[np.uint8]]) -> list[Markup]:
    """Return the pictures that changed their answer, each once, with the artifacts in which it did."""
    every, chosen = len(changes(report)), changes(report, PER_ARTIFACT)
    if not every:
        return [element("p", "There is none.")]
    items: list[Markup] = []
    held = 0
    for change in chosen:
        item = _item(change, pictures(change.index))
        held += len(item)
        if held > MOST_BYTES:
            break
        items.append(item)
    which = "They are shown" if len(items) == every else f"Shown are {len(items):,}, those that moved furthest in each,"
    line = (
        f"{every:,} of {report['n']:,} changed their answer in at least one artifact. {which} as the artifact saw them."
    )
    parts: list[Markup] = [element("p", line, class_="note"), element("ul", *items[:OPEN], class_="gallery")]
    if items[OPEN:]:
        more = element("ul", *items[OPEN:], class_="gallery")
        parts.append(element("details", element("summary", f"{len(items) - OPEN:,} more pictures"), more))
    return parts


def _item(change: Change, pixels: NDArray[np.uint8]) -> Markup:
    several = len(change.answers) > 1
    lines = [
        element(
            "p",
            _arrow(change.before, after),
            element("span", " in ", join(_codes(names), ", "), class_="who") if several else "",
            class_="change",
        )
        for after, names in change.answers.items()
    ]
    if change.label is not None:
        lines.append(element("p", "true label ", element("bdi", change.label), f": {_outcome(change)}"))
    lines.append(element("p", f"|dp| {change.dp:.3f}", class_="soft"))
    if not several:
        lines.append(element("p", join(_codes(*change.answers.values()), ", "), class_="who"))
    lines.append(element("p", change.source, class_="who"))
    answers = " or ".join(change.answers)
    image = picture(pixels, f"{change.source}: {change.before}, now {answers}")
    return element("li", image, element("div", *lines))


def _outcome(change: Change) -> str:
    now_right = change.label in change.answers
    if change.before == change.label:
        return LOST
    if now_right and len(change.answers) == 1:
        return GAINED
    return "wrong before, right now in some" if now_right else "wrong before and now"


def _arrow(before: str, after: str) -> Markup:
    return join((element("bdi", before), " → ", element("bdi", after)))


def _head(name: str) -> Markup:
    """Return an artifact's name that may break after its engine."""
    engine, _, precision = name.partition(":")
    return element("span", engine, ":", Markup("<wbr/>"), precision, class_="artifact")


def _codes(names: Sequence[str]) -> list[Markup]:
    return [element("code", name) for name in names]
