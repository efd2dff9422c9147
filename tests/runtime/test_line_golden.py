"""Known parts before a line runs: one that is judged wrongly, and it does not run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from lines import LABELS, Script, Told, part, score, sign

from hemline import cli
from hemline.bundle import Bundle
from hemline.classifier import Classifier
from hemline.errors import UsageError
from hemline.line import assembly, golden
from hemline.line.config import load
from hemline.line.decision_file import DecisionFile, beside
from hemline.line.golden import Checked, GoldenError
from hemline.line.reader import LineReader

MakeBundle = Callable[..., Bundle]


@dataclass
class Bench:
    """A bundle with thresholds, pictures that pass, are reviewed and are rejected by it, and a folder for parts."""

    bundle: Bundle
    passes: np.ndarray
    reviews: np.ndarray
    rejects: np.ndarray
    folder: Path

    def put(self, place: str, picture: np.ndarray) -> None:
        path = self.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), picture)

    def check(self, combine: str = "worst") -> Checked:
        signed = DecisionFile.load(beside(self.bundle), self.bundle, "fake:float32")
        with Classifier.open(self.bundle, artifact="fake:float32", top=len(LABELS)) as classifier:
            return golden.check(classifier, signed, self.folder, combine=combine)

    def command(self, *more: str) -> int:
        given = ["--bundle", str(self.bundle.directory), "--artifact", "fake:float32", *more]
        return cli.main(["line", "golden", str(self.folder), *given])


@pytest.fixture
def bench(fake_bundle: MakeBundle, tmp_path: Path) -> Bench:
    bundle = fake_bundle("tiles", labels=LABELS)
    pictures = sorted((part(seed) for seed in range(12)), key=lambda picture: score(bundle, picture))
    low, middle, high = (pictures[place] for place in (0, 6, 11))
    scores = [score(bundle, picture) for picture in (low, middle, high)]
    sign(bundle, pass_below=(scores[0] + scores[1]) / 2, reject_from=(scores[1] + scores[2]) / 2)
    found = Bench(bundle, low, middle, high, tmp_path / "golden")
    found.put("good/a.png", low)
    found.put("bad/crack.png", high)
    return found


def test_known_parts_that_are_judged_rightly_let_a_line_run(bench: Bench) -> None:
    checked = bench.check()
    assert [(known.kind, known.part, known.verdict) for known in checked.parts] == [
        ("good", "a.png", "pass"),
        ("bad", "crack.png", "reject"),
    ]
    assert checked.wrong == ()
    checked.require()
    assert str(checked).endswith("1 known good part and 1 known bad part, none judged wrongly")


def test_a_bad_part_that_passes_and_a_good_one_that_is_rejected_are_wrong(bench: Bench) -> None:
    bench.put("bad/like-a-good-one.png", bench.passes)
    bench.put("good/like-a-bad-one.png", bench.rejects)
    checked = bench.check()
    assert [known.part for known in checked.wrong] == ["like-a-bad-one.png", "like-a-good-one.png"]
    with pytest.raises(GoldenError, match=r"2 judged wrongly: good/like-a-bad-one.png reject, bad/like-a-good-one"):
        checked.require()


def test_a_part_that_is_reviewed_is_not_wrong_and_is_told(bench: Bench) -> None:
    bench.put("good/doubtful.png", bench.reviews)
    bench.put("bad/doubtful.png", bench.reviews)
    checked = bench.check()
    assert checked.wrong == ()
    assert str(checked).endswith("none judged wrongly, 2 reviewed")


def test_a_part_without_an_answer_is_wrong_whatever_it_is(bench: Bench) -> None:
    (bench.folder / "bad" / "broken.png").write_bytes(b"no picture")
    (wrong,) = bench.check().wrong
    assert (wrong.kind, wrong.part, wrong.verdict) == ("bad", "broken.png", None)
    assert "broken.png" in (wrong.reason or "")
    with pytest.raises(GoldenError, match=r"bad/broken.png no answer"):
        bench.check().require()


def test_pictures_in_one_folder_are_one_part_judged_as_the_line_combines_them(bench: Bench) -> None:
    bench.put("good/tile-7/1.png", bench.passes)
    bench.put("good/tile-7/2.png", bench.passes)
    bench.put("good/tile-7/3.png", bench.rejects)
    (by_worst,) = bench.check("worst").wrong
    assert by_worst.part == "tile-7"
    assert bench.check("vote").wrong == ()


@pytest.mark.parametrize("kind", ["good", "bad"])
def test_without_known_parts_of_both_kinds_nothing_was_shown(bench: Bench, kind: str) -> None:
    for path in (bench.folder / kind).iterdir():
        path.unlink()
    with pytest.raises(UsageError, match=rf"{kind}: is empty; a line that was asked about no {kind} part has shown"):
        bench.check()
    (bench.folder / kind).rmdir()
    with pytest.raises(UsageError, match=f"no folder {kind} in it"):
        bench.check()


def test_the_command_prints_each_part_and_its_status_is_1_when_one_is_wrong(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.command() == 0
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 3
    assert table[1].split()[:3] == ["good", "a.png", "pass"]
    bench.put("bad/b.png", bench.passes)
    assert bench.command("--json") == 1
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["part"]: row["wrong"] for row in told} == {"a.png": False, "b.png": True, "crack.png": False}


def line(bench: Bench, home: Path, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a line of the bench's golden parts over one part."""
    monkeypatch.setattr(assembly, "open_source", lambda _: Script(bench.passes, ends=True))
    monkeypatch.setattr(assembly, "kind_of", lambda _: "camera")
    monkeypatch.setattr(assembly, "_every", lambda *_: True)
    given = {"folder": home, "bundle": str(bench.bundle.directory), "artifact": "fake:float32", "golden": bench.folder}
    config = load(line={**given, "source": "camera:0", "trigger": "folder", "budget_ms": 5000})
    with ExitStack() as stack:
        assembly.open_line(config, stack, told).run(config.about)


def test_a_line_runs_only_after_its_known_parts(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    line(bench, tmp_path / "line", told, monkeypatch)
    assert told.verdicts == ["pass"]
    shutil.copy(bench.folder / "good" / "a.png", bench.folder / "bad" / "b.png")
    told = Told()
    with pytest.raises(GoldenError, match=r"1 judged wrongly: bad/b.png pass; it does not run"):
        line(bench, tmp_path / "line", told, monkeypatch)
    assert told.events == ["golden_failed"]
    with LineReader.open(tmp_path / "line") as reader:
        assert [event.kind for event in reader.events()][-1] == "golden_failed"
        assert len(reader.decisions()) == 1
