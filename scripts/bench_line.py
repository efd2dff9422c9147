"""
A line on one core: decisions a second and the time from trigger to stored decision, and what each thing costs.

    python scripts/bench_line.py [--parts 1500] [--rate 60] [--bundle tiles] [--folder DIR] [--json F]
    python scripts/bench_line.py --growth 20000

Parts are drawn, 640x480 and gray, and handed over as a camera would: as pixels. Line, outbox and SQLite run on one core
(the script pins itself to it); the broker, a real mosquitto with QoS 1, has another one where there is one. Every
decision is on the disk before the next part: synchronous FULL, an fsync for each. Each row switches one thing off:
pictures (every part keeps its own, as JPEG), MQTT, the disk (the folder in memory), the model (an engine that takes
no time). "as fast as it goes" gives the rate; then parts come at --rate a second, and the time from trigger to stored
counts the wait of a part whose turn had not come. "cpu ms" is processor time of a decision, all threads: on a machine
that does other things it says what the clock does not.

--growth N: N decisions of a fake engine, memory and file descriptors along the way, and the slope for a million.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

# before numpy: the fake engine's one product is too small to share, and its threads would wait for each other's core
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import cv2
import numpy as np
from line_growth import growth
from line_scene import HEIGHT, SCENES, WIDTH, Parts, Watch, drawn, fake_bundle, signed
from mosquitto_broker import free_port, program
from numpy.typing import NDArray

from hemline import image
from hemline.bundle import Bundle
from hemline.errors import BundleError
from hemline.line import assembly
from hemline.line.config import load
from hemline.line.ledger import Ledger
from hemline.line.runner import LineRunner
from hemline.line.store import LineStore
from hemline.report.machine import facts
from hemline.report.table import size, table
from hemline.select import choose, find_bundle
from hemline.timing import percentiles

MODEL_MS = 2.0  # of the fake engine, where there is no bundle: what a small CNN takes
MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Setting:
    """One row of the table."""

    what: str
    bundle: Bundle
    artifact: str
    decision: Path
    folder: Path
    keep: int = 1  # one passed part in so many keeps its picture; every rejected one does
    port: int | None = None  # of the broker


class Steps:
    """Where the time of a decision goes: the calls that matter, timed from outside."""

    def __init__(self) -> None:
        self.ms: dict[str, list[float]] = defaultdict(list)

    def timed(self, what: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timing(*given: Any, **named: Any) -> Any:
            started = time.perf_counter_ns()
            try:
                return call(*given, **named)
            finally:
                self.ms[what].append((time.perf_counter_ns() - started) / 1e6)

        return timing

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Time the model's answer, the picture's file, the transaction, and all of the storing."""
        kept = assembly.answer_of, image.jpeg, LineStore.record, Ledger.decision
        assembly.answer_of = self.timed("answer", kept[0])  # type: ignore[assignment]
        image.jpeg = self.timed("jpeg", kept[1])  # type: ignore[assignment]
        LineStore.record = self.timed("transaction", kept[2])  # type: ignore[method-assign]
        Ledger.decision = self.timed("storing", kept[3])  # type: ignore[method-assign]
        try:
            yield
        finally:
            assembly.answer_of, image.jpeg = kept[0], kept[1]  # type: ignore[assignment]
            LineStore.record, Ledger.decision = kept[2], kept[3]  # type: ignore[method-assign]


