"""
What was posted to the http trigger: the id of a part, and a post that waits for its decision.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from hemline.errors import UsageError
from hemline.line.decision import PART_LENGTH, Decision
from hemline.line.messages import told


class Waiting:
    """One post that waits for its decision; set once, from the line's thread."""

    def __init__(self, part: str) -> None:
        self.part = part
        self.at = time.monotonic()
        self._done = threading.Event()
        self._answer: tuple[int, dict[str, Any]] = (503, {"error": "the line has ended; this part has no decision"})

    def tell(self, decision: Decision, sequence: int | None) -> None:
        """Give it the decision."""
        facts = {"schema": 1, "sequence": sequence, **told(decision)}
        # what could not be stored is a decision too, the safe one, and not acknowledged
        self._answer = (200, facts) if sequence is not None else (507, {**facts, "error": "not stored: no room"})
        self._done.set()

    def end(self) -> None:
        """Say that there will be none."""
        self._done.set()

    def answer(self, timeout_s: float) -> tuple[int, dict[str, Any]]:
        """Return status and body, waiting for them."""
        if self._done.wait(timeout_s):
            return self._answer
        return 504, {"error": f"no decision within {timeout_s:g} s; this part has none"}


def id_of(body: bytes) -> str:
    """Return the id in a body, "" where there is none; UsageError for anything else."""
    if not body.strip():
        return ""
    try:
        table = json.loads(body)
    except ValueError:
        table = None
    if not isinstance(table, dict) or set(table) - {"id"}:
        raise UsageError('the body is empty or {"id": "..."}')
    part = table.get("id", "")
    if not isinstance(part, str) or len(part) > PART_LENGTH or not part.isprintable():
        raise UsageError(f"id is a text of at most {PART_LENGTH} printable characters")
    return part.strip()
