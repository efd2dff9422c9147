"""
What a person looks at in an audit: a page with the drawn parts, or contact sheets beside a terminal. It shows no score
and no class: who knows what the model said sees what the model said.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hemline import image, storage
from hemline.errors import PictureError
from hemline.report.clock import local
from hemline.report.contact_sheet import FAINT, GAP, INK, PAPER
from hemline.report.html import Markup, element, page, picture, section

EDGE = 320  # pixels of a picture on the page; its file lies beside it
SIDE = 300  # and on a sheet
COLUMNS, ROWS, TEXT = 4, 3, 24
LOOKS = """
.parts { display: grid; grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 18px; margin: 12px 0 0; padding: 0; list-style: none; }
.parts li { font-size: 14px; line-height: 1.4; overflow-wrap: anywhere; }
.parts img { max-width: 100%; height: auto; border-radius: 6px; }
.parts b { font-weight: 600; }
"""  # noqa: E501
_SIGNS = {b"\xff\xd8": "jpg", b"\x89P": "png", b"RI": "webp", b"BM": "bmp"}  # how a file begins
HOW = (
    "Look at each part and write good, bad or unsure into its row of answers.csv, in the column verdict; into label, "
    "if you like, what a bad one shows. Every part needs an answer: what cannot be told is unsure."
)


def file_name(number: int, sequence: int, data: bytes) -> str:
    """Return the name of a drawn part's picture file. number: its place in the draw, from 1."""
    return f"{number:04d}-{sequence}.{_SIGNS.get(data[:2], 'bin')}"


def audit_page(id: str, line: str, drawn: str, parts: Sequence[tuple[int, str, str, bytes | None]]) -> str:
    """Return the page. drawn: what was drawn from what. parts: sequence, name, time and picture file of each."""
    head = element(
        "header",
        element("p", "Audit", class_="kind"),
        element("h1", element("bdi", line), f" {id}"),
        element("p", f"{drawn}."),
    )
    items = [_item(number, *part) for number, part in enumerate(parts, 1)]
    listed = element("ol", *items, class_="parts")
    return page(f"{line}: audit {id}", head, section("parts", "Parts", element("p", HOW), listed), looks=LOOKS)


def write_sheets(folder: Path, pictures: Sequence[bytes | None]) -> list[Path]:
    """Write contact sheets of numbered pictures, and return their files."""
    files, each = [], COLUMNS * ROWS
    for first in range(0, len(pictures), each):
        tiles = [_tile(first + place + 1, data) for place, data in enumerate(pictures[first : first + each])]
        rows, columns = -(-len(tiles) // COLUMNS), min(COLUMNS, len(tiles))
        height, width = SIDE + TEXT + GAP, SIDE + GAP
        out = np.full((GAP + rows * height, GAP + columns * width, 3), PAPER, np.uint8)
        for place, tile in enumerate(tiles):
            top, left = GAP + place // COLUMNS * height, GAP + place % COLUMNS * width
            out[top : top + SIDE + TEXT, left : left + SIDE] = tile
        _, encoded = cv2.imencode(".png", cv2.cvtColor(out, cv2.COLOR_RGB2BGR))
        files.append(folder / f"sheet-{first // each + 1:03d}.png")
        storage.write_file(files[-1], encoded.tobytes())
    return files


def _item(number: int, sequence: int, name: str, at_utc: str, data: bytes | None) -> Markup:
    shown = _shown(data, name)
    linked = shown if data is None else element("a", shown, href=file_name(number, sequence, data))
    words = element("div", element("b", number, ": ", element("bdi", name)))
    return element("li", linked, words, element("div", f"{local(at_utc):%H:%M:%S}, {sequence:,}", class_="soft"))


def _shown(data: bytes | None, name: str) -> Markup:
    if data is None:
        return element("p", "The picture was given up meanwhile: write unsure.")
    try:
        return picture(image.decode(data, name=name), f"Picture of {name}", edge=EDGE)
    except PictureError:
        return element("p", "The picture cannot be read: write unsure.")


def _tile(number: int, data: bytes | None) -> NDArray[np.uint8]:
    """Return (SIDE + TEXT, SIDE, 3) RGB: a picture, its number below."""
    out = np.full((SIDE + TEXT, SIDE, 3), PAPER, np.uint8)
    words, ink = str(number), INK
    try:
        pixels = None if data is None else image.decode(data)
    except PictureError:
        pixels = None
    if pixels is None:
        words, ink = f"{number}: no picture, unsure", FAINT
    else:
        scale = SIDE / max(pixels.shape[:2])
        size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
        small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
        top, left = (SIDE - size[1]) // 2, (SIDE - size[0]) // 2
        out[top : top + size[1], left : left + size[0]] = small
    cv2.putText(out, words, (4, SIDE + 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, ink, 1, cv2.LINE_AA)
    return out
