"""
The page of a shift: what a person should know first, then counts, charts, faults, audits and pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hemline.report import line_charts, line_gallery
from hemline.report.clock import between, local
from hemline.report.digits import duration
from hemline.report.html import Markup, element, facts, join, page, section, table
from hemline.report.line_gallery import Room, Shot, shots

Report = Mapping[str, Any]
OPEN = 12  # events that are shown at once; more are folded
_RATE = (
    "Each point is the share of rejects among {subgroup}, those without an answer not counted. The limits are those of "
    "the exact binomial around {source}: a subgroup is beyond one of them as seldom as a normal variable beyond three "
    "sigmas, in at most 0.135 % of cases on either side, so about {chance:.2g} of {count:,} points would be outside by "
    "chance."
)
_SCORES = (
    "The typical score of parts that pass (the mean of the log odds), smoothed over subgroups: the newest counts for "
    "{weight:g}. It is held against {baseline:,} good pictures of the tuning that would have passed, the limits are "
    "{sigmas:g} standard errors wide, with room for the chance in those pictures. {frames}"
)
_WHAT = {
    "reject": ("Rejects", "evenly over the time"),
    "review": ("Reviews", "evenly over the time"),
    "near miss": ("Near misses", "passed, the nearest to the threshold first"),
}


def line_page(report: Report, pictures: Mapping[str, Sequence[Shot]]) -> str:
    """Return the page of a report that `line report --json` writes.

    pictures: of each kind in report["pictures"], the parts to show.
    """
    since, until = local(report["since_utc"]), local(report["until_utc"])
    head = element(
        "header",
        element("p", "Line report", class_="kind"),
        element("h1", element("bdi", report["line"])),
        element("p", f"{between(since, until)}, {report['parts']:,} part{'' if report['parts'] == 1 else 's'}"),
    )
    room = Room()
    return page(
        f"{report['line']}, {since:%Y-%m-%d %H:%M}",
        head,
        _first(report["notable"]),
        section("counts", "Verdicts", *_counts(report)),
        section("rejects", "Share of rejects", *_rate(report)),
        section("drift", "Whether parts are as they were", *_drift(report)),
        section("time", "Time to a decision", *_latency(report)),
        section("faults", "Faults and events", *_faults(report)),
        section("audits", "What escapes", *_audits(report)),
        *(
            section(name.replace(" ", "-"), heading, *_gallery(report, pictures, name, how, room))
            for name, (heading, how) in _WHAT.items()
        ),
        section("force", "By what was decided", *_force(report)),
        looks=line_charts.LOOKS + line_gallery.LOOKS,
    )


def _first(notable: Sequence[str]) -> Markup:
    if not notable:
        return element("div", element("strong", "Nothing stands out"), class_="verdict passed")
    things = "One thing" if len(notable) == 1 else f"{len(notable)} things"
    listed = element("ul", *(element("li", sentence) for sentence in notable))
    return element("div", element("strong", f"{things} to look at"), listed, class_="verdict failed")


def _counts(report: Report) -> list[Markup]:
    if not report["parts"]:
        return [element("p", "No part was decided in this time.")]
    rows = [
        [verdict, f"{row['parts']:,}", element("td", f"{100 * row['share']:.2f} %", _interval(row["ci95"]))]
        for verdict, row in report["verdicts"].items()
    ]
    safe = f"{report['safe']:,} of the rejects had no answer: the safe decision" if report["safe"] else ""
    classes: dict[str | None, dict[str, int]] = {}
    for row in report["counts"]:
        classes.setdefault(row["label"], {})[row["verdict"]] = row["parts"]
    labels = [
        [
            element("bdi", label or "no class"),
            *(f"{by[name]:,}" if name in by else "·" for name in _VERDICTS),
        ]
        for label, by in sorted(classes.items(), key=lambda one: (one[0] is None, -sum(one[1].values())))
    ]
    return [
        table(["verdict", "parts", "share, 95 % interval"], rows, label="Parts by verdict"),
        *([element("p", f"{safe}.", class_="note")] if safe else []),
        table(["class", *_VERDICTS], labels, label="Parts by verdict and class"),
    ]


def _interval(limits: Sequence[float]) -> Markup:
    return element("small", f"{100 * limits[0]:.2f} to {100 * limits[1]:.2f}")


def _rate(report: Report) -> list[Markup]:
    rate = report["reject_rate"]
    if not rate["points"]:
        return [element("p", "There is nothing to draw.")]
    said = _RATE.format(
        subgroup=rate["subgroup"],
        source=f"{100 * rate['expected']:.3g} %, {rate['expected_from']}",
        chance=rate["outside_by_chance"],
        count=len(rate["points"]),
    )
    if rate["upper_only"]:
        said += " There is no lower limit: what is promised is a bound."
    outside = [
        [
            f"{local(point['first_utc']):%H:%M:%S}",
            f"{local(point['last_utc']):%H:%M:%S}",
            f"{point['parts']:,}",
            f"{point['rejects']:,}",
            f"{100 * point['value']:.2f} %",
            f"{100 * point['low']:.2f} to {100 * point['high']:.2f} %",
        ]
        for point in rate["points"]
        if point["outside"]
    ]
    header = ["from", "to", "parts", "rejects", "share", "limits"]
    return [
        line_charts.reject_chart(report),
        line_charts.reject_legend(report),
        *([table(header, outside[:50], label="Subgroups outside the limits")] if outside else []),
        *([element("p", f"{len(outside) - 50:,} more are not listed.", class_="note")] if len(outside) > 50 else []),
        element("p", said, class_="note"),
    ]


def _drift(report: Report) -> list[Markup]:
    scores, test = report["scores"], report["embeddings"]
    parts = [element("h3", "Scores")]
    if "missing" in scores:
        parts.append(element("p", f"Not compared: {scores['missing']}."))
    else:
        now = f"Typically {scores['typical_now']:.3g} now, {scores['typical_then']:.3g} when thresholds were set; "
        now += f"{scores['outside']:,} of {len(scores['points']):,} points are outside the limits."
        said = _SCORES.format(**{**scores, "frames": _of_frames(scores["frames"])})
        parts += [element("p", now), line_charts.score_chart(report), line_charts.score_legend()]
        parts.append(element("p", said, class_="note"))
    parts += [element("h3", "Looks"), element("p", test["says"])]
    if "missing" not in test:
        how = (
            f"The energy test on the model's embeddings, {test['permutations']:,} permutations, seed {test['seed']}: "
            "the distance is 0 for parts of one kind and 1 for two that have nothing in common. It takes each picture "
            "for one of another part."
        )
        how = f"{how} {_of_frames(test['frames'])}".rstrip()
        parts.append(element("p", how, class_="note"))
    return parts


def _of_frames(frames: int) -> str:
    """Return what a comparison with single pictures has to say where parts have several."""
    if frames == 1:
        return ""
    return f"A part here is one of its {frames} pictures, mostly the strictest, which by itself makes scores higher."


def _latency(report: Report) -> list[Markup]:
    found = report["latency"]
    if found is None:
        return [element("p", "No decision has a time from its trigger.")]
    values = [
        (name, duration(found[f"latency_{key}_ms"]))
        for name, key in (("half of all, p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("the longest", "max"))
    ]
    values += [("budgets missed", f"{report['budget_missed']:,}"), ("decisions", f"{found['n']:,}")]
    said = "From trigger to decision, storing not included; percentiles to half a percent."
    return [facts(values), element("p", said, class_="note")]


def _faults(report: Report) -> list[Markup]:
    drawn = line_charts.timeline(report)
    parts = [drawn] if drawn is not None else [element("p", "Nothing was wrong.")]
    events = report["listed"]
    if events:
        rows = [
            [f"{local(event['happened_utc']):%m-%d %H:%M:%S}", event["kind"], element("td", event["detail"])]
            for event in events
        ]
        listed = table(["time", "event", "detail"], rows, label="Events", class_="prose events")
        total = sum(number for kind, number in report["events"].items() if kind != "heartbeat")
        more = f", the first {len(events):,} of them" if total > len(events) else ""
        beats = report["events"].get("heartbeat", 0)
        summary = f"{total:,} event{'' if total == 1 else 's'}{more}" + (
            f"; {beats:,} heartbeat{'' if beats == 1 else 's'}" if beats else ""
        )
        folded = {"open": "open"} if len(events) <= OPEN else {}
        parts.append(element("details", element("summary", summary), listed, **folded))
    waiting = [
        [element("bdi", row["publisher"]), f"{row['messages']:,}", f"{row['refused']:,}"]
        for row in report["undelivered"]
    ]
    parts.append(element("h3", "Messages"))
    if waiting:
        header = ["publisher", "not delivered", "refused"]
        parts.append(table(header, waiting, label="Messages that were not delivered"))
    else:
        parts.append(element("p", "All that was to be told was delivered."))
    return parts


def _audits(report: Report) -> list[Markup]:
    if not report["audits"]:
        said = "Nobody has looked at parts that passed in this time: hemline line audit draws some."
        return [element("p", said)]
    parts = []
    for audit in report["audits"]:
        by = f", by {audit['by']}" if audit["by"] else ""
        span = between(local(audit["since_utc"]), local(audit["until_utc"]))
        parts.append(element("h3", f"Audit {audit['id']}{by}"))
        waits = "" if audit["estimate"] else " It waits for answers."
        parts.append(element("p", f"{audit['says']}.{waits}"))
        parts.append(element("p", f"Parts of {span}.", class_="note"))
    return parts


def _gallery(report: Report, pictures: Mapping[str, Sequence[Shot]], name: str, how: str, room: Room) -> list[Markup]:
    found = report["pictures"][name]
    if not found["pictured"]:
        return [element("p", "None has a picture.")]
    return shots(pictures.get(name, ()), found["pictured"], room, what=how)


def _force(report: Report) -> list[Markup]:
    if not report["in_force"]:
        return [element("p", "Nothing was decided.")]
    rows = [
        [
            element("bdi", row["bundle"] or "–"),
            element("code", row["artifact"] or "–"),
            *(element("td", element("code", (row[name] or "–")[:12])) for name in _HASHES),
            f"{row['parts']:,}",
            f"{local(row['first_utc']):%m-%d %H:%M} to {local(row['last_utc']):%H:%M}",
        ]
        for row in report["in_force"]
    ]
    header = ["bundle", "artifact", "artifact sha256", "decision file sha256", "parts", "time"]
    parts = [table(header, rows, label="What decided")]
    signed = report["decision_file"]
    if signed is not None:
        at = signed["thresholds"]
        values = [
            ("passes below", f"{at['pass_below']:g}"),
            ("rejected from", f"{at['reject_from']:g}"),
            ("signed by", join((element("bdi", signed["signed_by"]), f", {local(signed['signed_utc']):%Y-%m-%d}"))),
        ]
        wide = [("promised", line) for line in signed["promised"]]
        parts += [element("h3", "Decision file"), facts(values, [*wide, ("sha256", element("code", signed["sha256"]))])]
    return parts


_VERDICTS = ("pass", "review", "reject")
_HASHES = ("artifact_sha256", "decision_file_sha256")
