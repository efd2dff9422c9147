"""
Local time on a page: what is stored is UTC, what a person reads is the wall clock where the page was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from hemline.report.charts import Scale

# hours between two ticks, from 1 minute to 4 weeks
_APART = (*(minutes / 60 for minutes in (1, 2, 5, 10, 15, 30)), 1, 2, 3, 4, 6, 12, 24, 48, 96, 168, 336, 672)
_DAYS = 48  # hours; what is longer is marked by dates


def local(utc: str) -> datetime:
    """Return a time as it is stored, such as 2026-11-27T06:00:00Z, as local time."""
    return datetime.fromisoformat(utc.replace("Z", "+00:00")).astimezone()


def offset(at: datetime) -> str:
    """Return the offset of local time: UTC+01:00."""
    minutes = round((at.utcoffset() or timedelta()).total_seconds() / 60)
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def between(since: datetime, until: datetime) -> str:
    """Return a period in words: 2026-11-27 06:00 to 14:00 (UTC+01:00)."""
    last = f"{until:%H:%M}" if since.date() == until.date() else f"{until:%Y-%m-%d %H:%M}"
    zones = dict.fromkeys((offset(since), offset(until)))  # two where the clocks were changed in between
    return f"{since:%Y-%m-%d %H:%M} to {last} ({' to '.join(zones)})"


@dataclass(frozen=True)
class Clock(Scale):
    """A scale of hours since `midnight`, with ticks where a clock has round times."""

    midnight: datetime | None = None

    @classmethod
    def spanning(cls, since: datetime, until: datetime) -> Clock:
        """Return the scale of a period."""
        midnight = since.replace(hour=0, minute=0, second=0, microsecond=0)
        low, high = (_hours(midnight, at) for at in (since, until))
        return cls(low, high, midnight=midnight)

    def hour(self, at: datetime) -> float:
        """Return where a time stands."""
        assert self.midnight is not None
        return _hours(self.midnight, at)

    def ticks(self, most: int = 8) -> list[float]:
        """Return round times inside the scale, at most `most`."""
        for apart in _APART:
            first = -(-self.low // apart)
            count = int(self.high // apart - first) + 1
            if count <= most:
                break
        return [(first + number) * apart for number in range(count)]

    def show(self, hour: float) -> str:
        """Return a tick as a clock shows it, a date on a scale of days."""
        assert self.midnight is not None
        at = (self.midnight + timedelta(hours=hour)).astimezone()
        return f"{at:%m-%d}" if self.high - self.low > _DAYS else f"{at:%H:%M}"


def _hours(midnight: datetime, at: datetime) -> float:
    return (at - midnight).total_seconds() / 3600
