"""
What a live source has given, and what went wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Statistics:
    """Counts since a live source was opened.

    frames: given to the caller. skipped: complete, but a newer one came before anybody asked.
    refused: not whole, so never given. repeated: the same as the one before, bit for bit, so never given.
    faults: how often each kind of faults.FAULTS ended a capture process. reopenings: how often it was started again.
    age_ms: since the last given frame was captured; None before the first.
    """

    frames: int
    skipped: int
    refused: int
    repeated: int
    reopenings: int
    faults: Mapping[str, int]
    age_ms: float | None
