"""hemline wardrobe: what each action prints, and what it says when it cannot."""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hemline.commands import wardrobe
from hemline.commands.wardrobe import ACTIONS
from hemline.errors import DataError, UsageError
from hemline.wardrobe.catalogue import Catalogue
from hemline.wardrobe.records import Colour, NewGarment, NewPicture, Prediction

LAB = {"navy": (18, 10, -32), "gray": (50, 0, 0), "red": (48, 68, 45)}
Call = Callable[..., str]


def new(seed: int, label: str, colour: str, quality: str = "good") -> NewGarment:
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    vector = np.array([1, seed], np.float32)
    picture = NewPicture(cv2.imencode(".png", pixels)[1].tobytes(), f"{seed}.png", "closet@1", vector)
    said = Prediction(label, 0.9, quality, None, ((label, 0.9), ("hat", 0.1)), "litert:int8", "closet@1")
    return NewGarment(said, (picture,), colours=(Colour(colour, 1, LAB[colour]),), caption=f"{colour} {label}")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEMLINE_WARDROBE", str(tmp_path / "w"))
    with Catalogue.open(tmp_path / "w") as catalogue:
        catalogue.add_many(
            [
                new(1, "shirt", "navy"),
                new(2, "pants", "gray"),
                new(3, "shirt", "red", "uncertain"),
                new(4, "dress", "gray", "uncertain"),
            ]
        )
    return tmp_path / "w"


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser(prog="hemline wardrobe")
    wardrobe.add_arguments(parser)
    return wardrobe.run(parser.parse_args(arguments))


