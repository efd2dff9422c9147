"""
Injected camera faults: recovered from every time, and no stale frame given as good.

    python scripts/prove_capture.py
    python scripts/prove_capture.py --faults 40 --seconds 120

Half of the faults happen inside the fake camera, half in a local MJPEG server, both at once, with shortened deadlines.
Each frame carries its number and the time at which it was drawn as a bar code in its pixels, so what is claimed about
a frame is checked against the pixels that arrive, not against what the capture process says:

    readable    the bar code and its CRC are whole: no torn, half or guessed frame
    newer       its number is higher than that of every frame before
    fresh       drawn less than the deadline ago, plus MARGIN_SECONDS for a busy machine
    recovered   a newer good frame came after each fault, and the fault was noticed as what it was

Prints a table and exits with 1 when any of these fails once.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np

from hemline.errors import HemlineError, PictureError
from hemline.sources import Item, live, stamp

MARGIN_SECONDS = 0.5
DEADLINE_SECONDS = 0.4
RECOVERY_SECONDS = 30.0
SPACING = 20  # frames from one fault of the fake camera to the next: longer than the deadline, so each is an outage
FPS = 40
# what happens, and as what it has to be noticed: a kind of fault, or "refused" frames while the source runs on
IN_FAKE = {"kill": "died", "freeze": "frozen", "half": "refused", "garbage": "refused", "stall": "late"}
IN_SERVER = {
    "kill": "died",
    "freeze": "frozen",
    "half": "refused",
    "garbage": "refused",
    "drip": "late",
    "stall": "late",
    "disconnect": "lost",
}
FAKE_TURNS = ("kill", "half", "freeze", "garbage", "stall", "half", "kill", "garbage")
SERVER_TURNS = ("kill", "half", "freeze", "garbage", "disconnect", "half", "drip", "garbage", "stall", "half")
BACKGROUND = np.full((96, 160, 3), 90, np.uint8)


class MjpegServer(ThreadingHTTPServer):
    """A camera that sends stamped frames as MJPEG over HTTP and fails on demand.

    inject: the fault of the next frame. lengths: whether each part has a Content-Length.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, *, fps: float = FPS, lengths: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), _Stream)
        self.fps, self.lengths = fps, lengths
        self.url = f"http://127.0.0.1:{self.server_port}/mjpeg"
        self.inject = ""
        self.status = 200
        self.stopping = threading.Event()
        self.numbers = itertools.count(1)
        self.number = 0

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients are killed here all the time; what they leave is no news."""

    @contextmanager
    def running(self) -> Iterator[MjpegServer]:
        """Serve in a thread."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self.stopping.set()
            self.shutdown()
            thread.join()
            self.server_close()


