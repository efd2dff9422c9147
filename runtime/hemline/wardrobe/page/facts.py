"""
What a page is told about garments and candidates, as plain values.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hemline.wardrobe.nearest import Neighbour
from hemline.wardrobe.reader import CatalogueReader
from hemline.wardrobe.records import Garment, Picture
from hemline.wardrobe.scanning import Candidate

TOP = 5  # classes of an answer that are shown


def version(garment: Garment) -> str:
    """Return a word that is another one after any change of a garment."""
    return hashlib.sha256(json.dumps(garment.as_dict(), sort_keys=True).encode()).hexdigest()[:16]


def card(garment: Garment) -> dict[str, Any]:
    """Return what a grid shows of a garment."""
    first = garment.pictures[0] if garment.pictures else None
    return {
        "id": garment.id,
        "version": version(garment),
        "label": garment.label,
        "caption": garment.caption,
        "status": garment.status,
        "quality": garment.quality,
        "confidence": round(garment.confidence, 4),
        "reason": garment.reason,
        "pattern": garment.pattern,
        "colours": [colour.as_dict() for colour in garment.colours],
        "tags": list(garment.tags),
        "worn": garment.worn,
        "last_worn": garment.last_worn,
        "thumbnail": None if first is None else thumbnail_of(first),
    }


def whole(catalogue: CatalogueReader, garment: Garment) -> dict[str, Any]:
    """Return all that is known of a garment."""
    return {
        **card(garment),
        "notes": garment.notes,
        "merged_into": garment.merged_into,
        "created_utc": garment.created_utc,
        "updated_utc": garment.updated_utc,
        "pictures": [
            {**picture.as_dict(), "thumbnail": thumbnail_of(picture), "file": file_of(picture)}
            for picture in garment.pictures
        ],
        "predictions": [prediction.as_dict() for prediction in catalogue.predictions(garment.id)],
        "corrections": [correction.as_dict() for correction in catalogue.corrections(garment.id)],
        "wears": catalogue.wears(garment.id),
    }


def neighbours(catalogue: CatalogueReader, found: Sequence[Neighbour]) -> list[dict[str, Any]]:
    """Return the cards of garments that are alike, with how much."""
    there = {garment.id: garment for garment in catalogue.garments([row.garment_id for row in found])}
    return [
        {"score": round(row.score, 4), "garment": card(there[row.garment_id])}
        for row in found
        if row.garment_id in there
    ]


def candidate(
    key: str,
    seen: Candidate,
    catalogue: CatalogueReader,
    *,
    labels: Sequence[str],
    similar: Sequence[Neighbour],
) -> dict[str, Any]:
    """Return what a person decides on; captions: what the garment would be called under each class."""
    there = {row.id: row for row in catalogue.garments([garment_id for garment_id, _ in seen.duplicates])}
    return {
        "id": key,
        "source": seen.source,
        "there": seen.there,
        "result": replace(seen.result, top=seen.result.top[:TOP]).as_dict(),
        "caption": seen.caption,
        "captions": {label: seen.look.caption(label) for label in labels},
        "colours": [colour.as_dict() for colour in seen.look.colours],
        "pattern": seen.look.pattern.name,
        "thumbnail": f"/api/candidates/{key}/thumbnail",
        "duplicates": [
            {"score": round(match.score, 4), "why": match.why, "garment": card(there[garment_id])}
            for garment_id, match in seen.duplicates
            if garment_id in there
        ],
        "similar": neighbours(catalogue, similar),
    }


def thumbnail_of(picture: Picture) -> str:
    """Return the address of a picture made small; another picture has another address, so a browser may keep it."""
    return f"/api/pictures/{picture.id}/thumbnail?v={picture.sha256[:12]}"


def file_of(picture: Picture) -> str:
    """Return the address of a picture as it came."""
    return f"/api/pictures/{picture.id}/file?v={picture.sha256[:12]}"
