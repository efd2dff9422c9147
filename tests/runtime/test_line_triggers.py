"""What says that a part is there: each kind of trigger, without a line around it."""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest
from lines import Script, part

from hemline.errors import MissingError, PictureError, UsageError
from hemline.line import triggers
from hemline.line.camera import Camera, Frame
from hemline.line.decision import Decision
from hemline.line.faults import Ended, Fault, States
from hemline.line.triggers import Part, Settings, Staying
from hemline.line.triggers import http as posted
from hemline.line.triggers.change import Change
from hemline.line.triggers.folder import Folder
from hemline.line.triggers.http import Http
from hemline.line.triggers.keyboard import Keyboard

PASSED = Decision(part="A-1", verdict="pass", score=0.25, label="free", confidence=0.75)


def camera(script: Script, *, inbox: bool = False) -> Camera:
    return Camera(script, script.name, States(lambda *_: None), inbox=inbox)


def part_of(trigger: triggers.Trigger, patience_s: float = 5.0) -> Part:
    """Return the next part of a trigger."""
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        found = trigger.wait(0.05)
        if isinstance(found, Part):
            return found
    raise AssertionError("no part")


# names


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        (
            "folders",
            UsageError,
            "trigger folders: no trigger 'folders'; nearest: folder; there are change, folder, gpio",
        ),
        ("gpio", UsageError, "trigger gpio:: give the number of a pin, such as gpio:17"),
        ("gpio:17?low", UsageError, "give the number of a pin"),
        ("http:nowhere", UsageError, "trigger http: nowhere: give HOST:PORT"),
        ("http:0.0.0.0:8380", UsageError, "others can reach it, so it needs a token"),
        ("keyboard:x", UsageError, "keyboard has nothing after it"),
        ("folder:x", UsageError, "the folder is the source: hemline line run x"),
        ("change:no-such.png", UsageError, "the picture of the empty place: no-such.png: no such file or directory"),
    ],
)
def test_a_trigger_that_cannot_be_is_refused(
    text: str, error: type[Exception], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HEMLINE_TOKEN", raising=False)
    with pytest.raises(error) as raised:
        triggers.check(text)
    assert says in str(raised.value)


@pytest.mark.parametrize("name", triggers.TRIGGERS)
def test_every_trigger_of_the_table_is_a_module_with_check_and_open(name: str) -> None:
    module = triggers.module_of(name)
    assert callable(module.check)
    assert callable(module.open)


def test_a_folder_of_pictures_has_its_own_trigger() -> None:
    assert (triggers.default("inbox"), triggers.default("camera")) == ("folder", "change")


# keyboard


def test_a_line_is_a_part_and_what_was_typed_is_its_id() -> None:
    out, into = os.pipe()
    try:
        keyboard = Keyboard(out, Settings(run="r"))
        assert keyboard.wait(0) is None
        os.write(into, b"\nA-17\r\nB")
        at = time.monotonic()
        first, second = part_of(keyboard), part_of(keyboard)
        assert (first.id, second.id) == ("r-1", "A-17")
        assert first.at == second.at == pytest.approx(at, abs=0.5)
        assert keyboard.wait(0.01) is None
        os.close(into)
        assert part_of(keyboard).id == "B"  # without its end: it was typed all the same
        with pytest.raises(Ended, match="standard input has ended"):
            keyboard.wait(0.01)
    finally:
        os.close(out)


# folder


def test_each_picture_is_a_part_and_what_is_none_is_a_part_without_an_answer() -> None:
    script = Script(part(1), PictureError("script: no whole picture"), part(2), ends=True)
    trigger = Folder(camera(script), Settings())
    first, second, third = (part_of(trigger) for _ in range(3))
    assert (first.id, third.id) == ("script#1", "script#2")
    assert first.frame is not None
    assert first.at == first.frame.at
    assert second.fault is not None
    assert second.frame is None
    assert "no whole picture" in second.fault.reason
    with pytest.raises(Ended, match="the source has ended"):
        trigger.wait(0.01)


def test_a_folder_that_is_away_is_no_part() -> None:
    trigger = Folder(camera(Script(PictureError("script: no such file or directory; waiting")), inbox=True), Settings())
    with pytest.raises(Fault, match="waiting"):
        trigger.wait(0.1)


# change


class Film:
    """A camera whose frames came at the times that they say, 25 a second; nobody waits for them."""

    inbox = False

    def __init__(self, *pictures: np.ndarray, each: int = 12, moving: int = 4) -> None:
        """Each picture moves in from the side and then stands, with the noise of a sensor."""
        random = np.random.default_rng(1)
        shifts = [*range(8 * moving, 0, -8), *[0] * each]
        moved = [np.roll(picture, shift, axis=1) for picture in pictures for shift in shifts]
        noisy = [np.clip(frame + random.normal(0, 1.5, frame.shape), 0, 255).astype(np.uint8) for frame in moved]
        self._frames = iter([Frame(f"film#{n}", frame, 100 + n / 25) for n, frame in enumerate(noisy)])

    def poll(self, timeout_s: float) -> Frame:
        frame = next(self._frames, None)
        if frame is None:
            raise Ended("film: the source has ended")
        return frame


def change(film: Film, settings: Settings, *, empty: np.ndarray | None = None) -> Change:
    return Change(film, settings, empty=empty)  # type: ignore[arg-type]


def all_of(trigger: triggers.Trigger) -> list[Part | Staying]:
    found = []
    try:
        while True:
            if (sign := trigger.wait(0.2)) is not None:
                found.append(sign)
    except Ended:
        return found


EMPTY = np.full((120, 160, 3), 90, np.uint8)


def with_part(left: int, level: int = 200, size: int = 14) -> np.ndarray:
    """The place with a part that covers 1 % of it."""
    picture = EMPTY.copy()
    picture[50 : 50 + size, left : left + size] = level
    return picture


def test_a_part_that_comes_to_rest_is_given_once_however_small_it_is(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "empty.png"), EMPTY)
    empty = cv2.imread(str(tmp_path / "empty.png"))
    trigger = change(Film(EMPTY, with_part(60), EMPTY, with_part(90)), Settings(run="r"), empty=empty)
    found = all_of(trigger)
    assert [getattr(sign, "id", None) for sign in found] == ["r-1", "r-2"]
    assert all(isinstance(sign, Part) and sign.frame is not None for sign in found)
    assert found[0].frame.picture[57, 67, 0] > 150  # type: ignore[union-attr]


