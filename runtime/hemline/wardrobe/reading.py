"""
What can be asked of a catalogue's database. Functions over an open connection; none of them writes.

A number of statements that does not grow with the number of garments: what belongs to a page of garments is read for
the whole page.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline.errors import UsageError, unknown
from hemline.wardrobe import search
from hemline.wardrobe.records import UNKNOWN, Colour, Correction, Garment, Page, Picture, Prediction, Query, Statistics

# name: SQL; numbers rise with time. rested: never worn first, then by the last day
ORDERS = {
    "newest": "id DESC",
    "oldest": "id",
    "review": "skipped, id",
    "rested": "(SELECT max(day) FROM wear WHERE garment_id = garment.id), id",
}
_GARMENT = (
    "id, label, status, quality, confidence, reason, bundle, artifact, class_lock, pattern, caption, notes, tags, "
    "merged_into, created_utc, updated_utc"
)
_PICTURE = "id, garment_id, sha256, format, width, height, bytes, source, added_utc"
_CHUNK = 500  # ids in one statement; SQLite before 3.32 takes 999 values


def no_garment(connection: sqlite3.Connection, garment_id: int) -> UsageError:
    """Return the error for a garment that is not there; it says which are."""
    count, lowest, highest = connection.execute("SELECT count(*), min(id), max(id) FROM garment").fetchone()
    there = "is empty" if not count else f"has only #{lowest}" if count == 1 else f"has {lowest} to {highest}"
    gone = "" if count in (0, 1, (highest or 0) - (lowest or 0) + 1) else ", some of which are gone"
    return UsageError(f"no garment #{garment_id}; the catalogue {there}{gone}")


def garment(connection: sqlite3.Connection, garment_id: int) -> Garment:
    """Return one garment, a removed one too; UsageError when there is none of this number."""
    # SQLite's integers end at 63 bits; Python's do not
    found = garments(connection, [garment_id]) if 0 <= garment_id < 2**63 else ()
    if not found:
        raise no_garment(connection, garment_id)
    return found[0]


def garments(connection: sqlite3.Connection, ids: Sequence[int]) -> tuple[Garment, ...]:
    """Return these garments in this order, without those that are not there."""
    rows = {row[0]: row for row in _for_ids(connection, f"SELECT {_GARMENT} FROM garment WHERE id IN", ids)}  # noqa: S608
    colours: dict[int, list[Colour]] = defaultdict(list)
    for row in _for_ids(connection, "SELECT garment_id, name, share, l, a, b, id FROM colour WHERE garment_id IN", ids):
        colours[row[0]].append(Colour(row[1], row[2], (row[3], row[4], row[5])))
    pictures: dict[int, list[Picture]] = defaultdict(list)
    for row in _for_ids(connection, f"SELECT {_PICTURE} FROM picture WHERE garment_id IN", ids):  # noqa: S608
        pictures[row[1]].append(Picture(*row))
    worn = {
        row[0]: (int(row[1]), str(row[2]))
        for row in _for_ids(
            connection,
            "SELECT garment_id, count(*), max(day) FROM wear WHERE garment_id IN",
            ids,
            " GROUP BY garment_id",
        )
    }
    found = []
    for garment_id in ids:
        row = rows.get(garment_id)
        if row is not None:
            count, day = worn.get(garment_id, (0, None))
            found.append(
                Garment(
                    **dict(zip(_GARMENT.split(", "), row[:12], strict=False)),
                    tags=tuple(json.loads(row[12])),
                    merged_into=row[13],
                    created_utc=row[14],
                    updated_utc=row[15],
                    colours=tuple(sorted(colours[garment_id], key=lambda colour: -colour.share)),
                    pictures=tuple(sorted(pictures[garment_id], key=lambda picture: picture.id)),
                    worn=count,
                    last_worn=day,
                )
            )
    return tuple(found)


def page(connection: sqlite3.Connection, query: Query, *, order: str, limit: int, offset: int) -> Page:
    """Return the garments from `offset` on, at most `limit` (-1: all), of those that a query finds."""
    if order not in ORDERS:
        raise UsageError(unknown("order", order, ORDERS))
    where, values = search.condition(query)
    connection.execute("BEGIN")  # the count and the page are of the same moment
    try:
        select = f"SELECT id FROM garment WHERE {where} ORDER BY {ORDERS[order]}"  # noqa: S608
        if query.words:
            # one scan over all the words; a second one, to count, would take as long
            found = [row[0] for row in connection.execute(select, values)]
            chosen, total = found[offset:][: limit if limit >= 0 else None], len(found)
        else:
            (total,) = connection.execute(f"SELECT count(*) FROM garment WHERE {where}", values).fetchone()  # noqa: S608
            rows = connection.execute(f"{select} LIMIT ? OFFSET ?", (*values, limit, offset))
            chosen = [row[0] for row in rows]
        return Page(garments(connection, chosen), int(total))
    finally:
        connection.execute("ROLLBACK")


def picture(connection: sqlite3.Connection, picture_id: int) -> Picture:
    """Return one picture; UsageError when there is none of this number."""
    row = None
    if 0 <= picture_id < 2**63:
        row = connection.execute(f"SELECT {_PICTURE} FROM picture WHERE id = ?", (picture_id,)).fetchone()  # noqa: S608
    if row is None:
        raise UsageError(f"no picture {picture_id} in the catalogue; a garment names its pictures")
    return Picture(*row)


def predictions(connection: sqlite3.Connection, garment_id: int) -> list[Prediction]:
    """Return what was predicted about a garment's pictures, oldest first."""
    rows = connection.execute(
        "SELECT label, confidence, quality, reason, top, artifact, bundle, class_lock, predicted_utc "
        "FROM prediction WHERE garment_id = ? ORDER BY id",
        (garment_id,),
    )
    return [
        Prediction(said, confidence, quality, reason, tuple((label, share) for label, share in json.loads(top)), *made)
        for said, confidence, quality, reason, top, *made in rows
    ]


