"""
What a catalogue holds, as facts: garments, their pictures, what was predicted, what a person said.

Two kinds: New... is what is about to be entered, the others are what a catalogue gives back. None of them can be
changed; a change is asked of the catalogue. Times are UTC in ISO 8601 with a Z, days are YYYY-MM-DD.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.prediction import Result

STATUSES = ("kept", "review", "removed")
QUALITIES = ("good", "uncertain", "bad")
PATTERNS = ("plain", "striped", "checked", "patterned")
UNKNOWN = "unknown"  # how a garment without a label is written for a person; in JSON the label is null


@dataclass(frozen=True)
class Colour:
    """One colour of a garment. share: of its pixels, 0..1. lab: CIE L* 0..100, a* and b*."""

    name: str
    share: float
    lab: tuple[float, float, float]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"name": self.name, "share": round(self.share, 4), "lab": [round(value, 2) for value in self.lab]}


@dataclass(frozen=True)
class Prediction:
    """What an artifact said about one picture; label None is unknown. top: most likely first."""

    label: str | None
    confidence: float
    quality: str
    reason: str | None = None
    top: tuple[tuple[str, float], ...] = ()
    artifact: str = ""
    bundle: str = ""
    class_lock: str = ""
    predicted_utc: str = ""

    @classmethod
    def of(cls, result: Result, class_lock: str) -> Prediction:
        """Return a Result of the classifier as what a catalogue keeps of it."""
        return cls(
            result.label,
            result.confidence,
            result.quality,
            result.reason,
            result.top,
            result.artifact,
            result.bundle,
            class_lock,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        top = [{"label": label, "probability": round(share, 6)} for label, share in self.top]
        return {**vars(self), "confidence": round(self.confidence, 6), "top": top}


@dataclass(frozen=True, eq=False)
class NewPicture:
    """A picture to be entered.

    data: the bytes of a picture file, kept as they are.
    model, embedding: (D,) float32 and what made it, such as "wardrobe@1.0.0 litert:int8"; embeddings are compared
        within one model, never across.
    features, features_version: what the duplicate finder wants to find again, opaque here.
    thumbnail: a JPEG to show instead of the whole picture made small, such as the garment cut out.
    """

    data: bytes
    source: str = ""
    model: str | None = None
    embedding: NDArray[np.float32] | None = None
    features: bytes | None = None
    features_version: int = 0
    thumbnail: bytes | None = None


@dataclass(frozen=True, eq=False)
class NewGarment:
    """A garment to be entered.

    label: what a person says it is; None takes the prediction's. One that differs is a correction, and is kept as one.
    status: None keeps a good prediction and sends any other to review; a person who said yes gives "kept".
    """

    prediction: Prediction
    pictures: tuple[NewPicture, ...]
    label: str | None = None
    status: str | None = None
    colours: tuple[Colour, ...] = ()
    pattern: str | None = None
    caption: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A picture of a garment. sha256 names its file, format is JPEG, PNG, WebP or BMP, size in pixels."""

    id: int
    garment_id: int
    sha256: str
    format: str
    width: int
    height: int
    bytes: int
    source: str
    added_utc: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return dict(vars(self))


@dataclass(frozen=True)
class Garment:
    """A garment as it stands.

    confidence, quality, bundle, artifact, class_lock: of the prediction that it was entered with.
    worn: on how many days. merged_into: the garment that it turned out to be.
    """

    id: int
    label: str | None
    status: str
    quality: str
    confidence: float
    reason: str | None
    bundle: str
    artifact: str
    class_lock: str
    pattern: str | None
    caption: str
    notes: str
    tags: tuple[str, ...]
    merged_into: int | None
    created_utc: str
    updated_utc: str
    colours: tuple[Colour, ...] = ()
    pictures: tuple[Picture, ...] = ()
    worn: int = 0
    last_worn: str | None = None

    @property
    def name(self) -> str:
        """How a person calls it: "#12 navy longsleeve, striped"."""
        return f"#{self.id} {self.caption or self.label or UNKNOWN}"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values in a fixed order."""
        return {
            **vars(self),
            "confidence": round(self.confidence, 6),
            "tags": list(self.tags),
            "colours": [colour.as_dict() for colour in self.colours],
            "pictures": [picture.as_dict() for picture in self.pictures],
        }


@dataclass(frozen=True)
class Correction:
    """What a person said about a label. before == after: it was right."""

    garment_id: int
    before: str | None
    after: str
    corrected_utc: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return dict(vars(self))


@dataclass(frozen=True)
class Query:
    """Which garments. statuses: any of these. label, colour, pattern: exactly this, None is any.

    words: each has to begin a word of the label, caption, colours, pattern, notes or tags; case does not matter.
    """

    words: str = ""
    label: str | None = None
    colour: str | None = None
    pattern: str | None = None
    statuses: tuple[str, ...] = ("kept", "review")


@dataclass(frozen=True)
class Page:
    """Some of the garments that a query finds, and how many it finds in all."""

    garments: tuple[Garment, ...]
    total: int


@dataclass(frozen=True)
class Step:
    """One change of the catalogue, to be undone as a whole."""

    id: int
    what: str
    done_utc: str
    undone: bool

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return dict(vars(self))


@dataclass(frozen=True)
class Statistics:
    """Counts over a catalogue. statuses, labels, colours: name -> garments; labels and colours without the removed."""

    statuses: Mapping[str, int]
    labels: Mapping[str, int]
    colours: Mapping[str, int]
    pictures: int
    pictures_bytes: int
    corrections: int
    wears: int
    never_worn: int
    most_worn: tuple[tuple[int, int], ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        most = [{"id": garment_id, "worn": worn} for garment_id, worn in self.most_worn]
        return {**vars(self), "most_worn": most}
