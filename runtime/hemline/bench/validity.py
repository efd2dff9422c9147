"""
When a measurement is not to be believed: somebody else used the machine, or it was held back.

The bounds. A core and a half that others keep busy on a machine of many is no harm to one thread, as long as the thread
is let run; but caches, memory and the clock are shared, so half a core is where the line is drawn, or a twentieth of
the cores where that is more. Where the run needs every core there is, a twentieth of them. Time that a host took
and time that the process waited for a core are harm as such: one in a hundred is what the 99th percentile is made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from hemline.bench.watching import Seen

BUSY = "machine busy"
THROTTLED = "throttled"
OTHERS_CORES = 0.5
OTHERS_SHARE = 0.05
STOLEN = 0.01
WAITED = 0.01
WINDOWS = 0.1  # of the windows: a burst in more of them makes the run invalid, though its mean is within bounds
LEAST_WINDOW_S = 0.9  # in a shorter one the 10 ms of a tick say too little


@dataclass(frozen=True)
class Reason:
    """Why a measurement is invalid. what: BUSY or THROTTLED. detail: who, and how much."""

    what: str
    detail: str

    def __str__(self) -> str:
        return f"invalid: {self.what} ({self.detail})"

    def as_dict(self) -> dict[str, str]:
        """Return it as plain values."""
        return asdict(self)


def bound(cores: int, threads: int) -> float:
    """Return how many cores others may keep busy beside a run of so many threads."""
    return OTHERS_SHARE * cores if threads >= cores else max(OTHERS_CORES, OTHERS_SHARE * cores)


def reasons(
    windows: Sequence[tuple[float, Seen]], *, cores: int, threads: int, busiest: tuple[str, int, float] | None
) -> list[Reason]:
    """Return why the windows, (seconds, what was seen), are not to be believed; [] when they are.

    busiest: (name, number, cores) of the process of others that used most, as Watcher.busiest returns it.
    """
    found = [Reason(BUSY, "; ".join(parts)) for parts in [_busy(windows, cores, threads, busiest)] if parts]
    held = dict.fromkeys(what for _, seen in windows for what in seen.throttled)
    if held:
        count = sum(bool(seen.throttled) for _, seen in windows)
        found.append(Reason(THROTTLED, f"{', '.join(held)}; in {count} of {len(windows)} windows"))
    return found


def _busy(
    windows: Sequence[tuple[float, Seen]], cores: int, threads: int, busiest: tuple[str, int, float] | None
) -> list[str]:
    most, parts = bound(cores, threads), []
    others = _mean([(seconds, seen.others_cores) for seconds, seen in windows])
    bursts = [
        seen.others_cores
        for seconds, seen in windows
        if seconds >= LEAST_WINDOW_S and seen.others_cores is not None and seen.others_cores > most
    ]
    long = sum(seconds >= LEAST_WINDOW_S for seconds, _ in windows)
    if others is not None and (others > most or len(bursts) > WINDOWS * long):
        parts.append(f"others used {others:.2f} of {cores} cores")
        if others <= most:
            parts[-1] += f", up to {max(bursts):.2f} in {len(bursts)} of {long} windows"
        if busiest is not None:
            name, pid, used = busiest
            parts.append(f"most of it {name}, process {pid}, {used:.2f}")
    stolen = _mean([(seconds, seen.stolen) for seconds, seen in windows])
    if stolen is not None and stolen > STOLEN:
        parts.append(f"the host took {100 * stolen:.1f} % of the time")
    waited = _mean([(seconds, seen.waited) for seconds, seen in windows])
    if waited is not None and waited > WAITED:
        parts.append(f"waited for a core {100 * waited:.1f} % of the time")
    return parts


def _mean(pairs: Sequence[tuple[float, float | None]]) -> float | None:
    known = [(seconds, value) for seconds, value in pairs if value is not None]
    total = sum(seconds for seconds, _ in known)
    return sum(seconds * value for seconds, value in known) / total if total else None


def worst(each: Sequence[Sequence[Reason]]) -> list[Reason]:
    """Return one reason of each kind for a whole file: of the first artifact that has one, and how many do."""
    found = {}
    for what in (BUSY, THROTTLED):
        own = [reason for reasons_of in each for reason in reasons_of if reason.what == what]
        if own:
            more = f"; {len(own)} of {len(each)} artifacts" if len(each) > 1 else ""
            found[what] = Reason(what, own[0].detail + more)
    return list(found.values())
