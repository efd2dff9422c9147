"""
The gallery: one HTML file with every garment in it, to send to somebody, to print, to keep.

It carries its pictures and a few lines of script that filter them, and loads nothing: its policy allows this style
and this script, by hash, and pictures as data. Without the script it shows everything and cannot be searched. Pictures
are thumbnails, made anew: where and when a photo was taken does not travel along.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from hemline.errors import DataError
from hemline.report import html
from hemline.report.html import Markup, element
from hemline.wardrobe import export, search
from hemline.wardrobe.reader import CatalogueReader
from hemline.wardrobe.records import UNKNOWN, Colour, Garment, Query

LOOKS = Path(__file__).with_name("gallery.css")
SCRIPT = Path(__file__).with_name("gallery.js")
# about 15 KB a garment; a browser takes a few hundred megabytes, a mail a few
_MOST = 20_000


def gallery(catalogue: CatalogueReader, query: Query, *, title: str = "Wardrobe") -> str:
    """Return the page of the garments that a query finds."""
    total = catalogue.find(query, limit=0).total
    if total > _MOST:
        raise DataError(
            f"{total:,} garments make a page too large to open; ask for at most {_MOST:,}: --class, --colour"
        )
    garments = list(export.every(catalogue, query))
    cards = [_card(catalogue, garment) for garment in garments]
    labels = Counter(garment.label or UNKNOWN for garment in garments)
    colours = Counter(colour.name for garment in garments for colour in _shown(garment.colours))
    controls = element(
        "form",
        element("label", "Search", element("input", type="search", id="words", autocomplete="off")),
        element("label", "Class", _choice("class", labels)),
        element("label", "Colour", _choice("colour", colours)),
        element("output", _count(len(garments)), id="count"),
        class_="controls",
        role="search",
        hidden="hidden",  # until the script is there to answer
    )
    nothing = element("p", "No garment is like that. Take a word or a choice away.", id="nothing", hidden="hidden")
    return html.page(
        title,
        element("header", element("p", "hemline wardrobe", class_="kind"), element("h1", title)),
        controls,
        element("p", "The catalogue is empty.") if not cards else element("ul", *cards, class_="wardrobe"),
        nothing,
        looks=LOOKS.read_text(encoding="utf-8"),
        script=SCRIPT.read_text(encoding="utf-8"),
    )


def _card(catalogue: CatalogueReader, garment: Garment) -> Markup:
    label = garment.label or UNKNOWN
    shown = _shown(garment.colours)
    words = search.searchable(
        [label, garment.caption, garment.pattern or "", garment.notes, *garment.tags, *(row.name for row in shown)]
    )
    facts = [f"{label}", *([garment.pattern] if garment.pattern else [])]
    if garment.worn:
        facts.append(f"worn {garment.worn}×, last on {garment.last_worn}")
    if garment.status == "review":
        facts.append("to be reviewed")
    return element(
        "li",
        _picture(catalogue, garment),
        element(
            "div",
            element(
                "p", element("span", f"#{garment.id}", class_="number"), " ", garment.caption or label, class_="change"
            ),
            element("p", *_swatches(shown), class_="swatches") if shown else None,
            element("p", " · ".join(facts), class_="who"),
            element("p", garment.notes, class_="notes") if garment.notes else None,
        ),
        data_words=words,
        data_class=label,
        data_colours=f"|{'|'.join(row.name for row in shown)}|",
    )


def _picture(catalogue: CatalogueReader, garment: Garment) -> Markup:
    alt = f"#{garment.id} {garment.caption or garment.label or UNKNOWN}"
    for picture in garment.pictures[:1]:
        try:
            data = base64.b64encode(catalogue.thumbnail(picture.id)).decode()
        except DataError:  # its file is gone: the garment is still worth its line
            break
        return element("img", src=f"data:image/jpeg;base64,{data}", alt=alt, loading="lazy")
    return element("div", "no picture", class_="missing", role="img", aria_label=alt)


def _swatches(colours: Iterable[Colour]) -> list[Markup]:
    return [
        element(
            "span",
            # an attribute of SVG, not a style: the policy of the page allows no style but its sheet
            element(
                "svg",
                element("rect", width=12, height=12, rx=3, fill=_css(colour), class_="swatch"),
                width=12,
                height=12,
                aria_hidden="true",
            ),
            " ",
            colour.name,
        )
        for colour in colours
    ]


def _css(colour: Colour) -> str:
    """Return the colour as #rrggbb, CIE L*a*b* (D65) to sRGB, held inside its range."""
    lightness, a, b = colour.lab
    y = (lightness + 16) / 116
    xyz = [
        white * (part**3 if part > 6 / 29 else 3 * (6 / 29) ** 2 * (part - 4 / 29))
        for white, part in zip((0.95047, 1.0, 1.08883), (y + a / 500, y, y - b / 200), strict=True)
    ]
    rows = ((3.2406, -1.5372, -0.4986), (-0.9689, 1.8758, 0.0415), (0.0557, -0.2040, 1.0570))
    linear = [min(1.0, max(0.0, sum(weight * value for weight, value in zip(row, xyz, strict=True)))) for row in rows]
    encoded = [12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055 for value in linear]
    return "#" + "".join(f"{round(255 * value):02x}" for value in encoded)


def _shown(colours: Sequence[Colour]) -> Sequence[Colour]:
    return colours[:3]


def _choice(name: str, counts: Counter[str]) -> Markup:
    options = [element("option", f"{value} ({count})", value=value) for value, count in sorted(counts.items())]
    return element("select", element("option", "all", value=""), *options, id=name)


def _count(number: int) -> str:
    return f"{number:,} garment{'' if number == 1 else 's'}"
