"""
What one child process measures, and the messages it answers with: JSON lines, each acknowledged before it goes on.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)


@dataclass(frozen=True)
class Plan:
    """One artifact in one process.

    bundle: its directory. seconds: of the latency, in windows of window_s. spawned_ns: time.monotonic_ns() of the
    parent when it started the process. extra_s: for each of the figures beside the latency (overhead, throughput, whole
    path), 0 for none of them. thread_counts: to measure the throughput with. picture: a file for the whole path.
    runs: of the single-stream style, each on a picture of its own for at least run_s; 0 measures windows instead.
    """

    bundle: str
    artifact: str
    threads: int = 1
    openvino_device: str = "CPU"
    seconds: float = 1.0
    window_s: float = 0.25
    spawned_ns: int = 0
    extra_s: float = 0.0
    thread_counts: tuple[int, ...] = ()
    picture: str | None = None
    runs: int = 0
    run_s: float = 10.0

    def line(self) -> str:
        """Return it as one line. Law: Plan.parse(p.line()) == p."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def parse(cls, line: str) -> Plan:
        """Return the plan in a line."""
        given: dict[str, Any] = json.loads(line)
        given["thread_counts"] = tuple(given["thread_counts"])
        return cls(**given)
