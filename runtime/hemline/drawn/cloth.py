"""The cloth of a drawn garment: plain, striped, checked, knitted, printed or fading, and the light on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hemline.drawn.painting import Pick


def weave(kinds: Sequence[str], pick: Pick, height: int, width: int) -> NDArray[np.float64]:
    """Return the brightness of a cloth of one of the `kinds`, (height, width), from about 0.4 to 1.0.

    kinds: "plain", "bands" (across), "stripes" (down), "plaid", "knit", "print", "fade".
    """
    longest = max(height, width)
    y = ((np.arange(height) + 0.5) / longest)[:, None]
    x = ((np.arange(width) + 0.5) / longest)[None, :]
    kind = kinds[int(pick(0, len(kinds)))]
    depth, waves, start = pick(0.15, 0.5), 2 * np.pi * pick(5, 9), pick(0, 2 * np.pi)
    # a wave with steep flanks: dark at -1, light at 1
    across = np.tanh(4 * np.sin(waves * y + start))
    down = np.tanh(4 * np.sin(waves * x + start))
    dark = np.zeros((height, width))
    if kind == "bands":
        dark += depth * (across > 0.3)
    elif kind == "stripes":
        dark += depth * (down > 0.3)
    elif kind == "plaid":
        dark += depth * (across + down + 2) / 4
    elif kind == "knit":
        dark += 0.15 * _spots(28, pick, height, width)
    elif kind == "print":
        dark += depth * (_spots(14, pick, height, width) > 0.6)
    elif kind == "fade":
        dark += depth * np.abs(y / y.max() - round(start / (2 * np.pi)))
    # light from a little aside on something round
    light = 1 - pick(0.05, 0.3) * (2 * x / x.max() - 1 - pick(-0.5, 0.5)) ** 2 / 2
    cloth: NDArray[np.float64] = (1 - dark) * light
    return cloth


def _spots(count: int, pick: Pick, height: int, width: int) -> NDArray[np.float64]:
    """Return smooth noise from 0 to 1, (height, width), `count` random cells to the longer side."""
    cells = pick.grid(count, count)
    longest = max(height, width)
    return _enlarged(_enlarged(cells, height, longest).T, width, longest).T


def _enlarged(cells: NDArray[np.float64], count: int, longest: int) -> NDArray[np.float64]:
    """Return the first `count` of `longest` rows that span the rows of `cells`, linear in between."""
    at = np.clip((np.arange(count) + 0.5) * len(cells) / longest - 0.5, 0, len(cells) - 1)
    first = np.minimum(at.astype(np.int64), len(cells) - 2)
    share = (at - first)[:, None]
    rows: NDArray[np.float64] = cells[first] * (1 - share) + cells[first + 1] * share
    return rows
