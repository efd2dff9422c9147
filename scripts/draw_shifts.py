"""
Draw what the shifts of `hemline evaluate --shifts` do: a drawn garment a row, clean and at five strengths.

    python scripts/draw_shifts.py [docs/images/shifts.png]

Drawn garments only: pictures of a data set stay out of the repository.
"""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemline.drawn import draw
from hemline.shifts import SHIFTS, STRENGTHS, SUITE, apply

SHEET = Path(__file__).resolve().parent.parent / "docs" / "images" / "shifts.png"
SIDE = 28  # pixels of the pictures that the bundle in the wheel takes
# classes of hemline.drawn, one a row
GARMENTS = (6, 2, 9, 1, 7, 3, 8, 4, 0, 2, 5, 9, 0)
SEED = 3


def row(kind: str, target: int) -> list[NDArray[np.uint8]]:
    """Return a garment clean and at each strength, (28, 28) uint8 each."""
    clean = draw(target, seed=SEED, height=SIDE, width=SIDE)
    return [clean, *(apply(kind, clean[None, ..., None], strength)[0, ..., 0] for strength in STRENGTHS)]


def sheet(path: Path) -> None:
    """Write the sheet: kinds down, strengths across, the amount above each picture."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    columns = 1 + len(STRENGTHS)
    figure, axes = plt.subplots(len(SHIFTS), columns, figsize=(8.4, 16.6), dpi=100, facecolor="white")
    for line, (target, (kind, shift)) in enumerate(zip(GARMENTS, SHIFTS.items(), strict=True)):
        words = ["clean", *(f"{amount:g}" for amount in shift.amounts)]
        for axis, picture, word in zip(axes[line], row(kind, target), words, strict=True):
            axis.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            axis.set_title(word, fontsize=8, pad=2, color="#444444")
            axis.set_xticks([])
            axis.set_yticks([])
            for side in axis.spines.values():
                side.set_color("#bbbbbb")
        beside = {"xycoords": "axes fraction", "ha": "right"}
        axes[line, 0].annotate(kind.replace("_", " "), (-0.08, 0.56), va="bottom", fontsize=9.5, **beside)
        unit = textwrap.fill(shift.unit, 22)
        axes[line, 0].annotate(unit, (-0.08, 0.5), va="top", fontsize=8, color="#666666", **beside)
    for axis, word in zip(axes[0], ["", *(f"strength {strength}" for strength in STRENGTHS)], strict=True):
        axis.annotate(word, (0.5, 1.22), xycoords="axes fraction", ha="center", fontsize=9, fontweight="bold")
    figure.suptitle(f"Shifts, suite {SUITE}", fontsize=11, y=0.995)
    figure.subplots_adjust(left=0.2, right=0.99, top=0.965, bottom=0.005, wspace=0.08, hspace=0.22)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def main() -> int:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("path", type=Path, nargs="?", default=SHEET)
    sheet(parser.parse_args().path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