@pytest.fixture
def call(folder: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run an action that goes well and return its standard output."""

    def ran(*arguments: str) -> str:
        assert run(*arguments) == 0
        return capsys.readouterr().out

    return ran


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_list_prints_a_table_or_objects(call: Call) -> None:
    lines = call("list").splitlines()
    assert lines[0].split() == ["garment", "class", "confidence", "status", "colours", "last", "worn", "caption"]
    assert [line.split()[0] for line in lines[1:]] == ["#4", "#3", "#2", "#1"]
    assert [row["id"] for row in objects(call("list", "--json", "shi", "--colour", "red"))] == [3]
    assert [row["id"] for row in objects(call("list", "--json", "--class", "shirt", "--order", "oldest"))] == [1, 3]
    assert [row["id"] for row in objects(call("list", "--json", "--status", "review", "--limit", "1"))] == [4]
    with pytest.raises(UsageError, match="no status 'keep'; nearest: kept"):
        run("list", "--status", "keep")


def test_list_says_how_to_go_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("list", "--limit", "3")
    assert capsys.readouterr().err == "3 of 4 garments; go on with --skip 3\n"
    run("list", "zebra")
    assert capsys.readouterr().err == "no garment is like that; leave a word or an option out\n"
    Catalogue.open(folder.with_name("empty")).close()
    run("list", "--catalogue", str(folder.with_name("empty")))
    assert "is empty; scan something: hemline wardrobe scan SOURCE" in capsys.readouterr().err


@pytest.mark.parametrize("action", ["list", "stats", "undo", "review"])
def test_no_catalogue_is_told_and_none_is_begun(action: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no catalogue at .*; begin one with: hemline wardrobe scan SOURCE"):
        run(action, "--catalogue", str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


def test_show_says_all_and_takes_a_number_as_people_write_it(call: Call) -> None:
    call("correct", "1", "t-shirt", "--notes", "from Porto", "--tags", "summer, loud")
    call("wear", "1", "--on", "2026-01-02")
    text = call("show", "#1")
    assert text.startswith("#1 navy t-shirt  (kept)\n")
    for line in (
        "  predicted   shirt 0.900 good, closet@1 litert:int8, ",
        "corrected from shirt to t-shirt",
        "  colours     navy 100 %",
        "  tags        summer, loud",
        "  notes       from Porto",
        "  worn        once, last on 2026-01-02",
        "  picture     8x8 ",
    ):
        assert line in text
    (row,) = objects(call("show", "1", "--json"))
    assert row["wears"] == ["2026-01-02"]
    assert Path(row["files"][0]).exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "9"),
        ("similar", "9"),
        ("suggest", "9"),
        ("correct", "9", "hat"),
        ("remove", "1", "9"),
        ("wear", "1", "9"),
        ("merge", "1", "9"),
        ("review", "--confirm", "3", "9"),
    ],
)
def test_a_wrong_number_changes_nothing(arguments: tuple[str, ...], call: Call) -> None:
    before = call("list", "--json"), call("undo", "--list", "--json")
    with pytest.raises(UsageError, match="no garment #9; the catalogue has 1 to 4"):
        run(*arguments)
    assert (call("list", "--json"), call("undo", "--list", "--json")) == before


def test_similar_gives_scores(call: Call) -> None:
    rows = objects(call("similar", "4", "--json", "--limit", "2"))
    assert [row["garment"]["id"] for row in rows] == [2, 3]  # as gray; then as near in angle, but red
    assert call("similar", "4").splitlines()[0].split()[:3] == ["garment", "score", "class"]


def test_suggest_says_why(call: Call) -> None:
    text = call("suggest", "1")
    assert "#2 gray pants\n    top and bottom complement each other; neutral colours go with everything: gray" in text
    assert [row["garment"]["id"] for row in objects(call("suggest", "1", "--json"))] == [2]


def test_a_slip_is_no_new_class(call: Call) -> None:
    with pytest.raises(UsageError, match=r"no class 'shrit'; nearest: shirt; .*; for a class of your own: --new"):
        run("correct", "1", "shrit")
    assert call("correct", "1", "kilt", "--new") == "#1 navy kilt: kilt, kept\n"
    assert call("correct", "2", "kilt") == "#2 gray kilt: kilt, kept\n"  # it is known now
    with pytest.raises(UsageError, match="what is to be corrected"):
        run("correct", "1")


def test_what_was_removed_comes_back_by_undo_or_restore_until_it_is_purged(call: Call) -> None:
    assert call("remove", "1") == "#1 navy shirt: removed; hemline wardrobe undo brings it back\n"
    assert call("undo") == "undone: remove #1 navy shirt\n"
    assert call("undo", "--redo") == "redone: remove #1 navy shirt\n"
    assert call("remove", "--restore", "1") == "#1 navy shirt: is back\n"
    call("remove", "1", "2")
    assert call("remove", "--purge") == "2 garments deleted for good\n"
    assert [row["id"] for row in objects(call("list", "--json"))] == [4, 3]
    with pytest.raises(UsageError, match="--purge goes alone"):
        run("remove", "--purge", "3")


def test_merge_brings_two_together(call: Call) -> None:
    assert call("merge", "1", "3") == "#1 navy shirt: has 2 pictures now; #3 is part of it\n"


def test_wear_takes_today_and_yesterday_and_no_day_to_come(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    yesterday = date.today() - timedelta(days=1)
    assert call("wear", "1", "2", "--on", "yesterday").endswith(f"#2 gray pants: worn once, last on {yesterday}\n")
    assert "worn 2 times" in call("wear", "1")
    assert call("wear", "1", "--on", "yesterday", "--not").startswith("#1 navy shirt: worn once")
    with pytest.raises(SystemExit):
        run("wear", "1", "--on", "2999-01-01")
    assert "is still to come" in capsys.readouterr().err


def test_review_takes_answers_a_line_each(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [row["id"] for row in objects(call("review", "--json"))] == [3, 4]
    monkeypatch.setattr(sys, "stdin", io.StringIO("s\nhuh\nc shrit\nc skirt\n"))
    text = call("review")
    assert "#3 red shirt: shirt 0.90 (shirt 0.90, hat 0.10)" in text
    assert "#4 gray skirt: skirt, kept" in text
    assert text.endswith("1 left to review\n")
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert call("review").endswith("#3 red shirt: shirt, kept\n0 left to review\n")
    assert call("review") == "nothing to review\n"


def test_review_can_undo_remove_and_stop(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("r\nu\nq\n"))
    text = call("review")
    assert "undone: remove #3 red shirt" in text
    assert text.endswith("2 left to review\n")
    assert call("review", "--confirm", "3", "4").count("kept") == 2


def test_export_writes_what_is_asked(call: Call, tmp_path: Path) -> None:
    assert call("export", "--csv", "-", "--class", "shirt").count("\n") == 3
    call("export", "--json", str(tmp_path / "a.json"), "--html", str(tmp_path / "a.html"))
    assert len(json.loads((tmp_path / "a.json").read_text())["garments"]) == 4
    assert "<title>Wardrobe</title>" in (tmp_path / "a.html").read_text()
    call("correct", "3", "dress")
    call("export", "--folder", str(tmp_path / "teach"))
    assert len(list((tmp_path / "teach" / "dress").glob("*.jpg"))) == 1
    with pytest.raises(UsageError, match="export to what"):
        run("export")


def test_stats_count(call: Call) -> None:
    text = call("stats")
    assert "2 kept, 2 review; 4 pictures" in text
    (row,) = objects(call("stats", "--json"))
    assert row["labels"] == {"shirt": 2, "dress": 1, "pants": 1}


def test_help_of_every_action_loads_no_library() -> None:
    program = (
        "import argparse, sys; from hemline.commands import wardrobe; parser = argparse.ArgumentParser()\n"
        "wardrobe.add_arguments(parser)\n"
        "try: parser.parse_args(sys.argv[1:])\n"
        "except SystemExit: print(sorted({'numpy', 'cv2', 'sqlite3'} & set(sys.modules)), file=sys.stderr)"
    )
    for action in ("list", "export"):
        done = subprocess.run(
            [sys.executable, "-c", program, action, "--help"], capture_output=True, text=True, check=True, timeout=120
        )
        assert ACTIONS[action][1].split(",")[0].lower() in done.stdout.lower()
        assert done.stderr == "[]\n"
