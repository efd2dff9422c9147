"""
The machine while something is measured on it: looked at between windows, when nothing is timed.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from dataclasses import dataclass
from types import TracebackType

from hemline.bench import heat, load
from hemline.bench.energy import Meter
from hemline.bench.heat import Heat
from hemline.bench.load import Process, Times
from hemline.bench.machine import Machine

POWER_EVERY_S = 0.1  # how often a sensor of power is asked; its converter takes about a hundredth of that


@dataclass(frozen=True)
class Seen:
    """What the machine did in one window. None where it does not say.

    others_cores: cores that others than us kept busy. stolen: the share of all cores that a host took. waited: the
    share of the time that the measured process could have run and was not let. throttled: by what, for a person.
    """

    others_cores: float | None
    stolen: float | None
    waited: float
    temperature_c: float | None
    mhz: float | None
    throttled: tuple[str, ...]
    energy_j: float | None


@dataclass(frozen=True)
class _Look:
    at_s: float
    times: Times | None
    own_s: float
    heat: Heat
    energy: tuple[int | None, ...]


class Watcher:
    """Looks at the machine around the windows of one child process; a context manager."""

    def __init__(self, machine: Machine, pid: int) -> None:
        self._machine = machine
        self._ours = {os.getpid(), pid}
        self._meter = Meter.of(machine)
        self._sampler = Sampler(self._meter) if self._meter.kind == "ina" else None
        self._processes: dict[int, Process] = {}
        self._before = self._first = self._look()

    @property
    def no_energy(self) -> str:
        """Why there is no energy, "" where there is."""
        return self._meter.why

    @property
    def earlier(self) -> list[str]:
        """What the firmware remembers from before."""
        return heat.earlier(self._first.heat)

    def begin(self) -> None:
        """Look before the first window."""
        self._processes = load.processes(self._machine)
        self._before = self._first = self._look()

    def window(self, *, cpu_s: float, waited_s: float) -> Seen:
        """Return what happened since the last look. cpu_s, waited_s: of the measured process in the window."""
        before, now = self._before, self._look()
        self._before = now
        seconds = max(now.at_s - before.at_s, 1e-9)
        others = stolen = None
        if before.times and now.times:
            own = cpu_s + now.own_s - before.own_s
            others = max(0.0, now.times.busy - before.times.busy - own) / seconds
            stolen = max(0.0, now.times.stolen - before.times.stolen) / seconds / now.times.cores
        return Seen(
            others,
            stolen,
            waited_s / seconds,
            now.heat.temperature_c,
            now.heat.mhz,
            tuple(heat.happened(before.heat, now.heat)),
            self._energy(before, now, seconds),
        )

    def busiest(self) -> tuple[str, int, float] | None:
        """Return (name, number, cores) of the process of others that used most since begin(); None where none did."""
        seconds = self._before.at_s - self._first.at_s
        return load.busiest(self._processes, load.processes(self._machine), self._ours, seconds)

    def _look(self) -> _Look:
        return _Look(
            time.monotonic(),
            load.times(self._machine),
            time.process_time(),
            heat.look(self._machine),
            self._meter.reading(),
        )

    def _energy(self, before: _Look, now: _Look, seconds: float) -> float | None:
        if self._sampler is not None:
            return self._sampler.watts() * seconds
        return self._meter.joules(before.energy, now.energy)

    def __enter__(self) -> Watcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sampler is not None:
            self._sampler.close()


class Sampler:
    """Asks a sensor of power again and again: between two windows it would tell of nothing but rest."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._watts = [self._now()]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="power", daemon=True)
        self._thread.start()

    def watts(self) -> float:
        """Return the mean power since the last call."""
        asked, self._watts = self._watts, [self._watts[-1]]
        return statistics.fmean(asked[1:] or asked)

    def close(self) -> None:
        """Stop asking."""
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(POWER_EVERY_S):
            self._watts.append(self._now())

    def _now(self) -> float:
        return sum(value or 0 for value in self._meter.reading()) / 1e6
