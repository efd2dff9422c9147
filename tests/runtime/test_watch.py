from __future__ import annotations

import io
import json
from collections.abc import Iterator

import numpy as np
import pytest

from hemline.classifier import Classifier
from hemline.drawn import LABELS
from hemline.drawn.photo import empty, photo
from hemline.errors import PictureError
from hemline.prediction import Result
from hemline.sources import Item
from hemline.watch.consensus import LEAST, Consensus
from hemline.watch.scene import SceneWatch
from hemline.watch.screen import Screen, line, view
from hemline.watch.watcher import Observation, Watcher

COAT = LABELS.index("Coat")


def result(label: str | None, share: float = 0.9, quality: str = "good", other: str = "b") -> Result:
    top = () if quality == "bad" else ((label or "a", share), (other, 1 - share))
    why = None if quality == "good" else "a reason"
    return Result("s", label, share if label else 0.0, quality, why, top, "fake:float32", "x@1")


def noisy(picture: np.ndarray, seed: int, amount: float = 2.0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, amount, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


class Frames:
    """Frames that came at 10 a second."""

    ended = False

    def __init__(self, frames: list[np.ndarray | PictureError]) -> None:
        self._frames = frames

    def __iter__(self) -> Iterator[Item]:
        for number, frame in enumerate(self._frames):
            yield Item(f"frames#{number}", frame)


# consensus


def test_nothing_is_said_before_there_are_enough_frames() -> None:
    consensus = Consensus(0.5)
    said = [consensus.update(result("a"), number / 30) for number in range(LEAST)]
    assert said[:-1] == [None] * (LEAST - 1)
    assert said[-1] is not None
    assert (said[-1].label, said[-1].quality) == ("a", "good")


def test_one_frame_that_sees_it_otherwise_changes_nothing() -> None:
    consensus = Consensus(0.5)
    for number in range(9):
        said = consensus.update(result("b" if number == 4 else "a", other="a" if number == 4 else "b"), number / 30)
    assert said is not None
    assert (said.label, said.quality) == ("a", "good")
    assert said.top[0][0] == "a"
    assert sum(share for _, share in said.top) == pytest.approx(1)


def test_frames_that_do_not_agree_are_uncertain() -> None:
    consensus = Consensus(0.5)
    for number in range(10):
        said = consensus.update(result("ab"[number % 2], other="ba"[number % 2]), number / 30)
    assert said is not None
    assert said.quality == "uncertain"
    assert said.reason == "5 of 10 frames agree"


def test_a_confidence_below_that_of_a_good_answer_is_uncertain() -> None:
    consensus = Consensus(0.8)
    for number in range(5):
        said = consensus.update(result("a", 0.7), number / 30)
    assert said is not None
    assert said.reason == "mean confidence 0.700 is below 0.800"


@pytest.mark.parametrize(("quality", "label"), [("bad", None), ("uncertain", None)])
def test_most_frames_without_a_label_have_none(quality: str, label: str | None) -> None:
    consensus = Consensus(0.5)
    for number in range(6):
        said = consensus.update(result("a") if number < 2 else result(label, quality=quality), number / 30)
    assert said is not None
    assert said.label is None
    assert said.quality == quality


def test_frames_older_than_the_window_are_forgotten() -> None:
    consensus = Consensus(0.5, window_s=1.0)
    for number in range(10):
        consensus.update(result("a"), number / 30)
    for number in range(3):
        said = consensus.update(result("b", other="a"), 5 + number / 30)
    assert said is not None
    assert (said.label, said.quality) == ("b", "good")


# scene


def test_a_scene_is_still_after_a_while_and_moves_when_it_moves() -> None:
    watch, still = SceneWatch(), photo(COAT, seed=1)[0]
    scenes = [watch.update(noisy(still, number), number / 10) for number in range(10)]
    assert scenes[0].changed
    assert not scenes[1].still
    assert scenes[-1].still
    assert not any(scene.changed for scene in scenes[1:])
    other = watch.update(photo(COAT, seed=2, cloth="yellow", floor="sheet")[0], 1.1)
    assert other.changed
    assert not other.still


def test_a_blurred_frame_is_not_sharp() -> None:
    import cv2

    watch, sharp = SceneWatch(), photo(COAT, seed=3)[0]
    assert watch.update(sharp, 0.0).sharp
    assert not watch.update(np.asarray(cv2.GaussianBlur(sharp, (0, 0), 4), np.uint8), 0.1).sharp
    assert watch.update(sharp, 0.2).sharp


def test_a_camera_that_adjusts_its_exposure_does_not_move() -> None:
    watch, picture = SceneWatch(), np.full((120, 160, 3), 100, np.uint8)
    watch.update(picture, 0.0)
    assert watch.update(picture + 15, 0.1).motion < 1


# watcher


def seen(frames: list[np.ndarray | PictureError], monkeypatch: pytest.MonkeyPatch) -> list[Observation]:
    times = iter(np.arange(10_000) / 20)  # two clock reads a frame: 10 frames a second
    monkeypatch.setattr("hemline.watch.watcher.time.monotonic", lambda: float(next(times)))
    with Classifier.open("fashion-nano", top=10) as classifier:
        return list(Watcher(Frames(frames), classifier))  # type: ignore[arg-type]


def test_one_scene_is_ready_once_and_a_new_one_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (photo(COAT, seed=seed, floor="sheet", share=0.8)[0] for seed in (4, 5))
    second = np.ascontiguousarray(255 - second)
    frames = [noisy(first, number) for number in range(15)] + [noisy(second, number) for number in range(15)]
    rows = seen(frames, monkeypatch)
    ready = [row.number for row in rows if row.ready]
    assert len([number for number in ready if number <= 15]) <= 1
    assert len([number for number in ready if number > 15]) <= 1
    assert all(row.steady is not None and row.scene is not None and row.scene.still for row in rows if row.ready)


def test_a_lost_camera_is_an_observation_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = photo(COAT, seed=6)[0]
    rows = seen([picture, PictureError("camera:0: no frame for 1.5 s"), picture], monkeypatch)
    assert rows[1].picture is None
    assert rows[1].result.quality == "bad"
    assert rows[1].result.reason == "camera:0: no frame for 1.5 s"
    assert rows[2].steady is None  # what came before the fault says nothing


def test_an_observation_is_one_line_of_json(monkeypatch: pytest.MonkeyPatch) -> None:
    row = json.loads(json.dumps(seen([photo(COAT, seed=7)[0]], monkeypatch)[0].as_dict(2)))
    assert {"schema", "label", "quality", "frame", "steady", "scene", "ready", "fps", "frame_ms"} <= set(row)
    assert len(row["top"]) == 2


# screen


def observation(picture: np.ndarray | None) -> Observation:
    return Observation(1, "camera:0#1", picture, result("Coat"), fps=12.3, frame_ms=40)


@pytest.mark.parametrize(("columns", "rows"), [(40, 10), (80, 24), (200, 60), (20, 3)])
def test_a_view_fits_the_terminal(columns: int, rows: int) -> None:
    import re

    lines = view(observation(empty("wood", seed=1)), "camera:0", columns, rows)
    assert len(lines) < max(rows, 2)
    for text in lines:
        assert len(re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", text)) <= max(columns, 40)


def test_without_colour_no_escape_is_written() -> None:
    assert "\x1b" not in "".join(view(observation(empty("wood", seed=1)), "camera:0", 80, 24, colours=False))


def test_a_screen_is_not_drawn_more_often_than_a_network_carries() -> None:
    stream = io.StringIO()
    with Screen(stream, name="camera:0") as screen:
        screen.show(observation(None), 1.0)
        drawn = len(stream.getvalue())
        screen.show(observation(None), 1.05)
        assert len(stream.getvalue()) == drawn
        screen.show(observation(None), 1.2)
        assert len(stream.getvalue()) > drawn
    assert stream.getvalue().endswith("\x1b[?25h\n")


def test_a_line_says_label_quality_and_why() -> None:
    assert line(result(None, quality="uncertain"), observation(None)).split()[:3] == ["unknown", "0.000", "uncertain"]
    assert line(result(None, quality="bad"), observation(None)).endswith("(a reason)")
