"""
Options that actions share: each key of a line's configuration as an option, and which line is meant.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from hemline.line.keys import LINE, Key, destination, option

if TYPE_CHECKING:
    from datetime import datetime

    from hemline.line.config import LineConfig
    from hemline.line.period import Period

DECISION = "key_decision"  # where the option of that key is kept
_TYPES: dict[str, type] = {"whole": int, "number": float}


def add(parser: argparse._ActionsContainer, key: Key, section: str = "") -> None:
    """Declare the option of a key; what nobody gives is None."""
    default = "" if key.default is None or "default:" in key.line else f" (default: {_shown(key.default)})"
    told: dict[str, Any] = {"dest": destination(key, section), "default": None, "help": f"{key.line}{default}"}
    if key.kind == "flag":
        parser.add_argument(option(key, section), action=argparse.BooleanOptionalAction, **told)
        return
    if key.choices:
        told["choices"] = key.choices
    else:
        told["metavar"] = key.metavar or ("PATH" if key.kind == "path" else key.name.rpartition("_")[2].upper())
    parser.add_argument(option(key, section), type=_TYPES.get(key.kind, str), **told)


def add_line(parser: argparse._ActionsContainer, *names: str) -> None:
    """Declare --config, and the keys of [line] with these names."""
    parser.add_argument("--config", metavar="F.toml", help="configuration of the line; an option counts in its place")
    for key in LINE:
        if key.name in names:
            add(parser, key)


def line_of(options: argparse.Namespace) -> LineConfig:
    """Return the configuration of the line that is meant. What it would look at is not asked for: nothing is run."""
    from hemline.line.config import load

    given = {key.name: getattr(options, destination(key), None) for key in LINE}
    line = {name: value for name, value in given.items() if value is not None}
    return load(options.config, line={**line, "source": "-"})


def add_period(parser: argparse.ArgumentParser) -> None:
    """Declare which time is meant."""
    group = parser.add_argument_group("time; the last 8 hours where nothing is said, local where no offset is given")
    group.add_argument("--since", metavar="TIME", help="such as 2026-11-27T06:00, or 06:00 of today")
    group.add_argument("--until", metavar="TIME", help="the end, which is not in it (default: now)")
    group.add_argument("--shift", metavar="FROM-TO", help="such as 06:00-14:00, or 22:00-06:00 over midnight")
    group.add_argument("--date", metavar="DATE", help="the day on which the shift begins; alone, that whole day")


def period_of(options: argparse.Namespace, now: datetime | None = None) -> Period:
    """Return the time that is meant."""
    from hemline.line import period

    return period.of(since=options.since, until=options.until, shift=options.shift, day=options.date, now=now)


def _shown(default: object) -> str:
    return f"{default:g}" if isinstance(default, float) else "yes" if default is True else str(default)
