"""
Who is told of decisions and events. A publisher is one file beside this one and one line in PUBLISHERS.

A publisher delivers what it is given, in that order, and says what was delivered: what it does not name is given to it
again. So it may deliver a message twice, never none, and never one before another that came earlier.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hemline.errors import DataError, MissingError, UsageError, unknown
from hemline.line.records import Message

# name: module with connect(line, settings) -> Publisher
PUBLISHERS = {
    "mqtt": "hemline.line.publishers.mqtt",
    "webhook": "hemline.line.publishers.webhook",
    "csv": "hemline.line.publishers.csv",
    "gpio": "hemline.line.publishers.gpio",
}


# package that a publisher needs: the extra that brings it
EXTRAS = {"paho": "mqtt", "gpiozero": "line"}


class PublishError(DataError):
    """What was to be delivered was not, or not all of it.

    delivered: ids, in order, of the messages that were. refused: how many of those after them will never be taken.
    settings: somebody has to change something before it goes on: a password, a certificate, an address.
    """

    def __init__(self, reason: str, *, delivered: Sequence[str] = (), refused: int = 0, settings: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.delivered = tuple(delivered)
        self.refused = refused
        self.settings = settings

    @property
    def permanent(self) -> bool:
        """Whether trying again is of no use."""
        return self.refused > 0


class Publisher(Protocol):
    """An open publisher, used by one thread."""

    def publish(self, messages: Sequence[Message]) -> list[str]:
        """Deliver messages and return their ids; PublishError when that fails.

        Without messages it only makes sure that some could be delivered: it connects, it opens.
        """

    def close(self) -> None:
        """Let go of everything. A second time does nothing."""


def connect(name: str, line: str, settings: Mapping[str, Any]) -> Publisher:
    """Return a publisher that has not connected yet; the module of no other one is imported.

    line: whose decisions. settings: as its table in the configuration says (hemline.line.keys.PUBLISH).
    """
    if name not in PUBLISHERS:
        raise UsageError(unknown("publisher", name, PUBLISHERS))
    try:
        publisher: Publisher = importlib.import_module(PUBLISHERS[name]).connect(line, settings)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        raise MissingError(f"publisher {name!r} needs: pip install 'hemline[{EXTRAS[package]}]'") from error
    return publisher
