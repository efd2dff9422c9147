"""A line that runs: one decision for each part, and what becomes of it when something fails."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from lines import GOOD, LABELS, Script, Told, extremes, part, score, sign

from hemline import cli
from hemline.bundle import Bundle
from hemline.commands.line.running import Lines
from hemline.drawn import LABELS as GARMENTS
from hemline.drawn import draw
from hemline.engines.fake import FakeEngine
from hemline.errors import DataError, HemlineError, MissingError, PictureError, UsageError
from hemline.line import assembly, judge, ledger, runner
from hemline.line.clock import ClockWatch
from hemline.line.config import load
from hemline.line.reader import LineReader
from hemline.line.runner import LineRunner, StoppedError
from hemline.line.store import LineStore
from hemline.select import packaged
from hemline.space import DiskFullError

MakeBundle = Callable[..., Bundle]


@dataclass
class Line:
    """A line of the fake bundle: parts of seed `good` pass, those of seed `bad` are rejected."""

    bundle: Bundle
    home: Path
    monkeypatch: pytest.MonkeyPatch
    good: np.ndarray
    bad: np.ndarray
    told: Told = field(default_factory=Told)
    runner: LineRunner | None = None

    def run(self, source: Script | str, *, limit: int | None = None, **keys: Any) -> LineRunner:
        """Run until the source ends or `limit` parts are decided."""
        if isinstance(source, Script):
            self.monkeypatch.setattr(assembly, "kind_of", lambda _: "camera")
            self.monkeypatch.setattr(assembly, "_every", lambda *_: True)
        given = {"trigger": "folder", "folder": self.home, "bundle": str(self.bundle.directory), **keys}
        text = source if isinstance(source, str) else "camera:0"
        config = load(line={"artifact": "fake:float32", "budget_ms": 2000, **given, "source": text})
        with ExitStack() as stack:
            script = source if isinstance(source, Script) else None
            self.runner = assembly.open_line(config, stack, self.told, source=script)
            self.runner.run(config.about, limit=limit)
        return self.runner

    def stored(self) -> LineReader:
        return LineReader.open(self.home)


@pytest.fixture
def line(fake_bundle: MakeBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Line:
    bundle = fake_bundle("tiles", labels=LABELS)
    (good, low), (bad, high) = extremes(bundle)
    monkeypatch.setattr("hemline.line.writing.RESERVE_BYTES", 2**16)  # 8 MiB to the disk for each test take their time
    sign(bundle, pass_below=low + (high - low) / 3, reject_from=high - (high - low) / 3)
    return Line(bundle, tmp_path / "line", monkeypatch, good, bad)


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Return a function that types; what is typed is standard input."""
    out, into = os.pipe()
    with os.fdopen(out) as stream:
        monkeypatch.setattr("sys.stdin", stream)
        yield lambda text: (os.write(into, text.encode()), None)[1] if text else os.close(into)


@pytest.fixture
def typed_out(keyboard: Callable[[str], None]) -> Iterator[Callable[[Callable[[], bool]], None]]:
    """Return a function that ends standard input as soon as something is so, or after ten seconds."""
    threads = []

    def when(so: Callable[[], bool]) -> None:
        def wait() -> None:
            until = time.monotonic() + 10
            while not so() and time.monotonic() < until:
                time.sleep(0.01)
            keyboard("")

        threads.append(threading.Thread(target=wait))
        threads[-1].start()

    yield when
    for thread in threads:
        thread.join()


def frames(picture: np.ndarray, count: int = 400, pause_s: float = 0.01) -> Script:
    """A camera that shows the same thing."""
    return Script(*[step for _ in range(count) for step in (pause_s, picture)])


# decisions


