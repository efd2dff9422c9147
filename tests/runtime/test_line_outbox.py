"""Delivering what is pending: at least once, in order, with patience, and never in the way of a decision."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from hemline.line.decision import Decision
from hemline.line.outbox import Outbox, Patience
from hemline.line.publishers import PublishError
from hemline.line.records import Message
from hemline.line.store import LineStore
from hemline.space import DiskFullError

FAST = Patience(first_s=0.005, longest_s=0.02, settings_s=0.03, idle_s=0.02, drain_s=5, batch=7)


class Receiver:
    """A publisher that does what it is told to. fault: raised as long as it is there; limit: takes so many at once."""

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.asked = 0
        self.fault: Exception | None = None
        self.limit = 1000
        self.closed = False
        self.gate = threading.Event()
        self.gate.set()

    @property
    def sequences(self) -> list[int]:
        return [message.sequence for message in list(self.taken)]

    def publish(self, messages: Sequence[Message]) -> list[str]:
        self.asked += 1
        self.gate.wait(10)
        if self.fault is not None:
            raise self.fault
        self.taken += messages[: self.limit]
        return [message.id for message in messages[: self.limit]]

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def store(memory: Path) -> Iterator[LineStore]:
    with LineStore.open(memory / "line") as opened:
        yield opened


def record(store: LineStore, count: int, *publishers: str) -> None:
    for number in range(count):
        store.record(Decision(f"part {number}", "pass", score=0.1), None, publishers)


def until(true: Callable[[], object], timeout_s: float = 10.0) -> None:
    end = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.003)


def kinds(store: LineStore) -> list[str]:
    return [event.kind for event in store.events()]


def test_everything_is_delivered_once_and_in_order_to_each(store: LineStore) -> None:
    record(store, 5, "one", "two")
    one, two = Receiver(), Receiver()
    two.limit = 3  # may take fewer than it is given
    with Outbox(store, {"one": one, "two": two}, patience=FAST) as outbox:
        record(store, 20, "one", "two")
        until(lambda: not store.waiting())
    assert one.sequences == two.sequences == list(range(1, 26))
    assert one.closed
    assert two.closed
    assert outbox.states()["one"].delivered == 25
    assert kinds(store) == []


def test_what_is_left_is_delivered_before_it_ends(store: LineStore) -> None:
    receiver = Receiver()
    outbox = Outbox(store, {"one": receiver}, patience=FAST)
    receiver.gate.clear()
    with outbox:
        record(store, 30, "one")
        receiver.gate.set()
    assert receiver.sequences == list(range(1, 31))
    outbox.close()


def test_an_outage_is_told_once_and_so_is_its_end_and_nothing_is_lost(store: LineStore) -> None:
    receiver = Receiver()
    receiver.fault = PublishError("one: nobody there")
    with Outbox(store, {"one": receiver, "two": Receiver()}, patience=FAST):
        record(store, 10, "one")
        until(lambda: receiver.asked > 8)
        assert kinds(store) == ["broker_lost"]
        receiver.fault = None
        until(lambda: not store.waiting())
        until(lambda: kinds(store) == ["broker_lost", "broker_back"])
    lost, back = store.events()
    assert lost.detail == "one: nobody there"
    assert back.detail.startswith("one: after ")
    sequences = receiver.sequences
    assert sequences == sorted(sequences)
    assert set(sequences) == set(range(1, 13))  # the events are told too, after what was before them


def test_a_setting_that_is_wrong_is_told_and_asked_about_slowly(store: LineStore) -> None:
    receiver = Receiver()
    receiver.fault = PublishError("one: nobody there")
    patience = Patience(first_s=0.001, longest_s=0.001, settings_s=30.0, idle_s=0.01)
    with Outbox(store, {"one": receiver}, patience=patience):
        until(lambda: receiver.asked > 2)
        receiver.fault = PublishError("one: the password is refused", settings=True)
        until(lambda: len(store.events()) == 2)
        asked = receiver.asked
        record(store, 3, "one")  # does not make it come earlier
        time.sleep(0.1)
        assert receiver.asked <= asked + 1
        assert [event.detail for event in store.events()] == ["one: nobody there", "one: the password is refused"]
    assert store.waiting()["one"].messages == 5


def test_what_was_delivered_before_a_failure_is_not_delivered_again(store: LineStore) -> None:
    record(store, 5, "one")
    taken: list[int] = []

    class Halfway(Receiver):
        def publish(self, messages: Sequence[Message]) -> list[str]:
            half = messages[: 1 + len(messages) // 2]
            taken.extend(message.sequence for message in half)
            if len(half) < len(messages):
                raise PublishError("one: fell over", delivered=[message.id for message in half])
            return [message.id for message in half]

    with Outbox(store, {"one": Halfway()}, patience=FAST):
        until(lambda: not store.waiting())
    assert taken[:5] == [1, 2, 3, 4, 5]
    assert sorted(set(taken)) == taken


def test_a_message_that_is_never_taken_is_put_apart_and_the_others_go_on(store: LineStore) -> None:
    record(store, 6, "one")
    taken: list[int] = []

    class Picky(Receiver):
        def publish(self, messages: Sequence[Message]) -> list[str]:
            for place, message in enumerate(messages):
                if message.sequence == 3:
                    before = [row.id for row in messages[:place]]
                    raise PublishError("one: answers 422", delivered=before, refused=2)
                taken.append(message.sequence)
            return [message.id for message in messages]

    assert PublishError("x", refused=1).permanent
    with Outbox(store, {"one": Picky()}, patience=FAST):
        until(lambda: not store.pending("one"))
    assert taken == [1, 2, 5, 6]
    assert [row.message.sequence for row in store.refused("one")] == [3, 4]
    assert kinds(store) == ["message_refused"]  # and it is told to nobody, who could refuse it in turn


def test_on_a_full_disk_nothing_is_delivered_twice(store: LineStore, monkeypatch: pytest.MonkeyPatch) -> None:
    record(store, 3, "one")
    receiver, full = Receiver(), threading.Event()
    full.set()
    delivered = store.delivered

    def note(publisher: str, ids: Sequence[str]) -> None:
        if full.is_set():
            raise DiskFullError("cannot save: disk full")
        delivered(publisher, ids)

    monkeypatch.setattr(store, "delivered", note)
    with Outbox(store, {"one": receiver}, patience=FAST) as outbox:
        until(lambda: outbox.states()["one"].failures > 3)
        assert receiver.sequences == [1, 2, 3]
        full.clear()
        until(lambda: kinds(store) == ["broker_lost", "broker_back"])
        until(lambda: not store.pending("one"))
    assert receiver.sequences == [1, 2, 3, 4, 5]


def test_a_bug_in_a_publisher_is_counted_and_the_thread_goes_on(store: LineStore) -> None:
    record(store, 3, "one")
    receiver = Receiver()
    receiver.fault = ZeroDivisionError()
    with Outbox(store, {"one": receiver}, patience=FAST) as outbox:
        until(lambda: outbox.states()["one"].faults > 2)
        receiver.fault = None
        until(lambda: not store.waiting())
    assert receiver.sequences[:3] == [1, 2, 3]


def test_a_receiver_that_is_slow_does_not_hold_a_decision_up(store: LineStore) -> None:
    slow, fast = Receiver(), Receiver()
    slow.gate.clear()
    with Outbox(store, {"slow": slow, "fast": fast}, patience=FAST):
        record(store, 20, "slow", "fast")
        until(lambda: fast.sequences == list(range(1, 21)))
        assert slow.taken == []
        slow.gate.set()


def test_waiting_grows_to_a_limit_and_differs_by_chance() -> None:
    patience = Patience(first_s=0.5, longest_s=30, settings_s=60)
    chance = random.Random(1)
    delays = [patience.delay_s(failures, settings=False, chance=1.0) for failures in (1, 2, 3, 7, 1000)]
    assert delays == [0.5, 1.0, 2.0, 30, 30]
    many = {patience.delay_s(7, settings=False, chance=chance.random()) for _ in range(50)}
    assert len(many) == 50
    assert 15 <= min(many) < max(many) <= 30
    assert patience.delay_s(1, settings=True, chance=1.0) == 60


def test_the_messages_about_an_outage_say_what_happened(store: LineStore) -> None:
    receiver = Receiver()
    receiver.fault = PublishError("nobody there")
    with Outbox(store, {"one": receiver}, patience=FAST):
        until(lambda: kinds(store) == ["broker_lost"])
        receiver.fault = None
        until(lambda: len(receiver.taken) == 2)
    told = [json.loads(message.payload) for message in receiver.taken]
    assert [row["event"] for row in told] == ["broker_lost", "broker_back"]
    assert told[0]["detail"] == "one: nobody there"
