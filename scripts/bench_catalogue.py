"""
What a catalogue takes at 1,000, 10,000 and 100,000 garments: open, add, list, search, similar, suggest.

    python scripts/bench_catalogue.py [--sizes 1000 10000 100000] [--rounds 60] [--folder DIR] [--json F]

Garments are drawn at random: ten classes, eighteen colours, embeddings of 128 numbers, one picture each. They are
filled in by thousands and share fifty picture files; "add" are garments entered one by one afterwards, each with a
picture of its own and on the disk before the next (a fsync of picture, folder and log: the drive decides). p50 and p99
are of the wall clock, cpu is the median of processor time: on a busy machine they are far apart.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.drawn import draw
from hemline.report.table import size, table
from hemline.timing import percentiles
from hemline.wardrobe.catalogue import Catalogue
from hemline.wardrobe.records import PATTERNS, Colour, NewGarment, NewPicture, Prediction, Query
from hemline.wardrobe.suggest import suggest

WIDTH = 128
MODEL = "drawn@1 litert:int8"
LABELS = ("dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt")
COLOURS = (
    *("black", "white", "gray", "navy", "beige", "brown", "red", "pink", "orange", "yellow", "green", "olive"),
    *("teal", "blue", "sky", "purple", "maroon", "cream"),
)
LAB = np.random.default_rng(0).uniform((10, -60, -60), (95, 60, 60), (len(COLOURS), 3)).tolist()
FILES = 50
KEYS = ("latency_p50_ms", "latency_p99_ms", "cpu_p50_ms")


def garment(random: np.random.Generator, files: list[bytes]) -> NewGarment:
    """Return a garment such as a scan enters."""
    label = LABELS[random.integers(len(LABELS))]
    first, second = random.choice(len(COLOURS), 2, replace=False)
    share = float(random.uniform(0.5, 0.95))
    colours = tuple(
        Colour(COLOURS[place], part, tuple(LAB[place])) for place, part in ((first, share), (second, 1 - share))
    )
    pattern = PATTERNS[random.integers(len(PATTERNS))]
    confidence = float(random.uniform(0.5, 1))
    top = tuple((name, confidence / 2) for name in LABELS[:3])
    said = Prediction(
        label, confidence, "good" if confidence > 0.6 else "uncertain", None, top, "litert:int8", "drawn@1"
    )
    vector = random.standard_normal(WIDTH).astype(np.float32)
    picture = NewPicture(files[random.integers(len(files))], "drawn.jpg", MODEL, vector, bytes(64), 1)
    caption = f"{colours[0].name} {label}, {pattern}"
    return NewGarment(said, (picture,), colours=colours, pattern=pattern, caption=caption)


def drawn(seed: int) -> bytes:
    """Return a picture file of its own for each seed."""
    return cv2.imencode(".jpg", draw(seed % 10, seed=seed, height=256, width=256))[1].tobytes()


def measured(call: Callable[[int], object], rounds: int) -> NDArray[np.float64]:
    """Return (rounds, 2): how long call(0), call(1), ... took in ms, on the wall and on the processor."""
    durations = []
    for number in range(rounds):
        started, cpu = time.perf_counter_ns(), time.process_time_ns()
        call(number)
        durations.append(((time.perf_counter_ns() - started) / 1e6, (time.process_time_ns() - cpu) / 1e6))
    return np.array(durations)


def measure(folder: Path, count: int, rounds: int) -> dict[str, object]:
    """Fill a catalogue and return {what: percentiles}, with its size on the disk."""
    random = np.random.default_rng(count)
    files = [drawn(seed) for seed in range(FILES)]
    with Catalogue.open(folder) as catalogue:
        for start in range(0, count, 1000):
            catalogue.add_many([garment(random, files) for _ in range(min(1000, count - start))])
            print(f"\r{min(start + 1000, count):,} of {count:,}", end="", file=sys.stderr)
    print(file=sys.stderr)
    opened = measured(lambda _: Catalogue.open(folder).close(), 5)
    words = [f"{colour[:4]} {label[:4]}" for colour, label in zip(COLOURS, LABELS * 2, strict=False)]
    with Catalogue.open(folder) as catalogue:
        first = measured(lambda _: catalogue.similar(1), 1)
        pages = max(1, count // 50)
        calls: dict[str, Callable[[int], object]] = {
            "similar": lambda number: catalogue.similar(1 + number * 37 % count),
            "list page": lambda number: catalogue.find(limit=50, offset=50 * (number * 31 % pages)),
            "list page, class and colour": lambda number: catalogue.find(
                Query(label=LABELS[number % 10], colour=COLOURS[number % 18]), limit=50
            ),
            "search page, two words": lambda number: catalogue.find(Query(words[number % len(words)]), limit=50),
            "search page, nothing found": lambda number: catalogue.find(Query(f"zebra {number}"), limit=50),
            "suggest": lambda number: suggest(catalogue, 1 + number * 37 % count),
            "review page": lambda _: catalogue.review(),
            "statistics": lambda _: catalogue.statistics(),
        }
        figures = {"open to write, checked": opened, "first similar, reads the matrix": first}
        figures |= {name: measured(call, rounds) for name, call in calls.items()}
        figures["add"] = measured(lambda number: catalogue.add(garment(random, [drawn(1000 + number)])), rounds)
        figures["similar after an add"] = measured(
            lambda number: (catalogue.wear(1 + number % count, "2026-01-01"), catalogue.similar(1)), rounds
        )
    database = folder / "database" / "wardrobe.db"
    return {
        "garments": count,
        "database_bytes": database.stat().st_size,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "figures": {
            name: {**percentiles(durations[:, 0]), "cpu_p50_ms": float(np.median(durations[:, 1]))}
            for name, durations in figures.items()
        },
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--folder", help="where to make the catalogues (default: the folder for temporary files)")
    parser.add_argument("--json", metavar="F")
    options = parser.parse_args()
    reports = []
    for count in options.sizes:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            reports.append(measure(Path(folder) / "wardrobe", count, options.rounds))
    names = list(reports[0]["figures"])
    rows = [[name, *(f"{row['figures'][name][key]:.2f}" for row in reports for key in KEYS)] for name in names]
    header = ["ms", *(text for row in reports for text in (f"{row['garments']:,} p50", "p99", "cpu"))]
    for name, cell in (
        ("adds per second", lambda row: f"{1000 / row['figures']['add']['latency_p50_ms']:.0f}"),
        ("database", lambda row: size(row["database_bytes"])),
        ("peak RSS so far", lambda row: size(row["peak_rss_bytes"])),
    ):
        rows.append([name, *(text for row in reports for text in (cell(row), "-", "-"))])
    print(table(header, rows))
    if options.json:
        Path(options.json).write_text(json.dumps(reports, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
