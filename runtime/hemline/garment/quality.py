"""
How sure a mask is: whether something is there at all, whether it is one garment, whether all of it is in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.garment.parts import Parts

# Log-odds of a garment (scripts/fit_garment_quality.py): fitted on 500 photos of clothing/train, another crop of each,
# and 272 empty pieces of floor and bed cut from photos. From NOTHING down 81 of 100 empty pieces are found, 1.4 of 100
# garments lost, 3 of 100 in a tight crop; from USABLE down 91, 5 and 11.
TERMS = ("log edge", "touch", "area", "log distance", "constant")
ODDS = (2.177, -2.094, 7.675, 2.438, -6.373)
NOTHING, USABLE = -1.0, 0.0

CUT_OFF = 0.05  # of the border under the mask, from which on the garment is not whole in the picture
SECOND = 0.3  # of the largest part: a part from this size on may be a garment of its own
APART = 0.02  # of the longer side: parts nearer to each other are pieces of one garment, parted by a belt or a stripe
# a pair: two parts alike in size, form and colour
PAIR_AREA, PAIR_FORM, PAIR_COLOUR = 0.55, 0.35, 30.0


@dataclass(frozen=True)
class Facts:
    """What is measured of a mask.

    area: share of the picture. touch: share of the border that it covers.
    distance: median distance from the background, in its standard deviations.
    edge: how much stronger the picture changes along the outline than outside of it.
    """

    area: float
    touch: float
    distance: float
    edge: float


NO_MASK = Facts(0.0, 0.0, 0.0, 0.0)


def measure(
    lab: NDArray[np.float32],
    distance: NDArray[np.float32],
    mask: NDArray[np.bool_],
    border: NDArray[np.bool_],
) -> Facts:
    """Return the facts of a mask; all arguments (h, w), lab (h, w, 3)."""
    if not mask.any():
        return NO_MASK
    inside, kernel = mask.astype(np.uint8), np.ones((3, 3), np.uint8)
    outline = (cv2.dilate(inside, kernel) != cv2.erode(inside, kernel)) & ~border
    outside = ~mask & ~outline
    across, down = cv2.Sobel(lab, cv2.CV_32F, 1, 0), cv2.Sobel(lab, cv2.CV_32F, 0, 1)
    change = np.sqrt(np.einsum("ijk,ijk->ij", across, across) + np.einsum("ijk,ijk->ij", down, down))
    edge = float(change[outline].mean() / (change[outside].mean() + 8)) if outline.any() and outside.any() else 0.0
    return Facts(
        area=float(mask.mean()),
        touch=float(mask[border].mean()),
        distance=float(np.median(distance[mask])),
        edge=edge,
    )


def terms(facts: Facts) -> NDArray[np.float64]:
    """Return what the odds add up, (4,), in the order of TERMS without the constant."""
    return np.array([log(facts.edge + 0.1), facts.touch, facts.area, log(facts.distance + 0.1)])


def odds(facts: Facts) -> float:
    """Return the log-odds that a garment is there."""
    return float(terms(facts) @ ODDS[:-1]) + ODDS[-1]


def judge(facts: Facts, found: Parts, lab: NDArray[np.float32]) -> tuple[float, str | None, int]:
    """Return the quality 0..1, why the mask should not be used or None, and how many garments there are."""
    if facts.area == 0:
        return 0.0, "nothing there: no part of the picture stands out from its border", 0
    sure = odds(facts)
    score = 1 / (1 + exp(-sure))
    if sure < NOTHING:
        return score, "nothing there: what stands out is too weak or too scattered for a garment", 0
    count = garments(found, lab)
    if count > 1:
        return score, f"{count} garments in the picture; show one at a time", count
    if facts.touch > CUT_OFF:
        return score, "the garment reaches beyond the picture; step back", 1
    if sure < USABLE:
        return score, "the garment hardly stands out from its background", 1
    return score, None, 1


def garments(found: Parts, lab: NDArray[np.float32]) -> int:
    """Return how many garments the parts are: a pair of shoes is one, and so is what a belt cuts in two."""
    large = [index for index, area in enumerate(found.areas) if area >= SECOND * found.areas[0]]
    if len(large) < 2:
        return 1
    alone = [large[0]]
    for index in large[1:]:
        if any(not _apart(found, one, index) or _pair(found, one, index, lab) for one in alone):
            continue
        alone.append(index)
    return len(alone)


def _apart(found: Parts, one: int, other: int) -> bool:
    """Whether two parts lie further from each other than the pieces of one garment do."""
    height, width = found.labels.shape
    near = max(1, round(APART * max(height, width)))
    kernel = np.ones((2 * near + 1, 2 * near + 1), np.uint8)
    grown = cv2.dilate((found.labels == one + 1).astype(np.uint8), kernel) > 0
    return not (grown & (found.labels == other + 1)).any()


def _pair(found: Parts, one: int, other: int, lab: NDArray[np.float32]) -> bool:
    """Whether two parts are a left and a right one."""
    masks = [found.labels == part + 1 for part in (one, other)]
    sizes = [int(mask.sum()) for mask in masks]
    if min(sizes) < PAIR_AREA * max(sizes):
        return False
    if float(np.linalg.norm(np.median(lab[masks[0]], axis=0) - np.median(lab[masks[1]], axis=0))) > PAIR_COLOUR:
        return False
    # the lengths of the two axes do not change when a shoe is turned or mirrored
    forms = [_axes(mask) for mask in masks]
    return abs(log(forms[0] / forms[1])) < PAIR_FORM


def _axes(mask: NDArray[np.bool_]) -> float:
    """Return how long a part is for its width, 1 for a disc."""
    points = np.argwhere(mask).astype(np.float64)
    spread = np.linalg.eigvalsh(np.cov(points.T) + np.eye(2))
    return float(np.sqrt(spread[1] / spread[0]))
