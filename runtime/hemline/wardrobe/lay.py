"""
One garment laid over another: the move of its relief after which the two agree as well as they can.

Two ways to a first lay: points that look alike and agree on one turn, size and shift; or the outlines' centres and
areas, where a plain garment has too few points. Then the lay is fitted, all six numbers of it. A lay is a matrix
(2, 3): where a pixel of the one relief comes to lie in the other.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.wardrobe.features import Features

RATIO = 0.92  # of the distances to the nearest and the second nearest point: less tells something
NEAR = 3.0  # pixels of the relief within which a point has to land
SCALES = (0.25, 4.0)  # of one garment's relief to the other's: of the one perhaps only the print was isolated
TILTS = (-6.0, 0.0, 6.0)  # degrees tried when the outlines lie one over the other
WORTH = 0.15  # correlation from which on a first lay is worth fitting
FITS = 12  # steps of fitting, at most
GAIN, IDLE = 2e-3, 2  # steps in a row that gain less than this end it
HOPE, HOPELESS = 4, 0.35  # after so many steps the correlation should be above this
DAMPING = 0.1  # of the fit, where cloth without any detail leaves a number open
FEWEST = 30  # pixels of cloth that are worth comparing
SHARED = 0.5  # of the smaller garment that has to lie on the other

Lay = NDArray[np.float64]


def by_points(a: Features, b: Features) -> tuple[Lay | None, int]:
    """Return the lay (2, 3) of a over b that most pairs of like points agree on, and how many do."""
    if len(a.places) < 3 or len(b.places) < 3:
        return None, 0
    left, right = _pairs(a.descriptors, b.descriptors)
    if len(left) < 3:
        return None, 0
    # as complex numbers a similarity is one factor and one shift: every pair of points, with its size and angle, is one
    p, q = (places[:, 0] + 1j * places[:, 1] for places in (a.places[left], b.places[right]))
    factor = b.sizes[right] / a.sizes[left] * np.exp(1j * (b.angles[right] - a.angles[left]))
    usable = (np.abs(factor) > SCALES[0]) & (np.abs(factor) < SCALES[1])
    if not usable.any():
        return None, 0
    landed = np.abs(factor[:, None] * (p[None] - p[:, None]) + q[:, None] - q[None])
    agree = ((landed < 2 * NEAR) & usable[:, None]).sum(axis=1)
    best = int(agree.argmax())
    inside = landed[best] < 2 * NEAR
    turn, shift = complex(factor[best]), complex(q[best] - factor[best] * p[best])
    for _ in range(3):
        if inside.sum() < 3:
            break
        mean_p, mean_q = p[inside].mean(), q[inside].mean()
        off = p[inside] - mean_p
        turn = complex((np.conj(off) * (q[inside] - mean_q)).sum() / max(float((np.abs(off) ** 2).sum()), 1e-6))
        shift = complex(mean_q - turn * mean_p)
        inside = np.abs(turn * p + shift - q) < NEAR
    if inside.sum() < 3 or not SCALES[0] < abs(turn) < SCALES[1]:
        return None, 0
    # points that lie on one another count once: SIFT gives a place with two directions twice
    distinct = len(np.unique(np.rint(a.places[left][inside]), axis=0))
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]]), distinct


def _pairs(a: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of a and of b that are each other's nearest, and clearly nearer than the second."""
    # not a @ b.T: BLAS spreads even this over all cores, and waits 100 ms for the others where they are busy
    alike = cv2.gemm(a, b, 1.0, None, 0.0, flags=cv2.GEMM_2_T)  # type: ignore[call-overload]
    forth, back = alike.argmax(axis=1), alike.argmax(axis=0)
    two = -np.partition(-alike, 1, axis=1)[:, :2]
    first, second = np.sqrt(np.maximum(2 - 2 * two, 0)).T
    rows = np.flatnonzero((back[forth] == np.arange(len(a))) & (first < RATIO * second))
    return rows, forth[rows]


