"""
Which garments a query means. One column holds the words of a garment, folded; SQL looks into it and nowhere else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from hemline.wardrobe.records import Query

# as the indices of schema.py say it; any other choice is looked up in the index of statuses
_STATUS: dict[tuple[str, ...], str] = {("kept", "review"): "status <> 'removed'"}
_WORD = re.compile(r"\w+")


def searchable(texts: Iterable[str]) -> str:
    """Return the words of texts, each once, between spaces: "T-shirt, navy" is " t shirt navy "."""
    words = dict.fromkeys(word for text in texts for word in _words(text))
    return f" {' '.join(words)} " if words else ""


def condition(query: Query) -> tuple[str, list[object]]:
    """Return the query as the WHERE of a SELECT FROM garment, with its values."""
    parts: list[str] = [_STATUS.get(query.statuses, f"status IN ({', '.join('?' * len(query.statuses))})")]
    values: list[object] = []
    if query.statuses not in _STATUS:
        values += query.statuses
    for column, value in (("label", query.label), ("pattern", query.pattern)):
        if value is not None:
            parts.append(f"{column} = ?")
            values.append(value)
    if query.colour is not None:
        parts.append("id IN (SELECT garment_id FROM colour WHERE name = ?)")
        values.append(query.colour)
    for word in dict.fromkeys(_words(query.words)):
        parts.append("instr(words, ?)")
        values.append(f" {word}")
    return " AND ".join(parts), values


def _words(text: str) -> list[str]:
    # compatibility form, accents taken off: "Gürtel" is found by "gurtel", and "ﬁ" is "fi"
    plain = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall("".join(character for character in plain if not unicodedata.combining(character)))