def test_every_part_has_one_decision_and_what_was_told_is_stored(line: Line) -> None:
    ran = line.run(Script(line.good, line.bad, line.good, ends=True))
    assert line.told.verdicts == ["pass", "reject", "pass"]
    assert line.told.events == ["started", "stopped"]
    assert "the source has ended; 3 parts: 2 pass, 0 review, 1 reject; 0 budget misses" in line.told.detail("stopped")
    assert (ran.counts.parts, ran.counts.safe) == (3, 0)
    with line.stored() as store:
        rows = store.decisions(embeddings=True)
        assert [row.decision.verdict for row in rows] == ["pass", "reject", "pass"]
        assert [row.sequence for row in rows] == [sequence for _, sequence in line.told.decisions]
        first, second = rows[0].decision, rows[1].decision
        assert (first.part, first.label, first.reason, first.safe) == ("script#1", GOOD, None, False)
        assert second.label in LABELS[1:]
        assert second.reason is not None
        assert "rejected from" in second.reason
        assert first.score == pytest.approx(score(line.bundle, line.good), abs=1e-6)
        assert first.embedding is not None
        assert first.embedding.shape == (8,)
        assert (first.bundle, first.artifact) == ("tiles@1", "fake:float32")
        assert first.artifact_sha256 is not None
        assert first.decision_file_sha256 is not None
        assert first.latency_ms is not None
        assert 0 < first.latency_ms < 2000
        kept = store.picture(rows[1].sequence)
        assert kept is not None
        decoded = cv2.imdecode(np.frombuffer(kept, np.uint8), cv2.IMREAD_UNCHANGED)
        assert decoded.shape == line.bad.shape[:2]  # gray, as the part is
        assert np.abs(decoded.astype(int) - line.bad[..., 0]).mean() < 3


def test_pictures_of_a_part_are_combined(line: Line, keyboard: Callable[[str], None]) -> None:
    def script() -> Script:
        # ten a second, of which those after the trigger count
        return Script(*[step for _ in range(3) for step in (0.02, line.good, 0.02, line.bad, 0.02, line.good)])

    keyboard("A-17\n")
    line.run(script(), trigger="keyboard", frames=3, limit=1)
    keyboard("A-18\n")
    line.run(script(), trigger="keyboard", frames=3, combine="vote", limit=1)
    worst, vote = (decision for decision, _ in line.told.decisions)
    assert (worst.part, worst.verdict, worst.frames) == ("A-17", "reject", 3)
    assert (vote.part, vote.verdict, vote.frames, vote.reason) == ("A-18", "pass", 3, "2 of 3 pictures")


