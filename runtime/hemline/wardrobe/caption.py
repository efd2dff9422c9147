"""
A garment in a few words, as a person would write it on a list: "navy longsleeve, striped".
"""

from __future__ import annotations

from collections.abc import Sequence

from hemline.wardrobe.records import Colour

GARMENT = "garment"  # what a garment of unknown class is called
NAMED = 0.2  # of the pixels, from which on a second colour belongs to the caption
MOST = 3  # colours in a caption
PLAIN = "plain"  # goes without saying

# labels as models have them -> what they are called within a sentence, where that is another word
_SAID = {
    "t-shirt/top": "t-shirt",
    "trouser": "trousers",
    "outwear": "outerwear",
    "ankle boot": "ankle boots",
    "sandal": "sandals",
    "sneaker": "sneakers",
}


def called(label: str | None) -> str:
    """Return what a garment of a class is called within a sentence."""
    lower = (label or GARMENT).lower()
    return _SAID.get(lower, lower)


def caption(label: str | None, colours: Sequence[Colour], pattern: str | None = None) -> str:
    """Return a garment in lower case words, without an article; what is not known is left out.

    colours: the largest share first. pattern: a word that describes it, such as "striped"; "plain" is not said.

    >>> caption("longsleeve", [Colour("navy", 0.9, (15, 3, -20))], "striped")
    'navy longsleeve, striped'
    >>> caption(None, [])
    'garment'
    """
    named: list[str] = []
    for colour in colours:
        # "light grey and grey" says no more than the first of them
        if not named or (colour.share >= NAMED and not any(_kin(colour.name, name) for name in named)):
            named.append(colour.name)
    named = named[:MOST]
    tone = " and ".join(part for part in (", ".join(named[:-1]), *named[-1:]) if part)
    what = f"{tone} {called(label)}".strip()
    return what if pattern in (None, PLAIN) else f"{what}, {pattern}"


def _kin(one: str, other: str) -> bool:
    return one.split()[-1] == other.split()[-1]
