"""
Pictures that are in a set twice: the same pixels, or nearly.

Near means: shrunk to 32x32 gray, the two correlate at 0.996 or more and differ by at most 3 gray levels on
average. Looked at by eye, such pairs of Fashion-MNIST are one garment twice, a few with another print on it. A
mirrored, cropped or differently lit copy is not found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 32  # of a thumbnail
CORRELATION = 0.996
MEAN_DIFFERENCE = 3.0  # gray levels of 255
# of the first look at 8x8; averaging brings copies closer together, so none is lost here
COARSE_SIDE, COARSE_CORRELATION = 8, 0.99
BLOCK = 1024
MAX_PAIRS = 200_000  # a set made of one picture has N squared


def digest(picture: NDArray[np.uint8]) -> bytes:
    """Return 16 bytes that two pictures share when their size and pixels are the same."""
    value = hashlib.blake2b(repr(picture.shape).encode(), digest_size=16)
    value.update(np.ascontiguousarray(picture).data)
    return value.digest()


def thumbnail(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture as (SIDE, SIDE) gray uint8, whatever its aspect."""
    gray = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    shrinks = min(gray.shape) >= SIDE
    small: NDArray[np.uint8] = np.asarray(
        cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    )
    return small


def same(digests: Sequence[bytes]) -> list[list[int]]:
    """Return the groups of two and more indices with one digest, in order."""
    found: dict[bytes, list[int]] = {}
    for index, value in enumerate(digests):
        found.setdefault(value, []).append(index)
    return [indices for indices in found.values() if len(indices) > 1]


def near(thumbnails: NDArray[np.uint8]) -> tuple[NDArray[np.int64], bool]:
    """Return the pairs of near duplicates, (P, 2) with the smaller index first and sorted, and whether that is all.

    thumbnails: (N, SIDE, SIDE). The search ends when there are more than MAX_PAIRS.
    """
    count = len(thumbnails)
    flat = thumbnails.reshape(count, SIDE * SIDE)
    means = flat.mean(axis=1, dtype=np.float64)
    # the mean difference is at least the difference of the means: sorted by mean, few pairs are left
    order = np.argsort(means, kind="stable")
    means = means[order]
    step = SIDE // COARSE_SIDE
    coarse = thumbnails.reshape(count, COARSE_SIDE, step, COARSE_SIDE, step).mean(axis=(2, 4), dtype=np.float32)
    coarse = _unit(coarse.reshape(count, COARSE_SIDE * COARSE_SIDE)[order])
    found, total = [np.empty((0, 2), np.int64)], 0
    for start in range(0, count, BLOCK):
        block = coarse[start : start + BLOCK]
        end = int(np.searchsorted(means, means[start : start + BLOCK][-1] + MEAN_DIFFERENCE, side="right"))
        for other in range(start, end, BLOCK):
            close = block @ coarse[other : min(other + BLOCK, end)].T >= COARSE_CORRELATION
            left, right = np.nonzero(close)
            left, right = left + start, right + other
            once = (left < right) & (means[right] - means[left] <= MEAN_DIFFERENCE)
            pairs = _confirmed(flat, order[left[once]], order[right[once]])
            found.append(pairs)
            total += len(pairs)
            if total > MAX_PAIRS:
                return _sorted(np.concatenate(found)), False
    return _sorted(np.concatenate(found)), True


def _confirmed(flat: NDArray[np.uint8], left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return those pairs of rows that are near at full size, (P, 2)."""
    kept = [np.empty((0, 2), np.int64)]
    for start in range(0, len(left), BLOCK):
        one, two = left[start : start + BLOCK], right[start : start + BLOCK]
        a, b = flat[one].astype(np.float32), flat[two].astype(np.float32)
        near = np.abs(a - b).mean(axis=1) <= MEAN_DIFFERENCE
        near &= (_unit(a) * _unit(b)).sum(axis=1) >= CORRELATION
        kept.append(np.stack([one[near], two[near]], axis=1))
    return np.concatenate(kept)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rows with mean 0 and length 1, so that a product of two is their correlation; flat rows stay 0."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    unit: NDArray[np.float32] = centred / np.maximum(length, 1e-3)
    return unit


def _sorted(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    pairs = np.sort(pairs, axis=1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
