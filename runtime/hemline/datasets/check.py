"""
What is in a data set: counts, sizes, balance, what cannot be read, and what is in it twice.

Every picture is decoded once, as a training would decode it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import datasets
from hemline.datasets import Dataset, duplicates
from hemline.errors import PictureError

EXAMPLES = 10  # of each finding, in the report
CHUNK = 64  # pictures that one thread takes at a time


@dataclass
class Seen:
    """What was noted of every picture that could be read, in order, and the reason for any other."""

    splits: list[str] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    thumbnails: list[NDArray[np.uint8]] = field(default_factory=list)
    unreadable: list[dict[str, str]] = field(default_factory=list)


def check(path: Path, *, progress: Callable[[int, int], None] = lambda done, total: None) -> dict[str, Any]:
    """Return the report on the data set at `path`, all its splits, as plain values.

    progress: gets (pictures done, pictures in all), often.
    """
    sets = [datasets.read(path, split) for split in datasets.splits(path)]
    total, seen = sum(map(len, sets)), Seen()
    for dataset in sets:
        done = len(seen.sources) + len(seen.unreadable)
        _look(dataset, seen, lambda count, done=done: progress(done + count, total))  # type: ignore[misc]
    labels = sets[0].labels
    counts = {dataset.split: np.bincount(dataset.targets, minlength=len(labels)).tolist() for dataset in sets}
    return {
        "schema": 1,
        "name": sets[0].name,
        "data": str(path),
        "n": total,
        "labels": list(labels),
        "splits": {split: dict(zip(labels, numbers, strict=True)) for split, numbers in counts.items()},
        "balance": _balance(labels, np.sum(list(counts.values()), axis=0).tolist()),
        "sizes": _sizes(seen.sizes),
        "exact_duplicates": _exact(seen),
        "near_duplicates": _near(seen),
        "groups": _groups(seen) if any(dataset.groups for dataset in sets) else None,
        "unreadable": {"n": len(seen.unreadable), "examples": seen.unreadable[:EXAMPLES]},
    }


def _look(dataset: Dataset, seen: Seen, progress: Callable[[int], None]) -> None:
    """Read every picture of one split and note what there is to know about it."""

    def several(start: int) -> list[tuple[int, Any]]:
        return [(index, _note(dataset, index)) for index in range(start, min(start + CHUNK, len(dataset)))]

    # decoding lets go of the interpreter lock; each thread holds one decoded picture, some 200 MB at the worst
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as threads:
        for notes in threads.map(several, range(0, len(dataset), CHUNK)):
            for index, note in notes:
                source = dataset.sources[index]
                if isinstance(note, str):
                    seen.unreadable.append({"source": source, "reason": note})
                    continue
                size, digest, thumbnail = note
                seen.splits.append(dataset.split)
                seen.targets.append(int(dataset.targets[index]))
                seen.sources.append(source)
                seen.groups.append(dataset.groups[index] if dataset.groups else "")
                seen.sizes.append(size)
                seen.digests.append(digest)
                seen.thumbnails.append(thumbnail)
            progress(notes[-1][0] + 1)


def _note(dataset: Dataset, index: int) -> str | tuple[tuple[int, int], bytes, NDArray[np.uint8]]:
    """Return (height, width), digest and thumbnail of one picture, or why it cannot be read."""
    try:
        picture = dataset.picture(index)
    except PictureError as error:
        # the source is named beside the reason
        return str(error).removeprefix(f"{dataset.sources[index]}: ")
    height, width = picture.shape[:2]
    return (height, width), duplicates.digest(picture), duplicates.thumbnail(picture)


def _balance(labels: Sequence[str], counts: Sequence[int]) -> dict[str, Any]:
    """Return the largest and the smallest class and how many times as large; null when one is empty."""
    largest, smallest = int(np.argmax(counts)), int(np.argmin(counts))
    return {
        "largest": labels[largest],
        "smallest": labels[smallest],
        "ratio": round(counts[largest] / counts[smallest], 2) if counts[smallest] else None,
    }


def _sizes(sizes: Sequence[tuple[int, int]]) -> dict[str, Any] | None:
    """Return smallest, median and largest height and width and the commonest sizes, in pixels."""
    if not sizes:
        return None
    heights, widths = np.array(sizes).T
    return {
        "height": [int(heights.min()), float(np.median(heights)), int(heights.max())],
        "width": [int(widths.min()), float(np.median(widths)), int(widths.max())],
        "different": len(set(sizes)),
        "most_common": [
            {"height": height, "width": width, "n": count}
            for (height, width), count in sorted(Counter(sizes).most_common(), key=lambda row: (-row[1], row[0]))[:3]
        ],
    }


def _exact(seen: Seen) -> dict[str, Any]:
    groups = duplicates.same(seen.digests)
    return {"groups": len(groups), "pictures": sum(map(len, groups)), **_across(seen, groups)}


def _near(seen: Seen) -> dict[str, Any]:
    """Return the pairs that are alike and not the same; of pictures that are the same, one stands for all."""
    first = {digest: index for index, digest in reversed(list(enumerate(seen.digests)))}
    indices = np.array(sorted(first.values()), np.int64)
    if not len(indices):
        return {"pairs": 0, "pictures": 0, "complete": True, **_across(seen, [])}
    pairs, complete = duplicates.near(np.stack([seen.thumbnails[index] for index in indices]))
    pairs = indices[pairs]
    return {
        "pairs": len(pairs),
        "pictures": len(np.unique(pairs)),
        "complete": complete,
        **_across(seen, pairs.tolist()),
    }


def _across(seen: Seen, groups: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Return how many groups of pictures lie in more than one split or class, and examples, those first."""

    def spread(group: Sequence[int], values: Sequence[Any]) -> bool:
        return len({values[index] for index in group}) > 1

    across = [spread(group, seen.splits) for group in groups]
    labels = [spread(group, seen.targets) for group in groups]
    worst = sorted(range(len(groups)), key=lambda k: (-labels[k], -across[k], k))[:EXAMPLES]
    return {
        "across_splits": sum(across),
        "different_labels": sum(labels),
        "examples": [[seen.sources[index] for index in groups[k]] for k in worst],
    }


def _groups(seen: Seen) -> dict[str, Any]:
    """Return how many groups there are and which have pictures in more than one split."""
    splits: dict[str, set[str]] = {}
    for group, split in zip(seen.groups, seen.splits, strict=True):
        splits.setdefault(group, set()).add(split)
    crossing = sorted(group for group, names in splits.items() if len(names) > 1)
    return {"n": len(splits), "crossing_splits": len(crossing), "examples": crossing[:EXAMPLES]}
