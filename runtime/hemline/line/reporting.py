"""
The report of a shift: what happened to its parts, whether the line is as it was, what is known of what escaped.

It reads beside a line that runs and holds it up nowhere. What is in it is of the numbers that were given when it began.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from hemline import __version__
from hemline.errors import UsageError
from hemline.line import episodes, gallery, inforce
from hemline.line.audits import Audits
from hemline.line.charting import LookedAt, embeddings, reject_rate, scores
from hemline.line.decision import VERDICTS
from hemline.line.decision_file import DecisionFile
from hemline.line.inforce import Origin
from hemline.line.notable import embedding_sentence, notable
from hemline.line.period import Period, from_microseconds, moment, utc
from hemline.line.reader import LineReader
from hemline.line.tally import Span, Subgroups, Tally, by_class, tally
from hemline.metrics import wilson

SCHEMA = 1
OWN, DECISION = "own", "decision"  # where the expected share of rejects comes from
LISTED = 200  # events with their words
_PERCENTILES = (("latency_p50_ms", 0.5), ("latency_p90_ms", 0.9), ("latency_p99_ms", 0.99))


@dataclass(frozen=True)
class Asked:
    """How to report.

    expect: OWN, DECISION, or a share of rejects. subgroups: None for the usual ones. decision: a decision file that
    was in force; it is looked for where none is named, at `files` and beside `bundles`.
    """

    expect: str | float = OWN
    subgroups: Subgroups | None = None
    decision: Path | None = None
    files: Sequence[Path] = ()
    bundles: Sequence[str] = ()
    seed: int = 0


def line_report(reader: LineReader, period: Period, asked: Asked) -> dict[str, Any]:
    """Return the report as plain values, as `line report --json` writes them.

    A period that is not over yet ends now.
    """
    now = datetime.now(timezone.utc)
    if period.until > now > period.since:
        period = Period(period.since, now)
    whose = reader.whose()
    with reader.lend() as connection:
        span = Span.of(connection, period)
        origins = inforce.origins(connection)
        signed, why_not = _signed(connection, span, origins, asked)
        groups = asked.subgroups or Subgroups.usual(span.count)
        same = [origin.id for origin in origins.values() if signed and origin.decision_file_sha256 == signed.sha256]
        found = tally(connection, span, groups, same, seed=asked.seed)
        looked_at = LookedAt(connection, found, signed, why_not, asked.seed)
        events = episodes.listed(connection, period)
        kinds = episodes.counts(connection, period)
        shown = {
            "reject": gallery.of_verdict(connection, span, "reject"),
            "review": gallery.of_verdict(connection, span, "review"),
            "near miss": gallery.near_misses(connection, span, signed.thresholds.pass_below if signed else None),
        }
        report: dict[str, Any] = {
            "schema": SCHEMA,
            "line": whose.line,
            "store": whose.store,
            "since_utc": utc(period.since),
            "until_utc": utc(period.until),
            "written_utc": utc(now),
            "hemline": __version__,
            "parts": found.count,
            "verdicts": _verdicts(found),
            "counts": [
                {"verdict": verdict, "label": label, "parts": number}
                for verdict, label, number in by_class(connection, span)
            ],
            "safe": found.safe,
            "reject_rate": reject_rate(found, groups, *_expected(found, signed, asked.expect, why_not)),
            "scores": scores(looked_at),
            "embeddings": embeddings(looked_at),
            "latency": _latency(found),
            "budget_missed": found.missed,
            "in_force": _in_force(found, origins),
            "decision_file": None if signed is None else _about(signed),
            "events": kinds,
            "episodes": [asdict(episode) for episode in episodes.episodes(events, period)],
            "listed": [asdict(event) for event in events[:LISTED]],
            "pictures": {name: asdict(one) for name, one in shown.items()},
        }
    report["record_begins_utc"] = _begins(reader)
    report["undelivered"] = [{"publisher": name, **asdict(one)} for name, one in reader.waiting().items()]
    audits, unreadable = Audits(reader.folder).about(period)
    report["audits"] = [
        {
            **{name: getattr(audit, name) for name in ("id", "since_utc", "until_utc", "drawn_utc", "by")},
            **{name: getattr(audit.draw, name) for name in ("seed", "passed", "pictured", "before", "near_misses")},
            "drawn": len(audit.draw.parts),
            "estimate": audit.estimate and audit.estimate.as_dict(),
            "says": str(audit.estimate or audit.draw),
        }
        for audit in audits
    ]
    report["unreadable_audits"] = unreadable
    report["embeddings"]["says"] = embedding_sentence(report["embeddings"])
    report["notable"] = notable(report)
    return report


def _begins(reader: LineReader) -> str | None:
    """Return when the oldest that is left happened, None where nothing went before it."""
    decided, happened = reader.decisions(limit=1), reader.events(limit=1)
    left = [(row.sequence, row.decided_utc) for row in decided] + [(row.sequence, row.happened_utc) for row in happened]
    sequence, at = min(left, default=(0, ""))
    return utc(moment(at)) if sequence > 1 else None


def _signed(
    connection: sqlite3.Connection, span: Span, origins: dict[int, Origin], asked: Asked
) -> tuple[DecisionFile | None, str]:
    """Return the decision file in force, that of the last part where nobody names one, or None and why."""
    if asked.decision is not None:
        return inforce.given(asked.decision, list(origins.values())), ""
    row = connection.execute("SELECT origin_id FROM decision WHERE sequence = ?", (span.last,)).fetchone()
    if row is None:
        return None, "no part was decided"
    last = origins[row[0]]
    if last.decision_file_sha256 is None:
        return None, "the line did not say by which decision file it decided"
    signed = inforce.found(last, files=asked.files, bundles=asked.bundles)
    missing = f"the decision file with sha256 {last.decision_file_sha256[:12]} is not here; give it with --decision"
    return signed, "" if signed else missing


def _expected(
    found: Tally, signed: DecisionFile | None, expect: str | float, why_not: str
) -> tuple[float | None, str, bool]:
    """Return the share of rejects that is expected, in words where it comes from, and whether it is a bound only."""
    if isinstance(expect, float):
        return expect, "as given", False
    if expect == OWN:
        answered = int(found.answered.sum())
        return (int(found.rejects.sum()) / answered if answered else None), "the mean of these parts", False
    claim = signed.claims.get("overkill") if signed else None
    if claim is None:
        raise UsageError(f"--expect {DECISION}: {why_not or 'the decision file promises no overkill'}")
    share = float(claim["asked"] if claim.get("supported") else claim["at_most"])
    return share, "what the decision file promises: of good parts no more are rejected", True


def _verdicts(found: Tally) -> dict[str, dict[str, Any]]:
    counts = dict(zip(VERDICTS, found.verdicts.tolist(), strict=True))
    return {
        verdict: {
            "parts": number,
            "share": number / found.count if found.count else None,
            "ci95": list(wilson(number, found.count)),
        }
        for verdict, number in counts.items()
    }


def _latency(found: Tally) -> dict[str, Any] | None:
    number = int(found.latencies.sum())
    if not number:
        return None
    percentiles = {name: found.percentile_ms(share) for name, share in _PERCENTILES}
    return {"n": number, **percentiles, "latency_max_ms": found.longest_ms}


def _in_force(found: Tally, origins: dict[int, Origin]) -> list[dict[str, Any]]:
    return [
        {
            **{name: value for name, value in asdict(origins[number]).items() if name != "id"},
            "parts": parts,
            "first_utc": utc(from_microseconds(begin)),
            "last_utc": utc(from_microseconds(end)),
        }
        for number, (parts, begin, end) in sorted(found.origins.items(), key=lambda row: row[1][1])
    ]


def _about(signed: DecisionFile) -> dict[str, Any]:
    return {
        "sha256": signed.sha256,
        "good": signed.good,
        "thresholds": asdict(signed.thresholds),
        "promised": list(signed.promised),
        "signed_by": signed.signed_by,
        "signed_utc": signed.signed_utc,
    }
