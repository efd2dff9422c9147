"""
Memory and file descriptors of a line over many decisions of a fake engine.
"""

from __future__ import annotations

import contextlib
import gc
import os
from pathlib import Path
from typing import Any

import numpy as np
from line_scene import SCENES, Parts, Watch, drawn, fake_bundle, signed

from hemline.line import assembly
from hemline.line.config import load
from hemline.report.table import table

WARM = 10_000  # decisions after which SQLite's pages, 4 MB of them, are all in memory


def resident_bytes() -> int:
    """Return the memory of this process that is in RAM."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Sampled:
    """Memory and descriptors, every so many decisions; what the bench itself keeps is let go of meanwhile."""

    def __init__(self, watch: Watch, every: int) -> None:
        self._watch, self._every = watch, every
        self._count = 0
        self.seen: list[tuple[int, int, int]] = []

    def look(self, _: int) -> None:
        """Count a decision."""
        self._count += 1
        if self._count % 100 == 0:
            self._watch.latency_ms.clear()
            self._watch.at.clear()
            self._watch.cpu.clear()
        if self._count % self._every == 0:
            gc.collect()
            open_files = sum(1 for _ in Path("/proc/self/fd").iterdir())
            self.seen.append((self._count, resident_bytes(), open_files))


def growth(count: int, home: Path, place: Path) -> dict[str, Any]:
    """Run `count` decisions of a fake engine; print memory and descriptors along the way.

    home: of the bundle and what else is made for it. place: on the drive that decisions are stored on.
    """
    bundle = fake_bundle(home, side=28, spin_us=0)
    pictures = drawn(SCENES, 64, 48)
    decision = signed(bundle, "fake:int8", home / "decision.json", pictures, 0.9)
    csv = {"csv": {"file": str(home / "decisions.csv")}}
    config = load(
        line={
            "folder": str(place / "growth"),
            "bundle": str(bundle.directory),
            "artifact": "fake:int8",
            "decision": decision,
            "source": f"fake://{home}?fps=0",
            "trigger": "folder",
            "budget_ms": 60_000,
        },
        publish=csv,
    )
    parts = Parts(pictures, rate=None)
    watch = Watch(parts)
    sampled = Sampled(watch, max(1, count // 40))
    watch.each = sampled.look
    with contextlib.ExitStack() as stack:
        runner = assembly.open_line(config, stack, watch, source=parts)
        runner.run(config.about, limit=count)
    seen = sampled.seen
    counts, memory, files = (np.array(column) for column in zip(*seen, strict=True))
    warm = max(int(np.searchsorted(counts, min(WARM, count // 2))), 1)
    slope = float(np.polyfit(counts[warm:], memory[warm:], 1)[0])
    rows = [[f"{number:,}", f"{rss / 1e6:.2f}", str(open_files)] for number, rss, open_files in seen]
    print(table(["decisions", "RSS MB", "descriptors"], rows))
    span = int(counts[-1] - counts[warm])
    print(
        f"from {counts[warm]:,} to {counts[-1]:,}: {(memory[-1] - memory[warm]) / 2**20:+.3f} MiB in {span:,} "
        f"decisions; the fitted slope is {1e6 * slope / 2**20:+.2f} MiB a million; descriptors {files.min()} to "
        f"{files.max()}"
    )
    return {"schema": 1, "seen": seen, "slope_mib_a_million": 1e6 * slope / 2**20}
