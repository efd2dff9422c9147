"""The laws of a live source, over every kind that runs without hardware, and what becomes of each fault."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice, pairwise
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from hemline.errors import DataError, HemlineError, PictureError
from hemline.sources import Item, LiveSource, connect, live, open_source, stamp

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "prove_capture.py"
KINDS = ("fake", "every", "video", "realtime", "stream", "stdin", "inbox")
BACKGROUND = np.full((96, 160, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def proof() -> ModuleType:
    """The module scripts/prove_capture.py: its MJPEG server, and the proof itself."""
    specification = importlib.util.spec_from_file_location("prove_capture", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["prove_capture"] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of three pictures."""
    made = tmp_path / "pictures"
    made.mkdir()
    for index in range(3):
        assert cv2.imwrite(str(made / f"{index}.png"), np.full_like(BACKGROUND, 60 + index))
    return made


@contextmanager
def fed_stdin(frames: int, pause_s: float) -> Iterator[None]:
    """Put a pipe in place of standard input, into which a thread writes stamped frames."""
    kept, (out, into) = os.dup(0), os.pipe()
    os.dup2(out, 0)

    def write() -> None:
        with suppress(BrokenPipeError), os.fdopen(into, "wb", buffering=0) as pipe:
            for number in range(1, frames + 1):
                pipe.write(stamp.encoded(BACKGROUND, number, time.monotonic_ns()))
                time.sleep(pause_s)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(out)
        thread.join()


@pytest.fixture
def opened(tmp_path: Path, folder: Path, proof: ModuleType) -> Iterator[Callable[[str], LiveSource]]:
    """Return a function that opens a live source of a kind."""
    with ExitStack() as stack:

        def make(kind: str) -> LiveSource:
            if kind == "stream":
                server = stack.enter_context(proof.MjpegServer().running())
                return stack.enter_context(open_source(server.url))
            if kind == "stdin":
                stack.enter_context(fed_stdin(400, 0.02))
                return stack.enter_context(open_source("-"))
            if kind in ("video", "realtime"):
                clip = tmp_path / "clip.avi"
                writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"MJPG"), 25, (160, 96))
                for number in range(1, 41):
                    writer.write(stamp.draw(BACKGROUND, number, 0))
                writer.release()
                return stack.enter_context(open_source(f"{clip}?realtime" if kind == "realtime" else str(clip)))
            texts = {
                "fake": f"fake://{folder}?fps=30&stamp",
                "every": f"fake://{folder}?fps=0&stamp",
                "inbox": f"inbox:{folder}?settle=0.1",
            }
            return stack.enter_context(open_source(texts[kind]))

        yield make


def handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(reached: Callable[[], object], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if reached():
            return True
        time.sleep(0.02)
    return False


def frames(source: LiveSource, count: int) -> list[Item]:
    """The next frames; faults are left out."""
    return list(islice((item for item in source if not isinstance(item.content, PictureError)), count))


def fault(source: LiveSource) -> str:
    """The line of the next fault."""
    item = next(item for item in source if isinstance(item.content, PictureError))
    assert (item.captured_ns, item.sequence) == (None, None)
    line = str(item.content)
    assert "\n" not in line
    return line


@pytest.mark.parametrize("kind", KINDS)
def test_a_live_source_gives_new_pictures_in_order_and_leaves_nothing_behind(
    kind: str, opened: Callable[[str], LiveSource]
) -> None:
    before, shared = handles(), set(Path("/dev/shm").iterdir())
    source = opened(kind)
    assert isinstance(source.__enter__(), type(source))
    items = frames(source, 3)
    assert len({item.source for item in items}) == 3
    assert all(item.picture().shape == BACKGROUND.shape for item in items)
    if kind != "inbox":  # its pictures are files, they were captured elsewhere
        sequence = [item.sequence for item in items]
        captured = [item.captured_ns for item in items]
        assert sequence == sorted(set(sequence))  # type: ignore[type-var]
        assert captured == sorted(set(captured))  # type: ignore[type-var]
        assert all(item.source.endswith(f"#{item.sequence}") for item in items)
        numbers = [stamp.read(item.picture()) for item in items]
        assert all(a is not None and b is not None and a[0] < b[0] for a, b in pairwise(numbers))
        assert time.monotonic_ns() > items[-1].captured_ns  # type: ignore[operator]
    assert set(Path("/dev/shm").iterdir()) == shared
    pid = getattr(source, "pid", None)
    source.close()
    source.close()
    assert source.ended
    assert source.poll() is None
    assert list(source) == []
    assert pid is None or not Path(f"/proc/{pid}").exists()
    if kind not in ("stream", "stdin"):  # those have a server, a pipe of the test still open
        assert handles() == before


@pytest.mark.parametrize("kind", ["fake", "inbox"])
def test_who_waits_for_a_picture_can_be_woken(kind: str, opened: Callable[[str], LiveSource], folder: Path) -> None:
    source = opened(kind)
    frames(source, 3)
    if kind == "fake":
        os.kill(source.pid, signal.SIGSTOP)  # type: ignore[attr-defined]
        frames(source, 0)
    started = time.monotonic()
    got: list[Item] = []
    waiter = threading.Thread(target=lambda: got.extend(source))
    waiter.start()
    time.sleep(0.1)
    source.close()
    waiter.join(10)
    assert not waiter.is_alive()
    assert time.monotonic() - started < 10


def test_poll_does_not_wait_longer_than_it_is_told(folder: Path) -> None:
    with open_source(f"fake://{folder}?fps=1&deadline=5") as source:
        assert source.poll(60) is not None
        started = time.monotonic()
        assert source.poll(0) is None
        assert source.poll(0.05) is None
        assert time.monotonic() - started < 0.9
        assert source.poll(60) is not None


def test_the_newest_frame_wins_and_the_others_are_counted(folder: Path) -> None:
    with open_source(f"fake://{folder}?fps=50&stamp") as source:
        first = frames(source, 1)[0]
        time.sleep(0.6)
        second = frames(source, 1)[0]
        assert first.sequence is not None
        assert second.sequence is not None
        assert second.sequence - first.sequence > 5
        number = stamp.read(second.picture())
        assert number is not None
        assert time.monotonic_ns() - number[1] < 500e6
        assert source.statistics().skipped >= second.sequence - first.sequence - 1  # type: ignore[attr-defined]


def test_where_every_frame_counts_none_is_left_out_and_bad_ones_are_said(folder: Path) -> None:
    with open_source(f"fake://{folder}?fps=0&loop=4&garbage=5&half=7&drop=8&kill=10") as source:
        contents = [item.content for item in source]
        assert source.ended
        found = source.statistics()  # type: ignore[attr-defined]
    errors = [str(content) for content in contents if isinstance(content, PictureError)]
    assert len(errors) == 3
    assert errors[0].startswith(f"fake://{folder}: ")
    assert "PNG truncated" in errors[1]
    assert errors[2].startswith(f"fake://{folder}: the capture process died (signal 9); reopening in 0.25 s")
    # the pictures took turns: of twelve, these four are missing
    shown = [int(content[0, 0, 0]) - 60 for content in contents if isinstance(content, np.ndarray)]
    assert shown == [(number - 1) % 3 for number in range(1, 13) if number not in (5, 7, 8, 10)]
    assert (found.frames, found.refused, found.skipped, dict(found.faults)) == (8, 2, 0, {"died": 1})


def test_what_ends_ends_the_iteration(folder: Path) -> None:
    with open_source(f"fake://{folder}?fps=0&loop=no") as source:
        assert len(list(source)) == 3
        assert source.ended
        assert list(source) == []


@pytest.mark.parametrize(
    ("options", "kind", "line"),
    [
        ("kill=5", "died", "the capture process died (signal 9); reopening in 0.25 s"),
        ("stall=5", "late", "no frame for "),
        ("freeze=5", "frozen", "times the same picture bit for bit; a source that shows stills says so with the "),
        ("disconnect=5", "lost", "disconnected at frame 5; reopening in 0.25 s"),
        ("half=" + ",".join(map(str, range(5, 100))), "refused", "refused; "),
    ],
    ids=["kill", "stall", "freeze", "disconnect", "half"],
)
def test_a_fault_is_said_once_and_the_source_comes_back(options: str, kind: str, line: str, folder: Path) -> None:
    with open_source(f"fake://{folder}?fps=20&stamp&deadline=1.5&{options}") as source:
        said = fault(source)
        assert said.startswith(f"fake://{folder}: ")
        assert line in said
        assert said.endswith("; reopening in 0.25 s")
        numbers = [stamp.read(item.picture()) for item in frames(source, 3)]
        found = source.statistics()  # type: ignore[attr-defined]
    assert numbers == sorted(numbers)  # type: ignore[type-var]
    assert numbers[0] is not None
    assert numbers[0][0] > 5
    assert dict(found.faults) == {kind: 1}
    assert found.reopenings == 1
    assert found.frames >= 3


def test_bad_frames_among_good_ones_are_counted_and_stop_nothing(folder: Path) -> None:
    with open_source(f"fake://{folder}?fps=30&stamp&garbage=0.3&half=0.3&drop=0.1&seed=4") as source:
        assert all(stamp.read(item.picture()) for item in frames(source, 20))
        found = source.statistics()  # type: ignore[attr-defined]
    assert found.refused > 5
    assert (found.reopenings, dict(found.faults)) == (0, {})


def test_an_old_frame_is_never_given_as_new(folder: Path) -> None:
    with open_source(f"fake://{folder}?fps=20&stamp&deadline=1.5&stall=40&pause=0.05") as source:
        frames(source, 2)
        time.sleep(5)  # frame 39 waits in the capture process since 3 s
        item = source.poll(60)
        assert item is not None
        assert isinstance(item.content, PictureError)
        assert "no frame for " in str(item.content)
        after = stamp.read(frames(source, 1)[0].picture())
    assert after is not None
    assert after[0] > 40


def test_a_capture_process_that_does_not_answer_is_killed(folder: Path) -> None:
    with open_source(f"fake://{folder}?fps=20&deadline=0.5") as source:
        frames(source, 2)
        pid = source.pid  # type: ignore[attr-defined]
        os.kill(pid, signal.SIGSTOP)
        assert "the capture process does not answer; reopening in 0.25 s" in fault(source)
        assert not Path(f"/proc/{pid}").exists()
        assert len(frames(source, 2)) == 2


def test_an_outage_is_reported_once_a_kind_and_given_up_after_the_retries(folder: Path) -> None:
    lines = []
    with open_source(f"fake://{folder}?fps=20&pause=0.05&retries=3") as source:
        frames(source, 2)
        shutil.rmtree(folder)
        os.kill(source.pid, signal.SIGKILL)  # type: ignore[attr-defined]
        with pytest.raises(DataError) as caught:
            lines += [str(item.content) for item in source if isinstance(item.content, PictureError)]
        assert source.ended
        found = source.statistics()  # type: ignore[attr-defined]
    assert str(caught.value).endswith("given up after 3 reopenings in a row")
    assert dict(found.faults) == {"died": 1, "unopened": 3}


def test_a_picture_that_stands_still_is_one_frame_unless_the_source_says_so(
    proof: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    still = stamp.encoded(BACKGROUND, 1, 1)
    monkeypatch.setattr(proof.stamp, "encoded", lambda *arguments: still)
    with proof.MjpegServer().running() as server:
        with open_source(f"{server.url}#deadline=0.6") as source:
            assert len(frames(source, 1)) == 1
            assert "frozen, " in fault(source)
        with open_source(f"{server.url}#deadline=0.6&still") as source:
            assert len(frames(source, 5)) == 5


@pytest.mark.parametrize("injected", ["drip", "disconnect", "half", "garbage"])
@pytest.mark.parametrize("lengths", [True, False])
def test_a_stream_that_fails_is_noticed_and_comes_back(injected: str, lengths: bool, proof: ModuleType) -> None:
    with (
        proof.MjpegServer(lengths=lengths).running() as server,
        open_source(f"{server.url}#deadline=1.5") as source,
    ):
        frames(source, 2)
        server.inject = injected
        if injected in ("drip", "disconnect"):
            expected = {"drip": "no frame for", "disconnect": "the server has ended the stream"}[injected]
            assert expected in fault(source)
        assert until(lambda: frames(source, 1) and not server.inject)
        numbers = [stamp.read(item.picture()) for item in frames(source, 5)]
        found = source.statistics()  # type: ignore[attr-defined]
    assert None not in numbers
    assert numbers == sorted(numbers)  # type: ignore[type-var]
    assert found.reopenings == (injected in ("drip", "disconnect"))
    assert injected in ("drip", "disconnect") or found.refused >= 1


def test_altered_pixels_that_the_decoder_would_guess_are_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (96, 160, 3), np.uint8)
    good = bytearray(cv2.imencode(".jpg", noise)[1].tobytes())
    cut = bytes(good[: len(good) // 2]) + b"\xff\xd9"  # an end marker, and half of the pixels: decoders fill it in
    (tmp_path / "a.jpg").write_bytes(bytes(good))
    (tmp_path / "b.jpg").write_bytes(cut)
    with open_source(f"fake://{tmp_path}?fps=0&loop=no") as source:
        first, second = source
    assert isinstance(first.content, np.ndarray)
    assert isinstance(second.content, PictureError)
    assert "damaged: the decoder says: " in str(second.content)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("fake://nowhere", "fake://nowhere: no folder nowhere"),
        ("fake://.", ".: no picture in this folder or below it; looked for .bmp, .jpeg, .jpg, .png, .webp"),
        ("inbox:nowhere", "nowhere: no such file or directory"),
        ("film.avi", "film.avi: no video that FFmpeg can read"),
        ("empty.avi", "empty.avi: empty (0 bytes)"),
        ("http://127.0.0.1:1/", "http://127.0.0.1:1/: connection refused"),
        ("rtsp://u:secret@127.0.0.1:1/", "rtsp://u:***@127.0.0.1:1/: no stream there; is it on, is the path right, "),
    ],
)
def test_what_cannot_be_opened_at_first_raises(
    text: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film.avi").write_bytes(b"no film at all" * 100)
    (tmp_path / "empty.avi").touch()
    before = handles()
    with pytest.raises(HemlineError) as caught:
        open_source(text)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
    assert handles() == before


def test_a_camera_that_opens_and_gives_nothing_raises_after_the_opening_deadline(folder: Path) -> None:
    with pytest.raises(DataError) as caught:
        open_source(f"fake://{folder}?stall=1&opening=2.5")
    assert str(caught.value) == f"fake://{folder}: no frame within 2.5 s of opening"


def test_a_film_that_was_cut_off_says_where(tmp_path: Path) -> None:
    clip = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"MJPG"), 25, (160, 96))
    for number in range(1, 41):
        writer.write(stamp.draw(BACKGROUND, number, 0))
    writer.release()
    data = clip.read_bytes()
    clip.write_bytes(data[: len(data) // 2])
    with open_source(str(clip)) as source:
        contents = [item.content for item in source]
    good = [content for content in contents if isinstance(content, np.ndarray)]
    assert 5 < len(good) < 35
    assert isinstance(contents[-1], PictureError)
    assert f"ends after frame {len(good):,} of 40" in str(contents[-1])


PARENT = """
    import sys, time
    from hemline.sources import open_source
    with open_source(sys.argv[1]) as source:
        for item in source:
            print(source.pid, item.sequence, flush=True)
"""


def parent(text: str, stderr: int | None = None) -> subprocess.Popen[str]:
    """Start a process that reads a live source and prints the id of its capture process."""
    words = [sys.executable, "-c", textwrap.dedent(PARENT), text]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=stderr, text=True, start_new_session=True)


@pytest.mark.parametrize("stuck", [False, True], ids=["working", "stuck"])
def test_the_capture_process_dies_with_its_parent_whatever_it_is_doing(stuck: bool, folder: Path) -> None:
    # stalled, its reading thread sleeps; the deadline does not come meanwhile
    options = "&stall=4&deadline=600" if stuck else ""
    with parent(f"fake://{folder}?fps=30{options}") as process:
        assert process.stdout is not None
        child = int(process.stdout.readline().split()[0])
        time.sleep(0.3)
        process.kill()
        process.wait()
        assert until(lambda: not alive(child))


def test_ctrl_c_ends_both_processes_and_only_the_parent_says_something(folder: Path) -> None:
    with parent(f"fake://{folder}?fps=30", stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline().split()[0])
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: both get it
        _, said = process.communicate(timeout=30)
    assert process.returncode in (-signal.SIGINT, 130, 1)
    assert said.count("Traceback") == 1
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert until(lambda: not alive(child))


def test_no_password_stands_in_the_list_of_processes(proof: ModuleType) -> None:
    with proof.MjpegServer().running() as server:
        url = server.url.replace("http://", "http://user:sesame@")
        with open_source(url) as source:
            item = frames(source, 1)[0]
            words = Path(f"/proc/{source.pid}/cmdline").read_bytes()  # type: ignore[attr-defined]
            environment = Path(f"/proc/{source.pid}/environ").read_bytes()  # type: ignore[attr-defined]
    assert b"sesame" not in words + environment
    assert item.source == f"{server.url.replace('http://', 'http://user:***@')}#{item.sequence}"


def test_a_bug_in_a_reader_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = (
        "from hemline.sources.fake import *\ndef shots(address, notebook):\n    raise KeyError('left out')\n    yield\n"
    )
    (tmp_path / "broken_reader.py").write_text(broken)
    monkeypatch.syspath_prepend(tmp_path)  # the capture process sees the same modules
    with pytest.raises(DataError) as caught:
        live.connect("broken_reader", [f"fake://{folder}"])
    assert str(caught.value).endswith("the capture process died (status 1: KeyError: 'left out')")


def test_sources_are_connected_by_kind_too(folder: Path) -> None:
    with connect("fake", [f"fake://{folder}?fps=0&loop=no"]) as source:
        assert len(list(source)) == 3


@pytest.mark.slow
def test_forty_faults_are_recovered_from_and_no_stale_frame_is_given(proof: ModuleType) -> None:
    assert proof.main(["--faults", "40", "--seconds", "400"]) == 0
