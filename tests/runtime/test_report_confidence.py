"""Reliability and risk-coverage on the page of an evaluation."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from hemline import evaluation
from hemline.bundle import Artifact
from hemline.calibration import Calibration
from hemline.report.charts import Scale
from hemline.report.confidence_charts import confidence
from hemline.report.html import join
from hemline.report.panel import LEFT, RIGHT, Panel

HOSTILE = """<script>alert("x")</script>"""


class Reader(HTMLParser):
    """Collects tags with attributes, and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def classes(self, name: str) -> list[dict[str, str | None]]:
        return [given for _, given in self.tags if given.get("class") == name]


def row(name: str = "litert:int8", *, calibrated: bool = True, **thresholds: float) -> dict[str, Any]:
    """Return a row of evaluation.evaluate about 2,000 answers whose confidence is true at temperature 2."""
    random = np.random.default_rng(7)
    logits = random.normal(size=(2000, 4)).astype(np.float32) * 6
    shares = np.exp(logits / 2)
    targets = ((shares / shares.sum(axis=1, keepdims=True)).cumsum(axis=1) > random.random((2000, 1))).argmax(axis=1)
    calibration = Calibration.fit(logits, targets, "closet/validation")[1] if calibrated else None
    artifact = Artifact("litert", "int8", (), temperature=2.0, thresholds=thresholds, calibration=calibration)
    return {"artifact": name, "ece": 0.01, **evaluation.confidence(logits, targets, artifact)}


def shown(*rows: dict[str, Any]) -> Reader:
    return Reader(join(confidence(list(rows))))


def test_the_figures_of_good_answers_are_those_of_the_threshold() -> None:
    figures = row(good=0.9, good_risk=0.05)
    good = figures["good"]
    curve = figures["risk_coverage"]
    place = min(range(len(curve["confidence"])), key=lambda at: abs(curve["confidence"][at] - 0.9))
    assert abs(good["coverage"] - curve["coverage"][place]) < 0.025
    assert good["risk_ci95"][0] < good["risk"] < good["risk_ci95"][1]
    assert figures["ece_uncalibrated"] > 0.05
    words = " ".join(shown(figures).text)
    assert "good from 0.900" in words
    assert f"{100 * good['risk']:.2f} %" in words
    assert " 5 %" in words


def test_each_bin_and_each_point_is_drawn_inside_its_panel() -> None:
    figures = row(good=0.9, good_risk=0.05)
    reader = shown(figures)
    circles = [given for tag, given in reader.tags if tag == "circle" and given.get("class") == "dot"]
    assert len(circles) == len(figures["reliability"]) + 1, "a dot a bin, one for the good answers"
    assert len(reader.classes("curve held")) == len(figures["risk_coverage"]["risk"]) - 1 + 1, "and one in the legend"
    for given in circles:
        assert LEFT <= float(str(given["cx"]).rstrip("%")) <= RIGHT
    bars = [given for tag, given in reader.tags if tag == "rect"]
    assert len(bars) == len(figures["reliability"])
    assert {given["role"] for tag, given in reader.tags if "role" in given} == {"img", "region"}


def test_without_a_threshold_or_a_curve_nothing_is_promised() -> None:
    reader = shown(row(calibrated=False))
    words = " ".join(reader.text)
    assert "good from 0" not in words
    assert words.count("–") == 5
    assert not reader.classes("curve")
    assert "upper bound from validation" not in words


def test_a_threshold_that_nothing_reaches_is_a_dash_and_no_mark() -> None:
    reader = shown(row(good=1.0, good_risk=0.02))
    words = " ".join(reader.text)
    assert "good from 1" not in words
    assert "–" in words


def test_rows_of_a_run_have_no_confidence_to_show() -> None:
    assert confidence([{"artifact": "keras:float32", "ece": 0.01}]) == []


def test_names_are_escaped() -> None:
    reader = shown(row(HOSTILE, good=0.9, good_risk=0.05))
    assert "script" not in {tag for tag, _ in reader.tags}
    assert HOSTILE in reader.text


@pytest.mark.parametrize("value", [-1.0, 0.0, 0.5, 1.0, 7.0])
def test_a_panel_keeps_every_mark_on_its_plane(value: float) -> None:
    panel = Panel(Scale(0, 1), Scale(0, 1), tall=100)
    across, down = float(panel.x(value).rstrip("%")), float(panel.y(value))
    assert LEFT <= across <= RIGHT
    assert 16 <= down <= 116
    assert float(panel.y(0.0)) > float(panel.y(0.5)), "more is higher"


def test_a_panel_writes_its_ticks_and_what_is_to_be_seen() -> None:
    panel = Panel(Scale(0, 1), Scale(0, 0.1))
    text = panel.drawn(join([]), show=(lambda tick: f"{tick:.1f}", lambda tick: f"{100 * tick:g} %"), label=HOSTILE)
    reader = Reader(text)
    assert {"0.0", "1.0", "0 %", "10 %"} <= set(reader.text)
    assert reader.tags[0][1]["aria-label"] == HOSTILE
    assert re.findall(r'text-anchor="end"[^>]*>1.0<', text) == ['text-anchor="end" class="tick">1.0<']
