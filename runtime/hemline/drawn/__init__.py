"""
Drawn garments: ten silhouettes in the manner of Fashion-MNIST, for tests, golden inputs and demonstrations.

A light garment on black, its longest edge filling the frame, shoes pointing left. No pixel comes from a
data set. One seed gives one picture on every machine with the same OpenCV: randomness is the bit stream of
PCG64, outlines have fixed-point coordinates, shrinking is whole-number sums. Another version of OpenCV may
move an edge by an eighth of a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hemline.drawn.cloth import weave
from hemline.drawn.painting import Pick, expose, paint
from hemline.drawn.shapes import SHAPES
from hemline.errors import UsageError

LABELS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

# what each class is made of, by its number; a kind named twice is twice as frequent
WEAVES: tuple[tuple[str, ...], ...] = (
    ("plain", "plain", "bands", "print", "fade"),
    ("plain", "knit", "fade"),
    ("knit", "knit", "bands"),
    ("plain", "print", "fade", "stripes"),
    ("plain", "knit"),
    ("plain",),
    ("plain", "plaid", "stripes", "print"),
    ("plain", "knit"),
    ("plain", "knit", "print", "fade"),
    ("plain", "knit"),
)


def draw(label_index: int, *, seed: int | Sequence[int], height: int = 28, width: int = 28) -> NDArray[np.uint8]:
    """Return one garment of class LABELS[label_index], (height, width) uint8, 0 where there is none.

    seed: a number of 0 or more, or several; the only source of variation.
    """
    if not 0 <= label_index < len(LABELS):
        raise UsageError(f"drawn garment {label_index}: there are classes 0 to {len(LABELS) - 1}")
    if not (8 <= height <= 2048 and 8 <= width <= 2048):
        raise UsageError(f"drawn garment of {height}x{width}: each side is 8 to 2048 pixels")
    numbers = [seed] if isinstance(seed, int) else list(seed)
    if not numbers or min(numbers) < 0:
        raise UsageError(f"drawn garment: seed {seed}; give 0 or more")
    pick = Pick(label_index, *numbers)
    flat = paint(SHAPES[label_index](pick), pick, height, width)
    return expose(flat, weave(WEAVES[label_index], pick, height, width), pick)


def drawn(
    count_per_class: int, *, seed: int, height: int = 28, width: int = 28
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return count_per_class garments of each class: pictures (N, height, width) uint8, targets (N,) int64.

    The classes take turns, 0 to 9 and again, so any multiple of ten from the front is balanced and a
    larger count begins with the pictures of a smaller one.
    """
    if count_per_class < 0:
        raise UsageError(f"{count_per_class} drawn garments a class: give 0 or more")
    targets = np.tile(np.arange(len(LABELS), dtype=np.int64), count_per_class)
    pictures = np.empty((len(targets), height, width), np.uint8)
    for index, target in enumerate(targets.tolist()):
        pictures[index] = draw(target, seed=(seed, index // len(LABELS)), height=height, width=width)
    return pictures, targets
