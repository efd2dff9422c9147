"""The parity report as JUnit XML and as a page."""

from __future__ import annotations

import copy
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from hemline.gates import Gates, judge
from hemline.report import junit, machine, parity_changes, verdicts
from hemline.report.parity_page import parity_page

HOSTILE = """<script>alert("x")</script>"""
LABELS = [HOSTILE, "trouser & 'belt'", "shoe\x07"]
Report = dict[str, Any]


def figures(name: str, agreement: float = 1.0, **more: Any) -> Report:
    """Return the row of an artifact as parity.check makes it, without data."""
    row = {
        "artifact": name,
        "backend": "ai-edge-litert 2.3.0",
        "bytes": 235_616,
        "n": 1000,
        "agreement": agreement,
        "dp_p50": 1e-4,
        "dp_p95": 0.002,
        "dp_max": 0.06,
        "engines_agreement": 1.0,
        "second_engine": "ai-edge-litert 2.3.0, built-in kernels",
        "dp_quantiles": list(np.geomspace(1e-9, 0.06, 101)),
        "flips": [],
        "changed": [],
        "latency_p50_ms": 0.066,
        "latency_p90_ms": 0.07,
        "latency_p99_ms": 0.1,
        "latency_max_ms": 0.25,
        "latency_ratio": 1.0,
        "seconds": 2.0,
    }
    return {**row, **more}


def changed(index: int, dp: float, after: str = LABELS[1], label: str | None = LABELS[0]) -> Report:
    return {"index": index, "source": f"a/{index}.png", "from": LABELS[0], "to": after, "label": label, "dp": dp}


def measured(accuracy: float = 0.91, drop: float = 0.0) -> Report:
    """Return the figures that a row has with labelled pictures."""
    interval = [accuracy - 0.01, accuracy + 0.01]
    return {
        "accuracy": accuracy,
        "accuracy_ci95": interval,
        "accuracy_drop_pp": drop,
        "only_reference_right": 3,
        "only_artifact_right": 4,
        "mcnemar_p": 0.5,
        "ece": 0.01,
    }


def report(*rows: Report, data: str = "closet/test", **more: Any) -> Report:
    judged = [verdict for row in rows for verdict in judge(row["artifact"], row, Gates())]
    return {
        "schema": 1,
        "bundle": "closet@1",
        "class_lock": "0" * 64,
        "labels": LABELS,
        "data": data,
        "n": 1000,
        "reference": "litert:float32",
        "artifacts": list(rows),
        "gates": [verdict.as_dict() for verdict in judged],
        "passed": all(verdict.passed for verdict in judged),
        "not_run": [],
        "created": "2026-01-02T03:04:05Z",
        "machine": machine.facts(),
        **more,
    }


def good() -> Report:
    return report(figures("litert:float32", **measured()), figures("litert:int8", **measured()))


def bad() -> Report:
    """One artifact that fails two gates, with hostile labels in its flips and pictures."""
    flips = [{"from": LABELS[0], "to": LABELS[1], "count": 40}, {"from": LABELS[2], "to": LABELS[0], "count": 1}]
    broken = figures(
        "litert:int8",
        agreement=0.95,
        flips=flips,
        changed=[changed(7, 0.06), changed(9, 0.05, label=LABELS[1]), changed(11, 0.01, label=LABELS[2])],
        **measured(0.90, 0.98499),
    )
    return report(figures("litert:float32", **measured()), broken)


def suite(given: Report) -> ET.Element:
    root = ET.fromstring(junit.of_parity(given))
    assert root.tag == "testsuites"
    (found,) = root
    return found


