"""
To a CSV file: a row for each decision, on the disk before it counts as delivered. Events have no row.

The id of the last row tells what is there already, so a decision has one row also after a kill; a row that a kill or a
full disk cut short is taken away. A row is a line: line breaks in a text become spaces.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hemline.line.publishers import PublishError
from hemline.line.records import Message
from hemline.storage import sync_folder

COLUMNS = (
    *("id", "line", "sequence", "decided_utc", "part", "verdict", "reason", "label", "confidence", "quality", "score"),
    *("frames", "safe", "bundle", "artifact", "artifact_sha256", "decision_file_sha256", "latency_ms"),
    *("budget_missed", "picture"),
)
_TAIL_BYTES = 65_536  # longer than a row


def connect(line: str, settings: Mapping[str, Any]) -> Csv:
    """Return the publisher; it opens the file with the first publish(). settings: file."""
    return Csv(Path(settings["file"]))


class Csv:
    """Appends to one file, which may be moved away at any time: another one is begun."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._left: tuple[int, int, int] | None = None  # device, inode and size of the file as it was left
        self._last = ("", 0)  # of its last row: whose it is, and its sequence

    def publish(self, messages: Sequence[Message]) -> list[str]:
        """Append the decisions among the messages that are not there yet, and return all ids."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new = not self._path.exists()
            with self._path.open("x+b" if new else "r+b") as stream:
                self._continue(stream)
                self._append(stream, [message for message in messages if message.topic.endswith("/decision")])
            if new:
                sync_folder(self._path.parent)
        except OSError as error:
            self._left = None
            settings = isinstance(error, (PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError))
            raise PublishError(f"{self._path}: {(error.strerror or str(error)).lower()}", settings=settings) from error
        return [message.id for message in messages]

    def close(self) -> None:
        """Nothing is open between two calls."""

    def _continue(self, stream: io.BufferedRandom) -> None:
        """Place the stream at the end of whole rows, below the header."""
        found = os.fstat(stream.fileno())
        if self._left == (found.st_dev, found.st_ino, found.st_size):
            stream.seek(0, os.SEEK_END)
            return
        header = _rows([COLUMNS])
        if found.st_size == 0 or header.startswith(stream.read(len(header))):
            # new, or killed in the header
            stream.seek(0)
            if stream.read(len(header)) != header:
                stream.seek(0)
                stream.truncate()
                stream.write(header)
        else:
            raise PublishError(f"{self._path}: a file with other columns; name another, or move it away", settings=True)
        start = max(len(header), found.st_size - _TAIL_BYTES) - 1  # with the line break before
        stream.seek(start)
        whole, line_break, _ = stream.read().rpartition(b"\n")
        if not line_break:
            raise PublishError(f"{self._path}: ends in no row of ours; move it away", settings=True)
        stream.seek(start + len(whole) + 1)
        stream.truncate()  # what a kill or a full disk cut short
        store, _, sequence = whole.rpartition(b"\n")[2].partition(b",")[0].decode(errors="replace").rpartition("-")
        self._last = (store, int(sequence)) if sequence.isdecimal() else ("", 0)

    def _append(self, stream: io.BufferedRandom, messages: Sequence[Message]) -> None:
        rows, last = [], self._last
        for message in messages:
            store = message.id.rpartition("-")[0]
            if store != last[0] or message.sequence > last[1]:
                values = json.loads(message.payload)
                rows.append([_cell(values.get(column)) for column in COLUMNS])
                last = (store, message.sequence)
        end = stream.tell()
        try:
            stream.write(_rows(rows))
            stream.flush()
            os.fsync(stream.fileno())
        except OSError:
            stream.truncate(end)  # half of a row, on a full disk
            raise
        self._last = last
        left = os.fstat(stream.fileno())
        self._left = (left.st_dev, left.st_ino, left.st_size)


def _rows(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(value.splitlines()) if isinstance(value, str) else str(value)
