"""
What can be measured of a garment's cloth: how strongly it varies, how sharply, along which directions, how regularly.

Shade and folds vary slowly and in lightness only; what is woven or printed has edges, and often another colour. Rows
and columns tell stripes and checks from flowers: in a small window of a striped cloth every row is of one tone, of a
checked one what a row and a column add up to, and of a flower neither.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline.garment import Isolation, bounds
from hemline.wardrobe.colours import lab_of

SIDE = 224  # pixels of the garment's longer side
RIM = 4  # pixels along the outline that are left out
SLOW = 9.0  # pixels: what varies over more is light, and is taken off
AROUND = 6.0  # pixels over which local variation is averaged
REGION = 12.0  # pixels over which edges are asked whether they have one direction
WINDOW = 20  # pixels a side, of rows and columns
FEWEST = 300  # pixels of cloth that tell something

Planes = list[NDArray[np.float32]]

MEASURES = (
    "colour",  # log of the variation in colour, CIELAB
    "calmest",  # log of the variation where the cloth varies least (10 % of it), in the middle, where most (10 %)
    "middle",
    "busiest",
    "sharp",  # log of how sharp the variation in lightness is
    "one_way",  # 0..1, how much the edges of a region run along one direction
    "two_ways",  # and along two, at a right angle
    "regular",  # 0..1, how much of the variation in a window its rows, or its columns, explain: the better of the two
    "crossed",  # and the other
    "upright",  # 0..1, how much more the one explains than the other, over the whole garment
)


def measure(picture: NDArray[np.uint8], isolation: Isolation) -> tuple[NDArray[np.float64], float] | None:
    """Return the measures (len(MEASURES),) of an isolated garment, and how far its stripes lie: 1 across, 0 down.

    None when there is too little cloth. picture: (h, w, 3) RGB or (h, w) gray.
    """
    lab, mask = _framed(picture, isolation)
    if mask.sum() < FEWEST:
        return None
    detail = _detail(lab, mask)
    colour = float(np.sqrt(detail[1][mask].var() + detail[2][mask].var()))
    inner = _eroded(mask, 2)
    inner = inner if inner.sum() >= FEWEST else mask
    regular, crossed, across = _rows_and_columns(detail, mask)
    values = [
        *np.log1p([colour, *_local(detail, mask), _sharpness(detail[0], inner)]),
        *_directions(lab, inner),
        regular,
        crossed,
        abs(2 * across - 1),
    ]
    return np.array(values, np.float64), across


def _framed(picture: NDArray[np.uint8], isolation: Isolation) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return the garment, its longer side SIDE pixels, (h, w, 3) CIELAB, and its mask without the rim."""
    if picture.ndim == 2 or picture.shape[2] == 1:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), np.uint8)
    mask = isolation.scaled(*picture.shape[:2])
    if mask.sum() < FEWEST:
        return np.zeros((1, 1, 3), np.float32), np.zeros((1, 1), bool)
    rows, columns = bounds(mask)
    part, within = np.ascontiguousarray(picture[rows, columns]), mask[rows, columns]
    scale = SIDE / max(within.shape)
    size = max(16, round(within.shape[1] * scale)), max(16, round(within.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    framed = np.asarray(cv2.resize(part, size, interpolation=method), np.uint8)
    cloth = np.asarray(cv2.resize(within.astype(np.float32), size) >= 0.5)
    return lab_of(framed), _eroded(cloth, RIM)


def _eroded(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    # where the garment is trimmed its outline is the edge of the picture
    return np.asarray(cv2.erode(mask.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0)


def _blurred(plane: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)


def _detail(lab: NDArray[np.float32], mask: NDArray[np.bool_]) -> Planes:
    """Return L*, a* and b* less what is around, 0 beside the mask."""
    weight = mask.astype(np.float32)
    there = np.maximum(_blurred(weight, SLOW), 1e-3)
    planes = [np.ascontiguousarray(lab[..., channel]) for channel in range(3)]
    around = [_blurred(plane * weight, SLOW) / there for plane in planes]
    return [np.asarray((plane - base) * weight, np.float32) for plane, base in zip(planes, around, strict=True)]


def _local(detail: Planes, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return how much the cloth varies where it is calmest, in the middle, where busiest; colour counts double."""
    weight = mask.astype(np.float32)
    variation = np.sqrt(detail[0] ** 2 + 2 * (detail[1] ** 2 + detail[2] ** 2))
    around = _blurred(variation * weight, AROUND) / np.maximum(_blurred(weight, AROUND), 1e-3)
    return np.asarray(np.percentile(around[mask], (10, 50, 90)))


def _sharpness(light: NDArray[np.float32], inner: NDArray[np.bool_]) -> float:
    return float(cv2.Laplacian(_blurred(light, 1.0), cv2.CV_32F)[inner].std())


def _directions(lab: NDArray[np.float32], inner: NDArray[np.bool_]) -> tuple[float, float]:
    """Return how much the edges of a region have one direction, and two at a right angle, 0..1 each.

    The gradient over three channels is Di Zenzo's. Angles are averaged doubled, then edges along one line add up
    whichever side is light; doubled again, those across it add up too.
    """
    weight = inner.astype(np.float32)
    smooth = [_blurred(np.ascontiguousarray(lab[..., channel]), 1.0) for channel in range(3)]
    across = [cv2.Sobel(plane, cv2.CV_32F, 1, 0) for plane in smooth]
    down = [cv2.Sobel(plane, cv2.CV_32F, 0, 1) for plane in smooth]
    right, below = np.stack(across), np.stack(down)
    xx, yy, xy = (right**2).sum(axis=0), (below**2).sum(axis=0), (right * below).sum(axis=0)
    strength = np.sqrt(xx + yy) * weight
    strength = np.minimum(strength, np.float32(np.percentile(strength[inner], 95)))
    length = np.hypot(xx - yy, 2 * xy) + np.float32(1e-6)
    cosine, sine = (xx - yy) / length, 2 * xy / length
    total = max(float(_blurred(strength, REGION)[inner].sum()), 1e-3)

    def shared(c: NDArray[np.float32], s: NDArray[np.float32]) -> float:
        both = np.hypot(_blurred(c * strength, REGION), _blurred(s * strength, REGION))
        return float(both[inner].sum()) / total

    return shared(cosine, sine), shared(cosine**2 - sine**2, 2 * cosine * sine)


def _rows_and_columns(detail: Planes, mask: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return how much of the variation in windows the better of rows and columns explains, the other, and the share
    of rows in both."""
    height, width = (side // WINDOW * WINDOW for side in mask.shape)
    if not height or not width:
        return 0.0, 0.0, 0.5
    top, left = (mask.shape[0] - height) // 2, (mask.shape[1] - width) // 2

    def windows(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        part = plane[top : top + height, left : left + width]
        parts = part.reshape(height // WINDOW, WINDOW, width // WINDOW, WINDOW)
        return parts.swapaxes(1, 2).reshape(-1, WINDOW, WINDOW)

    filled = windows(mask.astype(np.float32)).mean(axis=(1, 2))
    usable = filled > 0.97
    if usable.sum() < 3:
        usable = filled > 0.8
    if not usable.any():
        return 0.0, 0.0, 0.5
    cloth = np.stack([windows(plane)[usable] for plane in detail], axis=-1)
    cloth -= cloth.mean(axis=(1, 2), keepdims=True)
    slope = np.linspace(-1, 1, WINDOW, dtype=np.float32)
    slope /= np.linalg.norm(slope)
    explained = []
    for axis in (2, 1):
        tones = cloth.mean(axis=axis)
        # a plain cloth that gets darker to one side is no stripe
        tones = tones - np.einsum("ntc,t,s->nsc", tones, slope, slope)
        explained.append((tones**2).sum(axis=(1, 2)) * WINDOW)
    rows, columns = explained
    total = max(float((cloth**2).sum()), 1e-6)
    both = max(float((rows + columns).sum()), 1e-6)
    return (
        float(np.maximum(rows, columns).sum()) / total,
        float(np.minimum(rows, columns).sum()) / total,
        (float(rows.sum()) / both),
    )
