"""
How a garment and its pictures get into a catalogue. Functions over an open Change; the picture files are on the disk
already.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from hemline.errors import UsageError, unknown
from hemline.wardrobe import changes, search
from hemline.wardrobe.pictures import Stored
from hemline.wardrobe.records import PATTERNS, UNKNOWN, Garment, NewGarment, NewPicture, Prediction
from hemline.wardrobe.undo import Change


def enter(change: Change, new: NewGarment, stored: Sequence[Stored]) -> int:
    """Enter a garment whose picture files are on the disk, and return its id."""
    said = new.prediction
    label = changes.checked_label(new.label) if new.label is not None else said.label
    status = new.status or ("kept" if label is not None and (said.quality == "good" or new.label) else "review")
    if new.pattern is not None and new.pattern not in PATTERNS:
        raise UsageError(unknown("pattern", new.pattern, PATTERNS))
    texts = [label or UNKNOWN, new.caption, new.pattern or "", new.notes, *new.tags, *(row.name for row in new.colours)]
    garment_id = change.insert(
        "garment",
        label=label,
        status=status,
        quality=said.quality,
        confidence=said.confidence,
        reason=said.reason,
        bundle=said.bundle,
        artifact=said.artifact,
        class_lock=said.class_lock,
        pattern=new.pattern,
        caption=new.caption,
        notes=new.notes,
        tags=json.dumps(list(new.tags)),
        words=search.searchable(texts),
        created_utc=change.now,
        updated_utc=change.now,
    )
    for row in new.colours:
        lightness, a, b = row.lab
        change.insert("colour", garment_id, name=row.name, share=row.share, l=lightness, a=a, b=b)
    first: int | None = None
    for picture, file in zip(new.pictures, stored, strict=True):
        picture_id = _add_picture(change, garment_id, picture, file)
        first = picture_id if first is None else first
    _add_prediction(change, garment_id, first, said)
    if label is not None and new.label is not None:
        change.insert("correction", garment_id, before=said.label, after=label, corrected_utc=change.now)
    change.what = f"add #{garment_id} {new.caption or label or UNKNOWN}"
    return garment_id


def view(change: Change, garment: Garment, new: NewPicture, file: Stored, prediction: Prediction | None) -> int:
    """Give a garment another picture, and return the picture's id."""
    changes.require_there(garment)
    picture_id = _add_picture(change, garment.id, new, file)
    if prediction is not None:
        _add_prediction(change, garment.id, picture_id, prediction)
    changes.set_columns(change, garment)
    change.what = f"add a picture to {garment.name}"
    return picture_id


def _add_picture(change: Change, garment_id: int, new: NewPicture, file: Stored) -> int:
    picture_id = change.insert(
        "picture",
        garment_id,
        sha256=file.sha256,
        format=file.format,
        width=file.width,
        height=file.height,
        bytes=file.bytes,
        source=new.source,
        added_utc=change.now,
    )
    if new.embedding is not None:
        if not new.model:
            raise ValueError("an embedding without its model: it could be compared with anything")
        vector = np.ascontiguousarray(new.embedding, "<f4")
        row = change.connection.execute(
            "SELECT length(vector) FROM embedding WHERE model = ? LIMIT 1", (new.model,)
        ).fetchone()
        if vector.ndim != 1 or not np.isfinite(vector).all() or (row is not None and row[0] != vector.nbytes):
            raise ValueError(f"an embedding {vector.shape} of {new.model}: not finite, or of another width than before")
        change.insert("embedding", garment_id, picture_id=picture_id, model=new.model, vector=vector.tobytes())
    if new.features is not None:
        change.insert("features", garment_id, picture_id=picture_id, version=new.features_version, data=new.features)
    return picture_id


def _add_prediction(change: Change, garment_id: int, picture_id: int | None, said: Prediction) -> None:
    change.insert(
        "prediction",
        garment_id,
        picture_id=picture_id,
        label=said.label,
        confidence=said.confidence,
        quality=said.quality,
        reason=said.reason,
        top=json.dumps([[label, share] for label, share in said.top]),
        artifact=said.artifact,
        bundle=said.bundle,
        class_lock=said.class_lock,
        predicted_utc=said.predicted_utc or change.now,
    )
