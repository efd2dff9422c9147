"""A line's decisions: what was acknowledged is there, in order, with its picture and its messages."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hemline.errors import DataError, UsageError
from hemline.line import numbers, schema
from hemline.line.decision import VERDICTS, Decision
from hemline.line.events import KINDS
from hemline.line.picturerule import DRAWN, NEAR_MISS, PictureRule
from hemline.line.reader import LineReader
from hemline.line.store import LineStore


def judged(part: str, verdict: str = "pass", **values: Any) -> Decision:
    return Decision(part, verdict, **{"score": {"pass": 0.1, "review": 0.5, "reject": 0.9}[verdict], **values})


@pytest.fixture
def store(memory: Path) -> Iterator[LineStore]:
    with LineStore.open(memory / "line", say=pytest.fail) as opened:
        yield opened


def state(store: LineReader) -> list[tuple[Any, ...]]:
    return [(row.sequence, row.decision.part, row.decision.verdict, row.kept) for row in store.decisions()]


def test_what_is_stored_comes_back_as_it_was(store: LineStore) -> None:
    vector = np.random.default_rng(1).standard_normal(64).astype(np.float32)
    decision = Decision(
        "tile 7",
        "reject",
        reason="crack at the edge",
        label="crack",
        confidence=0.87654321,
        quality="uncertain",
        score=0.912345678,
        frames=3,
        bundle="tiles@1.2",
        artifact="litert:int8",
        artifact_sha256="a" * 64,
        decision_file_sha256="b" * 64,
        latency_ms=12.25,
        budget_missed=True,
        embedding=vector,
    )
    stored = store.record(decision, b"a picture", ["mqtt"])
    back = store.decision(stored.sequence)
    assert (back.sequence, back.decided_utc, back.kept) == (1, stored.decided_utc, "reject")
    values = dict(vars(decision))
    assert {name: getattr(back.decision, name) for name in values if name != "embedding"} == {
        name: value for name, value in values.items() if name != "embedding"
    }
    assert back.decision.embedding is not None
    np.testing.assert_allclose(back.decision.embedding, vector, rtol=1e-3, atol=1e-3)  # float16
    assert store.picture(1) == b"a picture"
    assert [row.decision.embedding for row in store.decisions()] == [None]
    assert [row.decision.embedding is None for row in store.decisions(embeddings=True)] == [False]
    (message,) = store.pending("mqtt")
    told = json.loads(message.payload)
    assert message.topic == "hemline/line-1/decision"
    assert told["id"] == message.id
    assert told["picture"] == "reject"
    assert {
        "schema": 1,
        "line": "line-1",
        "sequence": 1,
        "score": 0.912346,
        "budget_missed": True,
    }.items() <= told.items()


def test_what_was_not_answered_comes_back_without_an_answer(store: LineStore) -> None:
    store.record(Decision("tile", "reject", reason="the camera is gone", frames=0, safe=True))
    back = store.decision(1).decision
    assert (back.score, back.label, back.safe, back.frames, back.embedding) == (None, None, True, 0, None)
    assert (back.artifact_sha256, back.decision_file_sha256, back.latency_ms) == (None, None, None)
    assert store.picture(1) is None


@pytest.mark.parametrize(
    "values",
    [
        {"verdict": "maybe"},
        {"verdict": "pass", "score": None},
        {"verdict": "pass", "safe": True},
        {"score": float("nan")},
        {"score": 1.5},
        {"confidence": -0.1},
        {"part": ""},
        {"part": "x" * 201},
        {"quality": "fine"},
        {"latency_ms": float("inf")},
    ],
    ids=str,
)
def test_what_no_part_can_have_been_judged_as_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Decision(**{"part": "tile", "verdict": "reject", "score": 0.5, **values})


def test_decisions_and_events_share_numbers_that_only_rise(store: LineStore) -> None:
    assert store.next_sequence == 1
    assert store.event("started", "at last") == 1
    assert store.record(judged("a")).sequence == 2
    assert store.event("clock_jumped") == 3
    assert store.next_sequence == 4
    assert [event.sequence for event in store.events()] == [1, 3]
    with pytest.raises(UsageError, match=r"no decision 3; the last one is 2; events have numbers too"):
        store.decision(3)
    with pytest.raises(ValueError, match="no event 'went_away'"):
        store.event("went_away")
    assert all(name.isidentifier() and text for name, text in KINDS.items())


def test_a_clock_that_jumps_changes_times_and_not_the_order(memory: Path) -> None:
    now = [datetime(2026, 11, 27, 12, 0, 0, 250_000, timezone.utc)]
    clock = lambda: int(now[0].timestamp() * 1e6) * 1000  # noqa: E731
    with LineStore.open(memory / "line", clock=clock) as store:
        store.record(judged("first"))
        now[0] -= timedelta(hours=1)
        store.record(judged("second"))
        now[0] += timedelta(hours=1, seconds=1)
        store.record(judged("third"))
        assert [(row.decision.part, row.decided_utc) for row in store.decisions()] == [
            ("first", "2026-11-27T12:00:00.250000Z"),
            ("second", "2026-11-27T11:00:00.250000Z"),
            ("third", "2026-11-27T12:00:01.250000Z"),
        ]
        noon = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)
        assert [row.sequence for row in store.decisions(since=noon)] == [1, 3]
        assert [row.sequence for row in store.decisions(until=noon)] == [2]
        until = noon + timedelta(seconds=1, milliseconds=250)  # of the third itself, which is not in it
        assert [row.sequence for row in store.decisions(since=noon, until=until)] == [1]
        assert store.counts(since=noon) == {("pass", None): 2}
        with pytest.raises(UsageError, match="a time without its zone"):
            store.decisions(since=datetime(2026, 11, 27))


def test_decisions_are_found_by_verdict_place_and_count(store: LineStore) -> None:
    for number in range(12):
        store.record(judged(f"part {number}", VERDICTS[number % 3], label=("good", "crack")[number % 2]))
    assert [row.sequence for row in store.decisions(verdict="reject")] == [3, 6, 9, 12]
    assert [row.sequence for row in store.decisions(verdict="review", after_sequence=5, limit=1)] == [8]
    assert [row.sequence for row in store.decisions(limit=2, newest=True)] == [11, 12]
    assert store.counts() == {(verdict, label): 2 for verdict in VERDICTS for label in ("good", "crack")}
    with pytest.raises(UsageError, match="no verdict 'rejected'; nearest: reject"):
        store.decisions(verdict="rejected")


def test_texts_that_are_none_are_stored_all_the_same(store: LineStore) -> None:
    store.record(judged(os.fsdecode(b"part-\xff"), reason="two\nlines"), publishers=["csv"])
    assert store.decision(1).decision.part == "part-?"
    assert store.decision(1).decision.reason == "two lines"
    assert json.loads(store.pending("csv")[0].payload)["part"] == "part-?"


def test_messages_are_pending_in_order_until_they_are_delivered(store: LineStore) -> None:
    store.event("started", publishers=["mqtt", "csv"])
    for number in range(5):
        store.record(judged(str(number)), publishers=["mqtt"])
    assert [message.sequence for message in store.pending("mqtt", limit=4)] == [1, 2, 3, 4]
    ids = [message.id for message in store.pending("mqtt")]
    assert len(set(ids)) == 6
    store.delivered("mqtt", [ids[0], ids[2]])
    store.delivered("mqtt", [ids[0]])  # once more does nothing
    assert [message.sequence for message in store.pending("mqtt")] == [2, 4, 5, 6]
    assert [message.sequence for message in store.pending("csv")] == [1]
    assert {name: (row.messages, row.oldest_sequence) for name, row in store.waiting().items()} == {
        "csv": (1, 1),
        "mqtt": (4, 2),
    }
    with pytest.raises(ValueError, match="not of these decisions"):
        store.delivered("mqtt", ["0badc0de-1"])


def test_what_is_refused_is_kept_apart_and_can_be_tried_again(store: LineStore) -> None:
    for number in range(7):
        store.record(judged(str(number)), publishers=["webhook"])
    store.refuse("webhook", store.pending("webhook")[1:], "answers 422")
    assert [message.sequence for message in store.pending("webhook")] == [1]
    assert [(row.message.sequence, row.reason) for row in store.refused("webhook")][:2] == [
        (2, "answers 422"),
        (3, "answers 422"),
    ]
    assert store.waiting()["webhook"].refused == 6
    (event,) = store.events(kinds=["message_refused"])
    assert event.detail == "webhook: answers 422 (about 2, 3, 4, 5, 6, ...)"
    assert store.again("webhook") == 6
    assert [message.sequence for message in store.pending("webhook")] == [1, 2, 3, 4, 5, 6, 7]
    assert store.refused("webhook") == []


def test_pictures_go_by_verdict_and_age_when_they_take_too_much(memory: Path) -> None:
    with LineStore.open(memory / "line", picture_limit_bytes=1000) as store:
        for verdict in ("reject", "pass", "review", "pass"):
            store.record(judged(verdict, verdict), bytes(250))

        def there() -> list[int]:
            return [row.sequence for row in store.decisions() if store.picture(row.sequence) is not None]

        assert there() == [1, 2, 3, 4]
        assert store.record(judged("e", "review"), bytes(250), why="asked for").kept == "asked for"
        assert there() == [1, 3, 4, 5]
        assert store.record(judged("f", "reject"), bytes(250)).kept == "reject"
        assert there() == [1, 3, 5, 6]
        assert store.record(judged("g"), bytes(10)).kept is None  # nothing that is as mild could go for it
        assert store.record(judged("h", "reject"), bytes(1001)).kept is None  # alone too large
        assert there() == [1, 3, 5, 6]
        assert store.record(judged("i", "reject"), bytes(700)).kept == "reject"
        assert there() == [6, 9]
        assert len(store.decisions()) == 9
        assert [row.kept for row in store.decisions()][:3] == ["reject", "pass", "review"]
    with LineStore.open(memory / "line", picture_limit_bytes=960) as store:  # counted anew
        assert store.record(judged("j", "reject"), bytes(10)).kept == "reject"
        assert store.record(judged("k", "reject"), bytes(10)).kept == "reject"
        assert store.picture(6) is None


def test_the_oldest_decisions_go_where_somebody_said_how_many_are_enough(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hemline.line.store.FORGOTTEN_AT_ONCE", 40)
    with LineStore.open(memory / "line", keep_decisions=100, picture_limit_bytes=10_000, say=pytest.fail) as store:
        store.event("started")
        for number in range(300):
            store.record(judged(f"part {number}", "reject"), b"x" * 30)
        store.tidy()
        assert [row.sequence for row in store.decisions(limit=1)] == [42]  # some at a time, the event before them too
        for _ in range(5):
            store.tidy()
        left = [row.sequence for row in store.decisions(limit=1000)]
        assert left == list(range(202, 302))
        assert store.events() == []
        assert store.picture(201) is None
        assert store.picture(202) == b"x" * 30
        # what the pictures took that went is free for others
        for number in range(233):
            store.record(judged(f"later {number}", "reject"), b"y" * 30)
        assert store.picture(202) == b"x" * 30
    with LineStore.open(memory / "line", keep_decisions=100, say=pytest.fail) as store:
        assert store.next_sequence == 535


def test_a_decision_whose_message_waits_stays_and_so_does_all_that_is_newer(memory: Path) -> None:
    with LineStore.open(memory / "line", keep_decisions=10, say=pytest.fail) as store:
        for number in range(30):
            told = {4: ["csv", "mqtt"], 7: ["mqtt"]}.get(number, [])
            store.record(judged(f"part {number}"), publishers=told)
        store.tidy()
        assert next(iter(store.decisions(limit=1))).sequence == 5
        store.delivered("csv", [message.id for message in store.pending("csv")])
        store.tidy()
        assert next(iter(store.decisions(limit=1))).sequence == 5
        (first, second) = store.pending("mqtt")
        store.delivered("mqtt", [first.id])
        store.tidy()
        assert next(iter(store.decisions(limit=1))).sequence == 8
        store.delivered("mqtt", [second.id])
        store.tidy()
        assert next(iter(store.decisions(limit=1))).sequence == 21


def test_where_nobody_said_so_no_decision_ever_goes(store: LineStore) -> None:
    for number in range(30):
        store.record(judged(f"part {number}"))
    store.tidy()
    assert [row.sequence for row in store.decisions(limit=1000)] == list(range(1, 31))


def test_rejects_reviews_near_misses_and_one_pass_in_n_keep_their_pictures() -> None:
    rule = PictureRule(one_pass_in=8, pass_below=0.3, margin=0.05)
    assert rule.why(judged("a", "reject"), 1) == "reject"
    assert rule.why(judged("a", "review"), 1) == "review"
    drawn = [number for number in range(1, 8001) if rule.why(judged("a", score=0.1), number) == DRAWN]
    assert 900 < len(drawn) < 1100
    # in step with nothing: each of eight moulds has its share
    assert all(80 < sum(number % 8 == mould for number in drawn) < 170 for mould in range(8))
    rest = next(number for number in range(1, 100) if number not in drawn)
    assert rule.why(judged("a", score=0.25), rest) == NEAR_MISS
    assert rule.why(judged("a", score=0.2499), rest) is None
    assert rule.why(judged("a", score=0.29), drawn[0]) == DRAWN
    assert {PictureRule(one_pass_in=0).why(judged("a"), number) for number in range(50)} == {None}
    assert {PictureRule(one_pass_in=1).why(judged("a"), number) for number in range(50)} == {DRAWN}


def test_reading_goes_on_in_other_connections_while_it_is_written(store: LineStore) -> None:
    store.record(judged("a", "reject"), b"x" * 5000, ["mqtt"])
    with LineReader.open(store.folder) as reader:
        seen = reader.decisions()[-1].sequence
        store.record(judged("b"))
        assert [row.decision.part for row in reader.decisions(after_sequence=seen)] == ["b"]
        assert reader.picture(1) == b"x" * 5000
        assert reader.pending("mqtt") == store.pending("mqtt")
        assert reader.whose() == store.sender
    with pytest.raises(DataError, match="is writing here"):
        LineStore.open(store.folder, wait_s=0.05)
    store.close()
    with pytest.raises(UsageError, match="closed"):
        store.record(judged("c"))


def test_threads_take_turns_and_none_loses_a_decision(store: LineStore) -> None:
    def work(name: str) -> None:
        for number in range(20):
            store.record(judged(f"{name}{number}"), b"p" * 100, ["mqtt"])
            store.delivered("mqtt", [message.id for message in store.pending("mqtt", 5)])

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = store.decisions()
    assert [row.sequence for row in rows] == list(range(1, 61))
    assert {row.decision.part for row in rows} == {f"{name}{number}" for name in "abc" for number in range(20)}


def test_a_folder_belongs_to_one_line_whose_name_stands_in_topics(memory: Path) -> None:
    LineStore.open(memory / "line", "press-2").close()
    with pytest.raises(UsageError, match="decisions of line 'press-2', not of 'line-1'"):
        LineStore.open(memory / "line")
    with pytest.raises(UsageError, match="it stands in the topics"):
        LineStore.open(memory / "other", "press/#")
    assert not (memory / "other").exists()
    with pytest.raises(DataError, match=r"no decisions at .*; a line that runs makes them: hemline line run"):
        LineReader.open(memory / "none")
    (memory / "file").write_text("")
    with pytest.raises(UsageError, match="a file; decisions lie in a folder"):
        LineStore.open(memory / "file")


def test_a_damaged_database_is_set_aside_and_numbers_go_on_above(memory: Path) -> None:
    with LineStore.open(memory / "line") as store:
        store.record(judged("a"), publishers=["mqtt"])
        first = store.pending("mqtt")[0].id
    database = memory / "line" / "database" / "line.db"
    database.write_bytes(b"dear diary")
    said: list[str] = []
    with LineStore.open(memory / "line", say=said.append, publishers=["mqtt"]) as store:
        (line,) = said
        assert "a new, EMPTY record of decisions was begun; numbers go on above those that were given" in line
        (event,) = store.events()
        assert (event.kind, event.sequence) == ("set_aside", numbers.STEP + 1)
        assert event.detail == line
        (message,) = store.pending("mqtt")
        assert message.id.partition("-")[0] != first.partition("-")[0]
    (aside,) = (memory / "line").glob("database.corrupt-*")
    assert (aside / "line.db").read_bytes() == b"dear diary"


def test_numbers_are_not_given_twice_where_an_older_copy_was_put_back(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbers, "STEP", 10)
    folder = memory / "line"
    with LineStore.open(folder) as store:
        for number in range(5):
            store.record(judged(str(number)))
    shutil.copytree(folder / "database", memory / "copy")
    with LineStore.open(folder) as store:
        assert store.next_sequence == 6
        for number in range(30):
            store.record(judged(str(number)))
        assert store.next_sequence == 36
    shutil.rmtree(folder / "database")
    (memory / "copy").rename(folder / "database")
    with LineStore.open(folder) as store:
        assert store.record(judged("after")).sequence > 35


def test_a_version_that_is_newer_is_refused_and_left_as_it_is(memory: Path) -> None:
    LineStore.open(memory / "line").close()
    database = memory / "line" / "database" / "line.db"
    connection = sqlite3.connect(database)
    connection.execute(f"PRAGMA user_version = {schema.SCHEMA.version + 1}")
    connection.commit()
    connection.close()
    before = database.read_bytes()
    for opened in (LineStore.open, LineReader.open):
        with pytest.raises(DataError, match=f"a record of decisions of version {schema.SCHEMA.version + 1}, this hem"):
            opened(memory / "line")
    assert database.read_bytes() == before


def test_what_lost_its_name_takes_no_more_decisions(store: LineStore) -> None:
    store.record(judged("a"))
    (store.folder / "database").rename(store.folder / "elsewhere")
    with pytest.raises(DataError, match="moved or deleted while it was open"):
        store.record(judged("b"))
    (store.folder / "elsewhere").rename(store.folder / "database")
    assert store.record(judged("c")).sequence == 2


def test_a_disk_that_cannot_be_written_says_so_and_storing_goes_on_when_it_can(store: LineStore) -> None:
    store.record(judged("a"))
    store._writer._connection.execute("PRAGMA query_only = ON")  # SQLite's own words for it, whoever runs the tests
    for _ in range(2):
        with pytest.raises(DataError, match="attempt to write a readonly database"):
            store.record(judged("b"), b"picture", ["mqtt"])
    store._writer._connection.execute("PRAGMA query_only = OFF")
    store.record(judged("c"))
    assert state(store) == [(1, "a", "pass", None), (2, "c", "pass", None)]
    assert store.pending("mqtt") == []
