"""A shift on one page: what is counted, what is compared, what is shown, and what is left out and said."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from linedays import BEGIN, UNTIL, Row, copied, judged, parts, picture, signed, store

from hemline import cli
from hemline.bundle import Bundle
from hemline.errors import UsageError
from hemline.line import gallery, period, tally
from hemline.line.audit import draw
from hemline.line.audits import Answer, Audits
from hemline.line.decision import Decision
from hemline.line.decision_file import beside
from hemline.line.episodes import episodes
from hemline.line.period import Period, moment
from hemline.line.reader import LineReader
from hemline.line.records import Event
from hemline.line.reporting import Asked, line_report
from hemline.line.store import LineStore
from hemline.line.tally import Span, Subgroups
from hemline.report import line_gallery
from hemline.report.clock import Clock, between, local
from hemline.report.line_charts import Odds, odds
from hemline.report.line_gallery import Shot
from hemline.report.line_page import line_page

DAY = Period(BEGIN, UNTIL)
Report = dict[str, Any]


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def report(folder: Path, span: Period = DAY, **asked: Any) -> Report:
    with LineReader.open(folder) as reader:
        return line_report(reader, span, Asked(**asked))


def by_file(folder: Path, **changes: Any) -> dict[str, Any]:
    """Write the decision file of signed() and return how to ask for it."""
    path = folder.parent / "tiles.decision.json"
    signed(**changes).write(path)
    return {"decision": path}


def rounded(value: Any) -> Any:
    """Return figures without the last digits, which depend on the order of a sum."""
    return json.loads(json.dumps(value), parse_float=lambda text: round(float(text), 9))


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shift of 1,200 good parts as they were when thresholds were set."""
    return store(tmp_path_factory.mktemp("quiet") / "line", parts(1200))


# counting


def test_counts_are_those_of_the_decisions_by_verdict_and_class(tmp_path: Path) -> None:
    rows = [judged(f"p{place}", "pass") for place in range(7)] + [judged("r", "review"), judged("x", "reject")]
    found = report(store(tmp_path / "line", rows))
    assert found["parts"] == 9
    assert {verdict: row["parts"] for verdict, row in found["verdicts"].items()} == {
        "pass": 7,
        "review": 1,
        "reject": 1,
    }
    assert found["verdicts"]["pass"]["share"] == pytest.approx(7 / 9)
    assert found["counts"] == [
        {"verdict": "pass", "label": "free", "parts": 7},
        {"verdict": "review", "label": "crack", "parts": 1},
        {"verdict": "reject", "label": "crack", "parts": 1},
    ]


def test_only_what_was_decided_in_the_time_counts_its_end_not_included(tmp_path: Path) -> None:
    at = (BEGIN - timedelta(seconds=1), BEGIN, UNTIL - timedelta(seconds=1), UNTIL)
    found = report(store(tmp_path / "line", [judged(f"p{place}", "reject", when) for place, when in enumerate(at)]))
    assert found["parts"] == 2


def test_a_time_of_which_decisions_are_gone_says_when_the_record_begins(tmp_path: Path) -> None:
    at = [BEGIN + timedelta(minutes=minute) for minute in range(30)]
    folder = store(tmp_path / "line", [judged(f"p{place}", "pass", when) for place, when in enumerate(at)])
    whole = report(folder)
    assert whole["record_begins_utc"] is None
    assert not any("record begins" in said for said in whole["notable"])
    with LineStore.open(folder, keep_decisions=10) as opened:
        opened.tidy()
    found = report(folder)
    assert found["parts"] == 10
    begins = f"{at[20].astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
    assert f"The record begins at {begins}: what was decided before is not in it any more." in found["notable"]
    later = report(folder, Period(at[25], UNTIL))
    assert not any("record begins" in said for said in later["notable"])


