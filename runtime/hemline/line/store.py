"""
A line's decisions, open to write: one process, and in it any number of threads.

Laws. What record() and event() have returned from is on the disk, whatever happens next; its messages too, in the same
transaction. Numbers only rise. What cannot be stored raises, and nothing of it is there.

    with LineStore.open(folder, line="line-1", picture_limit_bytes=2 * 10**9) as store:
        stored = store.record(decision, jpeg, ["mqtt", "csv"], why=rule.why(decision, store.next_sequence))
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from hemline import lock
from hemline.database.opening import loudly
from hemline.errors import DataError, unknown
from hemline.line import outgoing, recording, retention
from hemline.line.decision import Decision
from hemline.line.events import KINDS
from hemline.line.layout import require_folder
from hemline.line.messages import Sender, require_name
from hemline.line.reader import LineReader
from hemline.line.records import Message, Stored
from hemline.line.writing import Transaction, Writer

T = TypeVar("T")
PICTURE_LIMIT_BYTES = 2 * 10**9
FORGOTTEN_AT_ONCE = 1000  # decisions, in some ten milliseconds; tidying comes once a second, and no line is as quick


class LineStore(LineReader):
    """Decisions that are open to write and to read. One at a time: a second one waits, then is refused."""

    def __init__(
        self,
        writer: Writer,
        sender: Sender,
        *,
        picture_limit_bytes: int,
        keep_decisions: int,
        publishers: Sequence[str],
        clock: recording.Clock,
    ) -> None:
        super().__init__(writer.layout)
        self.sender = sender
        self._writer = writer
        self._limit_bytes = picture_limit_bytes
        self._keep_decisions = keep_decisions
        self._publishers = tuple(publishers)
        self._clock = clock
        self._short_told = False
        self._listeners: list[Callable[[], None]] = []

    @classmethod
    def open(
        cls,
        folder: Path | str,
        line: str = "line-1",
        *,
        say: Callable[[str], None] = loudly,
        picture_limit_bytes: int = PICTURE_LIMIT_BYTES,
        keep_decisions: int = 0,
        publishers: Sequence[str] = (),
        wait_s: float = lock.WAIT_S,
        clock: recording.Clock = time.time_ns,
    ) -> LineStore:
        """Return the decisions in a folder, begun when it is not there.

        line: its name, for ever. say: is told when the database was damaged, set aside, and a new one begun.
        keep_decisions: how many of the newest numbers are kept, of decisions and events together; 0: all.
        publishers: to whom goes what the store itself has to tell, such as that the disk is full.
        wait_s: how long to wait for a process that is writing here; then DataError.
        """
        require_name(line)
        writer = Writer(require_folder(Path(folder), create=True), wait_s=wait_s, say=say)
        try:
            sender = Sender(*writer.about(line))
            store = cls(
                writer,
                sender,
                picture_limit_bytes=picture_limit_bytes,
                keep_decisions=keep_decisions,
                publishers=publishers,
                clock=clock,
            )
            if writer.damage is not None:
                store.event("set_aside", writer.damage, publishers)
            store._go_on()
        except BaseException:
            writer.close()
            raise
        return store

    def close(self) -> None:
        """Close every connection and let the next one write. A second time does nothing."""
        super().close()
        self._writer.close()

    @property
    def next_sequence(self) -> int:
        """The number of the next decision, if nothing happens before it."""
        with self._readers.lend() as connection:
            return self._writer.numbers.next(connection)

    def record(
        self,
        decision: Decision,
        picture: bytes | None = None,
        publishers: Sequence[str] = (),
        *,
        why: str | None = None,
    ) -> Stored:
        """Store a decision, its picture, and a message about it for each publisher; it is on the disk then.

        picture: the bytes of a file, such as a JPEG. Not kept where only stricter ones could make room for it.
        why: by which rule it is kept; its verdict where nobody says.
        Raises DiskFullError when there is no room, DataError when it cannot be written; nothing of it is there then.
        """
        decision = recording.clean(decision)
        strictness = retention.STRICTNESS[decision.verdict]

        def enter(transaction: Transaction) -> Stored:
            connection, sequence, at = transaction.connection, transaction.number(), recording.moment(self._clock)
            fits = picture is not None and self._fits(transaction, len(picture), strictness)
            kept = (why or decision.verdict) if fits else None
            recording.enter_decision(connection, decision, sequence, at, kept)
            if fits and picture is not None:
                recording.enter_picture(connection, decision, sequence, picture)
                transaction.held_bytes += len(picture)
            message = self.sender.decision(decision, sequence, at[1], kept)
            outgoing.enter(connection, publishers, sequence, self.sender.topic("decision"), message)
            return Stored(sequence, at[1], kept)

        stored = self._durable(enter, 0 if picture is None else len(picture), strictness)
        self._told(publishers)
        return stored

    def event(self, kind: str, detail: str = "", publishers: Sequence[str] = ()) -> int:
        """Store that something happened, and a message about it for each publisher; return its number.

        kind: one of events.KINDS. Raises as record() does.
        """
        if kind not in KINDS:
            raise ValueError(unknown("event", kind, KINDS))

        def enter(transaction: Transaction) -> int:
            return self._enter_event(transaction, kind, detail, publishers)

        sequence = self._durable(enter)
        self._told(publishers)
        return sequence

    def delivered(self, publisher: str, ids: Sequence[str]) -> None:
        """Note that a publisher has delivered messages. A power cut may take that back: they are delivered again."""
        if ids:
            sequences = [self._sequence(id) for id in ids]
            self._writer.soon(lambda transaction: outgoing.delivered(transaction.connection, publisher, sequences))

    def refuse(self, publisher: str, messages: Sequence[Message], reason: str) -> None:
        """Put messages apart that a receiver will never take, and say so in an event that is told to nobody."""

        def enter(transaction: Transaction) -> None:
            _, now = recording.moment(self._clock)
            outgoing.put_apart(transaction.connection, publisher, messages, reason, now)
            which = ", ".join(str(message.sequence) for message in messages[:5]) + (", ..." if messages[5:] else "")
            # told to a publisher it could be refused in turn, without end
            self._enter_event(transaction, "message_refused", f"{publisher}: {reason} (about {which})", ())

        if messages:
            self._durable(enter)

    def again(self, publisher: str) -> int:
        """Put all that was refused back into the outbox, and return how many: what refused them has changed."""
        moved = self._durable(lambda transaction: outgoing.put_back(transaction.connection, publisher))
        self._told((publisher,))
        return moved

    def tidy(self) -> None:
        """Do what must be done at some time, in some milliseconds, now: call it while no part is waited for."""
        self._writer.tidy()
        self._forget()
        self._look_for_room()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener`, which must not wait, whenever there is something new to deliver."""
        self._listeners.append(listener)

    def _durable(self, enter: Callable[[Transaction], T], wanted_bytes: int = 0, strictness: int = 0) -> T:
        def work(transaction: Transaction) -> T:
            if self._writer.full_since is not None and not self._short_told:
                detail = f"the disk is full; {self._writer.given_up_bytes / 1e6:,.1f} MB of pictures were given up"
                self._enter_event(transaction, "room_short", detail, self._publishers)
            return enter(transaction)

        with self._writer.turn:
            value = self._writer.durable(work, wanted_bytes=wanted_bytes, strictness=strictness)
            if self._writer.full_since is not None:
                self._short_told = True
                self._look_for_room()
            return value

    def _go_on(self) -> None:
        """Where the disk was full when it was closed, tell when it has room again."""
        told = self.events(kinds=("room_short", "room_back"), limit=1, newest=True)
        if told and told[0].kind == "room_short":
            self._writer.full_since, self._short_told = time.monotonic(), True

    def _forget(self) -> None:
        """Let the oldest go that are more than shall be kept, some of them at a time."""
        if not self._keep_decisions:
            return
        with self._readers.lend() as connection:
            oldest = retention.oldest(connection)
            if oldest is None or oldest > retention.forgettable(connection, self._keep_decisions):
                return

        def leave(transaction: Transaction) -> None:
            _, freed = retention.forget(transaction.connection, self._keep_decisions, FORGOTTEN_AT_ONCE)
            transaction.held_bytes -= freed

        self._writer.soon(leave)

    def _look_for_room(self) -> None:
        """Say that a disk that was full has room again."""
        with self._writer.turn:
            given_up_bytes = self._writer.given_up_bytes
            if self._writer.recovered():
                self._short_told = False
                detail = f"{given_up_bytes / 1e6:,.1f} MB of pictures were given up meanwhile"
                with suppress(DataError):  # what led here is stored, and must not look as if it were not
                    self.event("room_back", detail, self._publishers)

    def _fits(self, transaction: Transaction, size_bytes: int, strictness: int) -> bool:
        """Make room for a picture among the others, and say whether that could be done."""
        if strictness < transaction.mildest or size_bytes > self._limit_bytes:
            return False
        over = transaction.held_bytes + size_bytes - self._limit_bytes
        if over <= 0:
            return True
        freed, _ = retention.give_up(transaction.connection, over, strictness=strictness)
        transaction.held_bytes -= freed
        return freed >= over

    def _enter_event(self, transaction: Transaction, kind: str, detail: str, publishers: Sequence[str]) -> int:
        sequence, at = transaction.number(), recording.moment(self._clock)
        message = recording.enter_event(transaction.connection, self.sender, kind, detail, sequence, at)
        outgoing.enter(transaction.connection, publishers, sequence, self.sender.topic("event"), message)
        return sequence

    def _sequence(self, id: str) -> int:
        store, _, number = id.rpartition("-")
        if store != self.sender.store:
            raise ValueError(f"message {id}: not of these decisions, whose messages are {self.sender.store}-...")
        return int(number)

    def _told(self, publishers: Sequence[str]) -> None:
        for listener in self._listeners if publishers else ():
            listener()
