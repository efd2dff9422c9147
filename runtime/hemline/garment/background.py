"""
What the background of a photo looks like, learnt from the picture's own border: several colours, each with its spread.

A floor is rarely one colour: parquet has light and dark planks, a carpet has a pattern, a bed sheet has shade. Each
colour is a cluster of border pixels in Lab with a covariance of its own, so that a plank may vary along its grain and
yet no further. A garment that reaches the border puts its own colour there: such a cluster is more common in the middle
of the picture than along its border and has nothing of the corners, and is left out.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

BORDER = 0.05  # of the shorter side: what is taken for background
COLOURS = 5
SPREAD = 3.0  # Lab units, the least standard deviation of a colour: sensor noise and JPEG
LEAST = 8  # pixels of the border that make a colour
NEAR = 2.0  # standard deviations within which a pixel counts as of a colour
CORNER = 0.2  # of each side: what is a corner of the border
# a colour of the border that is garment: a small share of it and next to nothing of its corners, common in the middle
RARE, COMMON, RATIO, CORNERED = 0.3, 0.25, 2.0, 0.05

_STOP = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 12, 0.5)


def border_of(height: int, width: int) -> NDArray[np.bool_]:
    """Return which pixels (h, w) are the border."""
    edge = max(2, round(BORDER * min(height, width)))
    border = np.ones((height, width), bool)
    border[edge:-edge, edge:-edge] = False
    return border


def distances(lab: NDArray[np.float32], border: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return how far each pixel is from the nearest colour of the background, (h, w), in standard deviations.

    lab: (h, w, 3), L 0..255 and a, b 0..255 as OpenCV scales them for uint8.
    """
    height, width = lab.shape[:2]
    pixels, rim = lab.reshape(-1, 3), lab[border]
    middle = np.zeros((height, width), bool)
    middle[height // 4 : height - height // 4, width // 4 : width - width // 4] = True
    inside = middle.ravel()
    corner = _corners(height, width)[border]
    found: list[tuple[bool, NDArray[np.float32]]] = []
    labels, count = _clusters(rim)
    for index in range(count):
        members = rim[labels == index]
        if len(members) < LEAST:
            continue
        squared = _squared(pixels, members)
        share = len(members) / len(rim)
        central = float((squared[inside] < NEAR**2).mean())
        cornered = float((labels[corner] == index).mean())
        garment = share < RARE and central > max(COMMON, RATIO * share) and cornered < CORNERED
        found.append((garment, squared))
    kept = [squared for garment, squared in found if not garment] or [squared for _, squared in found]
    nearest: NDArray[np.float32] = np.sqrt(np.minimum.reduce(kept))
    return nearest.reshape(height, width)


def _corners(height: int, width: int) -> NDArray[np.bool_]:
    """Return which pixels (h, w) are near a corner."""
    down, across = round(CORNER * height), round(CORNER * width)
    rows, columns = np.zeros(height, bool), np.zeros(width, bool)
    rows[:down] = rows[height - down :] = columns[:across] = columns[width - across :] = True
    return rows[:, None] & columns[None, :]


def _clusters(rim: NDArray[np.float32]) -> tuple[NDArray[np.int32], int]:
    """Return the cluster of each border pixel (n,), and how many clusters there are; the same for the same picture."""
    cv2.setRNGSeed(0)
    labels: Any
    _, labels, centres = cv2.kmeans(rim, min(COLOURS, len(rim)), None, _STOP, 1, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    return labels.ravel(), len(centres)


def _squared(pixels: NDArray[np.float32], members: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the squared Mahalanobis distance of pixels (n, 3) from the colour that the members (m, 3) are of, (n,)."""
    covariance = np.cov(members.T) + np.eye(3) * SPREAD**2
    # with covariance = R R^T the distance is the length of R^-1 d: one product of n x 3 by 3 x 3
    whiten = np.linalg.inv(np.linalg.cholesky(covariance)).T.astype(np.float32)
    white = (pixels - members.mean(axis=0)) @ whiten
    return np.asarray(np.einsum("ij,ij->i", white, white), np.float32)
