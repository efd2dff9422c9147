"""
What can only be found out by doing it, in child processes: loading libraries and running a model. A library that takes
its process along, or never comes back, is an answer like any other.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# longer than the edgetpu engine waits for a stick that is sent its firmware; a busy machine gets more
PATIENCE_S = 60.0
NO_ANSWER = "no answer"
# each takes 40 to 100 MB; a small board has 512 in all
AT_ONCE = 2
PROGRAM = Path(__file__).with_name("trial.py")


@dataclass(frozen=True)
class Told:
    """What became of a child.

    values: what it told, {} where it could not. death: the signal or status that it ended with, "" where it told.
    last: the last line that it wrote to stderr.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    death: str = ""
    last: str = ""

    @property
    def error(self) -> str:
        """What went wrong in it, in a line; "" where nothing did."""
        return str(self.values.get("error", "")) or (f"{self.death}: {self.last}" if self.last else self.death)


class Trials:
    """Child processes, each begun once and only when somebody asks. paths: where they look for packages."""

    def __init__(self, paths: Iterable[str], environment: Mapping[str, str], *, patience_s: float = PATIENCE_S) -> None:
        self._paths = list(paths)
        self._environment = dict(environment)
        self._patience_s = patience_s
        self._pool: ThreadPoolExecutor | None = None
        self._told: dict[str, Future[Told]] = {}

    def begin(self, names: Iterable[str]) -> None:
        """Start these children, where they are not started yet; come back at once."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="doctor")
        for name in names:
            if name not in self._told:
                self._told[name] = self._pool.submit(self._try, name)

    def told(self, name: str) -> Told:
        """Return what became of a child, when it has ended."""
        self.begin([name])
        return self._told[name].result()

    def _try(self, name: str) -> Told:
        asked = json.dumps({"paths": self._paths, "trial": name})
        patience_s = self._patience_s * _queue()
        try:
            # isolated: neither the folder that one stands in nor the one of the program is looked in for packages
            child = subprocess.run(
                [sys.executable, "-I", str(PROGRAM), asked],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=patience_s,
            )
        except subprocess.TimeoutExpired:
            return Told(death=f"{NO_ANSWER} in {patience_s:.0f} s")
        lines = child.stderr.decode(errors="replace").strip().splitlines()
        last = lines[-1][:200] if lines else ""
        try:
            return Told(json.loads(child.stdout), last=last)
        except ValueError:  # it ended before it could tell
            return Told(death=_death(child.returncode), last=last)


def _queue() -> float:
    """Return how many processes wait for each processor, 1 where none does."""
    try:
        return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    except (OSError, AttributeError):  # not every system tells
        return 1.0


def _death(status: int) -> str:
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"exit status {status}"
