"""
A line's store under what happens to it: it is killed, its broker is killed, its disk is full. What is lost? Nothing.

    python scripts/prove_line.py [--decisions 100000] [--kills 10] [--cycles 50] [--seed 0] [--folder DIR]

--decisions N: a process stores N decisions, with a JPEG where the picture rule keeps one, and tells a real mosquitto.
    The process is ended with SIGKILL --kills times and begun again, the broker as often. At the end: is every decision
    that was acknowledged stored, once, with its picture? Was every message heard, and each for the first time in the
    order of its sequence? 0 leaves this out. (200 decisions a second, or what the drive gives.)
--cycles N: on a small disk in memory, N times: somebody fills it, decisions go on, it has room again. Every fifth time
    until nothing is left to give up and a decision is refused. Is everything there that was acknowledged, and does
    storing go on by itself? 0 leaves this out. Mounting the disk needs root, or a kernel that lets users mount.

Prints what was counted; exits with 1 when anything is missing.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import cv2
from line_full_disk import prove_full
from mosquitto_broker import Broker, Listener, program

from hemline.drawn import draw
from hemline.line.decision import VERDICTS, Decision
from hemline.line.outbox import Outbox, Patience
from hemline.line.picturerule import PictureRule
from hemline.line.publishers import connect
from hemline.line.reader import LineReader
from hemline.line.store import LineStore
from hemline.report.table import table

RULE = PictureRule(one_pass_in=10, pass_below=0.3, margin=0.02)
PICTURES = 16
PATIENCE = Patience(first_s=0.1, longest_s=1.0, drain_s=60.0)


def decided(number: int) -> Decision:
    """Return decision `number`, always the same: one in twenty is a reject, one in twenty a review."""
    score = random.Random(number).random() ** 3
    verdict = VERDICTS[(score >= 0.3) + (score >= 0.8)]
    return Decision(f"part {number}", verdict, label="free", confidence=1 - score, score=score, bundle="drawn@1")


def pictures() -> list[bytes]:
    """Return a few small JPEGs, always the same."""
    drawn = [draw(number % 10, seed=number, height=96, width=128) for number in range(PICTURES)]
    return [cv2.imencode(".jpg", picture)[1].tobytes() for picture in drawn]


def store_decisions(folder: Path, port: int, count: int) -> None:
    """Store decisions from where the store is to `count`, saying the sequence and number of each that is stored."""
    files = pictures()
    publisher = connect("mqtt", "line-1", {"host": "127.0.0.1", "port": port})
    with LineStore.open(folder) as store, Outbox(store, {"mqtt": publisher}, patience=PATIENCE):
        newest = store.decisions(limit=1, newest=True)
        for number in range(int(newest[0].decision.part.split()[1]) + 1 if newest else 0, count):
            decision = decided(number)
            why = RULE.why(decision, store.next_sequence)
            picture = files[number % PICTURES] if why else None
            stored = store.record(decision, picture, ["mqtt"], why=why)
            print(stored.sequence, number, flush=True)


@dataclass
class Killed:
    """What happened on the way."""

    acknowledged: dict[int, int] = field(default_factory=dict)  # sequence: number
    twice: int = 0
    processes: int = 0
    brokers: int = 0
    seconds: float = 0.0


def places(chance: random.Random, count: int, kills: int) -> list[int]:
    """Return after how many decisions to kill: spread over all of them, where exactly is chance."""
    return [int(count * (place + chance.uniform(0.1, 0.9)) / kills) for place in range(kills)]


def run_and_kill(folder: Path, count: int, kills: int, seed: int) -> tuple[Killed, Listener]:
    """Let processes store `count` decisions, killing them and the broker; return what happened and who listened."""
    chance, result, started = random.Random(seed), Killed(), time.monotonic()
    ends, broken = places(chance, count, kills), places(chance, count, kills)
    broker = Broker(folder / "broker")
    broker.start()
    try:
        with Listener(broker.port, "hemline/#") as listener:
            broker.remember()
            while True:
                command = [sys.executable, __file__, "--child", str(folder / "line"), str(broker.port), str(count)]
                with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                    assert process.stdout is not None
                    for line in process.stdout:
                        if not line.endswith("\n"):
                            continue
                        sequence, number = map(int, line.split())
                        result.twice += sequence in result.acknowledged
                        result.acknowledged[sequence] = number
                        if ends and number >= ends[0]:
                            ends.pop(0)
                            process.send_signal(signal.SIGKILL)
                            result.processes += 1
                        if broken and number >= broken[0]:
                            broken.pop(0)
                            listener.wait_until_heard()
                            broker.kill()
                            result.brokers += 1
                            time.sleep(chance.uniform(0, 1))
                            broker.start()
                if process.returncode not in (0, -signal.SIGKILL):
                    raise SystemExit(f"the process ended with {process.returncode}")
                print(f"{len(result.acknowledged):,} of {count:,}", file=sys.stderr)
                with LineReader.open(folder / "line") as reader:
                    # one that ends while there is no broker leaves its messages to the next
                    if process.returncode == 0 and not reader.waiting():
                        break
            result.seconds = time.monotonic() - started
            listener.wait(lambda heard: len(heard.heard) >= count, 30)
            time.sleep(1)
    finally:
        broker.kill()
    return result, listener


def numbers(listener: Listener) -> list[int]:
    """Return the sequence of each decision that was heard, repeats among them."""
    return [json.loads(payload)["sequence"] for payload in listener.payloads("hemline/line-1/decision")]


def prove_kills(folder: Path, count: int, kills: int, seed: int) -> list[str]:
    """Kill and compare; return what is wrong."""
    result, listener = run_and_kill(folder, count, kills, seed)
    heard = numbers(listener)
    first = list(dict.fromkeys(heard))
    files, wrong = pictures(), []
    database = sqlite3.connect(f"file:{folder / 'line' / 'database' / 'line.db'}?mode=ro", uri=True)
    if database.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
        wrong.append("the database is damaged")
    database.close()
    with LineReader.open(folder / "line") as reader:
        rows = reader.decisions()
        parts = {row.sequence: int(row.decision.part.split()[1]) for row in rows}
        lost = sum(parts.get(sequence) != number for sequence, number in result.acknowledged.items())
        kept = [row for row in rows if row.kept is not None]
        blank = sum(reader.picture(row.sequence) != files[parts[row.sequence] % PICTURES] for row in kept)
        left = sum(row.messages for row in reader.waiting().values())
        events = [event.kind for event in reader.events()]
    checks = {
        "acknowledged decisions that are not stored": lost,
        "sequences that were given twice": result.twice,
        "parts without a decision, or with two": len(set(range(count)) ^ set(parts.values())) + len(rows) - len(parts),
        "pictures that are not those that were kept": blank,
        "messages that were never heard": len(parts.keys() - set(heard)),
        "messages heard first out of order": sum(later < earlier for earlier, later in pairwise(first)),
        "messages that still wait": left,
        "kills that did not happen": 2 * kills - result.processes - result.brokers,
    }
    print(
        table(
            [f"{count:,} decisions, {result.processes} kills of the process, {result.brokers} of the broker", ""],
            [
                ["stored, acknowledged, with a picture", f"{len(rows):,}, {len(result.acknowledged):,}, {len(kept):,}"],
                ["messages heard, repeats among them", f"{len(heard):,}, {len(heard) - len(first):,}"],
                ["outages that were told", str(events.count("broker_lost"))],
                ["decisions a second, kills and restarts included", f"{count / result.seconds:.0f}"],
                *([name, str(number)] for name, number in checks.items()),
            ],
        )
    )
    return wrong + [f"{number:,} {name}" for name, number in checks.items() if number]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[1])
    parser.add_argument("--decisions", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--cycles", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", help="where to make the store (default: the folder for temporary files)")
    parser.add_argument("--child", nargs=3, metavar=("FOLDER", "PORT", "COUNT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        store_decisions(Path(options.child[0]), int(options.child[1]), int(options.child[2]))
        return 0
    status = 0
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        if options.decisions:
            if program() is None:
                print("needs the broker mosquitto: apt install mosquitto", file=sys.stderr)
                return 3
            wrong = prove_kills(Path(folder), options.decisions, options.kills, options.seed)
            for line in wrong:
                print(f"wrong: {line}", file=sys.stderr)
            status = 1 if wrong else 0
        if options.cycles:
            (Path(folder) / "disk").mkdir()
            status = prove_full(Path(folder) / "disk", options.cycles) or status
    return status


if __name__ == "__main__":
    raise SystemExit(main())
