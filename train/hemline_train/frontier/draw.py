"""
From metrics files to the page and its plots. Reads those files and what others reported, and nothing else.
"""

from __future__ import annotations

from pathlib import Path

from hemline_train.frontier import plot, text
from hemline_train.frontier.records import records
from hemline_train.frontier.rows import Network, networks
from hemline_train.published.figures import published

PAGE = "frontier.md"


def draw(metrics: Path) -> dict[str, bytes]:
    """Return {path below docs: content} of frontier.md and its plots, of the metrics files in a folder."""
    rows, theirs = networks(metrics, published()), records()
    written = {PAGE: text.markdown(rows, theirs), text.BY_BYTES: plot.by_bytes(rows, theirs)}
    timed = [row for row in rows if row.metrics.timing]
    if timed:
        written[text.BY_LATENCY] = plot.by_latency(rows, theirs, _processor(timed[0]))
    return {name: content.encode() for name, content in written.items()}


def _processor(row: Network) -> str:
    assert row.metrics.timing is not None
    return row.metrics.timing.machine["processor"]
