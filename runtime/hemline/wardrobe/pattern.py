"""
The pattern of a garment: plain, striped, checked, patterned all over, or printed in one place.

A weighted sum of the cloth's measures (cloth.py) decides; the weights are data, pattern.toml, fitted to photos of
garments that a person had looked at. Where no pattern is likely enough, none is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hemline import toml
from hemline.garment import Isolation
from hemline.wardrobe import cloth

WEIGHTS = Path(__file__).with_name("pattern.toml")
SURE = 0.5  # below this probability no pattern is said
# what a catalogue calls it, where that is a wider word
_WIDER = {"printed": "patterned"}


@dataclass(frozen=True)
class Pattern:
    """What pattern a garment has.

    word: plain, striped, checked, patterned or printed; None where it is not clear.
    probability: 0..1, of the likeliest, said or not.
    direction: of stripes, "horizontal" or "vertical"; None for others.
    """

    word: str | None
    probability: float
    direction: str | None = None

    @property
    def name(self) -> str | None:
        """One of records.PATTERNS, or None."""
        return None if self.word is None else _WIDER.get(self.word, self.word)


@dataclass(frozen=True, eq=False)
class Weights:
    """pattern.toml, read. mean, spread: (M,) of each measure; weights: (patterns, M); bias: (patterns,)."""

    words: tuple[str, ...]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]


@cache
def weights() -> Weights:
    """Return the weights, in the order of cloth.MEASURES."""
    table = toml.read(WEIGHTS)

    def row(values: dict[str, float]) -> list[float]:
        return [values[name] for name in cloth.MEASURES]

    patterns = table["pattern"]
    return Weights(
        tuple(patterns),
        np.array(row(table["mean"])),
        np.array(row(table["spread"])),
        np.array([row(values) for values in patterns.values()]),
        np.array([values["bias"] for values in patterns.values()]),
    )


def pattern(picture: NDArray[np.uint8], isolation: Isolation) -> Pattern:
    """Return the pattern of an isolated garment; picture: (h, w, 3) RGB or (h, w) gray."""
    found = cloth.measure(picture, isolation)
    if found is None:
        return Pattern(None, 0.0)
    measures, across = found
    law = weights()
    odds = law.weights @ ((measures - law.mean) / law.spread) + law.bias
    shares = np.exp(odds - odds.max())
    shares /= shares.sum()
    likeliest = int(shares.argmax())
    probability, word = float(shares[likeliest]), law.words[likeliest]
    if probability < SURE:
        return Pattern(None, probability)
    direction = ("horizontal" if across >= 0.5 else "vertical") if word == "striped" else None
    return Pattern(word, probability, direction)
