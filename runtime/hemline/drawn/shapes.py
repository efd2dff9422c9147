"""
The outlines of the ten garments. Each takes the random choices of a picture and returns its parts.

Coordinates: x to the right, y down; a top reaches from y = 0 (neck) to 1 (hem) around x = 0, a shoe from
x = 0 (toe) to 1 (heel), a bag from x = 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hemline.drawn.painting import Part, Pick, Points


def _mirrored(half: Points) -> Points:
    return [*half, *((-x, y) for x, y in reversed(half))]


def _detail(points: Points, tone: float, line: float = 0.0, *, curved: bool = False) -> Part:
    return Part(points, tone, line, curved, detail=True)


def _both(points: Points, tone: float, line: float = 0.0) -> list[Part]:
    """The same detail on the right and on the left."""
    return [_detail([(side * x, y) for x, y in points], tone, line) for side in (1, -1)]


def _neck(half: float, depth: float, tone: float) -> list[Part]:
    """An opening between (-half, 0) and (half, 0), and the band around it."""
    edge = [(-half, 0.0), (-0.6 * half, 0.7 * depth), (0.0, depth), (0.6 * half, 0.7 * depth), (half, 0.0)]
    return [_detail([(-half, -0.02), *edge, (half, -0.02)], tone), _detail(edge, 0.8, 0.02, curved=True)]


def _long_sleeved(pick: Pick, hem: float) -> list[Part]:
    """A body with sleeves that hang beside it; y from 0 (neck) to 1 (hem), cuffs near the hem."""
    neck, shoulder, chest = pick(0.09, 0.13), pick(0.29, 0.33), pick(0.24, 0.28)
    cuff, spread = pick(0.88, 1.0), pick(0.05, 0.13)
    half = [
        (neck, 0.0),
        (shoulder, 0.07),
        (shoulder + 0.6 * spread + 0.04, 0.4),
        (shoulder + spread + 0.04, cuff),
        (shoulder + spread - 0.05, cuff + 0.01),
        (chest + 0.01, 0.32),
        (chest + hem * 0.3, 0.6),
        (chest + hem, 1.0),
    ]
    cuffs = [half[3], half[4]]
    seam = [(shoulder - 0.02, 0.08), (chest - 0.01, 0.2), (chest + 0.01, 0.34)]
    return [Part(_mirrored(half)), *_both(seam, 0.72, 0.02), *_both(cuffs, 0.75, 0.03)]


def _short_sleeved(pick: Pick, sleeve: float, hem: float) -> list[Part]:
    """A body with sleeves of length `sleeve` (0 is none) that stand off; y from 0 to 1."""
    neck, shoulder, chest = pick(0.1, 0.15), pick(0.27, 0.31), pick(0.25, 0.29)
    half = [
        (neck, 0.0),
        (shoulder, 0.06),
        (shoulder + 0.5 * sleeve, 0.1 + 0.8 * sleeve),
        (shoulder + 0.5 * sleeve - 0.1, 0.14 + 0.9 * sleeve),
        (chest, 0.28),
        (chest - 0.02, 0.6),
        (chest + hem, 1.0),
    ]
    if sleeve == 0:
        half[1:4] = [(neck + 0.07, 0.0), (neck + 0.09, 0.15)]
    seam = [(shoulder - 0.03, 0.07), (chest - 0.02, 0.2), (chest, 0.29)]
    return [Part(_mirrored(half)), *(_both(seam, 0.8, 0.015) if sleeve else [])]


def _t_shirt(pick: Pick) -> list[Part]:
    body = _short_sleeved(pick, 0.0 if pick(0, 1) < 0.15 else pick(0.22, 0.34), pick(-0.02, 0.03))
    badge = pick(0.06, 0.13)
    spot = [(0.0, 0.45 - badge), (badge, 0.45), (0.0, 0.45 + badge), (-badge, 0.45)]
    return [
        *body,
        *_neck(0.12, pick(0.06, 0.16), 0.0),
        *([_detail(spot, 0.5, curved=True)] if badge > 0.1 else []),
    ]


def _trouser(pick: Pick) -> list[Part]:
    waist, hip, ankle = pick(0.13, 0.17), pick(0.18, 0.21), pick(0.13, 0.22)
    inner, crotch = pick(0.02, 0.06), pick(0.3, 0.38)
    half = [(waist, 0.0), (hip, 0.22), (hip - 0.01, 0.5), (ankle, 1.0), (ankle - 0.11, 1.0), (inner, 0.6)]
    legs = Part(_mirrored([*half, (0.008, crotch)]))
    crease = [(hip * 0.55, 0.3), (ankle - 0.055, 0.97)]
    pocket = [(waist * 0.6, 0.06), (hip * 0.95, 0.14)]
    band = _detail([(-waist, 0.045), (waist, 0.045)], 0.7, 0.012)
    fly = _detail([(0.0, 0.04), (0.0, crotch)], 0.65, 0.014)
    return [legs, *_both(crease, pick(0.8, 1.15), 0.02), *_both(pocket, 0.75, 0.012), band, fly]


def _pullover(pick: Pick) -> list[Part]:
    hem = pick(-0.02, 0.02)
    body = _long_sleeved(pick, hem)
    rib = _detail([(-0.24, 0.95), (0.24, 0.95)], 0.78, 0.02)
    return [*body, rib, *_neck(pick(0.1, 0.13), pick(0.04, 0.09), 0.5)]


def _dress(pick: Pick) -> list[Part]:
    neck, chest, waist, hem = pick(0.06, 0.08), pick(0.15, 0.17), pick(0.11, 0.14), pick(0.14, 0.32)
    half = [(neck, 0.0), (neck + 0.04, 0.0), (neck + 0.06, 0.1), (chest, 0.18), (waist, 0.38)]
    if pick(0, 1) < 0.4:  # short sleeves
        half[1:4] = [(chest, 0.03), (chest + 0.08, 0.17), (chest + 0.02, 0.2), (chest - 0.01, 0.16)]
    skirt = [(0.45 * waist + 0.55 * hem + 0.01, 0.62), (hem, 0.985), (0.5 * hem, 1.0)]
    folds = [p for share in (0.3, 0.7) for p in _both([(waist * share, 0.42), (hem * share, 0.97)], 0.8, 0.015)]
    belt = _detail([(-waist, 0.38), (waist, 0.38)], pick(0.5, 0.9), 0.025)
    return [Part(_mirrored([*half, *skirt])), *folds, belt, *_neck(neck, pick(0.06, 0.16), 0.0)]


def _coat(pick: Pick) -> list[Part]:
    body = _long_sleeved(pick, pick(0.0, 0.04))
    front = _detail([(0.0, 0.1), (0.0, 1.0)], 0.3, 0.02)
    pockets = _both([(0.09, 0.66), (0.2, 0.62)], 0.55, 0.02)
    if pick(0, 1) < 0.45:  # a hood
        hood = Part([(-0.16, 0.1), (-0.13, -0.08), (0.0, -0.13), (0.13, -0.08), (0.16, 0.1)], 0.85, curved=True)
        shade = _detail([(-0.09, 0.02), (0.0, -0.07), (0.09, 0.02), (0.0, 0.12)], 0.35, curved=True)
        return [hood, *body, shade, front, *pockets]
    lapels = _both([(0.12, 0.0), (0.16, 0.14), (0.0, 0.36)], 1.2)
    shirt = _detail([(-0.1, -0.01), (0.0, 0.3), (0.1, -0.01)], 0.3)
    return [*body, *lapels, shirt, front, *pockets]


def _shirt(pick: Pick) -> list[Part]:
    body = _long_sleeved(pick, 0.0) if pick(0, 1) < 0.6 else _short_sleeved(pick, pick(0.24, 0.32), 0.0)
    tail = Part([(-0.2, 0.99), (0.0, 1.04), (0.2, 0.99)], curved=True)
    collar = _both([(0.13, -0.01), (0.15, 0.07), (0.03, 0.12), (0.0, 0.05)], 1.25, 0.0)
    placket = _detail([(0.0, 0.08), (0.0, 1.0)], 0.75, 0.035)
    buttons = [_detail([(0.0, y), (0.0, y + 0.01)], 1.3, 0.028) for y in np.arange(0.2, 0.95, 0.14).tolist()]
    pocket = _detail([(0.08, 0.3), (0.19, 0.3), (0.19, 0.42), (0.08, 0.42), (0.08, 0.3)], 0.8, 0.012)
    inside = _detail([(-0.1, -0.01), (0.0, 0.07), (0.1, -0.01)], 0.4)
    return [*body, tail, inside, *collar, placket, *buttons, pocket]


def _sandal(pick: Pick) -> list[Part]:
    heel, thick, strap = pick(0.0, 0.55), pick(0.04, 0.09), pick(0.035, 0.07)
    if heel < 0.2:
        heel = 0.03
    ankle = -heel - pick(0.22, 0.3)
    sole = [
        (0.0, -0.02),
        (0.2, 0.0),
        (0.4, -0.12 * heel),
        (0.7, -0.75 * heel),
        (0.85, -heel),
        (1.0, -heel - 0.01),
    ]
    straps = [
        [(0.06, 0.0), (0.16, -0.13), (0.27, -0.14), (0.36, -0.05 - 0.1 * heel)],
        [(0.24, -0.02), (0.5, -0.18 - 0.5 * heel), (0.68, ankle + 0.03)],
        [(0.95, -heel), (0.93, ankle + 0.06), (0.8, ankle - 0.01), (0.68, ankle + 0.03), (0.72, -0.8 * heel)],
    ]
    # the sole is a line, so that it bends with the heel
    parts = [Part(points, pick(0.8, 1.1), strap, curved=True) for points in straps]
    parts.append(Part(sole, 0.9, thick, curved=True))
    if heel > 0.1:
        block = pick(0.02, 0.1)
        parts.append(Part([(0.86, -heel), (1.0, -heel), (0.98, 0.03), (0.98 - block, 0.03)], 0.85))
    return parts


def _sole(low: float, height: float, tone: float) -> list[Part]:
    edge = [(0.0, low), (0.0, low), (0.02, low + height), (0.98, low + height), (1.0, low), (1.0, low)]
    return [Part(edge, tone), _detail([(0.01, low), (0.99, low)], 0.45, 0.018)]


def _sneaker(pick: Pick) -> list[Part]:
    top, toe = pick(0.0, 0.1), pick(0.02, 0.06)
    upper = [
        (0.0, 0.36),
        (0.0, 0.36),
        (0.01, 0.3),
        (0.1, 0.23 + toe),
        (0.3, 0.16),
        (0.48, top),
        (0.52, top - 0.01),
    ]
    upper += [
        (0.52, top - 0.01),
        (0.66, top + 0.07),
        (0.84, top + 0.06),
        (0.95, top - 0.02),
        (0.95, top - 0.02),
    ]
    upper += [(0.97, 0.18), (0.99, 0.36), (0.99, 0.36)]
    laces = [_detail([(0.3 + s, 0.17 - 0.55 * s), (0.37 + s, 0.24 - 0.5 * s)], 0.5, 0.02) for s in (0.0, 0.07, 0.14)]
    flash = _detail([(0.45, 0.33), (0.58, 0.28), (0.72, 0.17)], pick(0.4, 1.4), 0.05, curved=True)
    heel = _detail([(0.86, top + 0.06), (0.95, top - 0.02), (0.97, 0.18), (0.99, 0.34), (0.87, 0.34)], pick(0.6, 1.2))
    cap = _detail([(0.18, 0.22), (0.22, 0.34)], 0.65, 0.018)
    return [Part(upper, curved=True), heel, *laces, flash, cap, *_sole(0.34, pick(0.06, 0.1), pick(1.0, 1.5))]


def _bag(pick: Pick) -> list[Part]:
    kind, tall, taper = pick(0, 1), pick(0.55, 0.85), pick(-0.06, 0.08)
    left, right = 0.0, 1.0
    body = [(left + taper, 0.0), (right - taper, 0.0), (right, 0.12), (right, tall - 0.06), (0.94, tall)]
    body += [(0.06, tall), (left, tall - 0.06), (left, 0.12)]
    seam = _detail([(0.02, 0.12), (0.98, 0.12)], 0.65, 0.02)
    clasp = _detail([(0.46, 0.38), (0.54, 0.38), (0.54, 0.46), (0.46, 0.46)], 1.5)
    if kind < 0.4:  # two handles
        rise = pick(0.3, 0.55)
        arch = [(0.25, 0.06), (0.27, -0.6 * rise), (0.5, -rise), (0.73, -0.6 * rise), (0.75, 0.06)]
        back = [(x * 0.9 + 0.05, y * 0.9) for x, y in arch]
        return [Part(back, 0.7, 0.04, curved=True), Part(body), Part(arch, 0.95, 0.045, curved=True), seam]
    if kind < 0.75:  # a flap and a shoulder strap
        flap = [(0.01, 0.0), (0.99, 0.0), (0.95, 0.3), (0.5, 0.44), (0.05, 0.3)]
        strap = [(0.04, 0.1), (0.14, -0.12), (0.5, -0.2), (0.86, -0.12), (0.96, 0.1)]
        edge = _detail([flap[4], flap[3], flap[2]], 0.55, 0.022)
        return [Part(strap, 0.8, 0.035, curved=True), Part(body), Part(flap, 1.1), edge, clasp]
    handle = [(0.36, 0.02), (0.38, -0.14), (0.5, -0.17), (0.62, -0.14), (0.64, 0.02)]
    return [Part(body), Part(handle, 0.9, 0.045, curved=True), seam, clasp]


def _ankle_boot(pick: Pick) -> list[Part]:
    top, shaft, heel = pick(-0.45, -0.25), pick(0.44, 0.52), pick(0.05, 0.28)
    upper = [(0.0, 0.36), (0.0, 0.36), (0.02, 0.28), (0.16, 0.18), (0.36, 0.08), (shaft, -0.08)]
    upper += [(shaft + 0.02, top), (shaft + 0.02, top), (0.97, top - 0.02), (0.97, top - 0.02)]
    upper += [(0.94, 0.0), (0.99, 0.2), (0.98, 0.36), (0.98, 0.36)]
    sole = [(0.0, 0.34), (0.98, 0.34), (0.97, 0.38 + heel), (0.72, 0.38 + heel), (0.66, 0.4), (0.02, 0.4)]
    sole[1:4] = [(0.99, 0.34), (0.98, 0.36 + heel), (0.74, 0.36 + heel)]
    welt = _detail([(0.01, 0.34), (0.98, 0.34)], 0.5, 0.018)
    panel = _detail([(0.66, top), (0.68, 0.02), (0.8, 0.02), (0.82, top)], pick(0.5, 0.8))
    zipper = _detail([(0.74, top), (0.76, 0.2)], 0.5, 0.02)
    rim = _detail([(shaft + 0.02, top + 0.03), (0.96, top + 0.02)], 0.75, 0.02)
    return [Part(upper, curved=True), panel if pick(0, 1) < 0.5 else zipper, rim, Part(sole, 0.8), welt]


# by class index, in the order of LABELS
SHAPES: tuple[Callable[[Pick], list[Part]], ...] = (
    _t_shirt,
    _trouser,
    _pullover,
    _dress,
    _coat,
    _sandal,
    _shirt,
    _sneaker,
    _bag,
    _ankle_boot,
)
