"""
Undo and redo, in the database itself: the journal of a change is committed with the change, and survives with it.

A step is one change; its entries are the rows that it touched. An entry holds its row's image on the other side of the
step: what the row was, while the step is done; what it became, while the step is undone. So undo and redo are one
operation, swap() over the entries in reverse or forward order, and swap() twice changes nothing. All that a step
changes in the tables of KINDS goes through its Change, or undo would bring back half.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from hemline.wardrobe.records import Step

# tables whose rows a Change may write, each with an integer id
KINDS = ("garment", "colour", "picture", "embedding", "features", "prediction", "correction", "wear")
KEPT_STEPS = 200  # older ones cannot be undone any more

Row = Mapping[str, Any]


class Change:
    """The writing half of one open transaction. Names of tables and columns come from code, never from a person."""

    def __init__(self, connection: sqlite3.Connection, now: str) -> None:
        self._connection = connection
        self._entries: list[tuple[int, str, int, str | None]] = []
        self.now = now
        self.what = ""  # the step in words, set by whoever makes the change
        # sha256 of pictures whose last mention may be gone
        self.doubtful: set[str] = set()

    @property
    def connection(self) -> sqlite3.Connection:
        """For reading what is there."""
        return self._connection

    @property
    def touched(self) -> set[int]:
        """The garments whose rows were written."""
        return {garment_id for garment_id, *_ in self._entries}

    def insert(self, kind: str, owner: int | None = None, /, **columns: object) -> int:
        """Add a row and return its id. owner: the garment; None for a garment itself."""
        if owner is not None and kind not in ("embedding", "features"):  # those are of a picture
            columns["garment_id"] = owner
        row_id = _insert(self._connection, kind, columns)
        self._entries.append((row_id if owner is None else owner, kind, row_id, None))
        return row_id

    def update(self, kind: str, owner: int, row_id: int, /, **columns: object) -> None:
        """Set columns of a row."""
        self._note(kind, owner, row_id)
        assignments = ", ".join(f"{name} = ?" for name in columns)
        self._connection.execute(f"UPDATE {kind} SET {assignments} WHERE id = ?", (*columns.values(), row_id))  # noqa: S608

    def delete(self, kind: str, owner: int, row_id: int) -> None:
        """Take a row away."""
        self._note(kind, owner, row_id)
        self._connection.execute(f"DELETE FROM {kind} WHERE id = ?", (row_id,))  # noqa: S608

    def _note(self, kind: str, owner: int, row_id: int) -> None:
        self._entries.append((owner, kind, row_id, _image(self._connection, kind, row_id)))

    def finish(self) -> bool:
        """Write the journal and say whether there was a change at all; then what was undone is not redone any more."""
        if not self._entries:
            return False
        connection = self._connection
        self.doubtful |= forget(connection, "undone = 1")
        step_id = _insert(connection, "step", {"what": self.what, "done_utc": self.now})
        connection.executemany(
            "INSERT INTO entry (step_id, place, garment_id, kind, row_id, image) VALUES (?, ?, ?, ?, ?, ?)",
            [(step_id, place, *entry) for place, entry in enumerate(self._entries)],
        )
        self.doubtful |= forget(connection, "id <= ?", step_id - KEPT_STEPS)
        touch(connection, self.touched)
        return True


def last(connection: sqlite3.Connection, *, undone: bool) -> Step | None:
    """Return the step to undo next or, with `undone`, the one to redo next; None when there is none."""
    order = "ASC" if undone else "DESC"
    row = connection.execute(
        f"SELECT id, what, done_utc, undone FROM step WHERE undone = ? ORDER BY id {order} LIMIT 1",  # noqa: S608
        (int(undone),),
    ).fetchone()
    return None if row is None else Step(row[0], row[1], row[2], bool(row[3]))


def steps(connection: sqlite3.Connection, limit: int) -> list[Step]:
    """Return the newest steps, newest first."""
    rows = connection.execute("SELECT id, what, done_utc, undone FROM step ORDER BY id DESC LIMIT ?", (limit,))
    return [Step(row[0], row[1], row[2], bool(row[3])) for row in rows]


def swap(connection: sqlite3.Connection, step: Step) -> None:
    """Undo a step that is done, redo one that is undone, in the open transaction."""
    connection.execute("PRAGMA defer_foreign_keys = ON")  # rows come back in any order; checked at commit
    rows = connection.execute(
        "SELECT place, garment_id, kind, row_id, image FROM entry WHERE step_id = ? ORDER BY place", (step.id,)
    ).fetchall()
    for place, _, kind, row_id, image in rows if step.undone else reversed(rows):
        now = _image(connection, kind, row_id)
        if image is None:
            connection.execute(f"DELETE FROM {_known(kind)} WHERE id = ?", (row_id,))  # noqa: S608
        else:
            # in place, not delete and insert: rows that refer to this one keep to it
            _put(connection, _known(kind), _columns(image))
        connection.execute(
            "UPDATE entry SET image = ? WHERE step_id = ? AND place = ?",
            (now, step.id, place),
        )
    connection.execute("UPDATE step SET undone = ? WHERE id = ?", (int(not step.undone), step.id))
    touch(connection, {garment_id for _, garment_id, *_ in rows})


def forget(connection: sqlite3.Connection, condition: str, *values: object) -> set[str]:
    """Drop the steps that an SQL condition names; return the sha256 of pictures that their entries held."""
    chosen = f"SELECT id FROM step WHERE {condition}"  # noqa: S608  conditions are written in this package
    images = connection.execute(
        f"SELECT image FROM entry WHERE step_id IN ({chosen}) AND kind = 'picture' AND image IS NOT NULL",  # noqa: S608
        values,
    ).fetchall()
    connection.execute(f"DELETE FROM entry WHERE step_id IN ({chosen})", values)  # noqa: S608
    connection.execute(f"DELETE FROM step WHERE {condition}", values)  # noqa: S608
    return {str(_columns(image)["sha256"]) for (image,) in images}


def remembered(connection: sqlite3.Connection) -> set[str]:
    """Return the sha256 of the pictures that no row names but undo or redo would bring back."""
    rows = connection.execute("SELECT image FROM entry WHERE kind = 'picture' AND image IS NOT NULL")
    return {str(_columns(image)["sha256"]) for (image,) in rows}


def touch(connection: sqlite3.Connection, garment_ids: Iterable[int]) -> None:
    """Give garments the next change number."""
    (number,) = connection.execute("SELECT coalesce(max(change), 0) + 1 FROM touched").fetchone()
    connection.executemany(
        "INSERT INTO touched (garment_id, change) VALUES (?, ?) "
        "ON CONFLICT (garment_id) DO UPDATE SET change = excluded.change",
        [(garment_id, number) for garment_id in sorted(garment_ids)],
    )


def _known(kind: str) -> str:
    if kind not in KINDS:  # from the database file, which somebody may have made
        raise sqlite3.DatabaseError(f"the journal names a table {kind!r}")
    return kind


def _insert(connection: sqlite3.Connection, table: str, columns: Row) -> int:
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    cursor = connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(columns.values()))  # noqa: S608
    return int(cursor.lastrowid or 0)


def _put(connection: sqlite3.Connection, table: str, columns: Row) -> None:
    there = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
    if not columns.keys() <= there:
        raise sqlite3.DatabaseError(f"the journal names columns that {table} does not have")
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    others = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "id")
    connection.execute(
        f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {others}",  # noqa: S608
        tuple(columns.values()),
    )


def _image(connection: sqlite3.Connection, kind: str, row_id: int) -> str | None:
    cursor = connection.execute(f"SELECT * FROM {_known(kind)} WHERE id = ?", (row_id,))  # noqa: S608
    row = cursor.fetchone()
    if row is None:
        return None
    names = [column[0] for column in cursor.description]
    plain = {
        name: {"hex": value.hex()} if isinstance(value, bytes) else value
        for name, value in zip(names, row, strict=True)
    }
    return json.dumps(plain)


def _columns(image: str) -> dict[str, Any]:
    return {
        name: bytes.fromhex(value["hex"]) if isinstance(value, dict) else value
        for name, value in json.loads(image).items()
    }