def test_drawn_pictures_in_a_folder_are_judged_by_a_real_engine_and_kept_as_they_came(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inbox, names = tmp_path / "inbox", []
    inbox.mkdir()
    for number in range(4):
        picture = draw(GARMENTS.index("Trouser" if number % 2 else "Sneaker"), seed=number, height=480, width=480)
        names.append(f"{number}.png")
        assert cv2.imwrite(str(inbox / names[-1]), picture)
    bundle = Bundle.load(packaged() / "fashion-base")
    decision = tmp_path / "shoes.decision.json"
    sign(bundle, pass_below=0.2, reject_from=0.8, artifact="litert:int8", good="Sneaker", path=decision)
    asked = ["line", "run", f"inbox:{inbox}?settle=0", "--bundle", "fashion-base", "--artifact", "litert:int8"]
    asked += ["--decision", str(decision), "--folder", str(tmp_path / "line"), "--limit", "4", "--json"]
    assert cli.main([*asked, "--budget-ms", "5000", "--fail-on-reject"]) == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    decisions = [row for row in rows if "verdict" in row]
    assert [row["part"] for row in decisions] == names
    assert [row["verdict"] for row in decisions] == ["pass", "reject", "pass", "reject"]
    assert [row["label"] for row in decisions] == ["Sneaker", "Trouser", "Sneaker", "Trouser"]
    assert [row["event"] for row in rows if "event" in row] == ["started", "stopped"]
    with LineReader.open(tmp_path / "line") as store:
        assert store.picture(decisions[1]["sequence"]) == (inbox / "1.png").read_bytes()


# silence


def test_silence_is_an_event_and_never_a_pass(line: Line, keyboard: Callable[[str], None]) -> None:
    keyboard("1\n2\n")
    line.run(Script(), trigger="keyboard", budget_ms=60, limit=2)
    assert line.told.verdicts == ["reject", "reject"]
    assert line.told.events == ["started", "budget_missed", "stopped"]  # once, not for each part
    with line.stored() as store:
        for row in store.decisions():
            decision = row.decision
            assert decision.safe
            assert decision.budget_missed
            assert decision.score is None
            assert decision.reason == "no answer within 60 ms: script: no picture in time"
            assert decision.latency_ms is not None
            assert decision.latency_ms >= 59


def test_a_picture_from_before_the_trigger_does_not_count(line: Line, keyboard: Callable[[str], None]) -> None:
    script = Script()
    line.told.after = lambda: script.steps.append(line.good)
    old = Script(line.good)
    frame = old.poll(0.1)
    assert frame is not None
    stale = iter([frame])
    monkey = script.poll
    script.poll = lambda timeout_s=None: next(stale, None) or monkey(timeout_s)  # type: ignore[method-assign]
    keyboard("1\n")
    line.run(script, trigger="keyboard", budget_ms=80, limit=1)
    assert line.told.decisions[0][0].budget_missed


def test_a_camera_that_stalls_is_told_once_and_its_parts_are_rejected_until_it_is_back(
    line: Line, tmp_path: Path, keyboard: Callable[[str], None]
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    assert cv2.imwrite(str(pictures / "a.png"), line.good)
    keyboard("first\n")

    def another() -> None:
        events = line.told.events
        if "camera_back" in events and line.told.verdicts[-1] == "pass":
            assert line.runner is not None
            line.runner.stop("seen enough")
        else:
            time.sleep(0.02)
            keyboard("another\n")

    line.told.after = another
    source = f"fake://{pictures}?fps=25&stall=12&drop=3&deadline=0.3&pause=0.05"
    line.run(source, trigger="keyboard", budget_ms=150)
    events = line.told.events
    assert line.told.verdicts[0] == line.told.verdicts[-1] == "pass"
    assert "reject" in line.told.verdicts
    assert all(decision.safe for decision, _ in line.told.decisions if decision.verdict == "reject")
    assert (events.count("camera_lost"), events.count("camera_back")) == (1, 1)
    assert "no frame for" in line.told.detail("camera_lost")
    lost = [decision.reason or "" for decision, _ in line.told.decisions if decision.safe]
    assert any("reopening in" in reason for reason in lost)


def test_a_camera_that_is_gone_while_no_part_comes_is_an_event(
    line: Line, typed_out: Callable[[Callable[[], bool]], None]
) -> None:
    typed_out(lambda: "camera_back" in line.told.events)
    for name in ("PROBE_S", "SLICE_S"):
        line.monkeypatch.setattr(runner, name, 0.02)
    gone = PictureError("script: disconnected; reopening in 0.25 s")
    line.run(Script(line.good, 0.05, gone, 0.05, *[line.good] * 99), trigger="keyboard")
    assert line.told.events == ["started", "camera_lost", "camera_back", "stopped"]
    assert line.told.detail("camera_lost") == str(gone)
    assert "standard input has ended" in line.told.detail("stopped")


# pictures


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        (np.zeros((48, 64, 3), np.uint8), "black, its brightest spot has level 0 of 255"),
        (np.full((48, 64, 3), 128, np.uint8), "nothing to see, the same all over (level 128 of 255)"),
        (part(1, height=24, width=32), "32x24 pixels, the line began with 64x48"),
        (PictureError("script: damaged"), "script: damaged"),
    ],
    ids=["black", "one value", "size", "damaged"],
)
def test_a_picture_that_shows_nothing_is_an_event_and_no_pass_and_the_next_part_is_judged(
    picture: np.ndarray | PictureError, says: str, line: Line
) -> None:
    line.run(Script(line.good, picture, picture, line.good, ends=True))
    assert line.told.verdicts == ["pass", "reject", "reject", "pass"]
    refused = line.told.decisions[1][0]
    assert refused.safe
    assert refused.quality == "bad"
    assert refused.reason is not None
    assert says in refused.reason
    lost, back = (
        ("camera_lost", "camera_back") if isinstance(picture, PictureError) else ("frame_refused", "frames_back")
    )
    assert line.told.events == ["started", lost, back, "stopped"]
    assert says in line.told.detail(lost)


def test_pictures_that_were_cropped_to_their_part_may_have_any_size(line: Line) -> None:
    line.run(Script(line.good, part(1, height=24, width=32), np.zeros((9, 9, 3), np.uint8), ends=True), any_size=True)
    assert [decision.safe for decision, _ in line.told.decisions] == [False, False, True]
    assert "black" in (line.told.decisions[2][0].reason or "")


