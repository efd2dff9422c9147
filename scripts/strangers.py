"""
Pictures that are none of a bundle's classes, by kind, for comparing ways to tell them from garments.

    python scripts/strangers.py [docs/images/strangers.png]     draw some of each drawn kind

Two groups that share no drawing code, no seed and no picture: CHOOSE, on which a way is chosen, and TEST, on which
it is judged. Those of CHOOSE are drawn or made of validation pictures; TEST has other drawings, and photos: textures,
and real garments that are none of the classes. All are drawn at the size of the model; one seed gives one set.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.drawn.cloth import weave
from hemline.drawn.painting import Part, Pick, expose, paint

Pixels = NDArray[np.uint8]
Draw = Callable[[Pick, int, int], Pixels]
CLOTHS = ("plain", "plain", "knit", "print", "fade", "bands")
BLOCKS = 4  # a shuffled picture is cut into 4 x 4
SHEET = Path(__file__).resolve().parent.parent / "docs" / "images" / "strangers.png"
COLUMNS, SIDE = 14, 28  # of the sheet: pictures a row, pixels of each
GLYPHS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ&%@#?!$"
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX)


def drawn(draw: Draw, count: int, height: int, width: int, *, seed: int) -> Pixels:
    """Return `count` pictures (count, height, width) uint8 of one way to draw."""
    return np.stack([draw(Pick(seed, index), height, width) for index in range(count)])


# ---- to choose on


def solid(pick: Pick, height: int, width: int) -> Pixels:
    """A filled outline of no garment, in the cloth and the light of a drawn garment: polygon, ellipse, star, cross."""
    corners, turn = int(pick(3, 9)), pick(0, 2 * np.pi)
    angles = turn + 2 * np.pi * np.arange(2 * corners) / (2 * corners)
    kind = pick(0, 1)
    if kind < 0.25:  # a polygon
        radii = np.ones(2 * corners)
        radii[1::2] = np.cos(np.pi / corners)
    elif kind < 0.5:  # a star
        radii = np.ones(2 * corners)
        radii[1::2] = pick(0.25, 0.7)
    elif kind < 0.75:  # an ellipse
        angles = turn + np.linspace(0, 2 * np.pi, 24, endpoint=False)
        radii = 1 / np.hypot(np.cos(angles), np.sin(angles) * pick(1, 2.5))
    else:  # a blob
        radii = 0.4 + 0.6 * pick.grid(2 * corners)
    points = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1).tolist()
    part = Part([(x, y) for x, y in points], curved=kind >= 0.75)
    return expose(paint([part], pick, height, width), weave(CLOTHS, pick, height, width), pick)


def grains(pick: Pick, height: int, width: int) -> Pixels:
    """Independent pixels, uniform or bell-shaped, of any mean and contrast."""
    noise = pick.grid(height, width) if pick(0, 1) < 0.5 else pick.grid(4, height, width).mean(axis=0)
    return _uint8(255 * (pick(0, 1) + pick(0.2, 2) * (noise - 0.5)))


def shuffled(pixels: Pixels, count: int, *, seed: int) -> Pixels:
    """Return pictures (count, H, W, C) whose blocks, 4 x 4, or whose pixels changed places."""
    random = np.random.default_rng(seed)
    height, width = (side // BLOCKS for side in pixels.shape[1:3])
    done = []
    for number, picture in enumerate(pixels[random.permutation(len(pixels))[:count]]):
        mixed = picture.copy()
        if number % 2:
            flat = mixed.reshape(-1, mixed.shape[2])
            mixed = flat[random.permutation(len(flat))].reshape(mixed.shape)
        else:
            places = [(y * height, x * width) for y in range(BLOCKS) for x in range(BLOCKS)]
            for (y, x), source in zip(places, random.permutation(len(places)), strict=True):
                top, left = places[source]
                mixed[y : y + height, x : x + width] = picture[top : top + height, left : left + width]
        done.append(mixed)
    return np.stack(done)


def blended(pixels: Pixels, targets: NDArray[np.int64], count: int, *, seed: int) -> Pixels:
    """Return pictures (count, H, W, C) of two classes at once: their mean, or the half of each."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(pixels))
    pairs = [(a, b) for a, b in zip(order, np.roll(order, 1), strict=True) if targets[a] != targets[b]][:count]
    done = []
    for number, (a, b) in enumerate(pairs):
        if number % 2:
            mixed = pixels[a].copy()
            middle = mixed.shape[0] // 2
            mixed[middle:] = pixels[b][middle:]
        else:
            mixed = ((pixels[a].astype(np.uint16) + pixels[b]) // 2).astype(np.uint8)
        done.append(mixed)
    return np.stack(done)


def to_choose(
    pixels: Pixels, targets: NDArray[np.int64], apply: Callable[[Pixels], Pixels], count: int, *, seed: int = 11
) -> dict[str, Pixels]:
    """Return {kind: pixels (n, H, W, C)} for choosing, from validation pictures (N, H, W, C) and targets (N,)."""
    height, width = pixels.shape[1:3]
    return {
        "solid shapes": _applied(drawn(solid, count, height, width, seed=seed), apply),
        "grain": _applied(drawn(grains, count, height, width, seed=seed + 1), apply),
        "shuffled garments": shuffled(pixels, count, seed=seed + 2),
        "two garments in one": blended(pixels, targets, count, seed=seed + 3),
    }


# ---- to test on


def strokes(pick: Pick, height: int, width: int) -> Pixels:
    """Lines on black: a sign of a font, a zigzag, a spiral, a chequered or a ruled field."""
    size = 8 * max(height, width)
    canvas = np.zeros((size, size), np.uint8)
    tone, thickness = int(pick(140, 256)), int(size * pick(0.03, 0.12))
    kind = pick(0, 1)
    if kind < 0.5:
        sign, font = GLYPHS[int(pick(0, len(GLYPHS)))], FONTS[int(pick(0, len(FONTS)))]
        (wide, tall), _ = cv2.getTextSize(sign, font, 1.0, 1)
        scale = 0.85 * size / max(wide, tall)
        (wide, tall), _ = cv2.getTextSize(sign, font, scale, thickness)
        cv2.putText(canvas, sign, ((size - wide) // 2, (size + tall) // 2), font, scale, tone, thickness)
    elif kind < 0.8:
        steps = np.linspace(0, 1, int(pick(3, 40)))
        turns = 2 * np.pi * pick(1, 4) * steps
        across = np.where(np.arange(len(steps)) % 2, pick(0.6, 0.9), pick(0.1, 0.4))
        wave = np.stack([0.1 + 0.8 * steps, across], axis=1)
        spiral = 0.5 + 0.45 * steps[:, None] * np.stack([np.cos(turns), np.sin(turns)], axis=1)
        path = wave if kind < 0.65 else spiral
        cv2.polylines(canvas, [np.rint(path * size).astype(np.int32)], False, tone, thickness)
    else:
        cells = int(pick(2, 8))
        y, x = np.indices((size, size)) * cells // size
        canvas[((y + x) if kind < 0.9 else (x if pick(0, 1) < 0.5 else y)) % 2 == 0] = tone
    return np.asarray(cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA))


def clouds(pick: Pick, height: int, width: int) -> Pixels:
    """Smooth noise: octaves of random cells, each twice as fine and a given share as strong as the last."""
    total, strength, fall = np.zeros((height, width)), 1.0, pick(0.3, 0.8)
    for octave in range(4):
        cells = pick.grid(2 * 2**octave, 2 * 2**octave)
        total += strength * cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
        strength *= fall
    total = (total - total.min()) / max(float(np.ptp(total)), 1e-9)
    low = pick(0, 0.5)
    return _uint8(255 * (low + (1 - low) * pick(0.4, 1) * total))


def specks(pick: Pick, height: int, width: int) -> Pixels:
    """Salt and pepper on one tone."""
    tone, share, salt = pick(0, 255), pick(0.02, 0.4), pick(0.2, 1)
    chance, side = pick.grid(height, width), pick.grid(height, width)
    return _uint8(np.where(chance < share, np.where(side < salt, 255, 0), tone))


def plain(pick: Pick, height: int, width: int) -> Pixels:
    """One tone, or an even passage from one to another: a lens cap, a wall."""
    angle, first, last = pick(0, 2 * np.pi), pick(0, 255), pick(0, 255)
    y, x = np.indices((height, width))
    ramp = np.cos(angle) * x / width + np.sin(angle) * y / height
    ramp = (ramp - ramp.min()) / max(float(np.ptp(ramp)), 1e-9)
    return _uint8(first + (last - first) * ramp * (pick(0, 1) < 0.5))


def to_test(
    height: int, width: int, apply: Callable[[Pixels], Pixels], count: int, *, seed: int = 1000
) -> dict[str, Pixels]:
    """Return {kind: pixels (n, H, W, C)} of what is drawn for the test; photos come from data sets."""
    ways: Mapping[str, Draw] = {"drawn strokes": strokes, "clouds": clouds, "specks": specks, "plain": plain}
    return {
        kind: _applied(drawn(draw, count, height, width, seed=seed + number), apply)
        for number, (kind, draw) in enumerate(ways.items())
    }


def _applied(pictures: Pixels, apply: Callable[[Pixels], Pixels]) -> Pixels:
    return np.stack([apply(picture) for picture in pictures])


def sheet(path: Path) -> None:
    """Write a sheet of the drawn kinds, one a row."""
    rows = [drawn(way, COLUMNS, SIDE, SIDE, seed=5) for way in (solid, grains, strokes, clouds, specks, plain)]
    # a line of gray between pictures, so that a black one ends somewhere
    framed = np.pad(np.stack(rows), ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=128)
    whole = framed.transpose(0, 2, 1, 3).reshape(len(rows) * (SIDE + 2), COLUMNS * (SIDE + 2))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", np.repeat(np.repeat(whole, 2, axis=0), 2, axis=1))[1].tobytes())


def _uint8(values: NDArray[np.float64]) -> Pixels:
    return np.rint(np.clip(values, 0, 255)).astype(np.uint8)


if __name__ == "__main__":
    sheet(Path(sys.argv[1]) if len(sys.argv) > 1 else SHEET)