def corrections(connection: sqlite3.Connection, garment_id: int | None = None) -> list[Correction]:
    """Return what a person said about labels, oldest first: of one garment or of all."""
    columns = "SELECT garment_id, before, after, corrected_utc FROM correction"
    if garment_id is None:
        rows = connection.execute(f"{columns} ORDER BY id")
    else:
        rows = connection.execute(f"{columns} WHERE garment_id = ? ORDER BY id", (garment_id,))
    return [Correction(*row) for row in rows]


def wears(connection: sqlite3.Connection, garment_id: int) -> list[str]:
    """Return the days on which a garment was worn, in order."""
    rows = connection.execute("SELECT day FROM wear WHERE garment_id = ? ORDER BY day", (garment_id,))
    return [str(day) for (day,) in rows]


def labels(connection: sqlite3.Connection) -> list[str]:
    """Return the labels that are in use, sorted."""
    rows = connection.execute("SELECT DISTINCT label FROM garment WHERE label IS NOT NULL ORDER BY label")
    return [str(label) for (label,) in rows]


def models(connection: sqlite3.Connection, garment_id: int) -> list[str]:
    """Return what made the embeddings of a garment, newest first."""
    rows = connection.execute(
        "SELECT model FROM embedding JOIN picture ON picture.id = picture_id WHERE garment_id = ? "
        "GROUP BY model ORDER BY max(embedding.id) DESC",
        (garment_id,),
    )
    return [str(model) for (model,) in rows]