def test_parts_without_an_answer_are_counted_and_are_not_in_the_share_of_rejects(tmp_path: Path) -> None:
    safe = Decision("lost", "reject", reason="no answer", safe=True, quality="bad", frames=0, latency_ms=200.0, budget_missed=True)  # fmt: skip  # noqa: E501
    rows = [judged(f"p{place}", "reject" if place == 0 else "pass") for place in range(60)]
    found = report(store(tmp_path / "line", [*rows, *[Row(safe, BEGIN)] * 30]))
    assert (found["safe"], found["budget_missed"]) == (30, 30)
    assert found["verdicts"]["reject"]["parts"] == 31
    assert found["reject_rate"]["expected"] == pytest.approx(1 / 60)
    assert sum(point["rejects"] for point in found["reject_rate"]["points"]) == 1
    assert "30 parts had no answer and got the safe decision." in found["notable"]
    assert "30 parts missed the budget." in found["notable"]


def test_latencies_are_those_of_numpy_to_half_a_percent(quiet: Path) -> None:
    found = report(quiet)["latency"]
    with LineReader.open(quiet) as reader:
        latencies = [row.decision.latency_ms or 0.0 for row in reader.decisions()]
    for name, share in (("p50", 50), ("p90", 90), ("p99", 99)):
        exact = np.percentile(latencies, share, method="inverted_cdf")
        assert exact <= found[f"latency_{name}_ms"] <= 1.006 * exact
    assert found["latency_max_ms"] == max(latencies)
    assert found["n"] == 1200


@pytest.mark.parametrize(
    ("count", "text", "sizes"),
    [
        (10, None, [10]),
        (120, None, [50, 70]),
        (130, None, [50, 50, 30]),
        (800, None, [50] * 16),
        (100, "30", [30, 30, 40]),
        (80, "2h", [20, 20, 20, 20]),
        (8, "30min", [1] * 8),
    ],
)
def test_subgroups_are_of_parts_or_of_time(tmp_path: Path, count: int, text: str | None, sizes: list[int]) -> None:
    with LineReader.open(store(tmp_path / "line", parts(count))) as reader, reader.lend() as connection:
        span = Span.of(connection, DAY)
        groups = Subgroups.parse(text) if text else Subgroups.usual(span.count)
        found = tally.tally(connection, span, groups, [])
    assert [size for size in found.parts.tolist() if size] == sizes


@pytest.mark.parametrize("text", ["0", "-5", "1.5", "5 parts", "h", "", "nan"])
def test_what_is_no_subgroup_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="a number of parts, such as 100, or a time, such as 15min or 1h"):
        Subgroups.parse(text)


def test_more_points_than_a_chart_can_show_are_refused(quiet: Path) -> None:
    with pytest.raises(UsageError, match="--subgroup 1 part: makes 1,200 subgroups of 1,200 parts; 1,000 at most"):
        report(quiet, subgroups=Subgroups(parts=1))