def test_without_a_picture_of_the_empty_place_it_is_a_scene_like_any_other() -> None:
    found = all_of(change(Film(EMPTY, with_part(60)), Settings()))
    assert [type(sign) for sign in found] == [Part, Part]


def test_a_part_that_never_leaves_is_told_once_and_not_decided_again() -> None:
    found = all_of(change(Film(with_part(60), each=60), Settings(stays_s=1)))
    assert [type(sign) for sign in found] == [Part, Staying]
    assert found[1] == Staying("the part has not left for 1 s; it is decided once")


# gpio


class Button:
    """gpiozero's, as far as a line knows it."""

    made: ClassVar[list[Button]] = []

    def __init__(self, pin: int, *, pull_up: bool, bounce_time: float) -> None:
        if pin == 99:
            raise ValueError("no pin 99")
        self.pin, self.pull_up, self.is_pressed, self.closed = pin, pull_up, False, False
        self.when_pressed: Callable[[], None] = lambda: None
        self.made.append(self)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> list[Button]:
    module = ModuleType("gpiozero")
    module.Button = Button  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gpiozero", module)
    Button.made.clear()
    return Button.made


def test_a_sensor_on_a_pin_is_a_part_with_the_time_at_which_it_was_seen(pins: list[Button]) -> None:
    with triggers.open_trigger("gpio:17", camera(Script()), Settings(stays_s=0.1, run="r")) as trigger:
        (button,) = pins
        assert (button.pin, button.pull_up) == (17, True)
        at = time.monotonic()
        button.is_pressed = True
        button.when_pressed()
        time.sleep(0.15)  # the line is busy with the part before it
        found = part_of(trigger)
        assert found.id == "r-1"
        assert found.at - at < 0.1
        assert isinstance(trigger.wait(0.01), Staying)
        assert trigger.wait(0.01) is None
    assert button.closed


