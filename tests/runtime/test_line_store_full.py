"""A full disk: decisions go on as long as a picture can be given up for them, and by themselves when there is room."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hemline import space
from hemline.line import writing
from hemline.line.decision import Decision
from hemline.line.store import LineStore
from hemline.space import DiskFullError

PICTURE = 30_000


def judged(part: str, verdict: str = "pass") -> Decision:
    return Decision(part, verdict, score=0.5)


def there(store: LineStore, verdict: str) -> int:
    """Return how many pictures of a verdict there are."""
    return sum(store.picture(row.sequence) is not None for row in store.decisions(verdict=verdict))


def full_from_now_on(store: LineStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the database grow no further: SQLite tells it as it tells a full disk."""
    usage = shutil.disk_usage("/")._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    connection = store._writer._connection
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")


def test_the_mildest_and_oldest_pictures_go_first_and_decisions_go_on(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LineStore.open(memory / "line", publishers=["mqtt"]) as store:
        for number in range(60):
            store.record(judged(f"pass {number}"), os.urandom(PICTURE), ["csv"])
            if number % 3 == 0:
                store.record(judged(f"review {number}", "review"), os.urandom(PICTURE))
                store.record(judged(f"reject {number}", "reject"), os.urandom(PICTURE))
        full_from_now_on(store, monkeypatch)
        before = len(store.decisions())
        for number in range(40):
            assert store.record(judged(f"later {number}", "review"), os.urandom(PICTURE)).kept == "review"
        assert len(store.decisions()) == before + 40
        assert there(store, "reject") == 20
        assert there(store, "review") == 60
        assert there(store, "pass") < 30
        assert store.picture(store.decisions(verdict="pass", limit=1)[0].sequence) is None  # the oldest
        assert store.waiting()["csv"].messages == 60
        (event,) = store.events()
        assert event.kind == "room_short"
        assert "MB of pictures were given up" in event.detail
        assert json_of(store, "mqtt") == [("room_short", event.detail)]


def test_where_only_stricter_pictures_could_go_a_new_one_is_not_kept_and_its_decision_is(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LineStore.open(memory / "line") as store:
        for number in range(60):
            store.record(judged(f"reject {number}", "reject"), os.urandom(PICTURE))
        full_from_now_on(store, monkeypatch)
        for number in range(60):
            assert store.record(judged(f"pass {number}"), os.urandom(PICTURE)).kept is None
        assert len(store.decisions(verdict="pass")) == 60
        assert 20 <= there(store, "reject") < 60  # some made room for rows


def test_when_nothing_is_left_to_give_up_nothing_half_is_written_and_reading_goes_on(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LineStore.open(memory / "line") as store:
        store.record(judged("first"), os.urandom(PICTURE), ["mqtt"])
        full_from_now_on(store, monkeypatch)
        stored: list[int] = []

        def until_full() -> None:
            while len(stored) < 10_000:
                stored.append(store.record(judged("part", "reject"), os.urandom(500), ["mqtt"]).sequence)

        with pytest.raises(DiskFullError, match=r"cannot save: disk full; .* make room and do it again"):
            until_full()
        assert there(store, "pass") == there(store, "reject") == 0
        assert not (memory / "line" / "reserve").exists()
        assert [row.sequence for row in store.decisions()][1:] == stored
        messages = [message.sequence for message in store.pending("mqtt", 10_000)]
        assert messages == [1, *stored]
        for _ in range(3):
            with pytest.raises(DiskFullError):
                store.record(judged("too much"), None, ["mqtt"])
        assert [row.sequence for row in store.decisions()][1:] == stored
        store._writer._connection.execute("PRAGMA max_page_count = 1000000")
        monkeypatch.undo()
        assert store.record(judged("after")).sequence == store.decisions()[-1].sequence
        store._writer._looked = 0.0  # a second later
        store.tidy()
        assert [event.kind for event in store.events()] == ["room_short", "room_back"]
        assert (memory / "line" / "reserve").stat().st_size == writing.RESERVE_BYTES


def test_that_there_is_room_again_is_told_also_by_the_next_process(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LineStore.open(memory / "line") as store:
        for number in range(40):
            store.record(judged(f"pass {number}"), os.urandom(PICTURE))
        full_from_now_on(store, monkeypatch)
        store.record(judged("later"), os.urandom(PICTURE))
        assert [event.kind for event in store.events()] == ["room_short"]
    with LineStore.open(memory / "line") as store:  # full as before
        store.tidy()
        assert [event.kind for event in store.events()] == ["room_short"]
    monkeypatch.undo()
    with LineStore.open(memory / "line") as store:
        store.record(judged("a"))
        assert [event.kind for event in store.events()] == ["room_short", "room_back"]


def test_a_drive_that_fails_costs_no_picture(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LineStore.open(memory / "line") as store:
        store.record(judged("a"), b"picture")

        def fail(*_: Any, **__: Any) -> None:
            raise OSError(errno.EIO, "Input/output error")

        attempt = store._writer._attempt
        monkeypatch.setattr(store._writer, "_attempt", fail)
        with pytest.raises(Exception, match="input/output error"):
            store.record(judged("b"))
        monkeypatch.setattr(store._writer, "_attempt", attempt)
        assert store.picture(1) == b"picture"
        assert (memory / "line" / "reserve").exists()


def json_of(store: LineStore, publisher: str) -> list[tuple[str, str]]:
    told = [json.loads(message.payload) for message in store.pending(publisher)]
    return [(row["event"], row["detail"]) for row in told]


def fill(ballast: Path) -> None:
    """Take all the room that there is on the disk of a file."""
    with ballast.open("ab", buffering=0) as stream, suppress(OSError):
        for size in (2**20, 4096, 1):
            with suppress(OSError):
                while True:
                    stream.write(bytes(size))


def on_a_full_disk(folder: Path) -> None:
    """What a line does on a real, small disk that somebody else fills. Run in a process of its own, by a test."""
    ballast, acknowledged = folder / "ballast", {}
    with LineStore.open(folder / "line", publishers=["mqtt"]) as store:
        reserve = folder / "line" / "reserve"

        def record(number: int, verdict: str) -> None:
            stored = store.record(judged(str(number), verdict), os.urandom(PICTURE), ["mqtt"])
            acknowledged[stored.sequence] = str(number)

        for number in range(120):
            record(number, "pass" if number % 4 else "reject")
        assert reserve.stat().st_size == writing.RESERVE_BYTES
        for cycle in range(1, 3):
            fill(ballast)
            refused = 0
            for number in range(100):
                try:
                    record(1000 * cycle + number, "pass" if number % 4 else "reject")
                except DiskFullError:
                    refused += 1
            assert refused == 0, f"{refused} decisions refused in cycle {cycle}"
            ballast.unlink()
            store._writer._looked = 0.0  # a second later
            record(1000 * cycle + 999, "pass")
            kinds = [event.kind for event in store.events()]
            assert kinds == ["room_short", "room_back"] * cycle, kinds
            assert reserve.stat().st_size == writing.RESERVE_BYTES
    fill(ballast)
    with LineStore.open(folder / "line") as store:  # opened while it is full
        assert {row.sequence: row.decision.part for row in store.decisions()} == acknowledged
        assert there(store, "reject") > 30
        messages = [message.sequence for message in store.pending("mqtt", 10_000)]
        assert acknowledged.keys() <= set(messages)
        assert messages == sorted(messages)
        store.delivered("mqtt", [message.id for message in store.pending("mqtt", 10_000)])
        assert store.waiting() == {}
    print("done")


def test_on_a_real_full_disk_decisions_go_on_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    script = 'mount -t tmpfs -o size=64m tmpfs "$1" && exec "$2" "$3" "$1"'
    command: list[Any] = ["unshare", "-rm", "sh", "-c", script, "sh", tmp_path, sys.executable, __file__]
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("needs unshare and a kernel that lets users mount")
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if "mount:" in done.stderr:
        pytest.skip(f"no small disk to be had: {done.stderr.strip()}")
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr


def test_a_probe_leaves_nothing_behind(tmp_path: Path) -> None:
    assert not space.lacking(tmp_path)
    assert list(tmp_path.iterdir()) == []


if __name__ == "__main__":
    on_a_full_disk(Path(sys.argv[1]))
