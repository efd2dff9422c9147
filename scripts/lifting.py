"""
A garment in a photo, lifted off its background and laid out as Fashion-MNIST is: gray, light on black, the longest
edge filling the frame. For the comparison in compare_unknown.py: the runtime has no isolation of its own yet.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
SIDE = 160  # pixels of the longer side that it works at
BORDER = 0.06  # of the sides: what is taken for background
COLOURS = 4  # of the background
ROUNDS = 4  # of GrabCut
LEAST, MOST = 0.03, 0.9  # share of the picture that a garment covers


def lifted(picture: Pixels) -> Pixels | None:
    """Return the garment of a photo (h, w, 3) RGB, gray on black (h', w') uint8; None where none is found."""
    scale = SIDE / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    mask = _mask(small)
    if mask is None:
        return None
    ys, xs = np.nonzero(mask)
    rows, columns = slice(ys.min(), ys.max() + 1), slice(xs.min(), xs.max() + 1)
    inner = mask[rows, columns] > 0
    gray = 255 - cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)[rows, columns].astype(np.float64)
    # Fashion-MNIST's garments were photographed on white and negated; a garment keeps that, but is never lost in black
    low, high = np.percentile(gray[inner], [2, 98])
    tone = 60 + 180 * np.clip((gray - low) / max(high - low, 40), 0, 1)
    return np.where(inner, np.rint(tone), 0).astype(np.uint8)


def _mask(small: Pixels) -> Pixels | None:
    """Return where the garment is, 0 or 1: far from the border's colours, then GrabCut, then its large parts."""
    height, width = small.shape[:2]
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    edge = max(2, round(BORDER * min(height, width)))
    border = np.ones((height, width), bool)
    border[edge:-edge, edge:-edge] = False
    cv2.setRNGSeed(0)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 1.0)
    _, _, centres = cv2.kmeans(lab[border], COLOURS, None, criteria, 2, cv2.KMEANS_PP_CENTERS)
    distance = np.sqrt(((lab[:, :, None] - centres) ** 2).sum(axis=3)).min(axis=2)
    level = np.clip(distance * 255 / max(float(np.percentile(distance, 99)), 1e-6), 0, 255).astype(np.uint8)
    threshold, _ = cv2.threshold(level, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    guess = np.where(level > threshold, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    guess[level > 0.5 * (threshold + 255)] = cv2.GC_FGD
    guess[border & (level <= threshold)] = cv2.GC_BGD
    if not (guess == cv2.GC_FGD).any() or not (guess == cv2.GC_BGD).any():
        return None
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(small[..., ::-1].copy(), guess, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = np.isin(guess, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    found = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, parts, facts, _ = cv2.connectedComponentsWithStats(found)
    areas = facts[1:, cv2.CC_STAT_AREA]
    if count < 2 or not LEAST * height * width <= areas.sum() <= MOST * height * width:
        return None
    large = 1 + np.flatnonzero(areas >= 0.2 * areas.max())
    return np.isin(parts, large).astype(np.uint8)
