"""
Fit the odds that a garment is there (hemline/garment/quality.py), and say what they are worth on other photos.

    HEMLINE_DATA=PATH python scripts/fit_garment_quality.py [--photos 500] [--split train]

A garment is there in each photo of clothing/train, and in another crop of it (as measure_duplicates.py takes it).
Nothing is there in the largest piece of a photo, of 600 tried, that keeps off a garment found for sure; all photos are
asked for one, 272 of 3,068 have it. The odds are a logistic regression on the facts of a mask, both sides weighing the
same. The table is of five folds, photos and their pieces in one: each is judged by the other four. Prints the
coefficients.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import cv2
import numpy as np
from measure_duplicates import another_crop
from numpy.typing import NDArray

from hemline import image
from hemline.drawn.photo import FLOORS, empty
from hemline.garment import Isolation, isolate, quality
from hemline.report.table import table

FOLDS, RIDGE = 5, 0.3
SURE = 0.95  # the quality from which on a mask is taken to be right, when it also covers
MIDDLE = 0.9  # of the middle fifth of the picture: some are of what lies beside the garment
AROUND = 9  # pixels around it that no empty piece may have
TRIED, LEAST_SHARE, LEAST_SIDE = 600, 0.1, 50
PHOTO, CROP, PIECE, DRAWN = range(4)
NAMES = ("photos", "other crops", "empty pieces", "drawn empty floors")


def empty_piece(
    picture: NDArray[np.uint8], isolation: Isolation, random: np.random.Generator
) -> NDArray[np.uint8] | None:
    """Return the largest of some pieces of a photo that have nothing of its garment; None without one."""
    height, width = picture.shape[:2]
    around = np.ones((2 * AROUND + 1, 2 * AROUND + 1), np.uint8)
    sums = cv2.integral(cv2.dilate(isolation.scaled(height, width).astype(np.uint8), around))
    best, found = 0, None
    for _ in range(TRIED):
        down, across = (int(random.integers(side // 5, side + 1)) for side in (height, width))
        top, left = int(random.integers(0, height - down + 1)), int(random.integers(0, width - across + 1))
        if down * across <= best or min(down, across) < LEAST_SIDE or down * across < LEAST_SHARE * height * width:
            continue
        bottom, right = top + down, left + across
        if sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left] == 0:
            best, found = down * across, picture[top:bottom, left:right]
    return None if found is None else np.ascontiguousarray(found)


def collected(paths: list[Path], photos: int) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the facts (N, K) of all masks, what each is of, and the number of its photo."""
    random = np.random.default_rng(11)
    rows: list[tuple[NDArray[np.float64], int, int]] = []
    for number, index in enumerate(random.permutation(len(paths)).tolist()):
        picture = image.read(paths[index])
        found = isolate(picture)
        if number < photos:
            rows.append((quality.terms(found.facts), PHOTO, number))
            crop = another_crop(picture, found, random)
            rows.append((quality.terms(isolate(crop).facts), CROP, number))
        height, width = found.mask.shape
        middle = found.mask[2 * height // 5 : 3 * height // 5, 2 * width // 5 : 3 * width // 5]
        if found.quality >= SURE and found.count == 1 and middle.mean() >= MIDDLE:
            piece = empty_piece(picture, found, random)
            if piece is not None:
                rows.append((quality.terms(isolate(piece).facts), PIECE, number))
    for floor in FLOORS:
        rows += [(quality.terms(isolate(empty(floor, seed=seed)).facts), DRAWN, -1) for seed in range(12)]
    facts, kinds, numbers = zip(*rows, strict=True)
    return np.stack(facts), np.array(kinds), np.array(numbers)


def fit(facts: NDArray[np.float64], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the coefficients (K + 1,) of the log-odds, the constant last: logistic regression by Newton's steps."""
    rows = np.hstack([facts, np.ones((len(facts), 1))])
    weight = np.where(there, (~there).sum() / there.sum(), 1.0)
    found = np.zeros(rows.shape[1])
    for _ in range(50):
        share = 1 / (1 + np.exp(-rows @ found))
        slope = rows.T @ (weight * (share - there)) + RIDGE * found
        bend = (rows * (weight * share * (1 - share))[:, None]).T @ rows + RIDGE * np.eye(len(found))
        found -= np.linalg.solve(bend, slope)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("HEMLINE_DATA", ".")) / "clothing")
    parser.add_argument("--split", default="train")
    parser.add_argument("--photos", type=int, default=500)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    paths = sorted((options.data / options.split).glob("*/*.jpg"))
    if not paths:
        print(f"{options.data / options.split}: no <class>/*.jpg; set HEMLINE_DATA or --data", file=sys.stderr)
        return 2
    facts, kinds, numbers = collected(paths, options.photos)
    there = kinds < PIECE
    odds = np.empty(len(facts))
    for fold in range(FOLDS):
        judged = numbers % FOLDS == fold
        found = fit(facts[~judged], there[~judged])
        odds[judged] = facts[judged] @ found[:-1] + found[-1]
    area = float((odds[there][:, None] > odds[kinds == PIECE][None, :]).mean())
    print(f"area under the curve, photos and crops against empty pieces, {FOLDS} folds: {area:.4f}")
    limits = sorted({*np.arange(-2.0, 1.01, 0.5).tolist(), quality.NOTHING, quality.USABLE})
    rows = [[f"{limit:g}", *(f"{(odds[kinds == kind] < limit).mean():.3f}" for kind in range(4))] for limit in limits]
    print(table(["share with odds below", *(f"{(kinds == k).sum()} {name}" for k, name in enumerate(NAMES))], rows))
    found = fit(facts, there)
    print("coefficients:", ", ".join(f"{name} {value:.3f}" for name, value in zip(quality.TERMS, found, strict=True)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
