"""Pages, charts and numbers: what every report is made of."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from hemline.report import digits
from hemline.report.charts import Row, Rule, Scale, band, chart, dot, legend, off
from hemline.report.html import Markup, element, escape, facts, join, page, picture, section, table

HOSTILE = """<script>alert("1")</script>'&"""


class Reader(HTMLParser):
    """Collects the tags with their attributes and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


def decoded(image: str) -> np.ndarray:
    (source,) = re.findall(r'src="data:image/\w+;base64,([^"]+)"', image)
    found = cv2.imdecode(np.frombuffer(base64.b64decode(source), np.uint8), cv2.IMREAD_UNCHANGED)
    return found if found.ndim == 2 else found[..., ::-1]


def test_text_is_escaped_where_it_is_put_in_and_only_once() -> None:
    inner = element("b", HOSTILE)
    outer = read(element("p", inner, HOSTILE, title=HOSTILE))
    assert [tag for tag, _ in outer.tags] == ["p", "b"]
    assert "".join(outer.text) == HOSTILE * 2
    assert outer.tags[0][1] == {"title": HOSTILE}
    assert element("p", inner) == f"<p>{inner}</p>"
    assert escape(join(["<", Markup("<br/>")], "&")) == "&lt;&amp;<br/>"


def test_what_no_document_may_hold_is_removed() -> None:
    assert element("p", "a\x00b\x1b\ud800\uffff\x85c\n") == "<p>abc\n</p>"
    element("p", "\ud800").encode()


def test_an_attribute_that_is_none_is_left_out_and_names_become_html() -> None:
    assert element("td", 1, None, class_="number", colspan=None) == '<td class="number">1</td>'
    assert (
        element("text", text_anchor="end", aria_hidden="true") == '<text text-anchor="end" aria-hidden="true"></text>'
    )
    assert element("line", x1="5%") == '<line x1="5%"/>'


def test_a_page_allows_its_one_style_sheet_and_nothing_else() -> None:
    text = page(HOSTILE, section("a", "Heading", element("p", "text")))
    reader = read(text)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policies = [given["content"] for tag, given in reader.tags if given.get("http-equiv") == "Content-Security-Policy"]
    assert policies == [
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    ]
    assert text.startswith("<!DOCTYPE html>")
    assert "script" not in {tag for tag, _ in reader.tags}
    assert all("style" not in given for _, given in reader.tags), "the policy refuses styles in attributes"
    assert not re.search(r"https?:|url\(|@import|//", text.replace("</", "")), "a page loads nothing"


def test_every_colour_is_defined_for_light_dark_and_paper() -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", page("t"), re.DOTALL)
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(blocks) == 3
    names = [set(re.findall(r"--[\w-]+(?=:)", block)) for block in blocks]
    assert names[0] == names[1] == names[2]
    assert set(re.findall(r"var\((--[\w-]+)\)", style)) - {"--values"} <= names[0]


def test_a_table_has_heads_for_columns_and_rows_and_can_be_scrolled() -> None:
    reader = read(table(["a", "b"], [["x", 1], ["y", element("td", 2, class_="failed")]], label="numbers"))
    scopes = [given["scope"] for tag, given in reader.tags if tag == "th"]
    assert scopes == ["col", "col", "row", "row"]
    assert [given for tag, given in reader.tags if tag == "td"] == [{}, {"class": "failed"}]
    assert reader.tags[0] == (
        "div",
        {"class": "scroll", "role": "region", "aria-label": "numbers", "tabindex": "0"},
    )


def test_facts_pair_names_with_values() -> None:
    reader = read(facts([("a", "1")], wide=[("b", HOSTILE)]))
    assert [tag for tag, _ in reader.tags] == ["dl", "div", "dt", "dd", "div", "dt", "dd"]
    assert reader.text == ["a", "1", "b", HOSTILE]


@pytest.mark.parametrize("shape", [(28, 28, 1), (28, 20, 3), (64, 64, 3)])
def test_a_small_picture_keeps_every_pixel_and_grows_by_whole_numbers(shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    image = picture(pixels, HOSTILE)
    ((_, given),) = read(image).tags
    assert given["alt"] == HOSTILE
    assert given["class"] == "pixels"
    assert (decoded(image).reshape(shape) == pixels).all()
    times = 112 // max(shape[:2])
    assert (given["height"], given["width"]) == (str(shape[0] * times), str(shape[1] * times))


@pytest.mark.parametrize(
    ("shape", "drawn"), [((600, 300, 3), (112, 56)), ((300, 600, 1), (56, 112)), ((9, 900, 3), (1, 112))]
)
def test_a_large_picture_is_reduced_and_stays_small_in_bytes(
    shape: tuple[int, int, int], drawn: tuple[int, int]
) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    image = picture(pixels, "photo")
    assert decoded(image).shape[:2] == drawn
    assert len(image) < 20_000


@pytest.mark.parametrize(
    "scale",
    [Scale(0, 10), Scale.over([0.9056, 0.9175]), Scale.over([940_000.0], zero=True), Scale.over([0.5, 0.5])],
)
@pytest.mark.parametrize("most", [3, 6, 8])
def test_ticks_of_a_linear_scale_are_round_inside_and_not_too_many(scale: Scale, most: int) -> None:
    ticks = scale.ticks(most)
    assert 1 <= len(ticks) <= most
    assert all(scale.low - 1e-9 <= tick <= scale.high + 1e-9 for tick in ticks)
    assert all(len(f"{tick:.4g}") <= 7 for tick in ticks)
    assert np.allclose(np.diff(ticks, n=2), 0)


def test_a_logarithmic_scale_spans_whole_decades_with_even_ticks() -> None:
    scale = Scale.decades([3e-9, 0.02, math.nan], floor=1e-7, ceiling=1.0)
    assert math.isclose(scale.low, 1e-7)
    assert math.isclose(scale.high, 0.1)
    assert np.allclose(np.log10(scale.ticks()), range(-7, 0))
    assert [round(scale.at(10.0**power)) for power in (-9, -7, -4, -1, 3)] == [0, 0, 50, 100, 100]
    assert Scale.decades([], floor=1e-3, ceiling=1.0).at(1.0) == 100
    assert Scale.decades([1.0], floor=1e-3, ceiling=1.0).high > 1.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -5.0, 1e300])
def test_a_mark_is_never_outside_its_strip(value: float) -> None:
    for scale in (Scale(0, 10), Scale.decades([1, 10], floor=1, ceiling=10)):
        assert 0 <= scale.at(value) <= 100


def test_a_scale_over_values_that_are_not_numbers_is_still_a_scale() -> None:
    scale = Scale.over([math.nan, 1.0, 3.0])
    assert scale.low < 1.0 < 3.0 < scale.high
    assert Scale.over([]).high > Scale.over([]).low
    assert Scale.over([0.0], zero=True).at(0.5) == 50


def test_a_chart_says_its_rows_in_words_and_escapes_them() -> None:
    scale = Scale(0, 10)
    rows = [Row(HOSTILE, dot(scale, 5), ["five"]), Row("b", band(scale, 0, 7), ["seven"], failed=True)]
    text = chart(
        rows, scale, ("value",), label="numbers", show=lambda tick: f"{tick:g}", rules=[Rule(3, "least 3", "bar")]
    )
    reader = read(text)
    assert "script" not in {tag for tag, _ in reader.tags}
    words = [word for word in reader.text if word.strip()]
    assert words[:6] == ["least 3", "value", HOSTILE, "five", "b", "seven"]
    assert [given.get("class") for tag, given in reader.tags if tag == "li"] == ["words", None, "failed", "words"]
    assert {given["cx"] for tag, given in reader.tags if tag == "circle"} == {"50%"}
    # every row draws the rule at the same place, so that it is one line down the chart
    uprights = [given["x1"] for tag, given in reader.tags if tag == "line" and given["class"] == "rule bar"]
    assert uprights == ["30%"] * 3


def test_a_value_off_the_scale_is_an_arrow_at_the_edge() -> None:
    scale = Scale(0, 10)
    assert off(scale, 5) == ""
    assert "◂" in off(scale, -1)
    assert 'x="100%"' in off(scale, 11)


def test_a_legend_draws_each_mark_beside_its_word() -> None:
    reader = read(legend((dot(Scale(0, 1), 0.5), "median")))
    assert [tag for tag, _ in reader.tags] == ["p", "span", "svg", "circle"]
    assert reader.text == ["median"]


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (digits.share, 0.0, "0"),
        (digits.share, 0.029, "0.029"),
        (digits.share, 0.01, "0.010"),
        (digits.share, 0.00032, "3.2·10⁻⁴"),
        (digits.share, 7.7e-10, "7.7·10⁻¹⁰"),
        (digits.share, math.nan, "nan"),
        (digits.duration, 0.0, "0"),
        (digits.duration, 0.0661, "66.1 µs"),
        (digits.duration, 0.9999, "1 ms"),
        (digits.duration, 12.34, "12.3 ms"),
        (digits.duration, 999.9, "1 s"),
        (digits.signed, -0.001, "0.00"),
        (digits.signed, -0.52, "−0.52"),
        (digits.signed, 0.3, "+0.30"),
        (digits.chance, 0.0004, "< 0.001"),
        (digits.chance, 0.586, "0.586"),
        (digits.power, 0, "1"),
        (digits.power, -12, "10⁻¹²"),
    ],
)
def test_numbers_are_written_for_a_person(write, value: float, text: str) -> None:
    assert write(value) == text


def test_a_value_that_misses_its_bar_never_looks_equal_to_it() -> None:
    assert digits.beside(0.98499, 0.985, 4) == "0.98499"
    assert digits.beside(0.985, 0.985, 4) == "0.9850"
    assert digits.beside(0.97, 0.985, 4) == "0.9700"
    assert digits.beside(math.nan, 0.985, 4) == "nan"
    assert digits.or_dash(None, ".2f") == "–"
    assert digits.or_dash(1.0, ".2f") == "1.00"
