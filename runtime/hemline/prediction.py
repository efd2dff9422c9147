"""
The answer about one picture, as the rest of the world sees it: one line of JSON, one row of a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SCHEMA = 1


@dataclass(frozen=True)
class Result:
    """What hemline says about one picture.

    label: None when the answer is unknown (quality is then "uncertain") or there was no picture to answer about.
    confidence: probability of the label, 0..1; 0 without one.
    quality: "good" (use it), "uncertain" (look at it) or "bad" (throw it away); reason says why not good.
    top: (label, probability) from most to least likely.
    """

    source: str
    label: str | None
    confidence: float
    quality: str
    reason: str | None
    top: tuple[tuple[str, float], ...]
    artifact: str
    bundle: str
    decode_ms: float = 0.0
    preprocess_ms: float = 0.0
    infer_ms: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain values in the order of the published schema."""
        return {
            "schema": SCHEMA,
            "source": self.source,
            "label": self.label,
            "confidence": round(self.confidence, 6),
            "quality": self.quality,
            "reason": self.reason,
            "top": [{"label": label, "probability": round(share, 6)} for label, share in self.top],
            "artifact": self.artifact,
            "bundle": self.bundle,
            "decode_ms": round(self.decode_ms, 4),
            "preprocess_ms": round(self.preprocess_ms, 4),
            "infer_ms": round(self.infer_ms, 4),
        }
