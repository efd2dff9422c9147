"""Downloading, against real servers on this machine: whole, broken off, silent, wrong, and resumed."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hemline.datasets.fetch import Remote, Transfer, fetch
from hemline.errors import DatasetError, UsageError

BODY = bytes(range(256)) * 1200  # 307,200 bytes: several chunks
SMALL = b"labels"
FILES = (
    Remote("images.gz", len(BODY), hashlib.md5(BODY).hexdigest()),
    Remote("labels.gz", len(SMALL), hashlib.md5(SMALL).hexdigest()),
)


@dataclass
class Manners:
    """How a server behaves."""

    ranges: bool = True
    bodies: dict[str, bytes] = field(default_factory=lambda: {"images.gz": BODY, "labels.gz": SMALL})
    drop_after: int | None = None  # bytes of an answer, then the connection is cut
    drops: int = 10**9  # how many answers are cut
    stall_after: int | None = None  # bytes of an answer, then silence
    lengths: bool = True
    status: int = 200
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # (name, Range) in order
    done: threading.Event = field(default_factory=threading.Event)


Serve = Callable[[Manners], str]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start servers with given manners; return the address of each."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with contextlib.ExitStack() as stack:

        def start(manners: Manners) -> str:
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    answer(self, manners)

                def log_message(self, *_: object) -> None:
                    pass

            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            stack.callback(manners.done.set)
            return f"http://127.0.0.1:{server.server_port}/data"

        yield start


def answer(handler: BaseHTTPRequestHandler, manners: Manners) -> None:
    name, asked = handler.path.removeprefix("/data/"), handler.headers["Range"]
    manners.asked.append((name, asked))
    if manners.status != 200:
        handler.send_error(manners.status)
        return
    body = manners.bodies[name]
    start = 0
    if asked and manners.ranges:
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
    else:
        handler.send_response(200)
    if manners.lengths:
        handler.send_header("Content-Length", str(len(body) - start))
    handler.end_headers()
    part = body[start:]
    with contextlib.suppress(ConnectionError):  # the client may have seen enough
        if manners.stall_after is not None:
            handler.wfile.write(part[: manners.stall_after])
            manners.done.wait(5)
        elif manners.drop_after is not None and manners.drops > 0:
            manners.drops -= 1
            handler.wfile.write(part[: manners.drop_after])
        else:
            handler.wfile.write(part)


def to(*urls: str, **changes: object) -> Transfer:
    return Transfer(urls=urls, timeout_s=0.3, pause_s=0, **changes)  # type: ignore[arg-type]


def whole(folder: Path) -> bool:
    """Say whether the folder holds the two files and nothing else."""
    names = sorted(path.name for path in folder.iterdir())
    return (
        names == ["images.gz", "labels.gz"]
        and (folder / "images.gz").read_bytes() == BODY
        and (folder / "labels.gz").read_bytes() == SMALL
    )


def test_files_arrive_whole_and_are_not_asked_for_again(tmp_path: Path, serve: Serve) -> None:
    manners = Manners()
    url = serve(manners)
    assert fetch(tmp_path / "new" / "set", FILES, transfer=to(url)) == ["images.gz", "labels.gz"]
    assert whole(tmp_path / "new" / "set")
    assert manners.asked == [("images.gz", None), ("labels.gz", None)]
    assert fetch(tmp_path / "new" / "set", FILES, transfer=to(url + "/")) == []
    assert len(manners.asked) == 2


def test_progress_runs_from_nothing_to_all_of_each_file(tmp_path: Path, serve: Serve) -> None:
    seen: list[tuple[str, int, int]] = []
    fetch(tmp_path, FILES, transfer=to(serve(Manners()), progress=lambda *step: seen.append(step)))
    images = [done for name, done, total in seen if name == "images.gz" and total == len(BODY)]
    assert (images[0], images[-1]) == (0, len(BODY))
    assert images == sorted(images)
    assert len(images) > 3


def test_a_download_broken_off_midway_is_gone_on_with(tmp_path: Path, serve: Serve) -> None:
    manners = Manners(drop_after=100_000, drops=2)
    notes: list[str] = []
    fetch(tmp_path, FILES, transfer=to(serve(manners), note=notes.append))
    assert whole(tmp_path)
    assert manners.asked[:3] == [("images.gz", None), ("images.gz", "bytes=100000-"), ("images.gz", "bytes=200000-")]
    assert "broke off after 100,000 of 307,200 bytes; trying again" in notes[0]


def test_what_an_earlier_fetch_left_is_not_downloaded_again(tmp_path: Path, serve: Serve) -> None:
    manners = Manners(drop_after=1000)
    with pytest.raises(DatasetError, match=r"images\.gz could not be fetched: 127\.0\.0\.1:\d+ broke off"):
        fetch(tmp_path, FILES, transfer=to(serve(manners)))
    assert [path.name for path in tmp_path.iterdir()] == ["images.gz.part"]
    left = (tmp_path / "images.gz.part").stat().st_size
    assert left == 3000  # three attempts
    good = Manners()
    fetch(tmp_path, FILES, transfer=to(serve(good)))
    assert whole(tmp_path)
    assert good.asked[0] == ("images.gz", "bytes=3000-")


def test_an_interrupt_leaves_a_part_that_resumes(tmp_path: Path, serve: Serve) -> None:
    def interrupt(name: str, done: int, total: int) -> None:
        if done > 100_000:
            raise KeyboardInterrupt

    manners = Manners()
    url = serve(manners)
    with pytest.raises(KeyboardInterrupt):
        fetch(tmp_path, FILES, transfer=to(url, progress=interrupt))
    assert [path.name for path in tmp_path.iterdir()] == ["images.gz.part"]
    left = (tmp_path / "images.gz.part").stat().st_size
    assert 100_000 < left < len(BODY)
    fetch(tmp_path, FILES, transfer=to(url))
    assert whole(tmp_path)
    assert manners.asked[1] == ("images.gz", f"bytes={left}-")


def test_a_server_without_ranges_starts_again(tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "images.gz.part").write_bytes(BODY[:5000])
    fetch(tmp_path, FILES, transfer=to(serve(Manners(ranges=False))))
    assert whole(tmp_path)


def test_a_whole_part_only_needs_its_name(tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "images.gz.part").write_bytes(BODY)
    manners = Manners()
    fetch(tmp_path, FILES, transfer=to(serve(manners)))
    assert whole(tmp_path)
    assert [name for name, _ in manners.asked] == ["labels.gz"]


@pytest.mark.parametrize("left", [b"x" * 5000, b"x" * len(BODY), b"x" * (len(BODY) + 5)])
def test_a_part_with_wrong_bytes_is_thrown_away_and_fetched_once_more(
    tmp_path: Path, serve: Serve, left: bytes
) -> None:
    (tmp_path / "images.gz.part").write_bytes(left)
    fetch(tmp_path, FILES, transfer=to(serve(Manners())))
    assert whole(tmp_path)


def test_wrong_bytes_never_take_the_final_name(tmp_path: Path, serve: Serve) -> None:
    wrong = bytes(len(BODY))
    manners = Manners(bodies={"images.gz": wrong, "labels.gz": SMALL})
    with pytest.raises(DatasetError) as caught:
        fetch(tmp_path, FILES, transfer=to(serve(manners)))
    assert f"wrong MD5 {hashlib.md5(wrong).hexdigest()}, expected {FILES[0].md5}" in str(caught.value)
    assert "--data PATH or set HEMLINE_DATA" in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert len(manners.asked) == 1


def test_a_sign_in_page_does_not_cost_what_was_downloaded(tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "images.gz.part").write_bytes(BODY[:5000])
    page = Manners(ranges=False, bodies={"images.gz": b"<html>please pay</html>"})
    with pytest.raises(DatasetError, match="offers 23 bytes, expected 307200"):
        fetch(tmp_path, FILES, transfer=to(serve(page)))
    assert (tmp_path / "images.gz.part").read_bytes() == BODY[:5000]


def test_a_server_that_never_ends_is_cut_off_at_the_size_of_the_file(tmp_path: Path, serve: Serve) -> None:
    endless = Manners(lengths=False, bodies={"images.gz": BODY + bytes(10**6), "labels.gz": SMALL})
    fetch(tmp_path, FILES, transfer=to(serve(endless)))
    assert whole(tmp_path)


def test_the_next_address_is_tried_when_one_fails(tmp_path: Path, serve: Serve) -> None:
    missing, wrong, good = Manners(status=404), Manners(bodies={"images.gz": bytes(len(BODY))}), Manners()
    fetch(tmp_path, FILES[:1], transfer=to(serve(missing), serve(wrong), serve(good)))
    assert (tmp_path / "images.gz").read_bytes() == BODY
    assert [len(manners.asked) for manners in (missing, wrong, good)] == [1, 1, 1]


def test_a_silent_server_is_given_up(tmp_path: Path, serve: Serve) -> None:
    manners = Manners(stall_after=1000)
    with pytest.raises(DatasetError, match=r"was silent for 0\.05 s"):
        fetch(tmp_path, FILES, transfer=Transfer(urls=(serve(manners),), timeout_s=0.05, pause_s=0, attempts=2))
    assert (tmp_path / "images.gz.part").stat().st_size == 2000


def test_a_server_in_trouble_is_asked_again_and_one_without_the_file_is_not(tmp_path: Path, serve: Serve) -> None:
    for status, times in ((503, 3), (404, 1)):
        manners = Manners(status=status)
        with pytest.raises(DatasetError, match=f"answers {status}"):
            fetch(tmp_path, FILES, transfer=to(serve(manners)))
        assert len(manners.asked) == times
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_the_way_round_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        port = server.server_port
    with pytest.raises(DatasetError) as caught:  # nobody listens any more
        fetch(tmp_path, FILES, transfer=to(f"http://127.0.0.1:{port}"))
    assert str(caught.value) == (
        f"images.gz could not be fetched: 127.0.0.1:{port} failed: connection refused; "
        "try again, or copy the files from elsewhere and give --data PATH or set HEMLINE_DATA"
    )


def test_a_damaged_file_under_the_final_name_is_replaced(tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "images.gz").write_bytes(b"damaged")
    notes: list[str] = []
    assert "images.gz" in fetch(tmp_path, FILES, transfer=to(serve(Manners()), note=notes.append))
    assert whole(tmp_path)
    assert "images.gz: wrong MD5; fetching it again" in notes[0]


def test_two_fetches_do_not_write_one_file(tmp_path: Path, serve: Serve) -> None:
    url = serve(Manners())
    refused: list[str] = []

    def second(name: str, done: int, total: int) -> None:
        if not refused:
            with pytest.raises(DatasetError) as caught:
                fetch(tmp_path, FILES, transfer=to(url))
            refused.append(str(caught.value))

    fetch(tmp_path, FILES, transfer=to(url, progress=second))
    assert whole(tmp_path)
    assert "images.gz.part: another fetch is writing it" in refused[0]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatasetError, match=r"file/set: not a directory"):
        fetch(tmp_path / "file" / "set", FILES)


@pytest.mark.parametrize("url", ["file:///etc", "ftp://127.0.0.1/x", "127.0.0.1/x"])
def test_only_web_addresses_are_opened(url: str) -> None:
    with pytest.raises(UsageError, match="not a web address"):
        Transfer(urls=(url,))
