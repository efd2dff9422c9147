"""Parts that passed, looked at by a person: who is drawn, what answers count, what they say of all that passed."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from linedays import BEGIN, UNTIL, Row, copied, judged, store

from hemline import cli
from hemline.errors import DataError, UsageError
from hemline.line import bounds
from hemline.line.answers import answers_to, read_sheet, sheet
from hemline.line.audit import Draw, DrawnPart, Estimate, draw
from hemline.line.audits import Answer, Audit, Audits
from hemline.line.messages import Sender
from hemline.line.period import Period
from hemline.line.picturerule import DRAWN, NEAR_MISS
from hemline.line.reader import LineReader
from hemline.line.store import LineStore

DAY = Period(BEGIN, UNTIL)


def day(count: int = 60) -> list[Row]:
    """Every third part keeps a picture by chance, every tenth for being a near miss; some do not pass."""
    rows = []
    for place in range(count):
        verdict = {7: "review", 9: "reject"}.get(place % 20, "pass")
        kept = verdict if verdict != "pass" else DRAWN if place % 3 == 0 else NEAR_MISS if place % 10 == 1 else None
        rows.append(judged(f"part-{place}", verdict, BEGIN + timedelta(minutes=place), kept))
    return rows


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store(tmp_path_factory.mktemp("day") / "line", day())


@pytest.fixture
def folder(stored: Path, tmp_path: Path) -> Path:
    return copied(stored, tmp_path / "line")


def drawn(folder: Path, count: int = 100, seed: int | None = 1, period: Period = DAY) -> Draw:
    with LineReader.open(folder) as reader, reader.lend() as connection:
        return draw(connection, period, count, seed=seed)


# arithmetic


def at_most(seen: int, of: int, parts: int, confidence: float) -> int:
    """The most bad parts that are not excluded, by counting draws in whole numbers."""
    ways = math.comb(parts, of)

    def chance(bad: int) -> float:
        return sum(math.comb(bad, found) * math.comb(parts - bad, of - found) for found in range(seen + 1)) / ways

    return max(bad for bad in range(seen, parts - of + seen + 1) if chance(bad) > 1 - confidence + 1e-12)


@pytest.mark.parametrize("parts", [1, 5, 23, 40])
def test_the_limit_among_a_number_of_parts_is_that_of_the_exact_hypergeometric(parts: int) -> None:
    for of in range(1, parts + 1, 4):
        for seen in range(of + 1):
            assert bounds.at_most_among(seen, of, parts, 0.95) == at_most(seen, of, parts, 0.95)
            low, high = bounds.interval_among(seen, of, parts, 0.9)
            assert (low, high) == (parts - at_most(of - seen, of, parts, 0.95), at_most(seen, of, parts, 0.95))


def test_who_looks_at_all_parts_knows_and_who_looks_at_none_does_not() -> None:
    assert bounds.at_most_among(3, 40, 40, 0.95) == 3
    assert bounds.interval_among(3, 40, 40, 0.95) == (3, 3)
    assert bounds.at_most_among(0, 0, 40, 0.95) == 40


def test_of_very_many_parts_the_limit_is_that_of_parts_to_come_and_of_few_it_is_smaller() -> None:
    assert bounds.at_most_among(2, 300, 1_000_000, 0.95) / 1e6 == pytest.approx(bounds.at_most(2, 300, 0.95), rel=1e-3)
    assert bounds.at_most_among(0, 50, 100, 0.95) == 4
    assert bounds.at_most(0, 50, 0.95) > 0.058


@pytest.mark.parametrize("bad", [0, 3, 20])
def test_the_limits_hold_as_often_as_they_say(bad: int) -> None:
    random = np.random.default_rng(bad)
    found = [int((random.permutation(200)[:40] < bad).sum()) for _ in range(400)]
    limits = {seen: bounds.at_most_among(seen, 40, 200, 0.95) for seen in set(found)}
    intervals = {seen: bounds.interval_among(seen, 40, 200, 0.95) for seen in set(found)}
    held = [bad <= limits[seen] for seen in found]
    inside = [intervals[seen][0] <= bad <= intervals[seen][1] for seen in found]
    assert np.mean(held) >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 400)
    assert np.mean(inside) >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 400)


def test_what_a_person_cannot_tell_counts_against_the_line_in_each_limit() -> None:
    bad = [("bad", "crack"), ("bad", None)]
    sure = Estimate.of([("good", None)] * 58 + bad, 500)
    unsure = Estimate.of([("good", None)] * 57 + bad + [("unsure", None)], 500)
    assert (sure.bad, sure.unsure, sure.labels) == (2, 0, {"crack": 1})
    assert (unsure.bad, unsure.unsure, unsure.looked_at) == (2, 1, 60)
    assert unsure.at_most == bounds.at_most_among(3, 60, 500, 0.95) > sure.at_most
    assert unsure.high > sure.high
    assert unsure.low == sure.low == bounds.interval_among(2, 60, 500, 0.95)[0]
    assert unsure.to_come_at_most == bounds.at_most(3, 60, 0.95)
    assert "60 looked at, 2 bad, 1 unsure: at most" in str(unsure)


# the draw


def test_drawn_are_parts_that_passed_and_whose_picture_was_kept_by_chance(folder: Path) -> None:
    found = drawn(folder)
    rows = day()
    passed = [row for row in rows if row.decision.verdict == "pass"]
    by_chance = {row.decision.part for row in passed if row.kept == DRAWN}
    assert {part.part for part in found.parts} == by_chance
    assert (found.passed, found.pictured, found.before) == (len(passed), len(by_chance), 0)
    assert found.near_misses == sum(row.kept == NEAR_MISS for row in passed)
    share = f"{100 * found.pictured / found.passed:.3g} %"
    assert f"{found.passed} parts passed, {found.pictured} of them ({share}) with a picture kept by" in str(found)


def test_a_seed_draws_the_same_again_and_without_one_nobody_knows(folder: Path) -> None:
    first = drawn(folder, 6, seed=3)
    assert len(first.parts) == 6
    assert drawn(folder, 6, seed=3) == first
    assert drawn(folder, 6, seed=None).seed != drawn(folder, 6, seed=None).seed


def test_each_part_with_a_picture_is_drawn_equally_often(folder: Path) -> None:
    with LineReader.open(folder) as reader, reader.lend() as connection:
        draws = [draw(connection, DAY, 5, seed=seed) for seed in range(200)]
    counts = Counter(part.part for found in draws for part in found.parts)
    expected = 200 * 5 / len(counts)
    assert len(counts) == draws[0].pictured
    assert all(abs(count - expected) < 4.5 * math.sqrt(expected) for count in counts.values())


def test_where_pictures_were_given_up_only_the_parts_after_them_are_spoken_of(folder: Path) -> None:
    with LineReader.open(folder) as reader:
        rows = reader.decisions()
    with LineStore.open(folder) as opened:
        with opened.lend() as connection:
            query = "SELECT sequence FROM picture WHERE strictness = 0 ORDER BY sequence LIMIT 8"
            oldest = connection.execute(query).fetchall()
        opened._writer.durable(lambda t: t.connection.executemany("DELETE FROM picture WHERE sequence = ?", oldest))
    last = oldest[-1][0]
    found = drawn(folder)
    after = [row for row in rows if row.sequence > last and row.decision.verdict == "pass"]
    assert found.passed == len(after)
    assert found.before == sum(row.decision.verdict == "pass" for row in rows) - len(after)
    assert {part.part for part in found.parts} == {row.decision.part for row in after if row.kept == DRAWN}
    assert f"pictures were given up: {found.before} parts that passed before" in str(found)


def test_only_parts_of_the_time_that_was_asked_for_are_drawn(folder: Path) -> None:
    found = drawn(folder, period=Period(BEGIN + timedelta(minutes=10), BEGIN + timedelta(minutes=30)))
    assert all(10 <= int(part.part.removeprefix("part-")) < 30 for part in found.parts)
    assert found.passed == 18


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no part passed in that time"),
        ([judged("a", "reject", kept="reject")], "no part passed in that time"),
        ([judged("a", "pass")], "1 part passed in that time and none has a picture that was kept by chance; keep"),
        ([judged("a", "pass", kept=NEAR_MISS)], r"\(near misses, which stand for themselves, have: 1\); keep_passed"),
        ([Row(judged("a", "pass").decision, BEGIN, DRAWN)], "pictures were given up for room; audit sooner"),
    ],
    ids=["nothing", "rejects", "no pictures", "near misses", "given up"],
)
def test_where_nothing_can_be_drawn_it_is_said_why(tmp_path: Path, rows: list[Row], message: str) -> None:
    with pytest.raises(DataError, match=message):
        drawn(store(tmp_path / "line", rows))


# answers


def audit(count: int = 3, names: tuple[str, ...] = ()) -> Audit:
    named = names or tuple(f"part-{place}" for place in range(count))
    parts = tuple(DrawnPart(10 + place, name, "2026-11-26T06:00:00Z") for place, name in enumerate(named))
    found = Draw(1, 200, 20, 0, 2, parts)
    times = ("2026-11-26T14:00:00Z", "2026-11-26T06:00:00Z", "2026-11-26T14:00:00Z")
    return Audit("20261126-140000", "line-1", "0badcafe", *times, found)


def answered(text: str, path: Path, of: Audit | None = None) -> list[tuple[int, str, str | None]]:
    path.write_bytes(text.encode())
    found = answers_to(of or audit(), read_sheet(path), name="answers.csv")
    return [(answer.sequence, answer.verdict, answer.label) for answer in found]


def test_an_audit_reads_back_as_it_was_written() -> None:
    whole = audit()
    assert Audit.parse(whole.to_bytes(), name="a") == whole
    answers = (Answer(10, "good"), Answer(11, "bad", "crack"), Answer(12, "unsure"))
    full = Audit(**{**vars(whole), "answers": answers, "by": "A. Tester", "answered_utc": "2026-11-26T15:00:00Z"})
    assert Audit.parse(full.to_bytes(), name="a") == full
    assert json.loads(full.to_bytes())["estimate"]["bad"] == 1


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"schema": 2}', b'{"schema": 1, "draw": {}}', b"\xff"], ids=str)
def test_what_is_no_audit_is_named_and_refused(data: bytes) -> None:
    with pytest.raises(DataError, match=r"lines/x\.json: not an audit"):
        Audit.parse(data, name="lines/x.json")


def test_answers_are_taken_from_a_sheet_whatever_order_and_program(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    wanted = [(10, "good", None), (11, "bad", "crack"), (12, "unsure", None)]
    assert answered("part,verdict,label\npart-1,bad,crack\npart-0,good,\npart-2,unsure,\n", path) == wanted
    of_a_spreadsheet = "\ufeffPart;Verdict;Label\r\npart-0;GOOD;\r\npart-2; unsure ;\r\npart-1;bad;crack\r\n\r\n"
    assert answered(of_a_spreadsheet, path) == wanted
    assert answered("sequence,verdict,label\n12,unsure\n11,bad,crack\n10,good\n", path) == wanted
    empty = sheet(audit()).decode().splitlines()
    filled = [
        line.removesuffix(",,") + said
        for line, said in zip(empty, ("", ",good,", ",bad,crack", ",unsure,"), strict=True)
    ]
    assert answered("\n".join(filled), path) == wanted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("part,verdict\npart-9,good\n", r"line 2: part 'part-9' was not drawn in audit 20261126-140000"),
        ("sequence,part,verdict\n99,part-0,good\n", "line 2: part 99 was not drawn"),
        ("sequence,part,verdict\n10,part-1,good\n", "line 2: 10 is part part-0, not part-1"),
        ("part,verdict\npart-0,fine\n", "line 2: verdict 'fine' of part part-0; write good, bad, unsure"),
        ("part,verdict\npart-0,good\npart-0,bad\n", r"line 3: part part-0 \(10\) is answered twice"),
        ("part,verdict\npart-0,good\npart-1,\n", r"2 of 3 parts have no answer: part-1 \(11\), part-2 \(12\)"),
        ("part,answer\npart-0,good\n", "its first line names no part and verdict"),
        ("", "its first line names no part and verdict"),
    ],
    ids=str,
)
def test_answers_that_are_not_those_of_the_draw_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        answered(text, tmp_path / "answers.csv")


def test_parts_of_one_name_are_told_apart_by_their_number(tmp_path: Path) -> None:
    same = audit(names=("tile", "tile"))
    with pytest.raises(DataError, match="2 drawn parts are called tile; say which by its sequence"):
        answered("part,verdict\ntile,good\n", tmp_path / "a.csv", same)
    assert len(answered("sequence,part,verdict\n10,tile,good\n11,tile,bad\n", tmp_path / "a.csv", same)) == 2


def test_audits_of_one_second_have_names_of_their_own_and_a_damaged_one_hides_no_other(folder: Path) -> None:
    audits = Audits(folder)
    first, second = (audits.begin(Sender("line-1", "0badcafe"), DAY, drawn(folder, 2)) for _ in range(2))
    assert first.id != second.id
    assert audits.get() == max((first, second), key=lambda one: one.id)
    (folder / "audits" / "20200101-000000.json").write_text("{")
    found, wrong = audits.about(DAY)
    assert {one.id for one in found} == {first.id, second.id}
    assert len(wrong) == 1
    assert "20200101-000000.json: not an audit" in wrong[0]
    assert audits.about(Period(UNTIL, UNTIL + timedelta(hours=1)))[0] == []
    with pytest.raises(UsageError, match="no audit 'yesterday'; the last ones are"):
        audits.get("yesterday")


# the command


def command(folder: Path, *more: str) -> int:
    span = ["--since", BEGIN.isoformat(), "--until", UNTIL.isoformat()]
    return cli.main(["line", "audit", "--folder", str(folder), *span, *more])


def test_pictures_and_a_sheet_are_written_and_its_answers_become_an_estimate(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "look"
    assert command(folder, "--count", "5", "--seed", "2", "--html", str(out)) == 0
    assert "of which 5 were drawn, seed 2" in capsys.readouterr().out
    page = (out / "index.html").read_text()
    assert page.count("<img ") == 5
    assert "score" not in page.partition("</style>")[2]
    assert len(list(out.glob("*.jpg"))) == 5
    rows = list(csv.DictReader(io.StringIO((out / "answers.csv").read_text())))
    assert [row["verdict"] for row in rows] == [""] * 5
    sheet_file = out / "answers.csv"
    assert command(folder, "--answers", str(sheet_file)) == 4
    assert "5 of 5 parts have no answer" in capsys.readouterr().err
    filled = sheet_file.read_text().replace(",,\n", ",good,\n").replace(",good,\n", ",bad,crack\n", 1)
    sheet_file.write_text(filled)
    assert command(folder, "--answers", str(sheet_file), "--by", "A. Tester") == 0
    passed = drawn(folder).passed
    most = bounds.at_most_among(1, 5, passed, 0.95)
    assert f"5 looked at, 1 bad: at most {most} of {passed} that passed are bad" in capsys.readouterr().out
    kept = Audits(folder).get()
    assert (kept.by, kept.estimate.labels) == ("A. Tester", {"crack": 1})  # type: ignore[union-attr]
    assert command(folder, "--answers", str(sheet_file)) == 2
    assert "has answers, of" in capsys.readouterr().err
    assert command(folder, "--answers", str(sheet_file), "--replace", "--json") == 0
    assert json.loads(capsys.readouterr().out)["estimate"]["bad"] == 1


def test_answers_of_unknown_parts_are_refused_and_change_nothing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(folder, "--count", "2", "--html", str(tmp_path / "look")) == 0
    (tmp_path / "other.csv").write_text("part,verdict\nsomebody-elses,good\n")
    assert command(folder, "--answers", str(tmp_path / "other.csv")) == 4
    assert "part 'somebody-elses' was not drawn" in capsys.readouterr().err
    assert Audits(folder).get().answers == ()


def test_a_terminal_asks_about_one_part_after_another(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("g\nwhat\nb crack\nu\n"))
    assert command(folder, "--count", "3") == 0
    told = capsys.readouterr()
    assert "3 looked at, 1 bad, 1 unsure" in told.out
    assert "sheet-001.png" in told.err
    assert [answer.verdict for answer in Audits(folder).get().answers] == ["good", "bad", "unsure"]


def test_who_stops_halfway_finds_the_answers_in_a_file_and_none_of_them_counts(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("b crack\n"))
    assert command(folder, "--count", "3") == 0
    (file,) = tmp_path.glob("audit-*.csv")
    assert f"1 of 3 answered, in {file.name}; nothing counts before all are" in capsys.readouterr().err
    assert Audits(folder).get().answers == ()
    file.write_text(file.read_text().replace(",,\n", ",good,\n"))
    assert command(folder, "--answers", str(file)) == 0
    assert "3 looked at, 1 bad: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--count", "0"], "--count 0: give 1 or more"),
        (["--answers", "a.csv", "--html", "b"], "give one"),
        (["--html", "."], "is not an empty folder"),
        (["--answers", "nowhere.csv"], "nowhere.csv: cannot be read"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused(
    folder: Path, more: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert command(folder, *more) in (2, 4)
    assert message in capsys.readouterr().err


def test_a_line_that_runs_can_be_audited(folder: Path, tmp_path: Path) -> None:
    with LineStore.open(folder) as running:
        assert command(folder, "--count", "2", "--html", str(tmp_path / "look")) == 0
        running.record(judged("next", "pass").decision)
