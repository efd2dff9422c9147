"""
From events to what they mean together: how long the camera was gone, when the disk was full, what happened besides.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from hemline.line.faults import STATES
from hemline.line.period import Period, microseconds, moment
from hemline.line.records import Event

READ = 5000  # events that a report looks at, the first of them; heartbeats are counted only
HEARTBEAT = "heartbeat"
# what: (the event with which it begins, the one with which it is over)
PAIRS = {
    **STATES,
    "publisher": ("broker_lost", "broker_back"),
    "room": ("room_short", "room_back"),
    "disk": ("disk_full", "disk_back"),
    "store": ("store_failed", "store_back"),
}
_BEGINS = {begin: what for what, (begin, _) in PAIRS.items()}
_ENDS = {end: what for what, (_, end) in PAIRS.items()}
# where a line starts or ends nothing of what was before is known to go on
_EDGES = ("started", "stopped")


@dataclass(frozen=True)
class Episode:
    """Something that was wrong for a while. what: of PAIRS. begin, end: microseconds since 1970, inside the period.

    which: the publisher it was, "" for anything else. since_before, goes_on: it began before the period, was not over
    at its end.
    """

    what: str
    which: str
    begin_us: int
    end_us: int
    detail: str
    since_before: bool = False
    goes_on: bool = False

    @property
    def seconds(self) -> float:
        """How long, inside the period."""
        return (self.end_us - self.begin_us) / 1e6


def counts(connection: sqlite3.Connection, period: Period) -> dict[str, int]:
    """Return {kind: how many events of a period}."""
    rows = connection.execute(
        "SELECT kind, count(*) FROM event WHERE happened_us >= ? AND happened_us < ? GROUP BY kind",
        (period.since_us, period.until_us),
    )
    return dict(rows.fetchall())


def listed(connection: sqlite3.Connection, period: Period) -> list[Event]:
    """Return the events of a period besides heartbeats, the first READ of them, in order."""
    rows = connection.execute(
        "SELECT sequence, happened_utc, kind, detail FROM event WHERE happened_us >= ? AND happened_us < ? "
        "AND kind <> ? ORDER BY sequence LIMIT ?",
        (period.since_us, period.until_us, HEARTBEAT, READ),
    )
    return [Event(*row) for row in rows]


def episodes(events: Sequence[Event], period: Period) -> list[Episode]:
    """Return what was wrong and for how long, in the order in which it began."""
    found: list[Episode] = []
    begun: dict[tuple[str, str], tuple[int, str]] = {}
    seen: set[tuple[str, str]] = set()
    edge = False  # the line has started or ended in the period: what began before it is not known
    for event in events:
        at = microseconds(moment(event.happened_utc))
        if event.kind in _EDGES:
            edge = True
            found += [Episode(*key, begin, max(begin, at), detail) for key, (begin, detail) in begun.items()]
            begun.clear()
            continue
        what = _BEGINS.get(event.kind) or _ENDS.get(event.kind)
        if what is None:
            continue
        key = what, event.detail.partition(":")[0] if what == "publisher" else ""
        if event.kind in _BEGINS:
            begun.setdefault(key, (at, event.detail))
        elif key in begun:
            begin, detail = begun.pop(key)
            found.append(Episode(*key, begin, max(begin, at), detail))  # the clock may have been set
        elif key not in seen and not edge:
            found.append(Episode(*key, period.since_us, at, event.detail, since_before=True))
        seen.add(key)
    found += [Episode(*key, begin, period.until_us, detail, goes_on=True) for key, (begin, detail) in begun.items()]
    return sorted(found, key=lambda episode: episode.begin_us)
