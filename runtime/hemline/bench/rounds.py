"""
Artifacts in rounds: each round is a process of its own for every artifact in turn, so that what the machine does to one
it does to all, and what a fresh process makes different is seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hemline.bench.child import Child
from hemline.bench.histogram import Histogram
from hemline.bench.machine import Machine
from hemline.bench.plan import Plan
from hemline.bench.watching import Seen, Watcher
from hemline.bundle import Bundle
from hemline.errors import BundleError, HemlineError

LONG_S = 60.0  # from here on one long round, in windows of LONG_WINDOW_S
LONG_WINDOW_S = 10.0
MOST_WINDOWS = 360
ROUNDS = 5  # what processes differ by is told from as many; three leave it twice as uncertain
LEAST_WINDOW_S = 0.05


@dataclass(frozen=True)
class Settings:
    """What is measured of each artifact.

    seconds: of latency. rounds: processes these are spread over; 0: ROUNDS, and one from LONG_S on. threads: of the
    latency. openvino_device: as in engines.Model. thread_counts: to measure the throughput with. extras: overhead,
    throughput and the whole path too. picture: a file for the whole path. runs, run_s: of the single-stream style, 0
    for none.
    """

    seconds: float = 3.0
    rounds: int = 0
    threads: int = 1
    openvino_device: str = "CPU"
    thread_counts: tuple[int, ...] = ()
    extras: bool = True
    picture: str | None = None
    runs: int = 0
    run_s: float = 10.0
    machine: Machine = field(default_factory=Machine)

    @property
    def processes(self) -> int:
        """How many rounds there are."""
        return self.rounds or (1 if self.seconds >= LONG_S or self.runs else ROUNDS)

    @property
    def window_s(self) -> float:
        """How long a window is."""
        each = self.seconds / self.processes
        if each >= LONG_S:
            return max(LONG_WINDOW_S, each / MOST_WINDOWS)
        return min(LONG_WINDOW_S, max(LEAST_WINDOW_S, each / (4 if self.processes > 1 else 12)))


@dataclass(frozen=True)
class Window:
    """One window: of which round, after how many seconds of other windows, what was measured and what was seen.

    yardstick_ms: what a fixed computation took at its end (hemline.bench.measuring).
    """

    round: int
    start_s: float
    seconds: float
    cpu_s: float
    durations: Histogram
    seen: Seen
    yardstick_ms: float


@dataclass
class Measured:
    """What the rounds of one artifact told; grows while they run. failed: why there is nothing more."""

    artifact: str
    threads: int
    opened: list[dict[str, Any]] = field(default_factory=list)
    warmups: list[dict[str, Any]] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    memory: list[dict[str, Any]] = field(default_factory=list)
    extras: dict[str, Any] = field(default_factory=dict)
    busiest: list[tuple[str, int, float]] = field(default_factory=list)
    no_energy: str = ""
    earlier: list[str] = field(default_factory=list)
    failed: HemlineError | None = None


def rounds_of(
    bundle: Bundle,
    artifacts: Sequence[str],
    settings: Settings,
    say: Callable[[str], None] = lambda line: None,
    *,
    threads: Sequence[int] | None = None,
) -> list[Measured]:
    """Return what was measured of each artifact, in their order; of one that failed, why.

    threads: to run each artifact with, one after the other; None for settings.threads. say: told of each step.
    """
    found = [Measured(name, count) for name in artifacts for count in threads or (settings.threads,)]
    for number in range(settings.processes):
        for one in found:
            if one.failed is not None:
                continue
            plan = _plan(bundle, one, settings, last=number == settings.processes - 1)
            try:
                _round(plan, one, number, settings.machine)
            except HemlineError as error:
                one.failed = error
            word = "failed" if one.failed else "measured"
            each = f", {counted(one.threads)}" if threads else ""
            say(f"{word} {one.artifact}{each}, round {number + 1} of {settings.processes}")
    return found


def counted(threads: int) -> str:
    """Return a number of threads in words."""
    return "1 thread" if threads == 1 else f"{threads} threads"


def _plan(bundle: Bundle, one: Measured, settings: Settings, *, last: bool) -> Plan:
    if bundle.directory is None:
        raise BundleError(f"{bundle.title}: was not read from a directory")
    each = settings.seconds / settings.processes
    return Plan(
        str(bundle.directory.absolute()),
        one.artifact,
        one.threads,
        settings.openvino_device,
        each,
        settings.window_s,
        time.monotonic_ns(),
        min(2.0, settings.seconds / 4) if settings.extras and last else 0.0,
        settings.thread_counts,
        settings.picture,
        settings.runs,
        settings.run_s,
    )


def _round(plan: Plan, one: Measured, number: int, machine: Machine) -> None:
    with Child(plan) as child, Watcher(machine, child.pid) as watcher:
        for message in child.messages():
            ((kind, told),) = message.items()
            if kind == "opened":
                one.opened.append(told)
            elif kind == "warmup":
                one.warmups.append(told)
                watcher.begin()
            elif kind == "window":
                one.windows.append(_window(told, watcher, number, sum(window.seconds for window in one.windows)))
            elif kind == "run":
                one.runs.append({**told, "seen": watcher.window(cpu_s=told["cpu_s"], waited_s=told["waited_s"])})
            elif kind == "memory":
                one.memory.append(told)
                used = watcher.busiest()
                one.busiest += [] if used is None else [used]
                one.earlier = one.earlier or watcher.earlier
            else:
                one.extras[kind] = told
        one.no_energy = watcher.no_energy


def _window(told: dict[str, Any], watcher: Watcher, number: int, start_s: float) -> Window:
    seen = watcher.window(cpu_s=told["cpu_s"], waited_s=told["waited_s"])
    durations = Histogram.of(
        told["durations"], shortest_ms=told["shortest_ms"], longest_ms=told["longest_ms"], sum_ms=told["sum_ms"]
    )
    return Window(number, start_s, told["seconds"], told["cpu_s"], durations, seen, told["yardstick_ms"])
