"""
Pictures of parts on a page: small, in number and in bytes no more than a page can carry, and what was left out is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hemline import image
from hemline.errors import PictureError
from hemline.report.clock import local
from hemline.report.html import Markup, element, join, picture

EDGE = 168  # pixels
PAGE_BYTES = 1_500_000  # of all pictures of a page
LOOKS = """
.shots { display: grid; grid-template-columns: repeat(auto-fill, minmax(168px, 1fr)); gap: 14px; margin: 12px 0 0; padding: 0; list-style: none; }
.shots li { font-size: 13px; line-height: 1.4; overflow-wrap: anywhere; }
.shots .frame { display: grid; place-items: center; height: 168px; border-radius: 6px; background: var(--grid); color: var(--soft); }
.shots img { max-width: 100%; max-height: 168px; width: auto; height: auto; border-radius: 6px; }
.shots b { font-weight: 600; }
@media (max-width: 720px) {
  .shots { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 12px; }
  .shots .frame { height: 140px; }
  .shots img { max-height: 140px; }
}
"""  # noqa: E501


@dataclass(frozen=True)
class Shot:
    """A part to show. data: the bytes of its picture file, None where it was given up meanwhile."""

    sequence: int
    part: str
    at_utc: str
    label: str | None
    confidence: float
    score: float | None
    reason: str | None
    data: bytes | None


class Room:
    """How many bytes of pictures a page has still room for."""

    def __init__(self, left: int = PAGE_BYTES) -> None:
        self.left = left


def shots(parts: Sequence[Shot], pictured: int, room: Room, *, what: str) -> list[Markup]:
    """Return the pictures of parts and a line on how many there are. pictured: how many the period has of them."""
    items, left_out = [], 0
    for part in parts:
        drawn = _picture(part)
        if len(drawn) > room.left:
            left_out += 1
            continue
        room.left -= len(drawn)
        items.append(element("li", element("div", drawn, class_="frame"), *_words(part)))
    said = f"{len(items):,} of {pictured:,} with a picture"
    if len(items) == pictured:
        said = "the one" if pictured == 1 else f"all {pictured:,} with a picture"
    full = f"; {left_out:,} more would not fit into {PAGE_BYTES / 1e6:g} MB" if left_out else ""
    return [
        element("p", f"Shown: {said}{full}, {what}.", class_="note"),
        element("ul", *items, class_="shots") if items else join(()),
    ]


def _picture(part: Shot) -> Markup:
    if part.data is None:
        return element("span", "given up")
    try:
        return picture(image.decode(part.data, name=f"part {part.sequence}"), f"Picture of {part.part}", edge=EDGE)
    except PictureError:
        return element("span", "cannot be read")


def _words(part: Shot) -> list[Markup]:
    score = "" if part.score is None else f", score {part.score:.3g}"
    label = f"{part.label or 'unknown'} {part.confidence:.2f}" if part.score is not None else "no answer"
    return [
        element("b", element("bdi", part.part)),
        element("div", f"{local(part.at_utc):%H:%M:%S}, {part.sequence:,}", class_="soft"),
        element("div", join((element("bdi", label), score))),
        *([] if part.reason is None or part.score is not None else [element("div", part.reason, class_="soft")]),
    ]
