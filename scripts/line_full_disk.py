"""
A line's store on a small disk that somebody fills, again and again; what `prove_line.py --cycles` runs on a disk that
it has mounted.

    python scripts/line_full_disk.py FOLDER CYCLES

FOLDER is on the disk that is filled. Exits with 1 when a decision that was acknowledged is not there, or when storing
does not go on by itself.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hemline.errors import DataError
from hemline.line.decision import VERDICTS, Decision
from hemline.line.reader import LineReader
from hemline.line.store import LineStore
from hemline.report.table import table
from hemline.space import DiskFullError

DISK_MIB = 192  # of which rows, which are never deleted, take a quarter in 50 cycles
MANY = [f"publisher {number}" for number in range(8)]  # whose messages fill a disk sooner, and are gone afterwards


def fill(ballast: Path) -> None:
    """Take all the room that there is."""
    with ballast.open("ab", buffering=0) as stream:
        for size in (2**20, 4096, 1):
            with suppress(OSError):
                while True:
                    stream.write(bytes(size))


@dataclass
class Filled:
    """What happened on a disk that was filled again and again."""

    acknowledged: dict[int, str] = field(default_factory=dict)  # sequence: part
    while_full: int = 0
    refused: int = 0
    starved: int = 0
    resumed_ms: list[float] = field(default_factory=list)
    heard: set[int] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


def cycle(store: LineStore, ballast: Path, files: Iterator[bytes], result: Filled, *, starve: bool) -> None:
    """Fill the disk, let decisions go on, and give the room back."""

    def record(*, picture: bool = True) -> None:
        number = len(result.acknowledged)
        decision = Decision(f"part {number}", VERDICTS[number % 3], score=0.5)
        stored = store.record(decision, next(files) if picture else None, MANY if starve else MANY[:1])
        result.acknowledged[stored.sequence] = decision.part

    for _ in range(60):
        record()
    fill(ballast)
    refused = 0
    for _ in range(20_000 if starve else 60):
        try:
            record(picture=not starve)
            result.while_full += 1
        except DiskFullError:
            refused += 1
            if refused == 3:
                break
    result.refused += refused
    result.starved += starve and refused > 0
    if refused and not starve:
        result.wrong.append("decisions were refused while there were pictures to give up")
    ballast.unlink()
    started = time.perf_counter()
    try:
        record()
        result.resumed_ms.append((time.perf_counter() - started) * 1000)
    except DataError as error:
        result.wrong.append(f"storing did not go on when there was room again: {error}")
    end = time.monotonic() + 10
    while store.events(limit=1, newest=True)[0].kind != "room_back":
        if time.monotonic() > end:
            result.wrong.append("that there is room again was not told")
            break
        store.tidy()
        time.sleep(0.1)


def fill_and_compare(folder: Path, cycles: int) -> int:
    """Run the cycles on the disk that a folder is on; print and return the exit status."""
    result, chance = Filled(), random.Random(1)
    files = iter(lambda: chance.randbytes(30_000), b"")
    for number in range(cycles):
        with LineStore.open(folder / "line", picture_limit_bytes=8_000_000) as store:  # begun anew each time
            cycle(store, folder / "ballast", files, result, starve=number % 5 == 4)
            rows = {row.sequence: row.decision.part for row in store.decisions()}
            if rows != result.acknowledged:
                result.wrong.append(f"cycle {number + 1}: stored is not what was acknowledged")
            for publisher in MANY:
                messages = store.pending(publisher, 10**6)
                result.heard |= {message.sequence for message in messages}
                store.delivered(publisher, [message.id for message in messages])
        print(f"\rcycle {number + 1} of {cycles}", end="", file=sys.stderr)
    print(file=sys.stderr)
    with LineReader.open(folder / "line") as reader:
        events = [event.kind for event in reader.events()]
    database = sqlite3.connect(f"file:{folder / 'line' / 'database' / 'line.db'}?mode=ro", uri=True)
    if database.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
        result.wrong.append("the database is damaged")
    lost = len(result.acknowledged.keys() - {row[0] for row in database.execute("SELECT sequence FROM decision")})
    print(
        table(
            [f"{cycles} times a full disk of {DISK_MIB} MiB", ""],
            [
                ["decisions stored, and while the disk was full", f"{len(rows):,}, {result.while_full:,}"],
                ["refused where nothing was left to give up", f"{result.refused:,} in {result.starved} cycles"],
                [
                    "times that the store told of it, and of its end",
                    f"{events.count('room_short')}, {events.count('room_back')}",
                ],
                ["first decision with room again, at most", f"{max(result.resumed_ms, default=0):.1f} ms"],
                ["acknowledged decisions that are not stored", f"{lost:,}"],
                ["or whose message was not there", f"{len(result.acknowledged.keys() - result.heard):,}"],
            ],
        )
    )
    if not result.acknowledged.keys() <= result.heard:
        result.wrong.append("messages are missing")
    for line in result.wrong:
        print(f"wrong: {line}", file=sys.stderr)
    return 1 if result.wrong or lost else 0


def prove_full(folder: Path, cycles: int) -> int:
    """Mount a small disk that only this process sees, and run the cycles on it."""
    script = f'mount -t tmpfs -o size={DISK_MIB}m tmpfs "$1" && exec "$2" "$3" "$1" "$4"'
    command = ["unshare", "-rm" if os.geteuid() else "-m", "sh", "-c", script, "sh", folder, sys.executable, __file__]
    if shutil.which("unshare") is None or subprocess.run([*command[:2], "true"], capture_output=True).returncode:
        print("a small disk cannot be mounted: run this as root", file=sys.stderr)
        return 1
    return subprocess.run([*command, str(cycles)]).returncode


if __name__ == "__main__":
    raise SystemExit(fill_and_compare(Path(sys.argv[1]), int(sys.argv[2])))
