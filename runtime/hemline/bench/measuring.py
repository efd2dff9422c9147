"""
What is measured of one artifact, in the process that has it to itself.

The latency is that of the engine's call: uint8 pixels in, float logits out. Nothing else happens between two calls but
reading the clock and keeping the number; what is told to the parent is told between windows, while nothing is timed.
"""

from __future__ import annotations

import hashlib
import statistics
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import golden
from hemline.bench.histogram import Histogram
from hemline.bench.plan import Plan
from hemline.bench.steady import AGREE, steady_from
from hemline.bundle import Bundle
from hemline.engines import Engine, open_engine

CHUNK = 1 << 16  # durations that are held before they are counted: half a MiB
WARM_BLOCK_NS = 10_000_000
WARM_MOST_S = 30.0
YARDSTICK_BYTES = 1 << 14  # one takes 10 us on a desktop, 100 us on a small board
YARDSTICK_TIMES = 30
Call = Callable[[], object]
Message = dict[str, Any]


def picture_for(bundle: Bundle) -> NDArray[np.uint8]:
    """Return one picture (1, H, W, C): the first golden one, else noise."""
    return pictures_for(bundle, 1)[0]


def pictures_for(bundle: Bundle, count: int) -> list[NDArray[np.uint8]]:
    """Return pictures (1, H, W, C): the golden ones, over again where there are fewer, else noise."""
    inputs = golden.load(bundle)
    if inputs is None:
        random = np.random.default_rng(0)
        return [random.integers(0, 256, (1, *bundle.preprocess.shape), np.uint8) for _ in range(count)]
    return [np.ascontiguousarray(inputs.pictures[[index % len(inputs.pictures)]]) for index in range(count)]


def measured(plan: Plan) -> Iterator[Message]:
    """Yield what was measured, each message when it is known."""
    bundle = Bundle.load(plan.bundle)
    pictures = pictures_for(bundle, max(1, plan.runs))
    before, started = memory("VmRSS"), time.monotonic_ns()
    with open_engine(bundle, plan.artifact, threads=plan.threads, openvino_device=plan.openvino_device) as engine:
        loaded = time.monotonic_ns()
        engine.logits(pictures[0])
        answered = time.monotonic_ns()
        yield {
            "opened": {
                "backend": engine.backend,
                "load_ms": (loaded - started) / 1e6,
                "first_ms": (answered - loaded) / 1e6,
                "cold_start_ms": (answered - plan.spawned_ns) / 1e6,
                "base_rss_bytes": before,
            }
        }
        yield {"warmup": warm_up(lambda: engine.logits(pictures[0]), min(WARM_MOST_S, max(0.3, plan.seconds / 2)))}
        for number in range(plan.runs):
            yield {"run": single_stream(engine, pictures[number], plan.run_s)}
        if not plan.runs:
            yield from windows(lambda: engine.logits(pictures[0]), plan.seconds, plan.window_s)
        yield {"memory": {"rss_bytes": memory("VmRSS"), "peak_rss_bytes": memory("VmHWM")}}
        if plan.extra_s:
            from hemline.bench import extras

            yield from extras.measured(bundle, plan, engine, pictures[0])


def windows(call: Call, seconds: float, window_s: float) -> Iterator[Message]:
    """Yield one message a window; the last may be shorter, none is less than half of one."""
    left = seconds
    while left > 0:
        length = left if left < 1.5 * window_s else window_s
        found, before = Histogram(), _spent()
        until = time.perf_counter_ns() + int(1e9 * length)
        while time.perf_counter_ns() < until or not found.shortest_ns < float("inf"):
            found.add(np.frombuffer(timed(call, until, CHUNK), np.int64))
        cpu, waited, took = (after - start for after, start in zip(_spent(), before, strict=True))
        yield {
            "window": {
                "seconds": took / 1e9,
                "cpu_s": cpu / 1e9,
                "waited_s": waited / 1e9,
                "durations": found.sparse(),
                "shortest_ms": found.shortest_ns / 1e6,
                "longest_ms": found.longest_ns / 1e6,
                "sum_ms": found.sum_ns / 1e6,
                "yardstick_ms": yardstick_ms(),
            }
        }
        left -= length


def yardstick_ms() -> float:
    """Return what a fixed computation takes, the median of a few: it changes with the machine and with no model."""
    data = bytes(YARDSTICK_BYTES)
    durations = []
    for _ in range(YARDSTICK_TIMES):
        started = time.perf_counter_ns()
        hashlib.sha256(data)
        durations.append(time.perf_counter_ns() - started)
    return statistics.median(durations) / 1e6


def _spent() -> tuple[int, int, int]:
    """Return ns of processor time, of waiting for a core, and of the clock."""
    return time.process_time_ns(), waited_ns(), time.monotonic_ns()


def timed(call: Call, until_ns: int, most: int) -> array[int]:
    """Return the durations in ns of at most `most` calls, the first one at least, until the clock says until_ns."""
    durations = array("q")
    keep, clock = durations.append, time.perf_counter_ns
    for _ in range(most):
        started = clock()
        call()
        stopped = clock()
        keep(stopped - started)
        if stopped >= until_ns:
            break
    return durations


def warm_up(call: Call, most_s: float) -> Message:
    """Call until the medians stay at one level; return where that began.

    steady: None where it did not in `most_s`, and then why in `reason`. inferences, ms: before it, the very first call
    of the engine not counted.
    """
    medians: list[float] = []
    ends: list[tuple[int, float]] = [(0, 0.0)]  # calls and ms up to the end of each block
    started = time.perf_counter_ns()
    while (now := time.perf_counter_ns()) - started < 1e9 * most_s:
        block = timed(call, now + WARM_BLOCK_NS, CHUNK)
        medians.append(statistics.median(block))
        ends.append((ends[-1][0] + len(block), (time.perf_counter_ns() - started) / 1e6))
        first = steady_from(medians) if len(medians) >= 2 * AGREE else None
        if first is not None:
            return {"steady": True, "inferences": ends[first][0], "ms": ends[first][1], "reason": None}
    reason = f"its medians were still moving after {most_s:.3g} s"
    if len(medians) < 2 * AGREE:
        reason = f"{ends[-1][0]:,} inferences in {most_s:.3g} s are too few, or came too seldom, to tell"
    return {"steady": False, "inferences": ends[-1][0], "ms": ends[-1][1], "reason": reason}


def single_stream(engine: Engine, picture: NDArray[np.uint8], seconds: float, least: int = 10) -> Message:
    """Return how often one picture was answered, over and over, in `seconds`; `least` times at least."""
    count, before, started = 0, _spent(), time.perf_counter_ns()
    while (took := (time.perf_counter_ns() - started) / 1e9) < seconds or count < least:
        engine.logits(picture)
        count += 1
    cpu, waited, _ = (after - start for after, start in zip(_spent(), before, strict=True))
    return {"inferences": count, "seconds": took, "cpu_s": cpu / 1e9, "waited_s": waited / 1e9}


def memory(name: str) -> int | None:
    """Return VmRSS or VmHWM of this process in bytes, None where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), None)


def waited_ns() -> int:
    """Return how long this process could have run and was not let, its first thread's; 0 where that is not counted."""
    try:
        return int(Path("/proc/self/schedstat").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
