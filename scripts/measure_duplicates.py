"""
How many garments that are scanned twice are found, and how many new ones are taken for one that is there.

    HEMLINE_DATA=PATH python scripts/measure_duplicates.py [--split train] [--scans 400] [--seeds 0 1 2]
        [--bundle wardrobe] [--sheet DIR]

A scan is a photo of a folder of labelled photos, each once, in random order; every tenth is one of those before from
another crop: 70 to 95 % a side with the garment kept, turned up to 8 degrees, 0.7 to 1.3 of its size, 0.8 to 1.2 of
its brightness, JPEG quality 70. A repeat is found when its own garment is among the duplicates; a new garment is false
when any is. Where the folder itself has a garment twice, on two photos, that counts as false: look at the sheet.
Times are medians of processor time of this thread. Intervals are Wilson's, 95 %, over all seeds.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline import image
from hemline.classifier import Classifier
from hemline.garment import Isolation, isolate
from hemline.metrics import wilson
from hemline.report.table import table
from hemline.wardrobe.duplicates import Entry, Match, find_duplicates, likely
from hemline.wardrobe.features import unpack
from hemline.wardrobe.looks import Look, looks

Pixels = NDArray[np.uint8]
EVERY = 10
TILE, COLUMNS = 180, 8


@dataclass(frozen=True, eq=False)
class Scan:
    """One scan as the catalogue would have it. number: of the photo, from the front of the folder."""

    number: int
    picture: Pixels
    look: Look
    embedding: NDArray[np.float32]
    isolation: Isolation


@dataclass
class Count:
    """What was counted over all scans. shown: (the scan, what it was taken for or should have been, the match)."""

    repeats: int = 0
    found: int = 0
    listed: int = 0
    fresh: int = 0
    false: int = 0
    missed: list[tuple[Scan, Scan, Match | None]] = field(default_factory=list)
    mistaken: list[tuple[Scan, Scan, Match | None]] = field(default_factory=list)
    steps: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


def another_crop(picture: Pixels, isolation: Isolation, random: np.random.Generator) -> Pixels:
    """Return the same photo as if taken again from elsewhere: cropped, turned, scaled, lit otherwise, compressed."""
    size = np.array(picture.shape[1::-1], np.float64)
    angle, kept = np.radians(random.uniform(-8, 8)), random.uniform(0.70, 0.95)
    scale, light = random.uniform(0.7, 1.3), random.uniform(0.8, 1.2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    rows, columns = np.nonzero(isolation.scaled(*picture.shape[:2]))
    points = np.stack([columns, rows], axis=1) if len(rows) else np.array([[0, 0], size])
    around = (points - size / 2) @ turn.T  # the garment, from the middle of the turned picture
    low, high = around.min(axis=0) - 2, around.max(axis=0) + 2
    # a garment that is larger than the crop widens it, up to 95 % of the side
    half = np.maximum(size * kept, np.minimum(high - low, size * 0.95)) / 2
    room = size / 2 - half
    least, most = np.maximum(high - half, -room), np.minimum(low + half, room)
    middle = np.where(least <= most, random.uniform(np.minimum(least, most), np.maximum(least, most)), (low + high) / 2)
    middle = np.clip(middle, -room, room)
    across, down = np.maximum(image.MIN_SIDE, np.rint(2 * half * scale)).astype(int).tolist()
    back = turn.T / scale  # from a pixel of the crop to one of the photo
    shift = turn.T @ (middle - half) + size / 2
    crop = cv2.warpAffine(
        picture,
        np.hstack([back, shift[:, None]]),
        (across, down),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    lit = np.clip(crop.astype(np.float32) * light, 0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", lit[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 70])
    return image.decode(data.tobytes())


def scan(number: int, picture: Pixels, classifier: Classifier, count: Count) -> Scan:
    """Return what is kept of a photo."""
    with timed(count, "isolate"):
        isolation = isolate(picture)
    with timed(count, "looks"):
        look = looks(picture, isolation)
    contract = classifier.bundle.preprocess
    if contract.isolation == "none":
        contract = replace(contract, isolation="layout" if contract.channels == 1 else "cutout")
    embedding = classifier.engine.run(contract.apply(picture)[None])[1][0]
    return Scan(number, picture, look, np.array(embedding, np.float32), isolation)


@contextmanager
def timed(count: Count, step: str) -> Iterator[None]:
    """Note how long a step takes."""
    started = time.thread_time_ns()
    yield
    count.steps[step].append((time.thread_time_ns() - started) / 1e6)


def session(paths: list[Path], classifier: Classifier, count: Count, scans: int, seed: int) -> None:
    """Scan photos in random order, every tenth a repeat, and count."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(paths)).tolist()
    entries: list[Entry] = []
    kept: list[Scan] = []
    for number in range(scans):
        repeat = number % EVERY == EVERY - 1
        if repeat:
            of = int(random.integers(len(kept)))
            picture = another_crop(kept[of].picture, kept[of].isolation, random)
        elif not order:
            break
        else:
            of, picture = len(kept), image.read(paths[order.pop()])
        new = scan(of, picture, classifier, count)
        with timed(count, f"find among {scans}"):
            found = find_duplicates(new.look.features, new.embedding, entries)
        if repeat:
            count.repeats += 1
            count.found += any(garment_id == of for garment_id, _ in found)
            vectors, colours = (
                np.stack(rows) for rows in zip(*[(e.embedding, e.colours) for e in entries], strict=True)
            )
            count.listed += of in likely(new.embedding, new.look.colour_vector, vectors, colours)
            if not any(garment_id == of for garment_id, _ in found):
                count.missed.append((new, kept[of], None))
        else:
            count.fresh += 1
            count.false += bool(found)
            if found:
                count.mistaken.append((new, kept[found[0][0]], found[0][1]))
            packed = new.look.features
            entries.append(Entry(of, new.embedding, new.look.colour_vector, lambda packed=packed: packed))
            kept.append(new)