def by_outline(a: Features, b: Features) -> Lay | None:
    """Return the lay of a over b by which their outlines have one centre and one area, turned as fits best."""
    (area_a, x_a, y_a), (area_b, x_b, y_b) = _moments(a.mask), _moments(b.mask)
    scale = (area_b / area_a) ** 0.5
    if not SCALES[0] < scale < SCALES[1]:
        return None
    best, chosen = WORTH, None
    for tilt in TILTS:
        turn = scale * np.exp(1j * np.radians(tilt))
        shift = complex(x_b, y_b) - turn * complex(x_a, y_a)
        lay = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
        value = _correlation(a, b, lay)
        if value > best:
            best, chosen = value, lay
    return chosen


def _moments(mask: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return the area of a mask and its centre, x and y."""
    found = cv2.moments(mask.astype(np.uint8), binaryImage=True)
    area = max(found["m00"], 1.0)
    return area, found["m10"] / area, found["m01"] / area


def _laid(a: Features, b: Features, lay: Lay) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the relief of a over that of b, (h, w), and where both are cloth."""
    size = b.mask.shape[::-1]
    over = cv2.warpAffine(a.relief, lay, size, flags=cv2.INTER_LINEAR)
    mask = cv2.warpAffine(a.mask.astype(np.uint8), lay, size, flags=cv2.INTER_NEAREST) > 0
    return np.asarray(over, np.float32), np.asarray(mask & b.mask)


def _correlation(a: Features, b: Features, lay: Lay) -> float:
    """Return how much the reliefs agree where both are cloth, -1..1; -1 where they hardly share any."""
    over, both = _laid(a, b, lay)
    return _agreement(over, both, a, b, lay)


def _agreement(over: NDArray[np.float32], both: NDArray[np.bool_], a: Features, b: Features, lay: Lay) -> float:
    shared = int(both.sum())
    size = abs(float(np.linalg.det(lay[:, :2])))
    # a fit that goes astray ends in a spot, where anything agrees
    if not SCALES[0] ** 2 < size < SCALES[1] ** 2 or shared < FEWEST:
        return -1.0
    if shared < SHARED * min(b.mask.sum(), size * a.mask.sum()):
        return -1.0
    weight = both.astype(np.float32)
    one, other = over * weight, b.relief * weight
    # sums instead of picking pixels: a third of the time
    mean_one, mean_other = float(one.sum()) / shared, float(other.sum()) / shared
    product = float(np.vdot(one, other)) - shared * mean_one * mean_other
    squares = (float(np.vdot(one, one)) - shared * mean_one**2) * (
        float(np.vdot(other, other)) - shared * mean_other**2
    )
    return float(product / max(squares, 1e-6) ** 0.5)


def fitted(a: Features, b: Features, lay: Lay) -> float:
    """Return the best agreement of the reliefs near a lay: Lucas and Kanade's steps over the six numbers of it."""
    best = _correlation(a, b, lay)
    if best < WORTH:
        return best
    height, width = b.mask.shape
    idle = 0
    for fit in range(FITS):
        over, both = _laid(a, b, lay)
        if both.sum() < FEWEST or (fit == HOPE and best < HOPELESS):
            break
        across, down = (cv2.Sobel(over, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
        y, x = np.nonzero(both)
        gx, gy, px, py = across[both], down[both], x - np.float32(width / 2), y - np.float32(height / 2)
        slopes = np.stack([gx * px, gx * py, gx, gy * px, gy * py, gy, over[both], np.ones_like(gx)], axis=1)
        # relief of b = over(moved) * gain + offset: gain and offset are fitted along with the move
        sides = np.concatenate([slopes, b.relief[both][:, None]], axis=1)
        products = cv2.gemm(slopes, sides, 1.0, None, 0.0, flags=cv2.GEMM_1_T).astype(np.float64)  # type: ignore[call-overload]
        solved = np.linalg.solve(products[:, :8] + DAMPING * np.eye(8), products[:, 8])
        step = -solved[:6] / max(solved[6], 0.2)
        move = np.array([[1 + step[0], step[1], step[2]], [step[3], 1 + step[4], step[5]], [0, 0, 1]])
        centre = np.array([[1, 0, width / 2], [0, 1, height / 2], [0, 0, 1]])
        moved = centre @ move @ np.linalg.inv(centre) @ np.vstack([lay, [0, 0, 1]])
        lay = moved[:2]
        value = _correlation(a, b, lay)
        idle = 0 if value > best + GAIN else idle + 1
        best = max(best, value)
        if idle == IDLE:
            break
    return best
