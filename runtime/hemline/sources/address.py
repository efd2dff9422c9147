"""
The text by which a person names a live source, taken apart: kind, target, options.

    camera:0?size=1280x720&fps=30        options follow the last "?"
    http://10.0.0.7/mjpeg?ch=1#still     of a URL the "?" belongs to the server: ours follow "#", which is never sent

A password in a URL is used and never shown: `name` is what items, errors and process lists say.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from hemline.errors import UsageError, unknown

YES = ("yes", "true", "1", "on")
NO = ("no", "false", "0", "off")
# what every live source understands; see Limits
COMMON = ("deadline", "opening", "pause", "retries", "still", "every")

_PASSWORD = re.compile(r"^([a-z]+://[^/@?#]*?):[^/?#]*@")
# user:, then what is no port, up to an @ that a bare / ? or # has cut off from it
_BARE_PASSWORD = re.compile(r"^([a-z]+)://[^/?#@:\[]*:(?!\d+(?:[/?#]|$))[^@/?#]*[/?#].*@")
_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")


@dataclass(frozen=True)
class Address:
    """One live source, named.

    name: by which items and errors call it: no options, no password.
    target: what the kind of source understands: a number, a path, a URL with its password.
    """

    kind: str
    name: str
    target: str
    options: dict[str, str] = field(default_factory=dict, repr=False)

    def allow(self, names: Iterable[str]) -> None:
        """Raise UsageError for an option that this kind of source does not have."""
        known = (*names, *COMMON)
        for option in self.options:
            if option not in known:
                raise UsageError(f"{self.name}: {unknown('option', option, known)}")

    def flag(self, option: str, default: bool = False) -> bool:
        """Return whether an option is on; named without a value it is."""
        text = self.options.get(option)
        if text is None:
            return default
        if text.lower() in YES or text.lower() in NO:
            return text.lower() in YES
        raise UsageError(f"{self.name}: {option}={text}; yes or no")

    def number(self, option: str, default: float, low: float, high: float) -> float:
        """Return a number of low to high, both included."""
        text = self.options.get(option)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:  # not a number is not within either
            raise UsageError(f"{self.name}: {option}={text}; a number of {low:g} to {high:g}")
        return value

    def size(self, option: str, default: tuple[int, int]) -> tuple[int, int]:
        """Return (width, height) from a text such as 1280x720."""
        text = self.options.get(option)
        if text is None:
            return default
        if not (found := _SIZE.fullmatch(text)):
            raise UsageError(f"{self.name}: {option}={text}; width x height, such as 1280x720")
        return int(found[1]), int(found[2])


def taken_apart(kind: str, text: str, *, scheme: str = "") -> Address:
    """Return the address that a text names.

    scheme: what stands before the target and is not part of it, such as "camera:"; with "://" in it, or in the
        text of a URL, the name keeps it.
    """
    if re.match(r"(?:https?|rtsps?)://", text):
        if (bare := _BARE_PASSWORD.match(text)) is not None:
            raise UsageError(f"{bare[1]}://: in a password, / is written %2F, ? is %3F and # is %23")
        target, _, query = text.partition("#")
        return Address(kind, _PASSWORD.sub(r"\1:***@", target), target, _options(target, query))
    # a "?" may stand in a file's name
    whole = os.path.lexists(text.removeprefix(scheme))
    name, mark, query = (text, "", "") if whole else text.rpartition("?")
    if not mark:
        name, query = text, ""
    return Address(kind, name, name.removeprefix(scheme), _options(name, query))


def _options(name: str, query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        option, mark, value = part.partition("=")
        if not option or option in options:
            raise UsageError(f"{name}: option {option!r} {'twice' if option else 'without a name'} in {query!r}")
        options[option] = value if mark else YES[0]
    return options
