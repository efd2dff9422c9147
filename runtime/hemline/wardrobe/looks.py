"""
Everything that is seen of an isolated garment but its class: colours, pattern, and what it is recognised by.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hemline.garment import Isolation
from hemline.wardrobe import features
from hemline.wardrobe.caption import caption
from hemline.wardrobe.colours import of_pixels, pixels
from hemline.wardrobe.histogram import histogram
from hemline.wardrobe.pattern import Pattern, pattern
from hemline.wardrobe.records import Colour


@dataclass(frozen=True, eq=False)
class Look:
    """What a garment looks like.

    colours: the largest share first; none where nothing could be isolated.
    features: packed (features.py), at most features.LIMIT bytes, of features.VERSION.
    colour_vector: (histogram.WIDTH,) float32 of length 1, the same that the features hold; all 0 without a garment.
    """

    colours: tuple[Colour, ...]
    pattern: Pattern
    features: bytes
    colour_vector: NDArray[np.float32]

    def caption(self, label: str | None) -> str:
        """Return the garment in a few words; label: its class, None where that is not known."""
        return caption(label, self.colours, self.pattern.word)


def looks(picture: NDArray[np.uint8], isolation: Isolation) -> Look:
    """Return what an isolated garment looks like; picture: (h, w, 3) RGB or (h, w) gray."""
    cloth = pixels(picture, isolation)
    vector = histogram(cloth)
    packed = features.extract(picture, isolation, vector).pack()
    return Look(of_pixels(cloth), pattern(picture, isolation), packed, vector)
