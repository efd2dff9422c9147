"""The page of a watched source: what it shows, and that nobody who looks can slow it down."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="needs the web extra")
pytest.importorskip("uvicorn", reason="needs the web extra")

import pages

from hemline import image
from hemline.bundle import Bundle
from hemline.classifier import Classifier
from hemline.errors import DataError, PictureError
from hemline.sources import Item, open_source
from hemline.watch import page
from hemline.watch.live import LiveView
from hemline.watch.watcher import Watcher
from hemline.web import address


class Camera:
    """A live source that gives what a test puts in; an error is raised."""

    name = "camera:0"

    def __init__(self) -> None:
        self.ended = False
        self._items: list[Item | Exception] = []
        self._more = threading.Condition()
        self.taken = 0

    def give(self, *items: Item | Exception) -> None:
        with self._more:
            self._items += items
            self._more.notify()

    def poll(self, timeout_s: float | None = None) -> Item | None:
        with self._more:
            if not self._items:
                self._more.wait(timeout_s)
            if not self._items:
                return None
            item = self._items.pop(0)
            self.taken += 1
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        self.ended = True

    def __iter__(self) -> Iterator[Item]:
        return iter(())

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def frame(number: int = 1, label: int = 0) -> Item:
    return Item(f"camera:0#{number}", pages.taken(label, seed=3), time.monotonic_ns(), number)


FAULT = Item("camera:0", PictureError("camera:0: no frame for 1.5 s; reopening in 0.5 s"))


@contextmanager
def watched(bundle: Bundle, camera: Camera, **given: object) -> Iterator[tuple[pages.Visitor, LiveView]]:
    with (
        address.claim("127.0.0.1:0", option="--serve", environment={}) as bound,
        Classifier.open(bundle, artifact="fake:float32", top=1000) as classifier,
    ):
        view = LiveView(camera, Watcher(camera, classifier), name=camera.name, **given)  # type: ignore[arg-type]
        with pages.served(page.application(view, bound), bound) as visitor, view:
            yield visitor, view


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_the_page_and_its_files_are_given(fake_bundle: Callable[..., Bundle]) -> None:
    with watched(fake_bundle(), Camera()) as (visitor, _):
        html = visitor.get("/").body.decode()
        assert '<script type="module" src="/assets/watch.js">' in html
        for name in ("page.css", "parts.css", "live.css", "live.js", "dom.js", "watch.js"):
            assert visitor.get(f"/assets/{name}").status == 200, name


def test_no_page_holds_script_or_style_that_its_policy_forbids() -> None:
    root = Path(page.__file__).parent.parent
    for path in (root / "watch" / "static" / "index.html", root / "wardrobe" / "page" / "static" / "index.html"):
        text = path.read_text()
        assert "<style" not in text
        assert " style=" not in text
        assert not re.search(r"<[^>]+ on[a-z]+=", text)
        assert text.count("<script") == text.count('<script type="module" src="/assets/')
    for path in root.glob("**/static/*.js"):
        text = path.read_text()
        for forbidden in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "http://",
            "https://",
        ):
            assert forbidden not in text, (path.name, forbidden)


def test_what_is_seen_is_told_with_confidence_quality_and_rates(fake_bundle: Callable[..., Bundle]) -> None:
    camera = Camera()
    with watched(fake_bundle(), camera) as (visitor, _):
        before = visitor.get("/api/live").json
        assert (before["state"], before["age_s"]) == ("waiting", None)
        assert visitor.get("/api/live/frame").status == 404
        camera.give(frame(7))
        until(lambda: visitor.get("/api/live").json["state"] == "live")
        facts = visitor.get("/api/live").json
        assert facts["frame"] == 1
        assert facts["answer"]["source"] == "camera:0#7"
        assert facts["answer"]["label"] in ("shirt", "trouser", "shoe")
        assert len(facts["answer"]["top"]) == 3
        assert {"fps", "frame_ms", "still", "sharp", "steady", "ready"} <= facts.keys()
        picture = visitor.get("/api/live/frame")
        assert picture.headers["content-type"] == "image/jpeg"
        assert picture.headers["cache-control"] == "no-store"
        assert image.decode(picture.body).shape == (320, 240, 3)


def test_a_lost_camera_is_told_as_such_until_a_frame_has_come(fake_bundle: Callable[..., Bundle]) -> None:
    camera = Camera()
    with watched(fake_bundle(), camera) as (visitor, view):
        camera.give(frame(1), FAULT)
        until(lambda: view.facts()["state"] == "lost")
        assert visitor.get("/api/live").json["fault"] == "camera:0: no frame for 1.5 s; reopening in 0.5 s"
        with pytest.raises(PictureError, match="reopening in"):
            view.now()
        camera.give(frame(2))
        until(lambda: view.facts()["state"] == "live")
        assert visitor.get("/api/live").json["fault"] is None


def test_a_picture_is_not_of_now_when_it_is_old(
    fake_bundle: Callable[..., Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = Camera()
    monkeypatch.setattr("hemline.watch.live.CURRENT_S", 0.0)
    with watched(fake_bundle(), camera) as (_, view):
        with pytest.raises(PictureError, match="no picture yet"):
            view.now()
        camera.give(frame(1))
        until(lambda: view.view.item is not None)
        with pytest.raises(PictureError, match=r"no new picture for \d+\.\d s"):
            view.now()
    with watched(fake_bundle("other"), camera, still=True) as (_, view):
        camera.give(frame(2))
        until(lambda: view.view.item is not None)
        assert view.now()[0].source == "camera:0#2"


def test_events_tell_the_newest_and_go_on_without_frames(fake_bundle: Callable[..., Bundle]) -> None:
    camera = Camera()
    with watched(fake_bundle(), camera) as (visitor, _):
        events = visitor.events()
        assert next(events)["state"] == "waiting"
        camera.give(*(frame(number) for number in range(1, 6)))
        numbers = []
        while not numbers or numbers[-1] < 5:
            facts = next(events)
            numbers += [facts["frame"]] if "frame" in facts else []
        assert numbers == sorted(numbers)
        assert next(events)["frame"] == 5, "a tick, though nothing came"
        events.close()


def test_a_client_that_never_reads_holds_nobody_up(fake_bundle: Callable[..., Bundle]) -> None:
    camera = Camera()
    with watched(fake_bundle(), camera) as (visitor, view):
        deaf = [visitor.deaf("/api/events") for _ in range(3)]
        try:
            camera.give(*(frame(number) for number in range(1, 31)))
            until(lambda: camera.taken == 30)
            until(lambda: view.facts().get("frame") == 30)
            assert visitor.get("/api/live").json["frame"] == 30
            events = visitor.events()
            assert next(events)["frame"] == 30
            events.close()
        finally:
            for connection in deaf:
                connection.close()


def test_two_browsers_see_the_same_picture_that_is_drawn_once(
    fake_bundle: Callable[..., Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    encode, first = image.jpeg, frame(1)
    monkeypatch.setattr("hemline.image.jpeg", lambda *given: drawn.append(1) or encode(*given))
    camera = Camera()
    with watched(fake_bundle(), camera) as (visitor, view):
        camera.give(first)
        until(lambda: view.jpeg() is not None)
        assert visitor.get("/api/live/frame").body == visitor.get("/api/live/frame").body
        assert len(drawn) == 1


def test_more_browsers_than_there_is_room_for_are_told(
    fake_bundle: Callable[..., Bundle], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "MOST_STREAMS", 1)
    with watched(fake_bundle(), Camera()) as (visitor, _):
        events = visitor.events()
        next(events)
        refused = visitor.get("/api/events")
        assert refused.status == 503
        assert refused.error == "1 browsers are watching already; close one"
        events.close()
        until(lambda: _again(visitor))


def _again(visitor: pages.Visitor) -> bool:
    events = visitor.events()
    try:
        return bool(next(events))
    except AssertionError:
        return False
    finally:
        events.close()


def test_a_source_that_is_given_up_ends_the_page_with_its_error(fake_bundle: Callable[..., Bundle]) -> None:
    camera, failures = Camera(), []
    with watched(fake_bundle(), camera, failed=failures.append) as (visitor, view):
        camera.give(frame(1), DataError("camera:0: given up after 3 reopenings in a row"))
        until(lambda: failures)
        facts = visitor.get("/api/live").json
        assert (facts["state"], facts["fault"]) == ("ended", "camera:0: given up after 3 reopenings in a row")
        with pytest.raises(PictureError, match="given up"):
            view.now()


def test_a_film_that_is_over_stays_on_the_page(fake_bundle: Callable[..., Bundle]) -> None:
    camera = Camera()
    with watched(fake_bundle(), camera) as (visitor, view):
        camera.give(frame(1))
        until(lambda: view.view.item is not None)
        camera.close()
        until(lambda: view.view.over)
        facts = visitor.get("/api/live").json
        assert (facts["state"], facts["fault"], facts["frame"]) == ("ended", None, 1)
        assert visitor.get("/api/live/frame").status == 200


def test_a_real_capture_process_is_seen_and_left_behind_by_nobody(
    fake_bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    folder = pages.film(tmp_path / "film", 0, 1)
    with (
        open_source(f"fake://{folder}?fps=20&stall=4&deadline=1") as camera,
        watched(fake_bundle(), camera) as (visitor, _),  # type: ignore[arg-type]
    ):
        states = set()
        events = visitor.events()
        while not {"live", "lost"} <= states:
            states.add(next(events)["state"])
        while next(events)["state"] != "live":
            pass
        events.close()