def measured(
    setting: Setting, pictures: Sequence[NDArray[np.uint8]], count: int, *, rate: float | None
) -> dict[str, float]:
    """Run a line over `count` parts and return its figures."""
    folder = Path(tempfile.mkdtemp(dir=setting.folder, prefix="hemline-bench-"))
    publish = {} if setting.port is None else {"mqtt": {"host": "127.0.0.1", "port": setting.port, "discovery": False}}
    config = load(
        line={
            "folder": str(folder / "line"),
            "bundle": str(setting.bundle.directory),
            "artifact": setting.artifact,
            "decision": setting.decision,
            "source": f"fake://{folder}?fps=0",  # not opened
            "trigger": "folder",
            "keep_passed": setting.keep,
            "budget_ms": 60_000,
        },
        publish=publish,
    )
    parts, steps = Parts(pictures, rate=rate), Steps()
    watch = Watch(parts)
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(steps.watching())
            runner: LineRunner = assembly.open_line(config, stack, watch, source=parts)
            runner.run(config.about, limit=count)
            ended = time.monotonic()
        drained_s = time.monotonic() - ended
        with LineStore.open(folder / "line", config.name) as store:
            left = sum(waiting.messages for waiting in store.waiting().values())
        used = sum(path.stat().st_size for path in (folder / "line").rglob("*") if path.is_file())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    warm = min(50, count // 10)  # the first pages of a database, the first connection
    at, latency = watch.at[warm:], watch.latency_ms[warm:]
    found = {
        "decisions_per_second": (len(at) - 1) / (at[-1] - at[0]),
        "cpu_ms": 1000 * (watch.cpu[-1] - watch.cpu[warm]) / (len(at) - 1),
        **percentiles(np.asarray(latency)),
        "latency_max_ms": max(latency),
        "safe": watch.safe,
        "undelivered": left,
        "drained_s": drained_s,
        "bytes": used,
    }
    for what, times in steps.ms.items():
        found[f"{what}_p50_ms"] = float(np.median(times[warm:])) if times[warm:] else 0.0
    return found


@contextlib.contextmanager
def broker(cores: set[int]) -> Iterator[int | None]:
    """Run mosquitto on these cores, and yield its port; None where it is not installed."""
    path = program()
    if path is None:
        yield None
        return
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "mosquitto.conf"
        settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
        process = subprocess.Popen([path, "-c", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.sched_setaffinity(process.pid, cores)
        try:
            for _ in range(100):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1):
                    break
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()
            process.wait()


def fsync_ms(folder: Path) -> float:
    """Return what one small durable write takes on the drive of a folder, the median of 100."""
    times = []
    with tempfile.NamedTemporaryFile(dir=folder) as stream:
        for _ in range(100):
            started = time.perf_counter_ns()
            stream.write(b"x" * 4096)
            stream.flush()
            os.fdatasync(stream.fileno())
            times.append((time.perf_counter_ns() - started) / 1e6)
    return float(np.median(times))


def speed(options: argparse.Namespace, home: Path) -> dict[str, Any]:
    """Measure every row, and print."""
    pictures = drawn(SCENES)
    cores = sorted(os.sched_getaffinity(0))
    own, others = {cores[0]}, set(cores[1:]) or {cores[0]}
    bundle, artifact = chosen(options, home)
    no_model = fake_bundle(home, side=bundle.preprocess.height, spin_us=0)
    decision = signed(bundle, artifact, home / "decision.json", pictures, 0.9)
    alone = signed(no_model, "fake:int8", home / "alone.json", pictures, 0.9)
    alone_passing = signed(no_model, "fake:int8", home / "alone-passing.json", pictures, 1.0)
    passing = signed(bundle, artifact, home / "passing.json", pictures, 1.0)
    place = Path(options.folder) if options.folder else home
    rows: dict[str, dict[str, Any]] = {}
    with broker(others) as port:
        os.sched_setaffinity(0, own)
        cv2.setNumThreads(1)
        everything = Setting("everything", bundle, artifact, decision, place, port=port)
        settings = [
            everything,
            replace(everything, what="no pictures", decision=passing, keep=0),
            replace(everything, what="one picture in 100 passes", keep=100),
            replace(everything, what="no MQTT", port=None),
            replace(everything, what="no model", bundle=no_model, artifact="fake:int8", decision=alone),
        ]
        if MEMORY.is_dir():
            settings.append(replace(everything, what="no disk: folder in memory", folder=MEMORY))
        bare = replace(settings[4], what="none of these", decision=alone_passing, keep=0, port=None)
        settings.append(replace(bare, folder=MEMORY if MEMORY.is_dir() else place))
        for setting in settings:
            rows[setting.what] = {
                "fastest": measured(setting, pictures, options.parts, rate=None),
                "paced": measured(setting, pictures, min(options.parts, int(options.rate * 15)), rate=options.rate),
            }
            print(f"{setting.what}: done", file=sys.stderr)
    result = {
        "schema": 1,
        "machine": facts(),
        "bundle": bundle.title,
        "artifact": artifact,
        "fsync_p50_ms": fsync_ms(place),
        "rate": options.rate,
        "broker": port is not None,
        "rows": rows,
    }
    report(result)
    return result


def chosen(options: argparse.Namespace, home: Path) -> tuple[Bundle, str]:
    """Return the bundle and the artifact that judge."""
    try:
        bundle = Bundle.load(find_bundle(options.bundle))
    except BundleError as error:
        print(f"{error}; a fake engine of {MODEL_MS:g} ms judges instead", file=sys.stderr)
        return fake_bundle(home, side=96, spin_us=1000 * MODEL_MS), "fake:int8"
    return bundle, choose(bundle, artifact=options.artifact).artifact


def report(result: dict[str, Any]) -> None:
    """Print the tables."""
    rows, steps = [], []
    for what, found in result["rows"].items():
        fastest, paced = found["fastest"], found["paced"]
        rows.append(
            [
                what,
                f"{fastest['decisions_per_second']:.0f}",
                f"{fastest['cpu_ms']:.1f}",
                *(f"{fastest[key]:.1f}" for key in ("latency_p50_ms", "latency_p99_ms", "latency_max_ms")),
                f"{paced['decisions_per_second']:.0f}",
                *(f"{paced[key]:.1f}" for key in ("latency_p50_ms", "latency_p99_ms", "latency_max_ms")),
            ]
        )
        parts = [fastest.get(f"{name}_p50_ms", 0.0) for name in ("answer", "jpeg", "transaction", "storing")]
        answer, jpeg, transaction, storing = parts
        rest = fastest["latency_p50_ms"] - answer - storing
        steps.append(
            [what, f"{answer:.2f}", f"{jpeg:.2f}", f"{transaction:.2f}", f"{storing - jpeg - transaction:.2f}",
             f"{rest:.2f}", size(int(fastest["bytes"]))]
        )  # fmt: skip
    print(
        f"{WIDTH}x{HEIGHT} gray, {result['bundle']} {result['artifact']}, one core, "
        f"{result['machine']['processor']}; a durable write of 4 KiB takes {result['fsync_p50_ms']:.2f} ms"
        f"{'' if result['broker'] else '; no mosquitto here, so no MQTT'}"
    )
    rate = f"{result['rate']:g}/s"
    print(table(["", "parts/s", "cpu ms", "p50 ms", "p99", "max", f"at {rate}", "p50 ms", "p99", "max"], rows))
    print("\nmedian milliseconds of a decision, as fast as it goes:")
    print(table(["", "answer", "jpeg", "transaction", "rest of storing", "frame, hand-over", "folder"], steps))
    safe = sum(int(run["safe"]) for found in result["rows"].values() for run in found.values())
    left = sum(int(run["undelivered"]) for found in result["rows"].values() for run in found.values())
    print(f"\nsafe decisions: {safe}; messages that were not delivered when the line ended: {left}")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1] if __doc__ else None)
    parser.add_argument("--parts", type=int, default=1500, help="of each row (default: 1500)")
    parser.add_argument("--rate", type=float, default=60.0, help="parts a second, in the second half (default: 60)")
    parser.add_argument("--bundle", default="tiles", help="what judges (default: tiles)")
    parser.add_argument("--artifact", metavar="E:P")
    parser.add_argument(
        "--folder", metavar="DIR", help="on which drive decisions are stored (default: the temporary one)"
    )
    parser.add_argument("--growth", type=int, metavar="N", help="memory over N decisions instead")
    parser.add_argument("--json", metavar="F")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        if options.growth:
            result = growth(options.growth, home, Path(options.folder) if options.folder else home)
        else:
            result = speed(options, home)
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
