"""
Pages: one HTML file that carries everything it shows, put together by plain functions.

Whatever is put into an element is escaped, unless element() made it. A page runs no script and loads
nothing: its policy allows the one style sheet in it, by hash, and pictures as data. Without the style
sheet (some CI servers strip it) it is still a readable document.
"""

from __future__ import annotations

import base64
import hashlib
import html
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline import __version__, image

STYLE = Path(__file__).with_name("page.css")
PNG_EDGE = 64  # pixels; longer pictures travel as JPEG, a tenth of the bytes
_EMPTY = {"meta", "link", "img", "br", "hr", "line", "circle", "rect", "path", "polyline"}  # never hold anything
# C0 and C1 controls, surrogates, non-characters: no browser draws them and a validator refuses them
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Markup(str):
    """Text that is HTML already. Made by element() and join(); any other text is escaped where it is put in."""

    __slots__ = ()


def escape(value: object) -> Markup:
    """Return a value as HTML: Markup as it is, None as nothing, any other as escaped text."""
    if isinstance(value, Markup):
        return value
    return Markup("" if value is None else html.escape(_FORBIDDEN.sub("", str(value))))


def join(parts: Iterable[object], between: object = "") -> Markup:
    """Return the parts one after another, each escaped unless it is Markup."""
    return Markup(escape(between).join(escape(part) for part in parts))


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """Return an element. An attribute that is None is left out; class_ and text_anchor lose their underscore.

    >>> element("td", "a < b", class_="number", colspan=2)
    '<td class="number" colspan="2">a &lt; b</td>'
    """
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{tag}{given}/>" if tag in _EMPTY else f"<{tag}{given}>{join(children)}</{tag}>")


def page(title: str, *content: object, looks: str = "", script: str = "") -> str:
    """Return a whole page; it ends with the line that says what wrote it.

    looks: CSS beside that of every page. script: JavaScript that runs when the page is there. The policy of the page
    allows these two and nothing else, by their hashes.
    """
    style = STYLE.read_text(encoding="utf-8") + looks
    scripts = f"script-src '{_digest(script)}'; " if script else ""
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; {scripts}img-src data:; base-uri 'none'; form-action 'none'"
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="generator", content=f"hemline {__version__}"),
        element("link", rel="icon", href="data:,"),  # or a browser asks the server for one
        element("title", title),
        element("style", Markup(style)),
    )
    foot = element("footer", f"Written by hemline {__version__}. This page is complete in itself: it loads nothing.")
    last = [element("script", Markup(script))] if script else []
    body = element("body", element("main", *content, foot), *last)
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def section(name: str, heading: str, *content: object) -> Markup:
    """Return a section that `#name` leads to."""
    return element("section", element("h2", heading), *content, id=name)


def table(header: Sequence[object], rows: Iterable[Sequence[object]], *, label: str, class_: str = "") -> Markup:
    """Return a table that scrolls sideways where it is too wide. The first cell of a row is its head.

    label: what the table is, for someone who cannot see it. A cell that is an element "td" stays as it is.
    """
    head = element("tr", *(element("th", cell, scope="col") for cell in header))
    body = [element("tr", element("th", first, scope="row"), *map(_cell, rest)) for first, *rest in rows]
    inner = element("table", element("thead", head), element("tbody", *body), class_=class_ or None)
    return element("div", inner, class_="scroll", role="region", aria_label=label, tabindex=0)


def _cell(value: object) -> Markup:
    return value if isinstance(value, Markup) and value.startswith("<td") else element("td", value)


def heat(count: int, most: int, *, plain: bool = False) -> Markup:
    """Return a table's cell that is the darker the more often it happened; the number says it too."""
    if count == 0:
        return element("td", "·", class_="none")
    # of the logarithm: one broken artifact does not make all others look clean
    level = max(1, math.ceil(4 * math.log(1 + count) / math.log(1 + most)))
    return element("td", f"{count:,}", class_=None if plain else f"heat{level}")


def facts(pairs: Iterable[tuple[object, object]], wide: Iterable[tuple[object, object]] = ()) -> Markup:
    """Return names with their values, side by side; the wide ones below, each on a line of its own."""
    return element("dl", *(_fact(*pair) for pair in pairs), *(_fact(*pair, "wide") for pair in wide), class_="facts")


def _fact(name: object, value: object, class_: str | None = None) -> Markup:
    return element("div", element("dt", name), element("dd", value), class_=class_)


def picture(pixels: NDArray[np.uint8], alt: str, *, edge: int = 112) -> Markup:
    """Return a picture as an element that carries its own data, drawn at most `edge` pixels long.

    pixels: (H, W, 1 or 3) RGB uint8. A larger picture is reduced. A small one travels as it is and is drawn
    a whole number of times larger, each pixel a square.
    """
    pixels = image.shrunk(pixels, edge)
    small = max(pixels.shape[:2]) <= PNG_EDGE
    flags = [cv2.IMWRITE_PNG_COMPRESSION, 9] if small else [cv2.IMWRITE_JPEG_QUALITY, 85]
    bgr = np.ascontiguousarray(pixels[..., ::-1])  # one channel reversed is itself
    done, encoded = cv2.imencode(".png" if small else ".jpg", bgr, flags)
    if not done:
        raise ValueError(f"picture of {pixels.shape} cannot be encoded")
    data = base64.b64encode(encoded.tobytes()).decode()
    source = f"data:image/{'png' if small else 'jpeg'};base64,{data}"
    height, width = (max(1, edge // max(pixels.shape[:2])) * length for length in pixels.shape[:2])
    return element("img", src=source, alt=alt, width=width, height=height, class_="pixels" if small else None)