def test_a_dark_frame_with_the_noise_of_a_sensor_is_black_and_a_dim_part_is_not(line: Line) -> None:
    noise = np.random.default_rng(1).integers(0, 24, (480, 640, 3), np.uint8)
    dim = part(3, height=480, width=640) // 8 + 10
    line.run(Script(noise, dim, ends=True))
    first, second = (decision for decision, _ in line.told.decisions)
    assert first.safe
    assert "black" in (first.reason or "")
    assert not second.safe


def test_one_bad_picture_of_a_part_leaves_it_without_an_answer(line: Line, keyboard: Callable[[str], None]) -> None:
    black = np.zeros_like(line.good)
    keyboard("1\n")
    line.run(Script(0.05, line.good, 0.01, black, 0.01, line.good), trigger="keyboard", frames=3, limit=1)
    decision = line.told.decisions[0][0]
    assert decision.safe
    assert decision.frames == 2
    with line.stored() as store:
        assert store.picture(line.told.decisions[0][1] or 0) is not None  # the black one: for who looks into it


# the model


def test_a_model_that_raises_is_told_once_and_its_parts_are_rejected(
    line: Line, capsys: pytest.CaptureFixture[str]
) -> None:
    answer, calls = FakeEngine.logits, iter(range(100))

    def fails(engine: FakeEngine, pixels: np.ndarray) -> np.ndarray:
        if next(calls) in (2, 3):
            raise RuntimeError("the delegate\nis gone")
        return answer(engine, pixels)

    line.monkeypatch.setattr(FakeEngine, "logits", fails)
    line.run(Script(*[line.good] * 4, ends=True))
    assert line.told.verdicts == ["pass", "reject", "reject", "pass"]
    assert line.told.events == ["started", "model_failed", "model_back", "stopped"]
    assert line.told.detail("model_failed") == "RuntimeError: the delegate is gone"
    assert capsys.readouterr().err.count("Traceback") == 1


def test_an_answer_that_is_no_number_is_none(line: Line) -> None:
    answer, calls = FakeEngine.logits, iter(range(100))

    def broken(engine: FakeEngine, pixels: np.ndarray) -> np.ndarray:
        found = answer(engine, pixels)
        return np.full_like(found, np.nan) if next(calls) == 1 else found

    line.monkeypatch.setattr(FakeEngine, "logits", broken)
    line.run(Script(line.good, line.good, ends=True))
    assert line.told.verdicts == ["reject", "pass"]
    assert line.told.detail("model_failed") == "fake:float32 answered with what is no number"


def test_a_late_answer_is_no_answer_and_belongs_to_no_other_part(line: Line) -> None:
    answer, calls = FakeEngine.logits, iter(range(100))

    def slow(engine: FakeEngine, pixels: np.ndarray) -> np.ndarray:
        if next(calls) == 1:
            time.sleep(0.5)
        return answer(engine, pixels)

    line.monkeypatch.setattr(FakeEngine, "logits", slow)
    line.run(Script(line.good, 0.6, line.bad, line.good, ends=True), budget_ms=250)
    first, second, third = (decision for decision, _ in line.told.decisions)
    assert first.budget_missed
    assert first.safe
    assert first.reason == "no answer within 250 ms: the model had not answered in time"
    assert first.latency_ms == pytest.approx(250, abs=120)
    assert (second.verdict, second.safe, third.verdict) == ("reject", False, "pass")
    assert second.score == pytest.approx(score(line.bundle, line.bad), abs=1e-6)
    assert line.told.events == ["started", "budget_missed", "budget_kept", "stopped"]
    assert line.runner is not None
    assert line.runner.counts.missed == 1


def test_a_model_that_cannot_answer_at_all_is_refused_before_the_first_part(line: Line) -> None:
    def fails(engine: FakeEngine, pixels: np.ndarray) -> np.ndarray:
        raise RuntimeError("no device")

    line.monkeypatch.setattr(FakeEngine, "logits", fails)
    with pytest.raises(DataError, match="the model cannot answer: RuntimeError: no device"):
        line.run(Script(line.good, ends=True))
    assert line.told.seen == []


