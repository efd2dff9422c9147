"""SIGKILL at any moment: what was acknowledged is there, what was not is there as a whole or not at all."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import cv2
import pytest

from hemline.drawn import draw
from hemline.errors import UsageError
from hemline.wardrobe.catalogue import Catalogue
from hemline.wardrobe.records import STATUSES, NewGarment, NewPicture, Prediction, Query


def act(catalogue: Catalogue, number: int) -> None:
    """Make change `number`; the same changes from the start make the same catalogue."""
    chance = random.Random(number)
    ids = [row.id for row in catalogue.find(Query(statuses=STATUSES), order="oldest", limit=-1).garments] or [1]
    garment_id = chance.choice(ids)
    with suppress(UsageError):  # refused, such as the correction of what is removed
        kind = chance.choice(["add", "add", "add", "correct", "wear", "remove", "merge", "undo", "purge"])
        if kind == "add":
            data = cv2.imencode(".jpg", draw(number % 10, seed=number, height=64, width=64))[1].tobytes()
            catalogue.add(NewGarment(Prediction("shirt", 0.9, "good"), (NewPicture(data),), caption=f"number {number}"))
        elif kind == "correct":
            catalogue.correct(garment_id, chance.choice(["dress", "shoe"]))
        elif kind == "wear":
            catalogue.wear(garment_id, f"2026-01-{1 + number % 28:02}")
        elif kind == "remove":
            catalogue.remove(garment_id)
        elif kind == "merge":
            catalogue.merge(garment_id, chance.choice(ids))
        elif kind == "undo":
            catalogue.undo()
        else:
            catalogue.purge()


def state(catalogue: Catalogue) -> object:
    """All that does not depend on the time of day."""
    garments = catalogue.find(Query(statuses=STATUSES), order="oldest", limit=-1).garments
    rows = [
        (
            *(row.id, row.label, row.status, row.caption, row.merged_into, catalogue.wears(row.id)),
            *(picture.sha256 for picture in row.pictures),
        )
        for row in garments
    ]
    return rows, [(step.id, step.what, step.undone) for step in catalogue.steps(limit=-1)]


def child(folder: str, start: int, count: int) -> None:
    """Make the changes from `start` on, saying the number of each when it is done."""
    with Catalogue.open(folder) as catalogue:
        for number in range(start, count):
            act(catalogue, number)
            print(number, flush=True)


def killed(folder: Path, start: int, count: int, chance: random.Random) -> int:
    """Run a child, kill it at a random moment, and return how many changes it said were done."""
    command = [sys.executable, __file__, str(folder), str(start), str(count)]
    done = start
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        timer = None
        for line in process.stdout:
            if line.endswith("\n"):
                done = int(line) + 1
            if timer is None:
                timer = threading.Timer(chance.uniform(0, 0.1), process.kill)
                timer.start()
        if timer is not None:
            timer.cancel()
            timer.join()
    assert process.returncode in (0, -9)
    return done


def survive(folder: Path, count: int, rounds: int, seed: int) -> int:
    """Kill children over one catalogue, checking it after each, and return how many were killed."""
    chance = random.Random(seed)
    # the reference needs no disk that survives
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as elsewhere,
        Catalogue.open(Path(elsewhere) / "w") as catalogue,
    ):
        states = [state(catalogue)]
        for number in range(count):
            act(catalogue, number)
            states.append(state(catalogue))
    done = kills = 0
    for _ in range(rounds):
        if done == count:
            break
        said = killed(folder, done, count, chance)
        kills += said < count
        database = sqlite3.connect(f"file:{folder / 'database' / 'wardrobe.db'}?mode=ro", uri=True)
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        database.close()
        with Catalogue.open(folder, say=pytest.fail) as catalogue:
            now = state(catalogue)
            possible = [said, said + 1] if said < count else [said]
            assert now in [states[number] for number in possible]
            done = next(number for number in possible if states[number] == now)
            named = set()
            for garment in catalogue.find(Query(statuses=STATUSES), limit=-1).garments:
                for picture in garment.pictures:
                    catalogue.picture_bytes(picture.id)  # its hash is checked
                    named.add(picture.sha256)
            catalogue.sweep()
            files = {path.stem for path in (folder / "pictures").glob("??/*")}
            assert named <= files
    return kills


def test_a_few_kills_lose_nothing(tmp_path: Path) -> None:
    assert survive(tmp_path / "w", count=150, rounds=3, seed=1) >= 1


@pytest.mark.slow
def test_many_kills_lose_nothing(tmp_path: Path) -> None:
    kills = 0
    for seed in range(2):
        kills += survive(tmp_path / str(seed), count=600, rounds=12, seed=seed)
    assert kills >= 16


if __name__ == "__main__":
    child(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
