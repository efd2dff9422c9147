"""Which kind of source a text names, its options, and what is said of one that names none."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hemline.errors import DataError, HemlineError, UsageError
from hemline.sources import (
    PREFIXES,
    SOURCES,
    camera,
    fake,
    inbox,
    kind_of,
    open_source,
    rtsp,
    stdin,
    stream,
    video,
)
from hemline.sources.address import Address, taken_apart
from hemline.sources.limits import Limits


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a film, a picture and a folder in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(b"film")
    (tmp_path / "what?.avi").write_bytes(b"film")
    (tmp_path / "photo.JPG").write_bytes(b"picture")
    (tmp_path / "phone").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("camera:0", "camera"),
        ("camera:0?size=640x480", "camera"),
        ("/dev/video7", "camera"),
        ("/dev/null", "camera"),
        ("picamera:1", "picamera"),
        ("rtsp://10.0.0.7/a?b", "rtsp"),
        ("https://10.0.0.7/a", "stream"),
        ("clip.mp4", "video"),
        ("clip.mp4?realtime", "video"),
        ("what?.avi", "video"),
        ("phone", "inbox"),
        ("phone/?new", "inbox"),
        ("inbox:phone", "inbox"),
        ("-", "stdin"),
        ("-?every", "stdin"),
        ("fake://phone?fps=5", "fake"),
    ],
)
def test_a_text_names_a_kind_of_source(text: str, kind: str, here: Path) -> None:
    assert kind_of(text) == kind


@pytest.mark.parametrize(
    ("text", "error", "line"),
    [
        ("clip.mov", DataError, "clip.mov: no such file or directory; a source is camera:0, picamera:0, rtsp://HOST"),
        ("0", DataError, "0: no such file or directory; camera 0 is camera:0"),
        ("photo.JPG", UsageError, "photo.JPG: one picture, not a live source: hemline classify photo.JPG"),
        ("htp://x", UsageError, "no source 'htp://'; nearest: http://; there are fake://, http://"),
        ("nul\0", DataError, "'nul\\x00': embedded null byte"),
    ],
)
def test_a_text_that_names_no_source_is_answered_with_what_would(
    text: str, error: type[HemlineError], line: str, here: Path
) -> None:
    with pytest.raises(error) as caught:
        open_source(text)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_every_prefix_names_a_source_of_the_table() -> None:
    assert set(PREFIXES.values()) <= set(SOURCES)


@pytest.mark.parametrize(
    ("text", "name", "target", "options"),
    [
        ("http://h/p?a=1&b#still", "http://h/p?a=1&b", "http://h/p?a=1&b", {"still": "yes"}),
        ("http://u:p%40x@h/p#deadline=3&every=no", "http://u:***@h/p", "http://u:p%40x@h/p", {}),
        ("rtsp://:secret@h:554/p", "rtsp://:***@h:554/p", "rtsp://:secret@h:554/p", {}),
        ("http://u:sec:ret@h/", "http://u:***@h/", "http://u:sec:ret@h/", {}),
        ("http://h/a:b@c", "http://h/a:b@c", "http://h/a:b@c", {}),
        ("http://h:80/a:b@c", "http://h:80/a:b@c", "http://h:80/a:b@c", {}),
        ("http://[::1]:80/a@c", "http://[::1]:80/a@c", "http://[::1]:80/a@c", {}),
    ],
)
def test_of_a_url_the_options_follow_the_fragment_and_the_password_is_not_shown(
    text: str, name: str, target: str, options: dict[str, str]
) -> None:
    address = taken_apart("stream", text)
    assert (address.name, address.target) == (name, target)
    assert options.items() <= address.options.items()
    assert target in (name, text.partition("#")[0])
    assert not any(secret in repr(address.options) for secret in ("secret", "p%40x"))


@pytest.mark.parametrize("mark", ["/", "?", "#"])
def test_a_password_that_would_be_cut_is_refused_without_being_shown(mark: str) -> None:
    with pytest.raises(UsageError) as caught:
        taken_apart("rtsp", f"rtsp://user:ses{mark}ame@10.0.0.7/stream")
    assert str(caught.value) == "rtsp://: in a password, / is written %2F, ? is %3F and # is %23"


@pytest.mark.parametrize(
    ("parse", "text", "line"),
    [
        (camera.parse, "camera:0?sise=1x1", "camera:0: no option 'sise'; nearest: size; there are deadline, every, "),
        (camera.parse, "camera:0?size=big", "camera:0: size=big; width x height, such as 1280x720"),
        (camera.parse, "camera:0?fps=0", "camera:0: fps=0; a number of 1 to 1000"),
        (camera.parse, "camera:0?fps=nan", "camera:0: fps=nan; a number of 1 to 1000"),
        (camera.parse, "camera:0?format=mjpeg", "camera:0: format=mjpeg; four letters, such as MJPG or YUYV"),
        (camera.parse, "camera:front", "camera:front: a camera is a number or a device, such as camera:0 or /dev/"),
        (camera.parse, "camera:0?fps=1&fps=2", "camera:0: option 'fps' twice in 'fps=1&fps=2'"),
        (camera.parse, "camera:0?=2", "camera:0: option '' without a name in '=2'"),
        (fake.parse, "fake://f?kill=1.5", "fake://f: kill=1.5; a number of 0 to 1"),
        (fake.parse, "fake://f?kill=one", "fake://f: kill=one; a number of 0 to 1"),
        (fake.parse, "fake://f?loop=ever", "fake://f: loop=ever; yes, no, or how often"),
        (fake.parse, "fake://f?stamp=maybe", "fake://f: stamp=maybe; yes or no"),
        (inbox.parse, "inbox:f?deadline=3", "inbox:f: deadline has no meaning for a folder; there are settle, new, "),
        (rtsp.parse, "rtsp://h/#transport=tpc", "rtsp://h/: transport=tpc; one of tcp, udp, http"),
        (stream.parse, "http://:80/", "http://:80/: no such URL; as in http://10.0.0.7:8080/mjpeg"),
        (stream.parse, "http://u:pw@h:port/", "http://u:***@h:port/: no such URL; as in http://10.0.0.7:8080/mjpeg"),
    ],
)
def test_a_wrong_option_is_named_with_what_it_can_be(parse: Callable[[str], Address], text: str, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert str(caught.value).startswith(line)


def test_options_change_the_limits_that_fit_the_kind() -> None:
    assert camera.limits(camera.parse("camera:0")) == Limits()
    film = video.parse("clip.mp4")
    assert video.limits(film).with_options(film) == Limits(still=True, every=True)
    film = video.parse("clip.mp4?realtime&still=no&deadline=3&retries=2&opening=20&pause=1")
    changed = Limits(frame_s=3, opening_s=20, pause_s=1, retries=2, still=False, every=False)
    assert video.limits(film).with_options(film) == changed
    assert rtsp.limits(rtsp.parse("rtsp://h/")).still
    assert fake.limits(fake.parse("fake://f?fps=0")).every
    assert not stdin.limits(stdin.parse("-")).every


def test_the_pause_doubles_up_to_its_limit() -> None:
    assert [Limits().pause(failures) for failures in range(1, 9)] == [0.25, 0.5, 1, 2, 4, 8, 8, 8]
    assert Limits().pause(10**6) == 8


def test_a_live_source_is_one() -> None:
    with pytest.raises(UsageError, match="2 live sources; give one: camera:0, camera:1"):
        camera.connect(["camera:0", "camera:1"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_film_that_may_not_be_read_says_so(here: Path) -> None:
    (here / "clip.mp4").chmod(0)
    with pytest.raises(DataError, match=r"^clip\.mp4: permission denied$"):
        open_source("clip.mp4")
