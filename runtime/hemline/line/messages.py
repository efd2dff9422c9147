"""
What is told about decisions and events: topics, and JSON of schema 1.

    hemline/LINE/decision      {"schema": 1, "id": ..., "line": ..., "sequence": ..., "decided_utc": ..., "part": ...,
                                "verdict": ..., ...}
    hemline/LINE/event         {"schema": 1, "id": ..., "line": ..., "sequence": ..., "happened_utc": ..., "event": ...,
                                "detail": ...}
    hemline/LINE/availability  online or offline (publishers/mqtt.py)

A message is written once, with what it tells of, and is the same each time it is delivered.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from hemline.errors import UsageError
from hemline.line.decision import Decision

SCHEMA = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# of a decision, in the order in which they are told; what is not among them is for the store alone
_TOLD = (
    *("part", "verdict", "reason", "label", "confidence", "quality", "score", "frames", "safe"),
    *("bundle", "artifact", "artifact_sha256", "decision_file_sha256", "latency_ms", "budget_missed"),
)


@dataclass(frozen=True)
class Sender:
    """Who tells. line: its name. store: eight random hex digits of the database; an id is this and the sequence."""

    line: str
    store: str

    def id(self, sequence: int) -> str:
        """Return the id of the message about a decision or an event."""
        return f"{self.store}-{sequence}"

    def decision(self, decision: Decision, sequence: int, decided_utc: str, kept: str | None) -> bytes:
        """Return the message about a decision."""
        return self._message(sequence, {"decided_utc": decided_utc, **told(decision), "picture": kept})

    def event(self, kind: str, detail: str, sequence: int, happened_utc: str) -> bytes:
        """Return the message about an event."""
        return self._message(sequence, {"happened_utc": happened_utc, "event": kind, "detail": detail})

    def topic(self, what: str) -> str:
        """Return the topic of its decisions, events or availability."""
        return topic(self.line, what)

    def _message(self, sequence: int, values: dict[str, Any]) -> bytes:
        head = {"schema": SCHEMA, "id": self.id(sequence), "line": self.line, "sequence": sequence}
        return json.dumps({**head, **values}, separators=(",", ":"), allow_nan=False).encode()


def told(decision: Decision) -> dict[str, Any]:
    """Return what is told of a decision, whoever tells it, as plain values."""
    values = {name: getattr(decision, name) for name in _TOLD}
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in values.items()}


def topic(line: str, what: str) -> str:
    """Return the topic of a line's "decision", "event" or "availability" messages."""
    return f"hemline/{line}/{what}"


def require_name(line: str) -> str:
    """Return the name of a line; UsageError where it cannot stand in a topic."""
    if not _NAME.fullmatch(line):
        raise UsageError(f"line {line!r}: letters, digits, . _ and -, at most 64 (it stands in the topics of messages)")
    return line
