"""
What to wear with a garment, by a few stated rules (rules.toml); no network decides, and each suggestion says why.

A garment is proposed when it is of a category that complements the other's and nothing speaks against it: two loud
colours, two patterns, worn in the last days, colours that are neither neutral nor of one family. Those that were worn
longest ago, or never, come first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from heapq import merge
from math import atan2, degrees, hypot
from pathlib import Path
from typing import Any

from hemline import toml
from hemline.errors import UsageError
from hemline.wardrobe.reader import CatalogueReader
from hemline.wardrobe.records import UNKNOWN, Colour, Garment, Query

RULES = Path(__file__).with_name("rules.toml")
_BATCH = 50  # garments of one label that are looked at first; then twice as many, and again
_MOST = 5000  # of one label: who has more is served as well by those that rested longest


@dataclass(frozen=True)
class Rules:
    """rules.toml, read. categories: label -> category."""

    categories: Mapping[str, str]
    complements: Mapping[str, tuple[str, ...]]
    looked_at: float
    neutral_chroma: float
    neutral_names: frozenset[str]
    loud_chroma: float
    family_degrees: float
    rest_days: int

    def labels(self, category: str) -> list[str]:
        """Return the labels of a category."""
        return [label for label, own in self.categories.items() if own == category]


@dataclass(frozen=True)
class Suggestion:
    """A garment to wear with another. reasons: the rules that made it, in words."""

    garment: Garment
    category: str
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"category": self.category, "reasons": list(self.reasons), "garment": self.garment.as_dict()}


@cache
def rules() -> Rules:
    """Return the rules."""
    table = toml.read(RULES)
    categories = {label: category for category, labels in table["categories"].items() for label in labels}
    complements = {category: tuple(others) for category, others in table["complements"].items()}
    colours = dict(table["colours"])
    colours["neutral_names"] = frozenset(colours["neutral_names"])
    return Rules(categories, complements, **colours, **table["wear"])


def suggest(
    catalogue: CatalogueReader, garment_id: int, *, today: date | None = None, per_category: int = 2
) -> list[Suggestion]:
    """Return what goes with a garment: at most `per_category` of each category that complements its own."""
    law = rules()
    asked = catalogue.get(garment_id)
    own = law.categories.get(asked.label or "")
    if own is None:
        raise UsageError(
            f"#{garment_id} is {asked.label or UNKNOWN}, of which the rules say nothing; they know "
            f"{', '.join(sorted(law.categories, key=str.casefold))}: correct its label"
        )
    rested = (today or date.today()) - timedelta(days=law.rest_days)
    found = []
    for category in law.complements[own]:
        lead = f"{own} and {category} complement each other"
        fitting = 0
        for garment in _of_category(catalogue, category, law):
            # in the order of their last days: those that follow were worn later still
            if fitting == per_category or not _before(garment, rested):
                break
            reasons = _reasons(asked, garment, law)
            if reasons is not None:
                found.append(Suggestion(garment, category, (lead, *reasons, _rest(garment))))
                fitting += 1
    return found


def _of_category(catalogue: CatalogueReader, category: str, law: Rules) -> Iterator[Garment]:
    """Give the garments of a category, those that have rested longest first; read as far as they are asked for."""
    each = (_of_label(catalogue, label) for label in law.labels(category))
    # never worn sorts before any day
    return merge(*each, key=lambda row: (row.last_worn or "", row.id))


def _of_label(catalogue: CatalogueReader, label: str) -> Iterator[Garment]:
    query, offset, batch = Query(label=label, statuses=("kept",)), 0, _BATCH
    while offset < _MOST:
        page = catalogue.find(query, order="rested", limit=batch, offset=offset)
        yield from page.garments
        offset, batch = offset + batch, 2 * batch
        if offset >= page.total:
            return


def _before(garment: Garment, day: date) -> bool:
    return garment.last_worn is None or date.fromisoformat(garment.last_worn) < day


def _reasons(one: Garment, other: Garment, law: Rules) -> list[str] | None:
    """Return why two garments go together, in words; None when they do not."""
    first, second = _main(one, law), _main(other, law)
    if not first or not second:
        return None  # nothing is known about its colours
    if _loud(first, law) and _loud(second, law):
        return None
    if _patterned(one) and _patterned(other):
        return None
    harmony = _harmony(first, second, law)
    if harmony is None:
        return None
    if _patterned(one) or _patterned(other):
        patterned, calm = (one, other) if _patterned(one) else (other, one)
        return [harmony, f"one pattern at most: {patterned.pattern} beside {calm.pattern or 'plain'}"]
    return [harmony]


def _harmony(first: Sequence[Colour], second: Sequence[Colour], law: Rules) -> str | None:
    for colours in (second, first):
        if all(_neutral(colour, law) for colour in colours):
            names = " and ".join(dict.fromkeys(colour.name for colour in colours))
            return f"neutral colours go with everything: {names}"
    vivid = [[colour for colour in colours if not _neutral(colour, law)] for colours in (first, second)]
    pairs = [(a, b) for a in vivid[0] for b in vivid[1]]
    if all(_apart(a, b) <= law.family_degrees for a, b in pairs):
        a, b = pairs[0]
        return f"both are {a.name}" if a.name == b.name else f"one hue family: {a.name} and {b.name}"
    return None


def _main(garment: Garment, law: Rules) -> list[Colour]:
    """Return the colours that are looked at, the largest in any case."""
    return [colour for colour in garment.colours if colour.share >= law.looked_at] or list(garment.colours[:1])


def _neutral(colour: Colour, law: Rules) -> bool:
    return colour.name in law.neutral_names or hypot(*colour.lab[1:]) < law.neutral_chroma


def _loud(colours: Sequence[Colour], law: Rules) -> bool:
    return any(not _neutral(colour, law) and hypot(*colour.lab[1:]) >= law.loud_chroma for colour in colours)


def _apart(one: Colour, other: Colour) -> float:
    """Return how far two hues are apart, 0 to 180 degrees."""
    turn = abs(degrees(atan2(one.lab[2], one.lab[1]) - atan2(other.lab[2], other.lab[1]))) % 360
    return min(turn, 360 - turn)


def _patterned(garment: Garment) -> bool:
    return garment.pattern not in (None, "plain")


def _rest(garment: Garment) -> str:
    return f"last worn on {garment.last_worn}" if garment.last_worn else "never worn yet"
