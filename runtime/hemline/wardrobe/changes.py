"""
What can be done to a catalogue, each as one undoable step. Functions over an open Change (undo.py); they read what is
there, write rows and say in words what was done. A garment that is removed is brought back before it is changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from hemline.errors import UsageError
from hemline.wardrobe import reading, search
from hemline.wardrobe.caption import called
from hemline.wardrobe.records import UNKNOWN, Garment
from hemline.wardrobe.undo import Change

MOST_LABEL = 60  # characters


def correct(change: Change, garment: Garment, label: str, caption: str | None) -> None:
    """Give a garment the label that a person says; it is then kept. caption: None changes the label in the old one."""
    require_there(garment)
    label = checked_label(label)
    if caption is None:
        # as caption.py writes a class, or as a person wrote it
        known = "|".join(sorted({re.escape(called(garment.label)), re.escape(garment.label or UNKNOWN)}))
        caption = re.sub(rf"(?<![\w-])(?:{known})(?![\w-])", lambda _: called(label), garment.caption)
    if (label, caption, "kept") == (garment.label, garment.caption, garment.status):
        return
    change.insert("correction", garment.id, before=garment.label, after=label, corrected_utc=change.now)
    set_columns(change, garment, label=label, caption=caption, status="kept")
    change.what = f"correct #{garment.id} from {garment.label or UNKNOWN} to {label}"


def confirm(change: Change, garment: Garment) -> None:
    """Say that a garment's label is right; it is then kept."""
    require_there(garment)
    if garment.label is None:
        raise UsageError(
            f"#{garment.id} is unknown, there is nothing to confirm; say what it is: correct {garment.id} LABEL"
        )
    if garment.status == "kept":
        return
    change.insert("correction", garment.id, before=garment.label, after=garment.label, corrected_utc=change.now)
    set_columns(change, garment, status="kept")
    change.what = f"confirm #{garment.id} {garment.label}"


def skip(change: Change, garment: Garment) -> None:
    """Put a garment to the end of the review queue."""
    require_there(garment)
    if garment.status != "review":
        raise UsageError(f"#{garment.id} is not in review, there is nothing to skip")
    (most,) = change.connection.execute("SELECT max(skipped) FROM garment WHERE status = 'review'").fetchone()
    set_columns(change, garment, skipped=most + 1)
    change.what = f"skip #{garment.id}"


def edit(
    change: Change,
    garment: Garment,
    *,
    caption: str | None = None,
    notes: str | None = None,
    tags: Sequence[str] | None = None,
) -> None:
    """Change what a person wrote about a garment; None leaves a thing as it is."""
    require_there(garment)
    given: dict[str, Any] = {}
    if caption is not None and caption != garment.caption:
        given["caption"] = caption
    if notes is not None and notes != garment.notes:
        given["notes"] = notes
    if tags is not None and tuple(tags) != garment.tags:
        given["tags"] = tuple(tags)
    if given:
        set_columns(change, garment, **given)
        change.what = f"edit {' and '.join(given)} of #{garment.id}"


def remove(change: Change, garment: Garment) -> None:
    """Take a garment out of the wardrobe. Its rows and pictures stay until it is purged."""
    if garment.status != "removed":
        set_columns(change, garment, status="removed")
        change.what = f"remove {garment.name}"


def restore(change: Change, garment: Garment) -> None:
    """Bring a removed garment back."""
    if garment.merged_into is not None:
        raise UsageError(
            f"#{garment.id} was merged into #{garment.merged_into}, its pictures are there; undo the merge"
        )
    if garment.status == "removed":
        set_columns(change, garment, status="kept" if garment.label is not None else "review")
        change.what = f"restore {garment.name}"


def merge(change: Change, kept: Garment, other: Garment) -> None:
    """Say that two are one garment: the pictures, wears and notes of `other` go to `kept`, and it is removed."""
    for garment in (kept, other):
        require_there(garment)
    if kept.id == other.id:
        raise UsageError(f"#{kept.id} cannot be merged into itself; give two garments")
    connection = change.connection
    worn = set(reading.wears(connection, kept.id))
    for kind in ("picture", "prediction", "correction", "wear"):
        rows = connection.execute(f"SELECT * FROM {kind} WHERE garment_id = ?", (other.id,))  # noqa: S608  of the literal
        names = [column[0] for column in rows.description]
        for values in rows.fetchall():
            row = dict(zip(names, values, strict=True))
            if kind == "wear" and row["day"] in worn:
                change.delete(kind, other.id, row["id"])
            else:
                change.update(kind, other.id, row["id"], garment_id=kept.id)
    notes = "\n".join(text for text in (kept.notes, other.notes) if text)
    set_columns(change, kept, notes=notes, tags=tuple(dict.fromkeys((*kept.tags, *other.tags))))
    set_columns(change, other, status="removed", merged_into=kept.id)
    change.what = f"merge #{other.id} into {kept.name}"


def wear(change: Change, garment: Garment, day: str) -> None:
    """Note that a garment was worn on a day; a second time on one day is the same."""
    require_there(garment)
    day = checked_day(day)
    if day not in reading.wears(change.connection, garment.id):
        change.insert("wear", garment.id, day=day)
        change.what = f"wear {garment.name} on {day}"


def unwear(change: Change, garment: Garment, day: str) -> None:
    """Take back that a garment was worn on a day."""
    require_there(garment)
    day = checked_day(day)
    row = change.connection.execute(
        "SELECT id FROM wear WHERE garment_id = ? AND day = ?", (garment.id, day)
    ).fetchone()
    if row is None:
        raise UsageError(f"#{garment.id} is not noted as worn on {day}; it was worn on {garment.worn} days")
    change.delete("wear", garment.id, row[0])
    change.what = f"take back that {garment.name} was worn on {day}"


def checked_label(label: str) -> str:
    """Return a label as it is kept: one short printable line, without spaces around it."""
    label = label.strip()
    # a label is the name of a folder, too, when it teaches
    bad = not label or len(label) > MOST_LABEL or not label.isprintable() or label.startswith(".")
    if bad or label.casefold() == UNKNOWN:
        raise UsageError(f"label {label!r}; give a name of 1 to {MOST_LABEL} printable characters, such as t-shirt")
    return label


def checked_day(day: str) -> str:
    """Return a day as YYYY-MM-DD."""
    try:
        return date.fromisoformat(day).isoformat()
    except ValueError:
        raise UsageError(f"day {day!r}; give it as YYYY-MM-DD, such as 2026-11-26") from None


def require_there(garment: Garment) -> None:
    """Refuse a garment that is removed or part of another."""
    if garment.merged_into is not None:
        raise UsageError(f"#{garment.id} was merged into #{garment.merged_into}; name that one")
    if garment.status == "removed":
        raise UsageError(f"#{garment.id} is removed; bring it back first: remove --restore {garment.id}")


def set_columns(change: Change, garment: Garment, **columns: Any) -> None:
    """Set columns of a garment and what follows from them: its words and when it was changed."""
    after = {
        "label": garment.label,
        "caption": garment.caption,
        "notes": garment.notes,
        "tags": garment.tags,
        **columns,
    }
    texts = [after["label"] or UNKNOWN, after["caption"], garment.pattern or "", after["notes"], *after["tags"]]
    texts += [colour.name for colour in garment.colours]
    if "tags" in columns:
        columns["tags"] = json.dumps(list(columns["tags"]))
    change.update("garment", garment.id, garment.id, **columns, words=search.searchable(texts), updated_utc=change.now)