class _Stream(BaseHTTPRequestHandler):
    server: MjpegServer
    timeout = 30

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.send_response(self.server.status)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        due = time.monotonic()
        while self.server.status == 200 and not self.server.stopping.is_set():
            due = max(due + 1 / self.server.fps, time.monotonic() - 0.2)
            time.sleep(max(0.0, due - time.monotonic()))
            # taken in this order: a fault that is injected now is that of a frame with a higher number
            fault, self.server.inject = self.server.inject, ""
            self.server.number = next(self.server.numbers)
            data = stamp.encoded(BACKGROUND, self.server.number, time.monotonic_ns())
            if not self.send(data, fault):
                return

    def send(self, data: bytes, fault: str) -> bool:
        """Send one part; False when nothing comes after it."""
        if fault == "disconnect":
            return False
        if fault == "garbage":
            data = random.Random(len(data)).randbytes(len(data))
        head = b"--frame\r\nContent-Type: image/jpeg\r\n"
        head += b"Content-Length: %d\r\n\r\n" % len(data) if self.server.lengths else b"\r\n"
        if fault == "half":
            data = data[: len(data) // 2]
        part = head + data + b"\r\n"
        if fault == "stall":
            self.wait(lambda: None)
            return False
        if fault == "drip":
            drops = iter(part)
            self.wait(lambda: self.wfile.write(bytes([next(drops)])))
            return False
        if fault == "freeze":
            self.wait(lambda: self.wfile.write(part))
            return False
        self.wfile.write(part)
        return True

    def wait(self, meanwhile: Callable[[], object]) -> None:
        """Do this again and again until the client is gone."""
        self.connection.settimeout(0)
        while not self.server.stopping.is_set():
            time.sleep(1 / self.server.fps)
            try:
                if self.connection.recv(1) == b"":
                    return
            except BlockingIOError:
                pass
            self.connection.settimeout(5)
            meanwhile()
            self.connection.settimeout(0)


@dataclass
class Tally:
    """What was seen of one source."""

    name: str
    injected: dict[str, int] = field(default_factory=dict)
    recoveries_s: dict[str, list[float]] = field(default_factory=dict)
    frames: int = 0
    oldest_ms: float = 0.0
    wrong: list[str] = field(default_factory=list)
    number: int = 0

    def check(self, item: Item, deadline_s: float) -> int:
        """Hold a frame against its own pixels; return its number."""
        now = time.monotonic_ns()
        found = stamp.read(item.picture())
        if found is None:
            self.wrong.append(f"{item.source}: the bar code is not readable")
            return self.number
        number, drawn_ns = found
        age_ms = (now - drawn_ns) / 1e6
        assert item.captured_ns is not None
        if number <= self.number:
            self.wrong.append(f"{item.source}: frame {number} after frame {self.number}")
        if age_ms > 1000 * (deadline_s + MARGIN_SECONDS):
            self.wrong.append(f"{item.source}: drawn {age_ms:.0f} ms ago")
        if not drawn_ns <= item.captured_ns <= now:
            self.wrong.append(f"{item.source}: captured {(now - item.captured_ns) / 1e6:.0f} ms ago by its own account")
        self.frames += 1
        self.oldest_ms = max(self.oldest_ms, age_ms)
        self.number = number
        return number

    def recovered(self, fault: str, seconds: float) -> None:
        """Note a fault and how long no good frame came because of it."""
        self.injected[fault] = self.injected.get(fault, 0) + 1
        self.recoveries_s.setdefault(fault, []).append(seconds)
        if seconds > RECOVERY_SECONDS:
            self.wrong.append(f"{self.name}: {seconds:.1f} s without a frame after {fault}")

    def compare(self, noticed: dict[str, int], kinds: dict[str, str]) -> None:
        """Hold what was injected against what was noticed."""
        expected: dict[str, int] = {}
        for fault, count in self.injected.items():
            expected[kinds[fault]] = expected.get(kinds[fault], 0) + count
        for kind in sorted(expected.keys() | noticed.keys()):
            if expected.get(kind, 0) != noticed.get(kind, 0):
                line = f"{self.name}: {expected.get(kind, 0)} injected, {noticed.get(kind, 0)} noticed as {kind}"
                self.wrong.append(line)


def prove_fake(count: int, until: float) -> Tally:
    """Have the fake camera fail at known frames and watch what comes."""
    tally = Tally("fake camera")
    faults = [fault for _, fault in zip(range(count), itertools.cycle(FAKE_TURNS), strict=False)]
    plan = {SPACING * (index + 1): fault for index, fault in enumerate(faults)}
    with tempfile.TemporaryDirectory(prefix="hemline-capture-") as folder:
        cv2.imwrite(str(Path(folder) / "frame.png"), BACKGROUND)
        options = [f"fps={FPS}", "stamp", f"deadline={DEADLINE_SECONDS}", "pause=0.05", "opening=60"]
        for kind in IN_FAKE:
            numbers = ",".join(str(number) for number, fault in plan.items() if fault == kind)
            options += [f"{kind}={numbers}"] if numbers else []
        waiting = dict(plan)
        before = time.monotonic()
        with live.connect("hemline.sources.fake", [f"fake://{folder}?{'&'.join(options)}"]) as source:
            for item in source:
                if isinstance(item.content, PictureError):
                    continue
                number, now = tally.check(item, DEADLINE_SECONDS), time.monotonic()
                for at in [at for at in waiting if at < number]:
                    tally.recovered(waiting.pop(at), now - before)
                before = now
                if not waiting:
                    break
                if now > until:
                    tally.wrong.append(f"{tally.name}: out of time with {len(waiting)} faults to come")
                    break
            seen = source.statistics()
    tally.compare({**seen.faults, "refused": seen.refused}, IN_FAKE)
    return tally


def prove_server(count: int, until: float) -> Tally:
    """Have an MJPEG server fail, one fault after the other, and wait for each to be noticed and over."""
    tally = Tally("MJPEG server")
    faults = [fault for _, fault in zip(range(count), itertools.cycle(SERVER_TURNS), strict=False)]
    options = f"deadline={DEADLINE_SECONDS}&pause=0.05&opening=60"
    with (
        MjpegServer().running() as server,
        live.connect("hemline.sources.stream", [f"{server.url}#{options}"]) as source,
    ):
        for index, fault in enumerate(faults):
            server.lengths = index % 2 == 0
            good(source, tally, until, lambda: True)
            before = source.statistics()
            at, started = server.number, time.monotonic()
            if fault == "kill":
                assert source.pid is not None
                os.kill(source.pid, signal.SIGKILL)
            else:
                server.inject = fault

            def noticed(before=before, fault=fault, at=at) -> bool:  # type: ignore[no-untyped-def]
                now, kind = source.statistics(), IN_SERVER[fault]
                if kind == "refused":
                    return now.refused > before.refused and tally.number > at
                return now.faults.get(kind, 0) > before.faults.get(kind, 0) and tally.number > at

            if not good(source, tally, until, noticed):
                tally.wrong.append(f"{tally.name}: out of time with {count - index} faults to come")
                break
            tally.recovered(fault, time.monotonic() - started)
            # one good frame is no recovery: the next fault is to be an outage of its own
            rested = time.monotonic() + 1.2 * DEADLINE_SECONDS
            good(source, tally, until, lambda rested=rested: time.monotonic() > rested)
        seen = source.statistics()
    tally.compare({**seen.faults, "refused": seen.refused}, IN_SERVER)
    return tally


def good(source: live.Live, tally: Tally, until: float, enough: Callable[[], bool]) -> bool:
    """Take frames, at least one, until it is enough; False when time runs out."""
    while time.monotonic() < until:
        item = source.poll(1.0)
        if item is not None and not isinstance(item.content, PictureError):
            tally.check(item, DEADLINE_SECONDS)
            if enough():
                return True
    return False


def table(tallies: list[Tally]) -> list[str]:
    """Return the lines of the result."""
    lines = [f"{'source':<14}{'fault':<12}{'injected':>9}{'recovered':>10}{'median s':>10}{'longest s':>10}"]
    for tally in tallies:
        for fault, seconds in tally.recoveries_s.items():
            back = sum(each <= RECOVERY_SECONDS for each in seconds)
            figures = f"{sorted(seconds)[len(seconds) // 2]:>10.2f}{max(seconds):>10.2f}"
            lines.append(f"{tally.name:<14}{fault:<12}{tally.injected[fault]:>9}{back:>10}{figures}")
    injected = sum(sum(tally.injected.values()) for tally in tallies)
    back = sum(each <= RECOVERY_SECONDS for tally in tallies for s in tally.recoveries_s.values() for each in s)
    lines.append(f"{'all':<26}{injected:>9}{back:>10}")
    return lines + [
        f"{tally.name}: {tally.frames:,} good frames, the oldest {tally.oldest_ms:.0f} ms when it was given"
        for tally in tallies
    ]


def main(arguments: list[str] | None = None) -> int:
    """Inject, check, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--faults", type=int, default=500, help="how many in all (default: 500)")
    parser.add_argument("--seconds", type=float, default=590, help="give up after these (default: 590)")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    until = started + options.seconds
    with ThreadPoolExecutor(2) as pool:
        parts = (options.faults - options.faults // 2, options.faults // 2)
        running = [pool.submit(prove, n, until) for prove, n in zip((prove_fake, prove_server), parts, strict=True)]
        try:
            tallies = [each.result() for each in running]
        except HemlineError as error:
            print(error, file=sys.stderr)
            return 1
    print("\n".join(table(tallies)))
    wrong = [line for tally in tallies for line in tally.wrong]
    print("\n".join(wrong[:20] or [f"no stale, torn or repeated frame; {time.monotonic() - started:.0f} s"]))
    return 1 if wrong or sum(sum(tally.injected.values()) for tally in tallies) != options.faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