def thousand(count: Count, entries: list[Scan]) -> None:
    """Time the search among 1,000 garments, made of those that there are again and again.

    Each has the cloth of another: twenty copies of one garment would all be fitted to the end.
    """
    there = []
    for index in range(1000):
        one, other = entries[index % len(entries)], entries[(7 * index + index // len(entries) + 3) % len(entries)]
        there.append(Entry(index, one.embedding, one.look.colour_vector, lambda other=other: other.look.features))
    vectors, colours = np.stack([one.embedding for one in there]), np.stack([one.colours for one in there])
    for one in entries[:30]:
        with timed(count, "unpack"):
            own = unpack(one.look.features)
        with timed(count, "shortlist of 1,000"):
            likely(one.embedding, own.colours, vectors, colours)
        with timed(count, "find among 1,000"):
            find_duplicates(own, one.embedding, there)


def sheet(path: Path, pairs: list[tuple[Scan, Scan, Match | None]]) -> None:
    """Write pairs of scans as a picture: above what was scanned, below what it is or was taken for."""
    tiles = []
    for new, old, match in pairs:
        tile = np.full((2 * TILE + 16, TILE, 3), 255, np.uint8)
        for place, one in enumerate((new, old)):
            mask = one.isolation.scaled(*one.picture.shape[:2])
            faded = np.where(mask[..., None], one.picture, one.picture // 3 + 120)
            scale = TILE / max(mask.shape)
            small = cv2.resize(faded, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:TILE, :TILE]
            tile[place * TILE : place * TILE + small.shape[0], : small.shape[1]] = small
        said = "missed" if match is None else f"{match.score:.2f} {match.inliers} points {match.correlation:.2f}"
        cv2.putText(tile, said, (2, 2 * TILE + 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
        tiles.append(tile)
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[start : start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)]
    cv2.imwrite(str(path), np.vstack(rows)[..., ::-1])


def share(hits: int, total: int) -> str:
    """Return hits of a total with the interval."""
    low, high = wilson(hits, total)
    return f"{hits} of {total}, {hits / max(total, 1):.3f} [{low:.3f}, {high:.3f}]"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("HEMLINE_DATA", ".")) / "clothing")
    parser.add_argument("--split", default="train")
    parser.add_argument("--scans", type=int, default=400)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--bundle", default="wardrobe")
    parser.add_argument("--sheet", type=Path, help="folder for pictures of what was missed and what was mistaken")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    paths = sorted((options.data / options.split).glob("*/*.jpg"))
    if not paths:
        print(f"{options.data / options.split}: no <class>/*.jpg; set HEMLINE_DATA or --data", file=sys.stderr)
        return 2
    count = Count()
    with Classifier.open(options.bundle) as classifier:
        for seed in options.seeds:
            session(paths, classifier, count, options.scans, seed)
            print(
                f"seed {seed}: found {count.found}/{count.repeats}, false {count.false}/{count.fresh}", file=sys.stderr
            )
        some = Count()
        thousand(
            count, [scan(index, image.read(path), classifier, some) for index, path in enumerate(paths[::13][:50])]
        )
    print(
        f"duplicates found: {share(count.found, count.repeats)}; on the shortlist {share(count.listed, count.repeats)}"
    )
    print(f"false duplicates: {share(count.false, count.fresh)}")
    steps = {name: np.percentile(values, (50, 95)) for name, values in count.steps.items()}
    print(
        table(["step", "p50 ms", "p95 ms"], [[name, f"{p50:.1f}", f"{p95:.1f}"] for name, (p50, p95) in steps.items()])
    )
    if options.sheet:
        options.sheet.mkdir(parents=True, exist_ok=True)
        for name, pairs in (("missed", count.missed), ("mistaken", count.mistaken)):
            if pairs:
                sheet(options.sheet / f"{name}.png", pairs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