def test_stop_is_a_safe_decision_that_ends_the_line_after_it_is_stored(line: Line) -> None:
    with pytest.raises(StoppedError, match=r'stopped, as configured \(safe = "stop"\): .*black') as raised:
        line.run(Script(line.good, np.zeros_like(line.good), line.good, ends=True), safe="stop")
    assert raised.value.exit_status == 1
    assert line.told.verdicts == ["pass", "reject"]
    assert line.told.events == ["started", "frame_refused", "stopped"]
    with line.stored() as store:
        assert [row.decision.safe for row in store.decisions()] == [False, True]
        assert "black" in store.events(kinds=["stopped"])[0].detail


# what is refused before a line runs


def test_the_decision_of_another_artifact_is_refused_saying_what_differs(line: Line) -> None:
    with pytest.raises(DataError, match=r"decides for artifact fake:float32, this is fake:int8"):
        line.run(Script(line.good), artifact="fake:int8")
    assert not line.home.exists()


def test_thresholds_that_overlap_are_refused(line: Line) -> None:
    path = line.bundle.directory.parent / "tiles.decision.json"  # type: ignore[union-attr]
    whole = json.loads(path.read_text())
    whole["thresholds"] = {"pass_below": 0.9, "reject_from": 0.5}
    whole["sha256"] = _sha256({key: value for key, value in whole.items() if key != "sha256"})
    path.write_text(json.dumps(whole))
    with pytest.raises(DataError, match=r"tiles.decision.json: thresholds overlap: a score from 0.5 to 0.9"):
        line.run(Script(line.good))


def _sha256(content: dict[str, Any]) -> str:
    import hashlib

    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def test_without_a_decision_that_somebody_signed_no_line_runs(line: Line) -> None:
    (line.bundle.directory.parent / "tiles.decision.json").unlink()  # type: ignore[union-attr]
    with pytest.raises(DataError, match="no decision file; 'hemline line tune' writes one"):
        line.run(Script(line.good))


@pytest.mark.parametrize(
    ("keys", "error", "says"),
    [
        ({"trigger": "folder", "frames": 3}, UsageError, "each picture is a part, so frames is 1, not 3"),
        ({"trigger": "knob"}, UsageError, "no trigger 'knob'"),
        ({"trigger": "gpio:17"}, MissingError, "trigger gpio needs: pip install gpiozero"),
        ({"trigger": "http:0.0.0.0:0"}, UsageError, "others can reach it, so it needs a token"),
    ],
)
def test_what_does_not_go_together_is_refused(
    keys: dict[str, Any], error: type[HemlineError], says: str, line: Line
) -> None:
    line.monkeypatch.setitem(sys.modules, "gpiozero", None)
    line.monkeypatch.delenv("HEMLINE_TOKEN", raising=False)
    with pytest.raises(error) as raised:
        line.run(Script(line.good), **keys)
    assert says in str(raised.value)


