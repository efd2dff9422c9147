"""
A garment in a photo: found, lifted off its background, laid out as a model was trained to see it.

isolate() answers where the garment is and how sure that is; laid_out() and cut_out() make pictures of it. The same
photo gives the same mask on every machine with the same OpenCV: nothing here draws random numbers of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.errors import PictureError
from hemline.garment import background, parts, quality
from hemline.garment.layout import bounds, cut_out, laid_out
from hemline.garment.quality import Facts

__all__ = ["LEAST", "SIDE", "Isolation", "bounds", "cut_out", "isolate", "laid_out", "on_black", "reduced"]

LEAST = 8  # pixels a side, below which no garment is looked for
SIDE = 128  # pixels of the longer side at which a garment is looked for
ROUNDS = 2  # of GrabCut
CENTRED = 0.35  # how much more a pixel in the middle counts as garment than one at the border
BLACK, BLACK_SHARE = 12, 0.8  # of a border that is black: up to this value, in this share of its pixels
FAR = 6.0  # standard deviations: what is farther from the background is not more of a garment
SURE = 0.5  # between the threshold and the farthest: from there on a pixel is garment for sure


@dataclass(frozen=True, eq=False)
class Isolation:
    """Where the garment of a picture is.

    mask: (h, w) bool at the reduced size that it was looked for at; see scaled() for one at the picture's size.
        Empty where nothing stands out at all.
    quality: 0..1, how sure it is that a garment is there.
    reason: why the mask should not be used as it is, None when it can be.
    count: garments that were seen, 0 where there is none; a pair of shoes is one.
    facts: what the quality comes from.
    """

    mask: NDArray[np.bool_]
    quality: float
    reason: str | None
    count: int
    facts: Facts

    def scaled(self, height: int, width: int) -> NDArray[np.bool_]:
        """Return the mask at another size of the same picture, (height, width)."""
        soft = cv2.resize(self.mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(soft >= 0.5)


def isolate(picture: NDArray[np.uint8]) -> Isolation:
    """Return where the garment of a photo (h, w, 3) RGB or (h, w) gray is; 8 pixels a side or more."""
    small = reduced(picture)
    height, width = small.shape[:2]
    smooth = cv2.medianBlur(small, 3)
    lab = cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB).astype(np.float32)
    border = background.border_of(height, width)
    distance = background.distances(lab, border)
    level, threshold = _levels(distance)
    raw = _cut(np.asarray(smooth, np.uint8), level, threshold, border)
    found = parts.cleaned(raw)
    facts = quality.measure(lab, distance, found.mask, border)
    score, reason, count = quality.judge(facts, found, lab)
    return Isolation(found.mask, score, reason, count, facts)


def reduced(picture: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.uint8]:
    """Return the picture as RGB with its longer side at most this long, (h, w, 3)."""
    if picture.ndim == 2 or picture.shape[2] == 1:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), np.uint8)
    height, width = picture.shape[:2]
    if min(height, width) < LEAST:
        raise PictureError(f"{width}x{height} pixels; no garment can be found below {LEAST}x{LEAST}")
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    size = max(LEAST, round(width * scale)), max(LEAST, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def on_black(picture: NDArray[np.uint8]) -> bool:
    """Whether the border of a picture (h, w) or (h, w, C) is black, as where a garment was laid out before."""
    rim = (picture[0], picture[-1], picture[:, 0], picture[:, -1])
    return sum(int((side <= BLACK).sum()) for side in rim) >= BLACK_SHARE * sum(side.size for side in rim)


def _levels(distance: NDArray[np.float32]) -> tuple[NDArray[np.uint8], float]:
    """Return how much each pixel stands out, (h, w) 0..255, and Otsu's threshold between background and garment."""
    height, width = distance.shape
    down, across = np.abs(np.linspace(-1, 1, height)), np.abs(np.linspace(-1, 1, width))
    off = np.maximum(down[:, None], across[None, :])
    score = (np.minimum(distance, FAR) * (1 + CENTRED * (1 - 2 * off**2))).astype(np.float32)
    score = np.asarray(cv2.GaussianBlur(score, (0, 0), 1.0), np.float32)
    most = max(float(np.percentile(score, 98)), 1e-6)
    level = np.clip(score * (255 / most), 0, 255).astype(np.uint8)
    threshold, _ = cv2.threshold(level, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return level, threshold


def _cut(
    smooth: NDArray[np.uint8], level: NDArray[np.uint8], threshold: float, border: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Return the mask, (h, w) of 0 and 1, that GrabCut makes of the levels."""
    first = (level > threshold).astype(np.uint8)
    guess = np.where(first > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    core = cv2.erode(first, np.ones((5, 5), np.uint8)) > 0
    guess[core & (level > threshold + SURE * (255 - threshold))] = cv2.GC_FGD
    guess[border & (first == 0)] = cv2.GC_BGD
    if not (guess == cv2.GC_FGD).any() or not (guess == cv2.GC_BGD).any():
        return first
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    bgr = cv2.cvtColor(smooth, cv2.COLOR_RGB2BGR)
    cv2.grabCut(bgr, guess, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    return (guess & 1).astype(np.uint8)  # GC_FGD is 1, GC_PR_FGD 3
