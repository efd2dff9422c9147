"""
Candidates that a person has not decided on yet, held for a while, each kept at most once.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass

from hemline.wardrobe.page.refusals import GoneError, StaleError
from hemline.wardrobe.records import Garment
from hemline.wardrobe.scanning import Candidate, Scanner

MOST = 16
MOST_BYTES = 64 * 2**20  # of their pictures


@dataclass(eq=False)
class _Held:
    candidate: Candidate
    garment_id: int | None = None  # what it was kept as


class Candidates:
    """The newest candidates, at most MOST of at most MOST_BYTES. Calls may come from several threads."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._lock = threading.Lock()

    def hold(self, candidate: Candidate) -> str:
        """Keep a candidate in mind and return its key, which nobody guesses."""
        key = secrets.token_urlsafe(12)
        with self._lock:
            self._held[key] = _Held(candidate)
            while len(self._held) > 1 and (
                len(self._held) > MOST or sum(len(row.candidate.data) for row in self._held.values()) > MOST_BYTES
            ):
                self._held.popitem(last=False)
        return key

    def get(self, key: str) -> Candidate:
        """Return a candidate; GoneError when it was skipped or is too old."""
        with self._lock:
            return self._find(key).candidate

    def keep(self, key: str, *, label: str | None, duplicate_of: int | None) -> Garment:
        """Enter a candidate; StaleError when it was entered before. One that cannot be saved is still held."""
        with self._lock:  # of two who press at once, one is told
            held = self._find(key)
            if held.garment_id is not None:
                raise StaleError(f"this one is kept already, as #{held.garment_id}")
            garment = self._scanner.keep(held.candidate, label=label, duplicate_of=duplicate_of)
            held.garment_id = garment.id
            return garment

    def skip(self, key: str) -> None:
        """Forget a candidate; one that is gone is no error."""
        with self._lock:
            self._held.pop(key, None)

    def _find(self, key: str) -> _Held:
        held = self._held.get(key)
        if held is None:
            raise GoneError("this candidate is not there any more; scan it again")
        return held