def test_a_camera_whose_newest_picture_counts_is_no_folder(line: Line, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    assert cv2.imwrite(str(tmp_path / "pictures" / "a.png"), line.good)
    with pytest.raises(UsageError, match="gives its newest picture, so parts would be missed; add every to it"):
        line.run(f"fake://{tmp_path / 'pictures'}?fps=30", trigger="folder")


def test_check_looks_at_everything_and_runs_nothing(
    line: Line, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pictures").mkdir()
    assert cv2.imwrite(str(tmp_path / "pictures" / "a.png"), line.good)
    asked = ["line", "run", f"fake://{tmp_path / 'pictures'}", "--bundle", str(line.bundle.directory)]
    asked += ["--artifact", "fake:float32", "--folder", str(line.home), "--check"]
    assert cli.main(asked) == 0
    out = capsys.readouterr().out
    assert "signed by A. Tester" in out
    assert "which will be made" in out
    assert not line.home.exists()
    assert cli.main([*asked, "--trigger", "knob", "--golden", str(tmp_path), "--artifact", "fake:int8"]) == 2
    err = capsys.readouterr().err
    assert [row.split()[1] for row in err.splitlines() if row.startswith("WRONG")] == ["trigger", "model", "golden"]


# storing


def test_on_a_full_disk_decisions_go_on_safe_and_are_stored_when_there_is_room(line: Line) -> None:
    record, event = LineStore.record, LineStore.event
    full = {"now": False}

    def refuse(method: Callable[..., Any]) -> Callable[..., Any]:
        def maybe(store: LineStore, *given: Any, **named: Any) -> Any:
            if full["now"]:
                raise DiskFullError("cannot save: disk full")
            return method(store, *given, **named)

        return maybe

    line.monkeypatch.setattr(LineStore, "record", refuse(record))
    line.monkeypatch.setattr(LineStore, "event", refuse(event))
    line.monkeypatch.setattr(ledger, "RETRY_S", 0.02)
    line.monkeypatch.setattr(ledger, "STEADY_S", 0.05)

    def change() -> None:
        time.sleep(0.03)
        full["now"] = len(line.told.decisions) in (1, 2, 3)

    line.told.after = change
    line.run(Script(*[line.good] * 6, ends=True))
    assert line.told.verdicts == ["pass", "reject", "reject", "reject", "pass", "pass"]
    numbers = [sequence for _, sequence in line.told.decisions]
    assert numbers[1:4] == [None, None, None]
    assert line.told.events == ["started", "disk_full", "disk_back", "stopped"]
    with line.stored() as store:
        rows = store.decisions()
        assert len(rows) == 6
        held = [row.decision for row in rows if row.decision.safe]
        assert [decision.part for decision in held] == ["script#2", "script#3", "script#4"]
        assert all("could not be stored at 2" in (decision.reason or "") for decision in held)
        assert all("pass by the model" in (decision.reason or "") for decision in held)
        assert [event.kind for event in store.events()] == ["started", "disk_full", "disk_back", "stopped"]


def test_a_disk_on_the_brink_is_one_outage(line: Line) -> None:
    record = LineStore.record

    def brink(store: LineStore, decision: Any, picture: bytes | None = None, *given: Any, **named: Any) -> Any:
        if picture is not None and 1 <= len(line.told.decisions) < 7:
            raise DiskFullError("cannot save: disk full")  # an event fits, a decision without a picture fits
        return record(store, decision, picture, *given, **named)

    line.monkeypatch.setattr(LineStore, "record", brink)
    line.monkeypatch.setattr(ledger, "RETRY_S", 0.0)
    line.run(Script(*[line.good] * 9, ends=True), keep_passed=1)
    assert line.told.verdicts == ["pass", *["reject"] * 6, "pass", "pass"]
    assert line.told.events == ["started", "disk_full", "stopped", "disk_back"]
    assert "6 decisions were held, 0 are lost" in line.told.detail("disk_back")
    with line.stored() as store:
        assert len(store.decisions()) == 9


def test_what_is_held_is_bounded_and_what_goes_over_is_counted(line: Line) -> None:
    record, event, full = LineStore.record, LineStore.event, {"now": False}

    def stuck(method: Callable[..., Any]) -> Callable[..., Any]:
        def maybe(store: LineStore, *given: Any, **named: Any) -> Any:
            if full["now"]:
                raise DataError("attempt to write a readonly database")
            return method(store, *given, **named)

        return maybe

    line.monkeypatch.setattr(LineStore, "record", stuck(record))
    line.monkeypatch.setattr(LineStore, "event", stuck(event))
    line.monkeypatch.setattr(ledger, "HELD", 4)
    line.monkeypatch.setattr(ledger, "RETRY_S", 0.0)

    def change() -> None:
        full["now"] = 1 <= len(line.told.decisions) < 9

    line.told.after = change
    line.run(Script(*[line.good] * 10, ends=True))
    assert "8 decisions were held, 5 are lost" in line.told.detail("store_back")
    with line.stored() as store:
        assert len(store.decisions()) == 5
        assert store.events(kinds=["store_failed"])[0].detail == "attempt to write a readonly database"


def test_a_clock_that_jumps_an_hour_is_an_event_and_the_order_stays(line: Line) -> None:
    ahead = {"s": 0.0}
    line.monkeypatch.setattr(assembly, "ClockWatch", lambda: ClockWatch(wall=lambda: time.time() + ahead["s"]))

    def set_clock() -> None:
        ahead["s"] = -3600.0 if len(line.told.decisions) >= 2 else 20.0

    line.told.after = set_clock
    line.run(Script(*[line.good] * 4, ends=True))
    assert line.told.events == ["started", "clock_jumped", "stopped"]
    assert "by -3,620 s" in line.told.detail("clock_jumped")
    with line.stored() as store:
        numbers = [row.sequence for row in store.decisions()]
        assert numbers == sorted(numbers)


def test_what_was_decided_before_a_restart_is_left_out_unless_it_has_changed(
    line: Line, tmp_path: Path, typed_out: Callable[[Callable[[], bool]], None]
) -> None:
    inbox = tmp_path / "inbox"
    (inbox / "below").mkdir(parents=True)
    for name, picture in (("a.png", line.good), ("b.png", line.bad), ("below/a.png", line.good)):
        assert cv2.imwrite(str(inbox / name), picture)
    line.run(f"inbox:{inbox}?settle=0", limit=3)
    assert [decision.part for decision, _ in line.told.decisions] == ["a.png", "b.png", "below/a.png"]
    time.sleep(0.02)
    assert cv2.imwrite(str(inbox / "b.png"), line.good)  # while the line is down
    assert cv2.imwrite(str(inbox / "c.png"), line.good)
    line.run(f"inbox:{inbox}?settle=0", limit=2)
    assert [decision.part for decision, _ in line.told.decisions[3:]] == ["b.png", "c.png"]


# how it ends


def test_a_source_that_ends_or_gives_up_in_the_middle_of_a_part_leaves_it_no_pass(
    line: Line, keyboard: Callable[[str], None]
) -> None:
    keyboard("1\n")
    line.run(Script(0.05, line.good, ends=True), trigger="keyboard", frames=2)
    assert line.told.verdicts == ["reject"]
    assert "the source has ended" in (line.told.decisions[0][0].reason or "")
    script, gone = Script(0.05, line.good), iter([None, DataError("camera:0: given up after 3 reopenings in a row")])
    poll = script.poll

    def fails(timeout_s: float | None = None) -> Any:
        item = poll(timeout_s)
        if item is None and (error := next(gone, None)) is not None:
            raise error
        return item

    script.poll = fails  # type: ignore[method-assign]
    keyboard("2\n")
    with pytest.raises(DataError, match="given up"):
        line.run(script, trigger="keyboard", frames=2, budget_ms=400)
    assert line.told.verdicts == ["reject", "reject"]
    assert line.told.events[-2:] == ["camera_lost", "stopped"]


def test_a_reader_that_goes_away_ends_no_line(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    out, into = os.pipe()
    with os.fdopen(into, "w") as stream:
        monkeypatch.setattr("sys.stdout", stream)
        printing = Lines(json_lines=False)
        line.told.after = lambda: (
            os.close(out) if len(line.told.decisions) == 2 else None,
            printing.decided(*line.told.decisions[-1]),
        )[1]
        line.run(Script(*[line.good] * 5, ends=True))
    assert line.told.verdicts == ["pass"] * 5


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_line_that_is_ended_finishes_its_part_and_says_so(
    number: signal.Signals, status: int, line: Line, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for name in range(200):
        assert cv2.imwrite(str(inbox / f"{name:03d}.png"), line.good)
    command = [sys.executable, "-m", "hemline", "line", "run", f"inbox:{inbox}?settle=0", "--json"]
    command += ["--bundle", str(line.bundle.directory), "--artifact", "fake:float32", "--folder", str(line.home)]
    with subprocess.Popen([*command, "--budget-ms", "5000"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen = [json.loads(process.stdout.readline()) for _ in range(4)]
        process.send_signal(number)
        seen += [json.loads(row) for row in process.stdout]
    assert process.returncode == status
    assert [row["event"] for row in seen if "event" in row] == ["started", "stopped"]
    assert f"ended by {number.name}" in seen[-1]["detail"]
    told = [row["sequence"] for row in seen if "verdict" in row]
    assert len(told) < 200
    with line.stored() as store:
        assert [row.sequence for row in store.decisions()] == told
        assert store.events()[-1].kind == "stopped"


# systemd


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """Return a function that gives the lines which were sent to NOTIFY_SOCKET until now."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "600000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        lines: list[str] = []

        def received() -> list[str]:
            while True:
                try:
                    lines.extend(listening.recv(4096).decode().splitlines())
                except BlockingIOError:
                    return lines

        yield received


def test_systemd_hears_that_the_line_works_only_after_a_decision_was_stored(
    line: Line, systemd: Callable[[], list[str]]
) -> None:
    before: list[list[str]] = []
    record = LineStore.record

    def slowly(store: LineStore, *given: Any, **named: Any) -> Any:
        before.append(list(systemd()))
        return record(store, *given, **named)

    line.monkeypatch.setattr(LineStore, "record", slowly)
    line.run(Script(line.good, line.bad, ends=True))
    assert before[0][0] == "READY=1"
    assert "WATCHDOG=1" not in before[0]
    assert before[1].count("WATCHDOG=1") == 1
    assert systemd().count("WATCHDOG=1") == 2
    assert "STOPPING=1" in systemd()


def test_while_no_part_comes_a_picture_and_an_answer_are_the_proof(
    line: Line, systemd: Callable[[], list[str]], typed_out: Callable[[Callable[[], bool]], None]
) -> None:
    typed_out(lambda: line.told.events.count("heartbeat") == 2)
    for name in ("PROBE_S", "SLICE_S"):
        line.monkeypatch.setattr(runner, name, 0.02)
    line.run(frames(line.good), trigger="keyboard", heartbeat_s=0.3)
    assert systemd().count("WATCHDOG=1") >= 2
    assert line.told.verdicts == []
    with line.stored() as store:
        assert store.events(kinds=["heartbeat"])[0].detail.startswith("0 parts: ")


@pytest.mark.parametrize("what", ["camera", "model"])
def test_without_a_picture_or_an_answer_systemd_hears_nothing(
    what: str, line: Line, systemd: Callable[[], list[str]], typed_out: Callable[[Callable[[], bool]], None]
) -> None:
    answer, calls = FakeEngine.logits, iter(range(10_000))
    asked: list[int] = []

    def fails(engine: FakeEngine, pixels: np.ndarray) -> np.ndarray:
        asked.append(next(calls))
        if asked[-1] > 0 and what == "model":
            raise RuntimeError("gone")
        return answer(engine, pixels)

    line.monkeypatch.setattr(FakeEngine, "logits", fails)
    for name in ("PROBE_S", "SLICE_S"):
        line.monkeypatch.setattr(runner, name, 0.02)
    started = time.monotonic()
    typed_out(lambda: len(asked) > 3 or (what == "camera" and time.monotonic() - started > 1.0))
    line.run(Script() if what == "camera" else frames(line.good), trigger="keyboard", heartbeat_s=0.1)
    assert "READY=1" in systemd()
    assert "WATCHDOG=1" not in systemd()
    assert line.told.events == ["started", *(["model_failed"] if what == "model" else []), "stopped"]


def test_a_model_that_hangs_is_what_a_watchdog_is_for(
    line: Line, systemd: Callable[[], list[str]], keyboard: Callable[[str], None]
) -> None:
    answer, calls, go = FakeEngine.logits, iter(range(100)), threading.Event()

    def hangs(engine: FakeEngine, pixels: np.ndarray) -> np.ndarray:
        if next(calls) > 0:
            go.wait(20)
        return answer(engine, pixels)

    line.monkeypatch.setattr(FakeEngine, "logits", hangs)
    line.monkeypatch.setattr("hemline.line.deciding.STUCK_S", 0.2)
    line.monkeypatch.setattr(judge, "STUCK_S", 0.2)
    line.told.after = lambda: keyboard("again\n")
    keyboard("first\n")
    line.run(frames(line.good), trigger="keyboard", budget_ms=100, limit=4)
    go.set()
    assert line.told.verdicts == ["reject"] * 4
    assert all(decision.budget_missed for decision, _ in line.told.decisions)
    assert "has not answered one picture for" in line.told.detail("model_failed")
    assert "WATCHDOG=1" not in systemd()


def test_while_a_model_hangs_nothing_piles_up(line: Line) -> None:
    go, begun = threading.Event(), threading.Event()

    def look(frame: Any) -> Any:
        begun.set()
        go.wait(20)
        raise RuntimeError("never mind")

    with judge.Judge(look) as judging:
        frame = judge.Frame("a", line.good, 0.0)
        for _ in range(100):
            judging.ask(frame)
            begun.wait(5)
            with pytest.raises(judge.Fault, match="had not answered"):
                judging.answers(1, 0.0)
        assert len(judging._asked) == 0
        assert judging.stuck_s > 0
        go.set()