def embeddings(
    connection: sqlite3.Connection, model: str, ids: Sequence[int] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return (garment ids (N,), embeddings (N, D)) of one model: a row a picture, of garments that are not removed.

    ids: of these garments only. A garment with several pictures has several rows.
    """
    # CROSS JOIN: in this order. From all pictures in theirs, or from the few that these garments have.
    select = (
        "SELECT garment_id, vector FROM picture CROSS JOIN embedding ON picture.id = picture_id "
        "CROSS JOIN garment ON garment.id = garment_id WHERE status <> 'removed' AND model = ?"
    )
    if ids is None:
        rows: Iterable[Any] = connection.execute(select, (model,))
    else:
        rows = _for_ids(connection, f"{select} AND garment_id IN", ids, before=(model,))
    pairs = list(rows)
    width = len(pairs[0][1]) // 4 if pairs else 0
    matrix = np.frombuffer(b"".join(vector for _, vector in pairs), "<f4").reshape(len(pairs), width)
    return np.array([garment_id for garment_id, _ in pairs], np.int64), matrix.astype(np.float32, copy=False)


def features(
    connection: sqlite3.Connection, version: int, ids: Sequence[int] | None = None
) -> list[tuple[int, int, bytes]]:
    """Return (garment id, picture id, features) of one version, of all garments or of these, removed ones left out."""
    select = (
        "SELECT garment_id, picture_id, data, version FROM features JOIN picture ON picture.id = picture_id "
        "JOIN garment ON garment.id = garment_id WHERE status <> 'removed'"
    )
    rows = connection.execute(select) if ids is None else _for_ids(connection, f"{select} AND garment_id IN", ids)
    return sorted((row[:3] for row in rows if row[3] == version), key=lambda row: row[1])


def palettes(
    connection: sqlite3.Connection, ids: Sequence[int] | None = None
) -> list[tuple[int, float, float, float, float]]:
    """Return (garment id, share, L*, a*, b*) of every colour, in no order."""
    select = "SELECT garment_id, share, l, a, b FROM colour"
    return (
        connection.execute(select).fetchall()
        if ids is None
        else _for_ids(connection, f"{select} WHERE garment_id IN", ids)
    )


def touched_since(connection: sqlite3.Connection, change: int) -> tuple[int, list[int]]:
    """Return (the number of the last change, the garments that were changed after `change`, gone ones included)."""
    (now,) = connection.execute("SELECT coalesce(max(change), 0) FROM touched").fetchone()
    if now == change:
        return int(now), []
    rows = connection.execute("SELECT garment_id FROM touched WHERE change > ? AND change <= ?", (change, now))
    return int(now), [int(garment_id) for (garment_id,) in rows]


def statistics(connection: sqlite3.Connection) -> Statistics:
    """Return the counts over all garments."""
    statuses = dict(connection.execute("SELECT status, count(*) FROM garment GROUP BY status"))
    counts = connection.execute(
        "SELECT label, count(*) FROM garment WHERE status IN ('kept', 'review') GROUP BY label"
    ).fetchall()
    gone = {row[0] for row in connection.execute("SELECT id FROM garment WHERE status = 'removed'")}
    colours: Counter[str] = Counter(dict(connection.execute("SELECT name, count(*) FROM colour GROUP BY name")))
    for row in _for_ids(
        connection, "SELECT name, count(*) FROM colour WHERE garment_id IN", sorted(gone), " GROUP BY 1"
    ):
        colours[row[0]] -= row[1]
    worn = Counter(dict(connection.execute("SELECT garment_id, count(*) FROM wear GROUP BY garment_id")))
    for garment_id in gone:
        del worn[garment_id]
    pictures, size = connection.execute("SELECT count(*), coalesce(sum(bytes), 0) FROM picture").fetchone()
    (corrected,) = connection.execute("SELECT count(*) FROM correction WHERE before IS NOT after").fetchone()
    most = sorted(worn.items(), key=lambda row: (-row[1], row[0]))[:5]
    return Statistics(
        statuses,
        _most_first((label or UNKNOWN, count) for label, count in counts),
        _most_first((name, count) for name, count in colours.items() if count > 0),
        int(pictures),
        int(size),
        int(corrected),
        sum(worn.values()),
        sum(statuses.values()) - len(gone) - len(worn),
        tuple(most),
    )


def _most_first(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    return dict(sorted(counts, key=lambda row: (-row[1], row[0])))


def _for_ids(
    connection: sqlite3.Connection, select: str, ids: Sequence[int], after: str = "", *, before: tuple[object, ...] = ()
) -> list[Any]:
    """Return the rows of a SELECT that ends in IN, for these ids."""
    rows: list[Any] = []
    for start in range(0, len(ids), _CHUNK):
        part = ids[start : start + _CHUNK]
        rows += connection.execute(f"{select} ({', '.join('?' * len(part))}){after}", (*before, *part)).fetchall()
    return rows
