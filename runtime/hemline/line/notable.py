"""
What of a report a person should know first, a sentence each: the head of its page, and what the terminal prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hemline.line.charting import RARE
from hemline.line.wording import counted, percent
from hemline.report.digits import lasting

Report = Mapping[str, Any]
# what is told of an episode of episodes.PAIRS
_WRONG = {
    "camera": "no pictures came from the camera",
    "picture": "pictures could not be judged",
    "model": "the model did not answer",
    "budget": "answers came too late",
    "publisher": "a publisher did not deliver",
    "room": "the disk was full and pictures were given up",
    "disk": "the disk was full and decisions could not be stored",
    "store": "decisions could not be stored",
}
# events that are notable in themselves
_EVENTS = {
    "part_stays": "a part did not leave",
    "clock_jumped": "the clock was set, so times before and after do not compare",
    "golden_failed": "a known part was judged wrongly, and the line refused to run",
    "set_aside": "the database was damaged and a new one begun",
}


def notable(report: Report) -> list[str]:
    """Return the sentences, the most urgent first; [] where nothing stands out."""
    return [*_parts(report), *_charts(report), *_episodes(report), *_messages(report), *_audits(report)]


def embedding_sentence(test: Report) -> str:
    """Return in plain words what a two-sample test of embeddings says."""
    if "missing" in test:
        return f"Not compared: {test['missing']}."
    counts = f"{test['ours']:,} parts that passed and {test['theirs']:,} good pictures of the tuning"
    chance = f"p {'below' if test['p'] <= 0.001 else '='} {max(test['p'], 0.001):.3f}"
    figures = f"distance {test['distance']:.3f}, by chance seldom above {test['by_chance']:.3f}; {chance}"
    if test["p"] < RARE:
        return (
            f"The model sees other parts than those that thresholds were set on ({counts}: {figures}). Light, focus, "
            "material or the place of the part may have changed; the promises of the decision file hold for parts as "
            "they were then."
        )
    return (
        f"The parts look to the model as good ones did when thresholds were set, as far as {counts} can tell "
        f"({figures}). A change smaller than that would not be seen."
    )


def _parts(report: Report) -> list[str]:
    found = []
    if report["parts"] == 0:
        found.append("No part was decided in this time.")
    begins = report["record_begins_utc"]
    if begins is not None and begins > report["since_utc"]:
        found.append(f"The record begins at {begins}: what was decided before is not in it any more.")
    if report["safe"]:
        found.append(f"{counted(report['safe'], 'part')} had no answer and got the safe decision.")
    if report["budget_missed"]:
        found.append(f"{counted(report['budget_missed'], 'part')} missed the budget.")
    if len(report["in_force"]) > 1:
        found.append(f"What decided was changed: {len(report['in_force'])} of bundle, artifact or decision file.")
    return found


def _charts(report: Report) -> list[str]:
    found = []
    rate = report["reject_rate"]
    if rate["outside"]:
        points = f"{rate['outside']:,} of {len(rate['points']):,} subgroups"
        found.append(f"The share of rejects is outside its control limits in {points}.")
    points = report["scores"].get("points", ())
    outside = [point for point in points if point["outside"]]
    if outside:
        way = "higher" if outside[-1]["value"] > report["scores"]["typical_then"] else "lower"
        found.append(
            f"Scores of parts that pass have drifted: {way} than when thresholds were set, in {len(outside)} of "
            f"{len(points)} subgroups."
        )
    test = report["embeddings"]
    if "missing" not in test and test["p"] < RARE:
        found.append("Parts that pass do not look as good ones did when thresholds were set.")
    return found


def _episodes(report: Report) -> list[str]:
    found = []
    for what, said in _WRONG.items():
        own = [episode for episode in report["episodes"] if episode["what"] == what]
        if own:
            seconds = sum(episode["end_us"] - episode["begin_us"] for episode in own) / 1e6
            times = "once" if len(own) == 1 else f"{len(own):,} times"
            still = ", and it goes on" if any(episode["goes_on"] for episode in own) else ""
            found.append(f"{said[0].upper()}{said[1:]}: {times}, {lasting(seconds)} in all{still}.")
    for kind, said in _EVENTS.items():
        if number := report["events"].get(kind, 0):
            times = "" if number == 1 else f" ({number:,} times)"
            found.append(f"{said[0].upper()}{said[1:]}{times}.")
    return found


def _messages(report: Report) -> list[str]:
    found = []
    for row in report["undelivered"]:
        if row["messages"]:
            found.append(f"Not delivered by {row['publisher']} yet: {counted(row['messages'], 'message')}.")
        if row["refused"]:
            found.append(f"Refused by the receiver of {row['publisher']}: {counted(row['refused'], 'message')}.")
    return found


def _audits(report: Report) -> list[str]:
    found = []
    for audit in report["audits"]:
        estimate = audit["estimate"]
        if estimate is None:
            found.append(f"Audit {audit['id']} waits for answers about {counted(audit['drawn'], 'part')}.")
        elif estimate["bad"] or estimate["unsure"]:
            at_most = percent(estimate["at_most"] / estimate["passed"])
            unsure = f" and {estimate['unsure']} unsure" if estimate["unsure"] else ""
            found.append(
                f"Audit {audit['id']}: {estimate['bad']} bad{unsure} of {estimate['looked_at']} parts that passed and "
                f"were looked at; at most {at_most} of all that passed."
            )
    found += [f"An audit cannot be read: {problem}." for problem in report["unreadable_audits"]]
    return found