def test_a_pin_that_cannot_be_had_and_a_library_that_is_not_here_are_said(
    pins: list[Button], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MissingError, match="trigger gpio:99: no pin 99"):
        triggers.open_trigger("gpio:99", camera(Script()), Settings())
    with triggers.open_trigger("gpio:4?high", camera(Script()), Settings()):
        assert not pins[-1].pull_up
    monkeypatch.setitem(sys.modules, "gpiozero", None)
    with pytest.raises(MissingError, match="pip install gpiozero"):
        triggers.check("gpio:4")


# http


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[Http]:
    monkeypatch.delenv("HEMLINE_TOKEN", raising=False)
    with posted.open("127.0.0.1:0", camera(Script()), Settings(run="r")) as trigger:
        yield trigger


def post(
    trigger: Http, body: str = "", *, path: str = "/part", method: str = "POST", **headers: str
) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", trigger.bound.port, timeout=20)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


class Posting(threading.Thread):
    """A post that waits for its decision."""

    def __init__(self, trigger: Http, body: str = "") -> None:
        super().__init__()
        self._trigger, self._body = trigger, body
        self.answer: tuple[int, dict[str, Any]] = (0, {})
        self.start()

    def run(self) -> None:
        self.answer = post(self._trigger, self._body)


def test_a_post_is_a_part_and_its_answer_is_the_decision(listening: Http) -> None:
    posting = Posting(listening, '{"id": "A-1"}')
    found = part_of(listening)
    assert found.id == "A-1"
    assert posting.is_alive()  # no answer before there is a decision
    assert found.tell is not None
    found.tell(PASSED, 17)
    posting.join(20)
    status, body = posting.answer
    assert status == 200
    assert (body["sequence"], body["verdict"], body["score"], body["part"]) == (17, "pass", 0.25, "A-1")


def test_what_is_not_stored_is_no_200_and_who_waits_when_the_line_ends_has_no_decision(listening: Http) -> None:
    first = Posting(listening)
    found = part_of(listening)
    assert found.id == "r-1"
    assert found.tell is not None
    found.tell(Decision(part="r-1", verdict="reject", safe=True), None)
    first.join(20)
    assert first.answer[0] == 507
    assert first.answer[1]["verdict"] == "reject"
    second = Posting(listening)
    part_of(listening)
    listening.close()
    second.join(20)
    assert second.answer == (503, {"error": "the line has ended; this part has no decision"})


@pytest.mark.parametrize(
    ("given", "status", "says"),
    [
        ({"method": "GET"}, 405, "parts are posted"),
        ({"path": "/"}, 404, "posted to /part"),
        ({"body": "17"}, 400, 'the body is empty or {"id": "..."}'),
        ({"body": '{"name": "x"}'}, 400, "the body is empty"),
        ({"body": json.dumps({"id": "x" * 201})}, 400, "at most 200 printable characters"),
        ({"body": json.dumps({"id": "a\nb"})}, 400, "printable"),
        ({"body": "x" * 5000}, 400, "at most 4096 bytes"),
        ({"Host": "elsewhere:80"}, 421, "not the name of this line"),
        ({"Origin": "http://evil.example"}, 403, "sent by a page in a browser"),
        ({"Sec-Fetch-Site": "cross-site"}, 403, "sent by a page in a browser"),
    ],
)
def test_what_is_no_part_is_refused_and_is_none(given: dict[str, str], status: int, says: str, listening: Http) -> None:
    found, body = post(listening, **given)
    assert found == status
    assert says in body["error"]
    assert listening.wait(0) is None


def test_who_can_be_reached_by_others_asks_for_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEMLINE_TOKEN", "a-token-of-its-own")
    monkeypatch.setattr(posted, "WRONG_S", 0.0)
    with posted.open("127.0.0.1:0", camera(Script()), Settings()) as trigger:
        assert post(trigger)[0] == 401
        assert post(trigger, Authorization="Bearer wrong")[0] == 401
        assert post(trigger, "17", Authorization="Bearer a-token-of-its-own")[0] == 400


def test_no_more_parts_wait_than_there_is_room_for(listening: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posted, "MOST_WAITING", 1)
    first = Posting(listening)
    found = part_of(listening)
    status, body = post(listening)
    assert status == 503
    assert "no decision" in body["error"]
    assert found.tell is not None
    found.tell(PASSED, 1)
    first.join(20)
    assert first.answer[0] == 200