class Reader(HTMLParser):
    """Collects the tags with their attributes and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, tag: str, attribute: str) -> list[str | None]:
        return [given[attribute] for name, given in self.tags if name == tag and attribute in given]


def gray(index: int) -> np.ndarray:
    return np.full((28, 28, 1), index % 256, np.uint8)


# --- verdicts


def test_the_gates_that_reports_name_are_the_gates_that_are_judged() -> None:
    row = figures("litert:int8", **measured())
    assert [verdict.gate for verdict in judge("litert:int8", row, Gates())] == list(verdicts.GATES)


def test_a_gate_that_reports_do_not_know_is_shown_all_the_same() -> None:
    given = good()
    given["gates"].append({"artifact": "litert:int8", "gate": "escape", "value": 0.5, "bound": "most", "bar": 0.01})
    assert verdicts.gates(given)[-1] == "escape"
    (case,) = (
        case
        for case in suite(given).iter("testcase")
        if case.get("name") == "escape" and len(case) and case[0].tag == "failure"
    )
    assert case.get("classname") == "litert:int8"
    assert "litert:int8 escape 0.5, at most 0.01" in Reader(parity_page(given, gray)).text


def test_a_sentence_says_what_a_gate_means() -> None:
    said = [verdicts.sentence(verdict) for verdict in verdicts.verdicts(bad()).values() if not verdict.passed]
    assert said == [
        "litert:int8 loses 0.98 percentage points of accuracy; a loss of 0.3 is allowed",
        "litert:int8 gives the reference's answer for 95.00 % of the pictures; 98.5 % is asked",
    ]


# --- JUnit


def test_junit_has_a_case_for_each_artifact_and_gate() -> None:
    cases = [(case.get("classname"), case.get("name")) for case in suite(good()).iter("testcase")]
    assert cases == [(name, gate) for name in ("litert:float32", "litert:int8") for gate in verdicts.GATES]
    assert len(set(cases)) == len(cases), "GitLab drops the second of two cases of one name"


def test_counts_and_times_add_up() -> None:
    found = suite(bad())
    cases = list(found.iter("testcase"))
    assert {key: found.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": str(len(cases)),
        "failures": "2",
        "errors": "0",
        "skipped": "0",
    }
    assert float(found.get("time", "")) == sum(float(case.get("time", "")) for case in cases) == 4.0
    assert found.get("timestamp") == "2026-01-02T03:04:05"
    assert found.get("name") == "closet@1"


def test_a_failure_says_value_and_bar_in_its_message_and_in_its_text() -> None:
    failures = {case.get("name"): case.find("failure") for case in suite(bad()).iter("testcase")}
    failure = failures["agreement"]
    assert failure is not None
    assert failure.get("message") == "0.95, at least 0.985"
    lines = (failure.text or "").splitlines()
    assert lines[0] == "litert:int8 agreement 0.95, at least 0.985: FAILED"
    assert lines[1] == f"40 x {HOSTILE} -> trouser & 'belt'"
    drop = failures["accuracy_drop_pp"]
    assert drop is not None
    assert drop.get("message") == "0.98499, at most 0.3"
    assert failures["dp_p95"] is None


def test_a_case_that_passed_says_its_value() -> None:
    case = next(case for case in suite(good()).iter("testcase") if case.get("name") == "agreement")
    assert [child.tag for child in case] == ["system-out"]
    assert case[0].text == "litert:float32 agreement 1, at least 0.9995: passed"


def test_what_was_not_judged_is_skipped_with_the_reason() -> None:
    given = report(figures("litert:int8", engines_agreement=None), data="golden", not_run=["edgetpu:int8"])
    found = suite(given)
    skipped = {
        (case.get("classname"), case.get("name")): case[0].get("message")
        for case in found.iter("testcase")
        if case.find("skipped") is not None
    }
    assert skipped[("litert:int8", "accuracy_drop_pp")] == "golden inputs have no true labels; give --data"
    assert skipped[("litert:int8", "engines_agreement")] == "no second engine here runs the same file"
    assert {gate for name, gate in skipped if name == "edgetpu:int8"} == set(verdicts.GATES)
    assert found.get("skipped") == str(len(skipped)) == "6"
    assert all(case.get("time") is None for case in found.iter("testcase") if case.find("skipped") is not None)


def test_properties_say_what_was_compared_and_where() -> None:
    given = {entry.get("name"): entry.get("value") for entry in suite(good()).iter("property")}
    assert given["data"] == "closet/test"
    assert given["n"] == "1000"
    assert given["class_lock"] == "0" * 64
    assert given["engine of litert:int8"] == "ai-edge-litert 2.3.0"
    assert given["hemline"] == machine.facts()["hemline"]


def test_what_xml_cannot_hold_is_removed() -> None:
    given = bad()
    given["bundle"] = "cl\x00os\ud800et\ufffe@1\x1b"
    given["artifacts"][1]["flips"][0]["to"] = "]]>\x08\x0b<&"
    found = suite(given)
    assert found.get("name") == "closet@1"
    text = next(
        case.find("failure")
        for case in found.iter("testcase")
        if case.find("failure") is not None and case.get("name") == "agreement"
    )
    assert text is not None
    assert f"{HOSTILE} -> ]]><&" in (text.text or "")


def test_only_elements_and_attributes_that_jenkins_knows_are_written() -> None:
    known = {
        "testsuites": set(),
        "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
        "properties": set(),
        "property": {"name", "value"},
        "testcase": {"classname", "name", "time"},
        "failure": {"type", "message"},
        "skipped": {"message"},
        "system-out": set(),
    }
    for given in (good(), bad(), report(figures("litert:int8"), data="golden", not_run=["edgetpu:int8"])):
        for found in ET.fromstring(junit.of_parity(given)).iter():
            assert set(found.keys()) <= known[found.tag]
        assert re.fullmatch(r"\d+\.\d{3}", suite(given).get("time", ""))


def test_a_suite_that_was_not_timed_claims_no_time() -> None:
    (found,) = ET.fromstring(junit.document("s", [junit.Case("a", "b")], {}))
    assert found.get("time") is None
    assert found.get("timestamp") is None


# --- the page


def test_the_page_begins_with_the_verdict() -> None:
    passed, failed = Reader(parity_page(good(), gray)), Reader(parity_page(bad(), gray))
    assert "✓ All 8 gates passed" in passed.text
    assert "2 artifacts answer like litert:float32 on 1,000 pictures of closet/test, within the bars." in passed.text
    assert "✗ 2 of 8 gates failed" in failed.text
    for verdict in verdicts.verdicts(bad()).values():
        assert (f"{verdicts.sentence(verdict)}." in failed.text) is not verdict.passed


def test_a_failed_gate_is_told_by_a_sign_and_a_word_not_by_colour_alone() -> None:
    text = Reader(parity_page(bad(), gray)).text
    assert "✗ 0.9500fails: at least 0.985" in text
    assert "✓ 0.0020at most 0.08" in text


def test_links_on_the_page_lead_to_its_sections() -> None:
    for given in (good(), report(figures("litert:int8"), data="golden")):
        reader = Reader(parity_page(given, gray))
        names = set(reader.values("section", "id"))
        assert {f"#{name}" for name in names - {"compared"}} == set(reader.values("a", "href"))


def test_labels_on_the_page_are_text_whatever_they_hold() -> None:
    text = parity_page(bad(), gray)
    reader = Reader(text)
    assert not {tag for tag, _ in reader.tags} & {"script", "iframe", "object"}
    assert f"{HOSTILE} → trouser & 'belt'" in reader.text
    assert "\x07" not in text
    assert not any(name.startswith("on") for _, given in reader.tags for name in given)


def test_golden_inputs_show_no_accuracy_and_say_what_they_are() -> None:
    reader = Reader(parity_page(report(figures("litert:int8"), data="golden"), gray))
    assert "accuracy" not in reader.values("section", "id")
    assert "They are no measure of accuracy" in reader.text
    assert "golden inputs have no true labels" in reader.text
    assert "1 artifact answers like litert:float32 on 1,000 golden inputs" in reader.text


def test_an_artifact_that_was_not_compared_is_named() -> None:
    text = Reader(parity_page(report(figures("litert:int8"), not_run=["edgetpu:int8"], data="golden"), gray)).text
    assert "Not compared, because the engine is not here: edgetpu:int8." in text
    assert "Not compared" not in Reader(parity_page(good(), gray)).text


def test_pictures_stand_once_with_every_artifact_in_which_they_changed() -> None:
    rows = [
        figures("litert:int8", changed=[changed(7, 0.06), changed(9, 0.02)], **measured()),
        figures("onnx:int8", changed=[changed(7, 0.03, after=LABELS[2])], **measured()),
    ]
    asked: list[int] = []

    def picture(index: int) -> np.ndarray:
        asked.append(index)
        return gray(index)

    reader = Reader(parity_page(report(*rows), picture))
    assert asked == [7, 9]
    assert len(reader.values("img", "src")) == 2
    assert "2 of 1,000 changed their answer in at least one artifact." in reader.text
    assert f"{HOSTILE} → shoe in onnx:int8" in reader.text
    assert f"{HOSTILE} → trouser & 'belt' in litert:int8" in reader.text


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (LABELS[0], "right before, wrong now"),
        (LABELS[1], "wrong before, right now"),
        (LABELS[2], "wrong before and now"),
    ],
)
def test_a_changed_picture_says_whether_it_was_lost_or_gained(label: str, said: str) -> None:
    (_, part) = parity_changes.gallery(report(figures("litert:int8", changed=[changed(3, 0.1, label=label)])), gray)
    assert said in part


def test_a_broken_artifact_does_not_hide_the_pictures_of_the_others() -> None:
    broken = figures("onnx:int8", changed=[changed(index, 1.0 - index / 1000) for index in range(100, 200)])
    fine = figures("litert:int8", changed=[changed(7, 0.02), changed(9, 0.01)])
    order = [change.index for change in parity_changes.changes(report(fine, broken), 24)]
    assert order[:4] == [100, 7, 101, 9]
    assert len(order) == 26
    assert len(parity_changes.changes(report(fine, broken))) == 102


def test_the_gallery_folds_what_is_many_and_stops_at_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    many = report(
        *(figures(f"e{e}:int8", changed=[changed(100 * e + i, 0.5 - i / 1000) for i in range(40)]) for e in range(4))
    )
    parts = parity_changes.gallery(many, gray)
    reader = Reader("".join(parts))
    assert len(reader.values("img", "src")) == 4 * parity_changes.PER_ARTIFACT
    assert f"{3 * parity_changes.PER_ARTIFACT} more pictures" in reader.text
    assert f"160 of 1,000 changed their answer in at least one artifact. Shown are {4 * 24:,}" in reader.text
    monkeypatch.setattr(parity_changes, "MOST_BYTES", 8000)
    few = "".join(parity_changes.gallery(many, gray))
    assert 0 < few.count("<img") < 24
    assert len(few) < 9000
    assert f"Shown are {few.count('<img')}," in few


def test_ten_artifacts_with_large_photos_stay_below_two_megabytes() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)
    rows = [
        figures(
            f"e{e}:int8",
            changed=[changed(100 * e + i, 0.5 - i / 1000) for i in range(60)],
            flips=[{"from": f"class {i}", "to": f"class {i + e + 1}", "count": 5} for i in range(100)],
            **measured(),
        )
        for e in range(10)
    ]
    text = parity_page(report(*rows), lambda index: noise)
    assert len(text.encode()) < 2_000_000
    assert "class 0" in text


def test_flips_are_counted_by_pair_and_artifact_with_the_rest_in_one_row() -> None:
    flips = [{"from": f"c{i}", "to": "d", "count": 20 - i} for i in range(18)]
    given = report(figures("litert:int8", flips=flips, **measured()), figures("litert:float32", **measured()))
    text = Reader("".join(parity_changes.flips(given))).text
    assert "c0 → d20" in text
    assert "3 other pairs12" in text
    assert f"all{sum(flip['count'] for flip in flips)}" in text
    assert "No answer changed in litert:float32." in text
    assert "right before, wrong now3" in text


def test_without_a_changed_answer_the_page_says_so() -> None:
    text = Reader(parity_page(good(), gray)).text
    assert "Every artifact gives the reference's answer for every picture." in text
    assert "There is none." in text


def test_a_broken_artifact_does_not_squeeze_the_accuracies_of_the_others() -> None:
    rows = [figures("litert:float32", **measured()), figures("litert:int8", **measured(0.915, -0.5))]
    broken = figures("onnx:int8", **measured(0.01, 90.0))
    alone, beside = (Reader(parity_page(report(*given), gray)) for given in (rows, [*rows, broken]))
    places = [[given["cx"] for tag, given in reader.tags if given.get("class") == "dot"] for reader in (alone, beside)]
    assert places[0][:2] == places[1][:2]
    assert "◂" in beside.text
    assert "◂" not in alone.text


def test_identical_answers_and_unmeasured_latencies_are_drawn_too() -> None:
    same = figures("litert:float32", dp_p50=0.0, dp_p95=0.0, dp_max=0.0, dp_quantiles=[0.0] * 101)
    for key in [key for key in same if key.startswith("latency")]:
        del same[key]
    text = Reader(parity_page(report(same, data="golden"), gray)).text
    assert "Latency of one picture" not in text
    assert "Size of the files" in text


def test_making_a_page_or_a_file_does_not_change_the_report() -> None:
    given = bad()
    before = copy.deepcopy(given)
    parity_page(given, gray)
    junit.of_parity(given)
    assert given == before


# --- the machine


def test_the_machine_is_described_without_its_name_or_its_user() -> None:
    import getpass
    import platform

    facts = machine.facts()
    assert set(facts) == {"hemline", "python", "numpy", "opencv", "system", "processor"}
    assert all(isinstance(value, str) and value for value in facts.values())
    assert facts["processor"].endswith(" cores")
    words = re.findall(r"[\w-]+", " ".join(facts.values()))
    assert platform.node() not in words
    assert getpass.getuser() not in words


def test_a_board_says_what_it_is_and_a_system_without_either_file_is_no_error(tmp_path, monkeypatch) -> None:
    board = tmp_path / "model"
    board.write_bytes(b"Raspberry Pi 4 Model B Rev 1.5\0")
    monkeypatch.setattr(machine, "BOARD", board)
    assert machine.facts()["processor"].startswith("Raspberry Pi 4 Model B Rev 1.5, ")
    monkeypatch.setattr(machine, "BOARD", tmp_path / "none")
    monkeypatch.setattr(machine, "PROCESSOR", tmp_path / "none")
    assert re.fullmatch(r".+, \d+ cores", machine.facts()["processor"])


def test_a_search_is_a_table_of_what_was_tried_and_kept() -> None:
    options = {"calibration": 100, "per_channel": False, "method": "minmax"}
    row = {"bytes": 200_000, "accuracy_drop_pp": 0.1, "agreement": 0.99, "within": True, "pareto": True}
    tried = [
        {**row, "artifact": "litert:int8", "options": options, "kept": True},
        {**row, "artifact": "litert:float32", "options": None, "kept": False, "within": False},
    ]
    html = parity_page({**good(), "search": tried}, lambda index: np.zeros((28, 28, 1), np.uint8))
    assert "Search under a budget" in html
    assert "100 pictures, minmax, per tensor" in html
    assert ">kept<" in html
    assert "Search under a budget" not in parity_page(good(), lambda index: np.zeros((28, 28, 1), np.uint8))
