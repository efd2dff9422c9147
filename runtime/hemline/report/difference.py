"""
What differs between two manifests, or between what two artifacts say of themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

NOT_COMPARED = ("created",)  # two conversions of one run are the same bundle
_CLIP = 40  # characters of a value in a table


@dataclass(frozen=True)
class Difference:
    """A value that two sides do not share; None where one side has none.

    what: the way to it in words, for instance "litert:int8 parity test accuracy" or "labels 3".
    """

    what: str
    a: Any
    b: Any


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    """Return what differs, in the order of the keys. Law: differences(a, a) == [].

    A list whose items have names (artifacts, files) is compared by them, so that its order means nothing;
    labels are compared place by place, because there the order is all.
    """
    sides = ({key: side[key] for key in side if key not in NOT_COMPARED} for side in (a, b))
    return list(_walk((), *sides))


def brief(value: Any) -> str:
    """Return a value for a cell of a table."""
    if value is None:
        return "-"
    if isinstance(value, Mapping):
        return "present"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    if len(text) == 64 and not set(text) - set("0123456789abcdef"):
        return f"{text[:12]}..."  # a sha256
    return text if len(text) <= _CLIP else f"{text[: _CLIP - 3]}..."


def _walk(way: tuple[str, ...], a: Any, b: Any) -> Iterator[Difference]:
    a, b = _named(way, a), _named(way, b)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for key in dict.fromkeys([*a, *b]):
            # which list of the manifest it came from says nothing that its name does not
            step = way if key in ("artifacts", "files", "extras") else (*way, str(key))
            yield from _walk(step, a.get(key), b.get(key))
    elif a != b:
        yield Difference(" ".join(way), a, b)


def _named(way: tuple[str, ...], value: Any) -> Any:
    """Return a list whose items have names or places as {name or place: item}, anything else as it is."""
    if not isinstance(value, (list, tuple)):
        return value
    if way[-1:] == ("labels",):
        return {str(place): label for place, label in enumerate(value)}
    if value and all(isinstance(item, Mapping) for item in value):
        for keys in (("engine", "precision"), ("path",)):
            if all(key in item for item in value for key in keys):
                return {":".join(str(item[key]) for key in keys): item for item in value}
    return value
