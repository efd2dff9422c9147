"""
The time that a report or an audit is about: from one moment to another, the second not included.

People give local times and read local times; what is stored and computed is UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone

from hemline.errors import UsageError

HOURS = 8  # of a shift, where nobody says
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SHIFT = re.compile(r"(\d\d?:\d\d)\s*(?:-|–|to)\s*(\d\d?:\d\d)")
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Period:
    """From a moment to another, both with a time zone; 0 or more seconds long."""

    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        if self.until <= self.since:
            raise UsageError(f"until {self.until:%Y-%m-%d %H:%M:%S} is not after since {self.since:%Y-%m-%d %H:%M:%S}")

    @property
    def since_us(self) -> int:
        """The first microsecond since 1970 that is in it."""
        return microseconds(self.since)

    @property
    def until_us(self) -> int:
        """The first microsecond since 1970 that is not in it any more."""
        return microseconds(self.until)


def of(
    *, since: str | None = None, until: str | None = None, shift: str | None = None, day: str | None = None,
    now: datetime | None = None,
) -> Period:  # fmt: skip
    """Return the period that was asked for, in local time where no offset is given; the last HOURS where nothing is.

    since, until: times as moment() reads them. shift: "06:00-14:00", over midnight where it ends earlier than it
    begins; day: the date on which it begins, today where none is given, the day before where it has not begun today.
    day alone: that whole day.
    """
    now = (now or datetime.now(timezone.utc)).astimezone()
    if shift is not None and (since is not None or until is not None):
        raise UsageError("--shift says when it begins and ends: leave out --since and --until")
    if day is not None and shift is None and (since is not None or until is not None):
        raise UsageError("--date goes with --shift, or alone for the whole day; --since and --until have dates")
    if shift is not None:
        return _of_shift(shift, day, now)
    if day is not None:
        begin = _date(day)
        return Period(_local(begin, time()), _local(begin + timedelta(days=1), time()))
    end = now if until is None else moment(until, now=now)
    return Period(end - timedelta(hours=HOURS) if since is None else moment(since, now=now), end)


def moment(text: str, *, now: datetime | None = None) -> datetime:
    """Return a moment: "2026-11-27T06:00", "2026-11-27 06:00+01:00", a date, or "06:00" for that time today."""
    given = text.strip()
    today = (now or datetime.now(timezone.utc)).astimezone().date()
    try:
        if re.fullmatch(r"\d\d?:\d\d(:\d\d)?", given):
            return _local(today, time.fromisoformat(given.zfill(5) if given.count(":") == 1 else given.zfill(8)))
        found = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", given))
    except ValueError:
        raise UsageError(
            f"time {text!r}; such as 2026-11-27T06:00, which is local, 2026-11-27T06:00+01:00, or 06:00 of today"
        ) from None
    return found.astimezone()


def microseconds(at: datetime) -> int:
    """Return microseconds since 1970 of a moment with a time zone."""
    return (at - EPOCH) // _MICROSECOND


def from_microseconds(us: int) -> datetime:
    """Return the moment, UTC. Law: microseconds(from_microseconds(us)) == us."""
    return EPOCH + timedelta(microseconds=us)


def utc(at: datetime) -> str:
    """Return a moment as it stands in what is written: UTC, to the second."""
    return f"{at.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def _of_shift(text: str, day: str | None, now: datetime) -> Period:
    found = _SHIFT.fullmatch(text.strip())
    try:
        begin, end = (time.fromisoformat(part.zfill(5)) for part in found.groups()) if found else (None, None)
    except ValueError:  # 25:00
        begin = end = None
    if begin is None or end is None:
        raise UsageError(f"--shift {text!r}; such as 06:00-14:00, in local time")
    first = now.date() if day is None else _date(day)
    if day is None and _local(first, begin) > now:
        first -= timedelta(days=1)
    last = first if end > begin else first + timedelta(days=1)
    return Period(_local(first, begin), _local(last, end))


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"--date {text!r}; such as 2026-11-27") from None


def _local(day: date, at: time) -> datetime:
    return datetime.combine(day, at).astimezone()
