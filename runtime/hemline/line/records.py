"""
What a line's folder gives back, as facts: decisions, events, messages. Times are UTC in ISO 8601 with a Z.
"""

from __future__ import annotations

from dataclasses import dataclass

from hemline.line.decision import Decision


@dataclass(frozen=True)
class Stored:
    """That a decision is on the disk. kept: why its picture is there too; None when it is not."""

    sequence: int
    decided_utc: str
    kept: str | None


@dataclass(frozen=True, eq=False)
class StoredDecision:
    """A decision as it was stored. kept: by which rule its picture was kept; it may have been given up since."""

    sequence: int
    decided_utc: str
    decision: Decision
    kept: str | None


@dataclass(frozen=True)
class Event:
    """Something that happened. kind: one of events.KINDS."""

    sequence: int
    happened_utc: str
    kind: str
    detail: str


@dataclass(frozen=True)
class Message:
    """What a publisher delivers. id: the same whenever it is delivered, so that a receiver can drop repeats."""

    id: str
    sequence: int
    topic: str
    payload: bytes


@dataclass(frozen=True)
class Refused:
    """A message that a receiver will never take, and why."""

    message: Message
    reason: str
    refused_utc: str


@dataclass(frozen=True)
class Waiting:
    """What a publisher has still to deliver."""

    messages: int
    oldest_sequence: int
    refused: int
