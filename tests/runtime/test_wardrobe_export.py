"""A catalogue for others: CSV, JSON, a gallery that carries everything, and a folder that trains."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from hemline import datasets
from hemline.errors import DataError, UsageError
from hemline.wardrobe import export
from hemline.wardrobe.catalogue import Catalogue
from hemline.wardrobe.gallery import gallery
from hemline.wardrobe.records import Colour, NewGarment, NewPicture, Prediction, Query


def picture(seed: int, extension: str = ".jpg") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 30, 3), np.uint8)
    return cv2.imencode(extension, pixels)[1].tobytes()


def new(seed: int, label: str | None = "shirt", **changes: object) -> NewGarment:
    quality = "good" if label else "uncertain"
    facts: dict[str, object] = {
        "colours": (Colour("navy", 0.7, (18, 10, -32)), Colour("white", 0.3, (96, 0, 0))),
        "pattern": "striped",
        "caption": f"navy {label}",
    }
    pictures = (NewPicture(picture(seed)), NewPicture(picture(seed + 100, ".png")))
    return NewGarment(Prediction(label, 0.9, quality), pictures, **{**facts, **changes})  # type: ignore[arg-type]


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with Catalogue.open(tmp_path / "w") as opened:
        opened.add_many([new(1), new(2, "T-shirt/top", notes='<b>&, "x"\nünïcode'), new(3, None), new(4)])
        opened.wear(1, "2026-01-02")
        opened.remove(4)
        yield opened


def test_csv_has_a_row_for_each_garment_that_a_spreadsheet_reads(catalogue: Catalogue) -> None:
    rows = list(csv.DictReader(io.StringIO(export.as_csv(catalogue, Query()))))
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["colours"] == "navy 70 %, white 30 %"
    assert (rows[0]["worn"], rows[0]["last_worn"], rows[2]["label"]) == ("1", "2026-01-02", "")
    assert rows[1]["notes"] == '<b>&, "x"\nünïcode'


def test_json_has_all_that_is_known(catalogue: Catalogue) -> None:
    catalogue.correct(3, "dress")
    report = json.loads(json.dumps(export.as_json(catalogue, Query(label="dress"))))
    assert report["schema"] == 1
    (garment,) = report["garments"]
    assert (garment["id"], garment["label"], garment["corrections"][0]["before"]) == (3, "dress", None)
    assert garment["predictions"][0]["label"] is None
    assert len(garment["pictures"]) == 2


def test_corrections_are_a_data_set_that_the_reader_reads(catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing was corrected yet; correct a label first"):
        export.labelled_folder(catalogue, tmp_path / "out")
    catalogue.correct(1, "T-shirt/top")
    catalogue.correct(3, "dress")
    catalogue.correct(3, "shirt")  # the last word counts
    assert export.labelled_folder(catalogue, tmp_path / "out") == 4
    found = datasets.read(tmp_path / "out", None)
    assert found.labels == ("T-shirt/top", "shirt")
    assert found.targets.tolist() == [0, 0, 1, 1]
    assert found.groups == ["1", "1", "3", "3"]
    assert [found.picture(index).shape for index in range(4)] == [(40, 30, 3)] * 4
    assert {path.suffix for path in (tmp_path / "out").glob("*/*")} == {".jpg"}
    with pytest.raises(UsageError, match="not an empty folder; give the name of a new one"):
        export.labelled_folder(catalogue, tmp_path / "out")
    assert [path.name for path in tmp_path.glob(".out*")] == []


def test_a_label_cannot_lead_out_of_the_folder(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.add(NewGarment(Prediction("..", 0.4, "uncertain"), (NewPicture(picture(9)),)))
    catalogue.confirm(5)
    with pytest.raises(DataError, match=r"label '\.\.': cannot be the name of a folder"):
        export.labelled_folder(catalogue, tmp_path / "out", confirmed=True)


class Elements(HTMLParser):
    """The elements of a page, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_the_gallery_carries_everything_and_allows_only_its_own_style_and_script(catalogue: Catalogue) -> None:
    page = gallery(catalogue, Query(), title="Ours & theirs")
    elements = Elements(page)
    policy = next(row["content"] for row in elements.all("meta") if "http-equiv" in row)
    assert policy is not None
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    sources = [row["src"] or "" for row in elements.all("img")]
    assert len(sources) == 3
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    assert "<title>Ours &amp; theirs</title>" in page
    assert "&lt;b&gt;&amp;, &quot;x&quot;" in page
    assert [row["value"] for row in elements.all("option")] == [
        "",
        "T-shirt/top",
        "shirt",
        "unknown",
        "",
        "navy",
        "white",
    ]


def test_a_gallery_does_not_carry_where_a_photo_was_taken(catalogue: Catalogue) -> None:
    data = picture(7)
    exif = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0Porto 41.15 -8.61"
    located = data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]
    catalogue.add(NewGarment(Prediction("shirt", 0.9, "good"), (NewPicture(located),)))
    assert b"Porto" in catalogue.picture_bytes(catalogue.get(5).pictures[0].id)
    assert b"Porto" not in catalogue.thumbnail(catalogue.get(5).pictures[0].id)


def test_a_garment_whose_file_is_gone_is_in_the_gallery_all_the_same(catalogue: Catalogue) -> None:
    catalogue.picture_path(catalogue.get(1).pictures[0]).unlink()
    page = gallery(catalogue, Query())
    assert 'aria-label="#1 navy shirt"' in page
    assert len(Elements(page).all("img")) == 2


def test_an_empty_catalogue_has_a_gallery_that_says_so(tmp_path: Path) -> None:
    with Catalogue.open(tmp_path / "empty") as catalogue:
        assert "The catalogue is empty." in gallery(catalogue, Query())


@pytest.mark.parametrize(
    ("words", "chosen", "left"),
    [("", "", 3), ("nav shi", "", 2), ("UNICODE", "", 1), ("", "unknown", 1), ("zebra", "", 0)],
)
def test_the_script_filters_as_the_catalogue_does(
    words: str, chosen: str, left: int, catalogue: Catalogue, tmp_path: Path
) -> None:
    browser = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if browser is None:
        pytest.skip("needs Chromium")
    page = gallery(catalogue, Query())
    # as a browser fills the fields in again that a person had filled in
    page = page.replace('id="words"', f'id="words" value="{words}"', 1)
    page = page.replace(f'<option value="{chosen}">', f'<option value="{chosen}" selected="selected">', 1)
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    done = subprocess.run(
        [
            *(browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"),
            *("--dump-dom", (tmp_path / "page.html").as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=180,
    )
    cards = [row for row in Elements(done.stdout).all("li") if "hidden" not in row]
    assert len(cards) == left
    assert len(cards) == (3 if chosen == words == "" else catalogue.find(Query(words)).total if words else 1)