def test_reading_in_small_pieces_adds_up_to_the_same(quiet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = report(quiet, **by_file(quiet))
    monkeypatch.setattr(tally, "CHUNK", 77)
    again = report(quiet, **by_file(quiet))
    for name in ("verdicts", "reject_rate", "scores", "latency", "in_force"):
        assert rounded(again[name]) == rounded(whole[name])


def test_a_sample_has_every_part_with_the_same_chance_and_no_more_than_its_number(
    quiet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "SAMPLE", 40)
    monkeypatch.setattr(tally, "CHUNK", 150)
    with LineReader.open(quiet) as reader, reader.lend() as connection:
        span = Span.of(connection, DAY)
        ids = [row[0] for row in connection.execute("SELECT id FROM origin")]
        draws = [tally.tally(connection, span, Subgroups(parts=100), ids, seed=seed).sample for seed in range(12)]
    assert all(len(found) == len(set(found.tolist())) == 40 for found in draws)
    # the mean of 480 numbers that are uniform over 1 to 1,200
    assert np.mean(np.concatenate(draws)) == pytest.approx(600, abs=4 * 346 / np.sqrt(480))


# what is expected


def test_limits_are_around_the_own_mean_a_given_share_or_what_the_decision_file_promises(quiet: Path) -> None:
    by = by_file(quiet)
    own, given, promised = (report(quiet, expect=expect, **by)["reject_rate"] for expect in ("own", 0.3, "decision"))
    rejects = sum(point["rejects"] for point in own["points"])
    assert (own["expected"], own["expected_from"]) == (rejects / 1200, "the mean of these parts")
    assert (given["expected"], given["expected_from"]) == (0.3, "as given")
    assert given["outside"] == len(given["points"])
    assert promised["expected"] == 0.02
    assert promised["expected_from"].startswith("what the decision file promises")
    assert promised["upper_only"]
    assert promised["outside"] == 0


def test_a_run_of_rejects_is_outside_the_limits_and_said_first(quiet: Path, tmp_path: Path) -> None:
    rows = parts(1000)
    for place in range(600, 620):
        rows[place] = replace(rows[place], decision=replace(rows[place].decision, verdict="reject", score=0.9))
    found = report(store(tmp_path / "line", rows))
    outside = [point for point in found["reject_rate"]["points"] if point["outside"]]
    assert len(outside) == 1
    assert outside[0]["rejects"] >= 20
    assert "The share of rejects is outside its control limits in 1 of 20 subgroups." in found["notable"]


def test_without_drift_scores_and_looks_are_as_they_were_and_nothing_stands_out(quiet: Path) -> None:
    found = report(quiet, **by_file(quiet))
    assert found["scores"]["outside"] == 0
    assert found["scores"]["typical_now"] == pytest.approx(found["scores"]["typical_then"], rel=0.2)
    assert found["embeddings"]["p"] > 0.01
    assert (found["embeddings"]["ours"], found["embeddings"]["theirs"]) == (300, found["scores"]["baseline"])
    assert found["embeddings"]["says"].startswith("The parts look to the model as good ones did")
    assert found["notable"] == []
    page = line_page(found, {})
    assert "Nothing stands out" in page
    assert page.count("<circle") > 48


def test_parts_that_look_and_score_otherwise_are_told(quiet: Path, tmp_path: Path) -> None:
    found = report(store(tmp_path / "line", parts(1000, shift=0.7)), **by_file(tmp_path / "line"))
    assert found["scores"]["outside"] > 10
    assert found["scores"]["typical_now"] > found["scores"]["typical_then"]
    assert found["embeddings"]["p"] == 0.001
    assert "p below 0.001" in found["embeddings"]["says"]
    assert any("higher than when thresholds were set" in said for said in found["notable"])
    assert "Parts that pass do not look as good ones did when thresholds were set." in found["notable"]


def test_more_defects_are_no_drift_of_the_parts_that_pass(tmp_path: Path) -> None:
    rows = parts(1000)
    for place in range(0, 1000, 4):
        bad = replace(rows[place].decision, verdict="reject", score=0.95, embedding=np.full(8, 9, np.float32))
        rows[place] = replace(rows[place], decision=bad)
    found = report(store(tmp_path / "line", rows), **by_file(tmp_path / "line"))
    assert found["scores"]["outside"] == 0
    assert found["embeddings"]["p"] > 0.01


def test_pictures_of_the_tuning_that_would_not_have_passed_are_not_compared_with(quiet: Path) -> None:
    scores = np.array(signed().baseline.scores)
    assert 0 < (scores >= 0.2).sum() < 30
    assert report(quiet, **by_file(quiet))["scores"]["baseline"] == (scores < 0.2).sum()


@pytest.mark.parametrize(
    ("rows", "changes", "message"),
    [
        (0, {}, "0 parts passed by this decision file; 20 are needed"),
        (1, {}, "1 parts passed by this decision file; 20 are needed"),
        (100, {"pictures": 10}, "the decision file holds 10 pictures of good parts that would pass; 20 are needed"),
    ],
)
def test_too_little_is_not_compared_and_it_is_said(
    tmp_path: Path, rows: int, changes: dict[str, Any], message: str
) -> None:
    by = signed(**changes)
    found = report(store(tmp_path / "line", parts(rows, by)), **by_file(tmp_path / "line", **changes))
    assert found["scores"] == {"missing": message}
    assert found["embeddings"]["missing"] == message
    assert f"Not compared: {message}." in line_page(found, {})


def test_several_pictures_of_a_part_are_said_to_move_scores(tmp_path: Path) -> None:
    rows = [replace(row, decision=replace(row.decision, frames=3)) for row in parts(100)]
    found = report(store(tmp_path / "line", rows), **by_file(tmp_path / "line"))
    assert "A part here is one of its 3 pictures, mostly the strictest" in line_page(found, {})


# the decision file


def test_the_decision_file_is_found_beside_its_bundle_by_its_hash(
    fake_bundle: Callable[..., Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = fake_bundle("tiles")
    monkeypatch.setenv("HEMLINE_BUNDLES", str(tmp_path))
    folder = store(tmp_path / "line", parts(100))
    missing = report(folder)
    assert missing["decision_file"] is None
    assert missing["scores"]["missing"].endswith("is not here; give it with --decision")
    signed(seed=9).write(beside(bundle))  # of somebody else
    assert report(folder)["decision_file"] is None
    signed().write(beside(bundle))
    found = report(folder)
    assert found["decision_file"]["sha256"] == signed().sha256
    assert "missing" not in found["scores"]


def test_a_decision_file_by_which_nothing_was_decided_is_refused(quiet: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.decision.json"
    signed(seed=9).write(other)
    with pytest.raises(UsageError, match=rf"has sha256 {signed(seed=9).sha256[:12]}, and this line decided by {signed().sha256[:12]}"):  # fmt: skip  # noqa: E501
        report(quiet, decision=other)


def test_everything_by_which_was_decided_is_named(tmp_path: Path) -> None:
    rows = parts(40)
    for place in range(25, 40):
        rows[place] = replace(rows[place], decision=replace(rows[place].decision, artifact_sha256="b" * 64))
    found = report(store(tmp_path / "line", rows))
    assert [(row["artifact_sha256"][0], row["parts"]) for row in found["in_force"]] == [("a", 25), ("b", 15)]
    assert found["in_force"][0]["decision_file_sha256"] == signed().sha256
    assert "What decided was changed: 2 of bundle, artifact or decision file." in found["notable"]
    page = line_page(found, {})
    assert "b" * 12 in page
    assert signed().sha256[:12] in page


# events


def event(minutes: float, kind: str, detail: str = "") -> Event:
    at = BEGIN + timedelta(minutes=minutes)
    return Event(round(minutes * 10), at.isoformat().replace("+00:00", "Z"), kind, detail)


def test_events_become_what_was_wrong_and_how_long() -> None:
    found = episodes(
        [
            event(5, "camera_back", "after 3 s"),
            event(10, "camera_lost", "no frame"),
            event(20, "broker_lost", "mqtt: refused"),
            event(21, "broker_lost", "webhook: 500"),
            event(22, "broker_back", "webhook: after 60 s"),
            event(30, "stopped"),
            event(40, "started"),
            event(50, "model_failed", "nan"),
        ],
        DAY,
    )
    assert [(one.what, one.which, one.seconds / 60, one.since_before, one.goes_on) for one in found] == [
        ("camera", "", 5, True, False),
        ("camera", "", 20, False, False),  # to the end of the line
        ("publisher", "mqtt", 10, False, False),
        ("publisher", "webhook", 1, False, False),
        ("model", "", 430, False, True),
    ]


def test_faults_are_drawn_listed_and_among_what_is_said_first(tmp_path: Path) -> None:
    told = [
        (BEGIN + timedelta(hours=1), "camera_lost", "camera:0: <gone>"),
        (BEGIN + timedelta(hours=1, minutes=5), "camera_back", "after 300.0 s"),
        (BEGIN + timedelta(hours=2), "heartbeat", ""),
        (BEGIN + timedelta(hours=3), "clock_jumped", "by +3,600 s"),
    ]
    found = report(store(tmp_path / "line", parts(20), told))
    assert found["events"] == {"camera_lost": 1, "camera_back": 1, "heartbeat": 1, "clock_jumped": 1}
    assert [row["kind"] for row in found["listed"]] == ["camera_lost", "camera_back", "clock_jumped"]
    assert "No pictures came from the camera: once, 5 min in all." in found["notable"]
    assert "The clock was set, so times before and after do not compare." in found["notable"]
    page = line_page(found, {})
    assert "camera gone" in page
    assert "camera:0: &lt;gone&gt;" in page
    assert "3 events; 1 heartbeat" in page


def test_messages_that_wait_are_counted_by_publisher(tmp_path: Path) -> None:
    with LineStore.open(tmp_path / "line") as opened:
        for place in range(3):
            opened.record(judged(f"p{place}", "pass").decision, publishers=["mqtt"])
        found = line_report(opened, period.of(), Asked())  # while a line runs
    assert found["undelivered"] == [{"publisher": "mqtt", "messages": 3, "oldest_sequence": 1, "refused": 0}]
    assert "Not delivered by mqtt yet: 3 messages." in found["notable"]


def test_an_audit_is_in_the_report_of_its_time(quiet: Path, tmp_path: Path) -> None:
    rows = [judged(f"p{place}", "pass", BEGIN + timedelta(minutes=place), "drawn") for place in range(30)]
    folder = store(tmp_path / "line", rows)
    audits = Audits(folder)
    with LineReader.open(folder) as reader, reader.lend() as connection:
        audit = audits.begin(reader.whose(), DAY, draw(connection, DAY, 10, seed=1))
    assert report(folder)["notable"] == [f"Audit {audit.id} waits for answers about 10 parts."]
    said = [Answer(part.sequence, "bad" if place == 0 else "good") for place, part in enumerate(audit.draw.parts)]
    audits.answer(audit, said, "A. Tester")
    found = report(folder)
    (row,) = found["audits"]
    assert (row["estimate"]["bad"], row["estimate"]["looked_at"], row["passed"]) == (1, 10, 30)
    assert found["notable"][0].startswith(f"Audit {audit.id}: 1 bad of 10 parts that passed and were looked at")
    assert "10 looked at, 1 bad: at most" in line_page(found, {})
    assert report(folder, Period(UNTIL, UNTIL + timedelta(hours=8)))["audits"] == []


# pictures


def test_galleries_show_rejects_and_reviews_evenly_and_the_nearest_misses(tmp_path: Path) -> None:
    rows = [judged(f"x{place}", "reject", BEGIN + timedelta(minutes=place), "reject") for place in range(100)]
    rows += [judged(f"r{place}", "review", BEGIN + timedelta(minutes=place), "review") for place in range(5)]
    for place in range(40):
        decision = replace(judged(f"p{place}", "pass").decision, score=0.15 + place / 1000)
        kept = "near miss" if place >= 30 else "drawn"
        rows.append(Row(decision, BEGIN + timedelta(hours=3, minutes=place), kept, picture(place)))
    found = report(store(tmp_path / "line", rows))["pictures"]
    assert (found["reject"]["pictured"], len(found["reject"]["sequences"])) == (100, gallery.SHOWN)
    gaps = np.diff(found["reject"]["sequences"])
    assert gaps.min() >= 4
    assert (found["review"]["pictured"], len(found["review"]["sequences"])) == (5, 5)
    # what was kept for being near says from which score on that is; the highest first
    assert (found["near miss"]["pictured"], len(found["near miss"]["sequences"])) == (10, 10)
    assert list(found["near miss"]["sequences"]) == sorted(found["near miss"]["sequences"], reverse=True)


def shot(number: int, data: bytes | None, part: str = "part") -> Shot:
    return Shot(number, part, "2026-11-26T06:00:00Z", "crack", 0.9, 0.8, None, data)


def test_a_page_carries_its_pictures_up_to_its_bytes_and_says_how_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = report(store(tmp_path / "line", parts(10)))
    found["pictures"]["reject"] = {"pictured": 50, "sequences": list(range(24))}
    shots = [shot(number, picture(number)) for number in range(24)]
    page = line_page(found, {"reject": shots})
    assert "Shown: 24 of 50 with a picture, evenly over the time." in page
    sources = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    assert len(sources) == 24
    assert max(len(base64.b64decode(source)) for source in sources) < 12_000
    monkeypatch.setattr(line_gallery, "PAGE_BYTES", 3 * len(sources[0]))
    monkeypatch.setattr(line_gallery.Room.__init__, "__defaults__", (3 * len(sources[0]),))
    small = line_page(found, {"reject": shots})
    assert small.count("<img ") < 4
    assert re.search(r"Shown: \d of 50 with a picture; 2\d more would not fit into", small)


def test_pictures_that_are_gone_or_damaged_leave_their_place_and_names_are_escaped(tmp_path: Path) -> None:
    found = report(store(tmp_path / "line", parts(10)))
    found["pictures"]["reject"] = {"pictured": 2, "sequences": [1, 2]}
    hostile = "<script>alert(1)</script>"
    page = line_page(found, {"reject": [shot(1, None), shot(2, b"\xff\xd8 broken", hostile)]})
    assert "given up" in page
    assert "cannot be read" in page
    assert hostile not in page
    assert "&lt;script&gt;alert(1)" in page


# time


def test_a_shift_is_of_local_time_and_of_today_where_no_day_is_named(berlin: None) -> None:
    now = datetime(2026, 11, 27, 9, 30, tzinfo=timezone.utc)  # 10:30 in Berlin
    utc = lambda found: (found.since.astimezone(timezone.utc), found.until.astimezone(timezone.utc))  # noqa: E731

    def at(day: int, hour: int) -> datetime:
        return datetime(2026, 11, day, hour, tzinfo=timezone.utc)

    assert utc(period.of(shift="06:00-14:00", now=now)) == (at(27, 5), at(27, 13))
    assert utc(period.of(shift="14:00-22:00", now=now)) == (at(26, 13), at(26, 21))
    assert utc(period.of(shift="22:00-06:00", now=now)) == (at(26, 21), at(27, 5))
    assert utc(period.of(shift="6:00-14:00", day="2026-11-20", now=now)) == (at(20, 5), at(20, 13))
    assert utc(period.of(day="2026-11-20", now=now)) == (at(19, 23), at(20, 23))
    assert utc(period.of(now=now)) == (now - timedelta(hours=8), now)
    assert utc(period.of(since="08:00", now=now)) == (at(27, 7), now)
    assert utc(period.of(since="2026-11-20 06:00+00:00", until="2026-11-20T07:00Z")) == (at(20, 6), at(20, 7))


def test_the_night_on_which_clocks_are_set_back_is_an_hour_longer_and_both_offsets_are_shown(berlin: None) -> None:
    night = period.of(shift="22:00-06:00", day="2026-10-24")
    assert night.until - night.since == timedelta(hours=9)
    assert between(night.since, night.until) == "2026-10-24 22:00 to 2026-10-25 06:00 (UTC+02:00 to UTC+01:00)"
    clock = Clock.spanning(night.since, night.until)
    assert clock.show(clock.hour(night.until)) == "06:00"


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"since": "soon"}, "time 'soon'; such as 2026-11-27T06:00, which is local"),
        ({"since": "25:00"}, "time '25:00'"),
        ({"shift": "6-14"}, "--shift '6-14'; such as 06:00-14:00"),
        ({"shift": "06:00-25:00"}, "such as 06:00-14:00"),
        ({"day": "yesterday"}, "--date 'yesterday'; such as 2026-11-27"),
        ({"shift": "06:00-14:00", "since": "06:00"}, "leave out --since and --until"),
        ({"day": "2026-11-27", "since": "06:00"}, "--date goes with --shift"),
        ({"since": "2026-11-27", "until": "2026-11-26"}, "is not after since"),
    ],
    ids=str,
)
def test_a_time_that_cannot_be_meant_is_refused(asked: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        period.of(**asked)  # type: ignore[arg-type]


def test_ticks_of_a_clock_are_round_times_and_those_of_scores_round_scores() -> None:
    for hours in (0.2, 3, 8, 26, 100, 2000):
        clock = Clock.spanning(BEGIN, BEGIN + timedelta(hours=hours))
        ticks = clock.ticks(6)
        assert 1 <= len(ticks) <= 6
        assert all(clock.low <= tick <= clock.high for tick in ticks)
    assert [Clock.spanning(local("2026-11-26T06:00:00Z"), local("2026-11-26T14:00:00Z")).show(12)] == ["12:00"]
    for low, high in ((0.01, 0.02), (0.001, 0.3), (0.0001, 0.99), (0.6, 0.9)):
        scale = Odds(odds(low), odds(high))
        assert 2 <= len(scale.ticks(6)) <= 6
        assert all(scale.low <= tick <= scale.high for tick in scale.ticks(6))


def test_a_shift_that_goes_on_ends_now(tmp_path: Path) -> None:
    with LineStore.open(tmp_path / "line") as opened:
        opened.record(judged("p", "pass").decision)
        now = datetime.now(timezone.utc)
        found = line_report(opened, Period(now - timedelta(hours=1), now + timedelta(hours=7)), Asked())
    assert moment(found["until_utc"]) - now < timedelta(minutes=1)
    assert found["parts"] == 1


# the command


def command(folder: Path, *more: str) -> int:
    span = ["--since", BEGIN.isoformat(), "--until", UNTIL.isoformat()]
    return cli.main(["line", "report", "--folder", str(folder), *span, *more])


def test_the_command_writes_a_page_that_loads_nothing_and_its_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [*parts(60), *(judged(f"x{place}", "reject", kept="reject") for place in range(3))]
    folder = store(tmp_path / "line", rows)
    page, figures = tmp_path / "shift.html", tmp_path / "shift.json"
    assert command(folder, "--html", str(page), "--json", str(figures)) == 0
    text = page.read_text()
    assert text.count("<img ") == 3
    assert not re.search(r'(?:src|href)="(?!data:|#)', text)
    assert "line-1" in text
    told = json.loads(figures.read_text())
    assert (told["schema"], told["line"], told["parts"]) == (1, "line-1", 63)
    assert told["since_utc"] == "2026-11-26T06:00:00Z"
    out = capsys.readouterr().out
    assert "63 parts" in out
    assert "from trigger to decision: p50" in out


@pytest.mark.parametrize("rows", [[], [judged("one", "pass")], [judged("one", "reject", kept="reject")]], ids=["none", "pass", "reject"])  # fmt: skip  # noqa: E501
def test_an_empty_shift_and_one_part_have_a_page_too(tmp_path: Path, rows: list[Row]) -> None:
    folder = store(tmp_path / "line", rows)
    assert command(folder, "--html", str(tmp_path / "p.html"), "--json", str(tmp_path / "p.json")) == 0
    assert json.loads((tmp_path / "p.json").read_text())["parts"] == len(rows)
    page = (tmp_path / "p.html").read_text()
    assert ("No part was decided in this time." in page) == (not rows)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--expect", "2"], "--expect 2; own, decision, or a share above 0 and below 1"),
        (["--expect", "decision"], "--expect decision: the line did not say by which decision file it decided"),
        (["--subgroup", "x"], "--subgroup 'x'; a number of parts"),
        (["--html", "-", "--json", "-"], "--html -: --json goes there too"),
        (["--decision", "nowhere.json"], "nowhere.json: no decision file"),
    ],
    ids=str,
)
def test_what_cannot_be_reported_is_refused(
    tmp_path: Path, more: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(store(tmp_path / "line", [judged("one", "pass")]), *more) in (2, 4)
    assert message in capsys.readouterr().err


def test_the_configuration_of_a_line_says_which_is_meant(
    quiet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = signed()
    file.write(tmp_path / "tiles.decision.json")
    config = tmp_path / "line.toml"
    folder = copied(quiet, tmp_path / "here")
    config.write_text(
        f'[line]\nsource = "camera:0"\nfolder = "{folder}"\ndecision = "{tmp_path}/tiles.decision.json"\n'
    )
    span = ["--since", BEGIN.isoformat(), "--until", UNTIL.isoformat()]
    assert cli.main(["line", "report", "--config", str(config), *span, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["decision_file"]["sha256"] == file.sha256
