"""
What a model costs on this machine, and whether the figures are to be believed.

    plan.py worker.py measuring.py extras.py   one artifact in a process of its own
    child.py rounds.py                         the parent's end, and artifacts in turns
    machine.py load.py heat.py energy.py       /proc and /sys
    watching.py validity.py                    who disturbed a run
    histogram.py quantiles.py steady.py        from durations to figures with intervals
    rows.py document.py                        the result file
    compare.py noise.py                        results against each other
    gates.py                                   bars that a result must keep
    recommend.py                               which artifact, how many threads

Each engine's call is also measured in turns with the library's own fastest call on the same artifact, so the overhead
is a ratio within one run and noise meets both alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hemline.bench.measuring import picture_for
from hemline.bench.rounds import Settings, rounds_of
from hemline.bench.rows import row_of
from hemline.bundle import Bundle

__all__ = ["measure", "picture_for"]


def measure(bundle: Bundle, artifacts: list[str], *, seconds: float, threads: int = 1) -> Iterator[dict[str, Any]]:
    """Yield the latency figures of each artifact, in one round; `seconds` are spent on each.

    For what else there is in a row, and how long runs are to be planned, see rounds.py.
    """
    settings = Settings(seconds=seconds, rounds=1, threads=threads, extras=False)
    for one in rounds_of(bundle, artifacts, settings):
        if one.failed is not None:
            raise one.failed
        yield row_of(bundle, one, settings.machine.cores)
