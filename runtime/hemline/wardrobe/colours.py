"""
The colours of a garment, named as people name them, from the pixels inside its outline only.

A shirt is one colour to the eye, and thousands to a camera: folds are darker, the lit side is lighter. So pixels are
grouped before they are named: shade takes lightness and chroma away in one proportion, and two groups that differ in
nothing else are one colour. A group is named by its lit part: what lies in a fold says little. The names and what is
called so are data, colours.toml.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline import image, toml
from hemline.garment import Isolation
from hemline.wardrobe.ciede2000 import difference
from hemline.wardrobe.records import Colour

NAMES = Path(__file__).with_name("colours.toml")
SIDE = 160  # pixels of the picture's longer side at which colours are looked at
LEAST = 0.08  # of the pixels: a smaller colour is a button, a label, a seam
MOST = 4  # colours of a garment
FIRST = 10  # groups that k-means starts from
SHADE = 0.45  # how much a difference in lightness counts when groups are put together
ALIKE = 10.0  # CIELAB with SHADE: groups nearer to each other are one colour
DARK = 20.0  # L*; below it chroma is noise, and is not scaled up to that of a lighter group
SAMPLE = 2000  # pixels that are looked at, at most, evenly spread
LIT = (50.0, 92.0)  # percentiles of a group's lightness between which it is taken; above are highlights
DULL = 1.6  # kL of naming: exposure is a matter of the photo more than of the garment

_STOP = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 8, 1.0)


@dataclass(frozen=True)
class Names:
    """colours.toml, read. looks: (n, 3) CIELAB, each called names[i]. families: name -> family."""

    names: tuple[str, ...]
    looks: NDArray[np.float64]
    families: dict[str, str]


@cache
def names() -> Names:
    """Return the names of colours and what is called so."""
    rows = toml.read(NAMES)["colour"]
    called = [(row["name"], look) for row in rows for look in row["looks"]]
    rgb = np.array([[int(look[at : at + 2], 16) for at in (1, 3, 5)] for _, look in called], np.uint8)
    return Names(
        tuple(name for name, _ in called),
        lab_of(rgb[None])[0].astype(np.float64),
        {row["name"]: row["family"] for row in rows},
    )


def lab_of(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return a picture (h, w, 3) RGB as CIE L* 0..100, a*, b*, float32."""
    return np.asarray(cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def name_of(lab: Sequence[float] | NDArray[np.floating]) -> str:
    """Return what a colour (L*, a*, b*) is called."""
    known = names()
    return known.names[int(np.argmin(difference(np.asarray(lab, np.float64), known.looks, lightness=DULL)))]


def pixels(picture: NDArray[np.uint8], isolation: Isolation, side: int = SIDE) -> NDArray[np.float32]:
    """Return the garment's pixels (n, 3) in CIELAB, those of its outline left out; none when there is no garment."""
    if picture.ndim == 2 or picture.shape[2] == 1:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), np.uint8)
    small = image.shrunk(picture, side)
    mask = isolation.scaled(*small.shape[:2])
    found = small[inside(mask)]
    if not len(found):
        return np.empty((0, 3), np.float32)
    return np.asarray(lab_of(np.ascontiguousarray(found[None, :: -(-len(found) // SAMPLE)]))[0], np.float32)


def inside(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask (h, w) without its outline, where a pixel is half background; the mask where nothing else is."""
    reach = max(1, round(0.012 * max(mask.shape)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    # what lies outside the picture is no background: a garment that reaches its edge is whole there
    inner = cv2.erode(mask.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1) > 0
    return np.asarray(inner if inner.sum() >= 0.3 * mask.sum() else mask)


def colours(picture: NDArray[np.uint8], isolation: Isolation) -> tuple[Colour, ...]:
    """Return the colours of an isolated garment, the largest share first; none when there is no garment.

    picture: (h, w, 3) RGB or (h, w) gray. Shares are of all its pixels, LEAST and more, so they add up to 1 at most.
    """
    return of_pixels(pixels(picture, isolation))


def of_pixels(lab: NDArray[np.float32]) -> tuple[Colour, ...]:
    """Return the colours of pixels (n, 3) in CIELAB."""
    if not len(lab):
        return ()
    found: dict[str, list[tuple[float, NDArray[np.float64]]]] = {}
    for members in _groups(lab):
        look = _lit(members)
        found.setdefault(name_of(look), []).append((len(members) / len(lab), look))
    named = []
    for name, parts in found.items():  # two groups may have one name, as two grays do
        share = sum(part for part, _ in parts)
        look = np.asarray(sum(part * look for part, look in parts) / share)
        named.append(Colour(name, float(share), (float(look[0]), float(look[1]), float(look[2]))))
    named.sort(key=lambda colour: (-colour.share, colour.name))
    return tuple(colour for index, colour in enumerate(named[:MOST]) if not index or colour.share >= LEAST)


def _groups(lab: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return the pixels by colour, shade and light of one colour together."""
    if len(lab) < 2:
        return [lab]  # OpenCV would take one pixel of three numbers for three of one
    weighted = np.ascontiguousarray(lab * np.array([SHADE, 1, 1], np.float32))
    cv2.setRNGSeed(0)  # the same picture, the same colours
    nearest: Any
    count = min(FIRST, len(weighted))
    _, nearest, start = cv2.kmeans(weighted, count, None, _STOP, 1, cv2.KMEANS_PP_CENTERS)  # type: ignore[call-overload]
    nearest = nearest.ravel()
    centres = start.astype(np.float64) / [SHADE, 1, 1]
    counts = np.bincount(nearest, minlength=count).astype(np.float64)
    owner = np.arange(count)
    while True:  # the two nearest groups become one, until all are apart
        there = np.flatnonzero(counts)
        apart = _apart(centres[there])
        one, other = divmod(int(apart.argmin()), len(there))
        if apart[one, other] >= ALIKE:
            break
        one, other = there[one], there[other]
        both = counts[one] + counts[other]
        centres[one] = (centres[one] * counts[one] + centres[other] * counts[other]) / both
        counts[one], counts[other] = both, 0
        owner[owner == other] = one
    group = owner[nearest]
    return [lab[group == index] for index in there]


def _apart(centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how different colours (k, 3) are but for shade, (k, k), infinite on the diagonal."""
    light = np.maximum(centres[:, 0], DARK)
    between = (light[:, None] + light[None]) / 2
    # both brought to the lightness between them, chroma with it
    scaled = centres[:, None, 1:] * (between / light[:, None])[..., None]
    chroma = np.linalg.norm(scaled - scaled.transpose(1, 0, 2), axis=2)
    lightness = SHADE * (centres[:, None, 0] - centres[None, :, 0])
    apart = np.hypot(chroma, lightness)
    apart[np.diag_indices(len(centres))] = np.inf
    return np.asarray(apart)


def _lit(members: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the colour of pixels (n, 3) where the light falls on them."""
    members = members.astype(np.float64)
    low, high = np.percentile(members[:, 0], LIT, method="nearest")  # there is a pixel between, even of one
    lit = members[(members[:, 0] >= low) & (members[:, 0] <= high)]
    return np.asarray(lit.mean(axis=0))
