"""
Drawn photos: a drawn garment in colour, lying on a floor, as a phone would take it. For tests and demonstrations.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.drawn import draw

Colour = tuple[int, int, int]  # RGB

# colour names: RGB of the cloth in full light
CLOTHS: dict[str, Colour] = {
    "navy": (38, 48, 92),
    "red": (186, 32, 44),
    "green": (34, 120, 62),
    "white": (238, 236, 230),
    "black": (30, 30, 32),
    "yellow": (240, 200, 50),
}
# floors: two colours that take turns, and the width of a plank in shares of the picture; 0 is one colour
FLOORS: dict[str, tuple[Colour, Colour, float]] = {
    "wood": ((158, 110, 66), (140, 96, 58), 0.11),
    "sheet": ((226, 222, 214), (226, 222, 214), 0.0),
    "tiles": ((176, 178, 180), (168, 170, 174), 0.25),
    "carpet": ((96, 92, 104), (96, 92, 104), 0.0),
}


def photo(
    label_index: int,
    *,
    seed: int | Sequence[int],
    cloth: str = "navy",
    floor: str = "wood",
    height: int = 320,
    width: int = 240,
    share: float = 0.7,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return a photo (height, width, 3) RGB uint8 and where its garment is, (height, width) bool.

    label_index, seed: as of draw(). cloth, floor: names in CLOTHS and FLOORS.
    share: of the picture's sides that the garment fills, above 0, at most 1.
    """
    picture = empty(floor, seed=seed, height=height, width=width)
    inner = round(height * share), round(width * share)
    garment = draw(label_index, seed=seed, height=inner[0], width=inner[1])
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    shape = np.zeros((height, width), np.uint8)
    shape[top : top + inner[0], left : left + inner[1]] = garment
    mask = shape > 0
    # light falls from the upper left: a soft shadow to the lower right
    shadow = cv2.GaussianBlur(np.roll(mask, (4, 4), (0, 1)).astype(np.float32), (0, 0), 3)[..., None]
    lit = shape.astype(np.float32)[..., None] / max(float(np.percentile(garment[garment > 0], 80)), 1.0)
    dressed = np.array(CLOTHS[cloth], np.float32) * np.clip(lit, 0.3, 1.1)
    flat = np.where(mask[..., None], dressed, picture * (1 - 0.35 * shadow))
    return np.clip(np.rint(flat), 0, 255).astype(np.uint8), mask


def empty(floor: str = "wood", *, seed: int | Sequence[int], height: int = 320, width: int = 240) -> NDArray[np.uint8]:
    """Return the floor alone, (height, width, 3) RGB uint8."""
    random = np.random.Generator(np.random.PCG64(seed))
    one, other, plank = FLOORS[floor]
    across = np.zeros(width, np.int64) if not plank else np.arange(width) // max(2, round(plank * width))
    tones = np.where(across[:, None] % 2, np.array(other), np.array(one)).astype(np.float32)
    ground = np.broadcast_to(tones, (height, width, 3)).copy()
    grain = cv2.GaussianBlur(random.normal(0, 1, (height, width)).astype(np.float32), (0, 0), 0.6, sigmaY=4.0)
    ground *= 1 + 0.06 * grain[..., None]
    ground += random.normal(0, 2.5, ground.shape)  # the sensor
    return np.clip(np.rint(ground), 0, 255).astype(np.uint8)
