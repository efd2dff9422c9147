"""SIGKILL at any moment: an acknowledged decision is there once, with its picture; every message goes out, in order."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

from hemline.line.decision import VERDICTS, Decision
from hemline.line.outbox import Outbox, Patience
from hemline.line.publishers.csv import Csv
from hemline.line.reader import LineReader
from hemline.line.records import Message
from hemline.line.store import LineStore


class Journal:
    """A publisher that appends to a file, once for each time that it is asked to."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("ab", buffering=0)

    def publish(self, messages: list[Message]) -> list[str]:
        for message in messages:
            self._stream.write(message.payload + b"\n")
        return [message.id for message in messages]

    def close(self) -> None:
        self._stream.close()


def child(folder: Path) -> None:
    """Store decisions, saying the number and the part of each when it is stored."""
    publishers = {"journal": Journal(folder / "journal"), "csv": Csv(folder / "decisions.csv")}
    with (
        LineStore.open(folder / "line", picture_limit_bytes=100_000) as store,
        Outbox(store, publishers, patience=Patience(first_s=0.01)),
    ):
        for number in range(store.next_sequence, 100_000):
            picture = number.to_bytes(4, "big") * 500
            stored = store.record(Decision(f"part {number}", VERDICTS[number % 3], score=0.5), picture, [*publishers])
            print(stored.sequence, number, flush=True)


def killed(folder: Path, after_s: float) -> list[tuple[int, int]]:
    """Run a child, kill it some time after its first decision, and return what it acknowledged."""
    acknowledged = []
    with subprocess.Popen([sys.executable, __file__, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        timer = None
        for line in process.stdout:
            if line.endswith("\n"):
                sequence, number = line.split()
                acknowledged.append((int(sequence), int(number)))
            if timer is None:
                timer = threading.Timer(after_s, process.kill)
                timer.start()
    assert process.returncode == -9
    return acknowledged


def test_a_few_kills_lose_no_decision_and_no_message(memory: Path) -> None:
    chance, acknowledged = random.Random(3), []
    for _ in range(3):
        acknowledged += killed(memory, chance.uniform(0.1, 0.5))
        database = sqlite3.connect(f"file:{memory / 'line' / 'database' / 'line.db'}?mode=ro", uri=True)
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        database.close()
    assert len(acknowledged) > 10
    publishers = {"journal": Journal(memory / "journal"), "csv": Csv(memory / "decisions.csv")}
    with LineStore.open(memory / "line") as store:
        with Outbox(store, publishers):
            pass  # what was left is delivered before it closes
        assert store.waiting() == {}
    with LineReader.open(memory / "line") as reader:
        rows = reader.decisions()
        assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))
        parts = {row.sequence: row.decision.part for row in rows}
        assert all(parts[sequence] == f"part {number}" for sequence, number in acknowledged)
        assert len(rows) - len(acknowledged) <= 3  # stored, and killed before it could be said
        pictures = [reader.picture(row.sequence) for row in rows]
        assert sum(picture is not None for picture in pictures) > 10
        whole = {row.sequence.to_bytes(4, "big") * 500 for row in rows}
        assert all(picture is None or picture in whole for picture in pictures)
    heard = [json.loads(line)["sequence"] for line in (memory / "journal").read_bytes().splitlines() if line]
    assert list(dict.fromkeys(heard)) == [row.sequence for row in rows]  # first deliveries, in order
    lines = (memory / "decisions.csv").read_text().splitlines()
    assert [int(line.split(",")[2]) for line in lines[1:]] == [row.sequence for row in rows]  # and here none twice


if __name__ == "__main__":
    child(Path(sys.argv[1]))
