"""What stands before every page: names, origins, the token, sizes; and how a page begins and ends."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="needs the web extra")
pytest.importorskip("uvicorn", reason="needs the web extra")

import pages
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hemline.errors import MissingError, UsageError
from hemline.web import address, assets, serving
from hemline.web.guard import BODY_BYTES, Guard

TOKEN = "correct-horse-battery"


async def count(request: Request) -> Response:
    return JSONResponse({"bytes": len(await request.body())})


def fail(request: Request) -> Response:
    raise ZeroDivisionError("on purpose")


def site(tmp_path: Path, bound: address.Bound) -> Guard:
    """A page with all that a guard guards."""
    for name, text in (("index.html", "<p>hello"), ("page.css", "p {}")):
        (tmp_path / name).write_text(text)
    routes = [
        *assets.routes(tmp_path / "index.html", [tmp_path / "page.css"]),
        Route("/api/count", count, methods=["GET", "POST"]),
        Route("/api/fail", fail),
    ]
    app = Starlette(routes=routes, exception_handlers={Exception: serving.broken})
    return Guard(app, bound, largest=lambda path: 2**20 if path == "/big" else BODY_BYTES)


@pytest.fixture
def visitor(tmp_path: Path) -> Iterator[pages.Visitor]:
    with (
        address.claim("127.0.0.1:0", option="--host", environment={}) as bound,
        pages.served(site(tmp_path, bound), bound) as visitor,
    ):
        yield visitor


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[pages.Visitor]:
    """As one that others can reach: with a token."""
    with (
        address.claim("0.0.0.0:0", option="--host", token=TOKEN) as bound,
        pages.served(site(tmp_path, bound), bound) as visitor,
    ):
        yield visitor


def test_a_page_is_given_under_the_names_of_this_machine_only(visitor: pages.Visitor) -> None:
    port = visitor.port
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"LocalHost:{port}", f"[::1]:{port}", "localhost:9000"):
        assert visitor.get("/", Host=host).status == 200, host
    for host in (f"evil.example:{port}", "127.0.0.1.evil.example", "10.0.0.7", "", "localhost@evil.example", "a b"):
        answer = visitor.get("/", Host=host)
        assert answer.status in (400, 421), host
        assert b"hello" not in answer.body
    answer = visitor.get("/api/count", Host="evil.example")
    assert "is not the name of this page; open http://127.0.0.1:" in answer.error


def test_a_request_with_two_hosts_or_none_is_refused(visitor: pages.Visitor) -> None:
    for lines in ("Host: localhost\r\nHost: evil.example\r\n", ""):
        with socket.create_connection(("127.0.0.1", visitor.port), 60) as raw:
            raw.sendall(f"GET / HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
            answer = b""
            while part := raw.recv(4096):
                answer += part
        assert re.match(rb"HTTP/1.1 4\d\d ", answer)
        assert b"hello" not in answer


def test_what_another_page_sends_changes_nothing(visitor: pages.Visitor) -> None:
    own = f"http://{visitor.host}"
    good = [{"Origin": own}, {"Sec_Fetch_Site": "same-origin"}, {"Origin": own, "Sec_Fetch_Site": "same-origin"}, {}]
    bad = [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://localhost:{visitor.port + 1}"},
        {"Origin": own, "Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "none"},
    ]
    for headers in good:
        assert visitor.ask("POST", "/api/count", b"x", **headers).json == {"bytes": 1}
    for headers in bad:
        answer = visitor.ask("POST", "/api/count", b"x", **headers)
        assert answer.status == 403, headers
        assert "changes are made from this one" in answer.error


def test_another_page_can_lead_here_but_not_show_what_is_here(visitor: pages.Visitor) -> None:
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert visitor.get("/", **link).status == 200
    assert visitor.get("/", Sec_Fetch_Site="none").status == 200
    for mode, dest in (("no-cors", "image"), ("no-cors", "script"), ("navigate", "iframe"), ("cors", "empty")):
        answer = visitor.get("/api/count", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode=mode, Sec_Fetch_Dest=dest)
        assert answer.status == 403, dest


def test_every_answer_says_what_a_browser_may_do_with_it(visitor: pages.Visitor) -> None:
    for answer in (visitor.get("/"), visitor.get("/api/count"), visitor.get("/nowhere"), visitor.get("/", Host="evil")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers
    assert visitor.get("/api/count").headers["cache-control"] == "no-store"


def test_a_file_is_sent_once_and_then_only_its_hash(visitor: pages.Visitor) -> None:
    first = visitor.get("/assets/page.css")
    assert (first.status, first.headers["content-type"]) == (200, "text/css; charset=utf-8")
    again = visitor.get("/assets/page.css", If_None_Match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert visitor.get("/assets/../page.css").status == 404
    assert visitor.get("/assets/%2e%2e%2fpage.css").status == 404


def test_a_body_is_read_up_to_its_cap(visitor: pages.Visitor) -> None:
    own = {"Origin": f"http://{visitor.host}"}
    assert visitor.ask("POST", "/api/count", b"x" * BODY_BYTES, **own).json == {"bytes": BODY_BYTES}
    answer = visitor.ask("POST", "/api/count", b"x" * (BODY_BYTES + 1), **own)
    assert answer.status == 413
    assert answer.error == "larger than 64 KiB, which is the most that is taken here"


def test_a_body_without_a_length_is_counted_while_it_comes(visitor: pages.Visitor) -> None:
    with socket.create_connection(("127.0.0.1", visitor.port), 60) as raw:
        head = f"POST /api/count HTTP/1.1\r\nHost: {visitor.host}\r\nTransfer-Encoding: chunked\r\n\r\n"
        raw.sendall(head.encode() + b"".join(b"1000\r\n" + b"x" * 4096 + b"\r\n" for _ in range(17)))
        assert raw.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_a_bug_is_told_to_the_browser_and_its_traceback_to_the_terminal(
    visitor: pages.Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    answer = visitor.get("/api/fail")
    assert answer.status == 500
    assert answer.error.startswith("a bug in hemline: ZeroDivisionError")
    end = time.monotonic() + 60
    while "on purpose" not in caplog.text and time.monotonic() < end:
        time.sleep(0.05)
    assert "on purpose" in caplog.text


def test_without_the_token_nothing_is_given_but_the_question_for_it(locked: pages.Visitor) -> None:
    page = locked.get("/")
    assert page.status == 401
    assert b"hello" not in page.body
    assert b'name="token"' in page.body
    assert locked.get("/assets/page.css").status == 200
    assert locked.get("/api/count").error == "the token is missing or wrong; open the page and give it"
    wrong = locked.get("/?token=guess")
    assert wrong.status == 401
    assert b"That is not the token" in wrong.body
    assert locked.get("/", Authorization="Bearer guess").status == 401
    assert locked.get("/", Cookie=f"hemline-{locked.port}=guess").status == 401
    assert locked.get("/", Cookie=f"hemline-{locked.port}={TOKEN}").status == 401


def test_the_token_in_the_address_becomes_a_cookie_once(locked: pages.Visitor) -> None:
    answer = locked.get(f"/?view=1&token={TOKEN}")
    assert answer.status == 200
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    assert answer.headers["refresh"] == "0; url=/?view=1"
    kept = cookie.partition(";")[0]
    assert locked.get("/", Cookie=f'strange="; other; {kept}').body == b"<p>hello"
    assert locked.post("/api/count", Cookie=kept).status == 200
    assert locked.post("/api/count", Cookie=kept, Origin="http://evil.example").status == 403
    assert locked.get("/", Authorization=f"Bearer {TOKEN}").status == 200
    assert locked.ask("POST", f"/api/count?token={TOKEN}", b"").status == 401


def test_the_token_leads_to_no_other_host(locked: pages.Visitor) -> None:
    for path in ("//evil.example/", "/%5cevil.example/", "///evil.example"):
        answer = locked.get(f"{path}?token={TOKEN}")
        assert not re.search(r"url=(//|/\\|http)", answer.headers.get("refresh", ""))
        assert "\n" not in answer.headers.get("refresh", "")


def test_an_address_that_others_reach_needs_a_token() -> None:
    for host in ("0.0.0.0:0", "[::]:0"):
        with pytest.raises(
            UsageError, match=r"--host .*: others can reach it, so it needs a token: --token \S{22}, or"
        ):
            address.claim(host, option="--host", environment={})
    with pytest.raises(UsageError, match=r"--token: 5 characters; give at least 12"):
        address.claim("127.0.0.1:0", option="--host", token="short")
    with address.claim("0.0.0.0:0", option="--host", environment={"HEMLINE_TOKEN": TOKEN}) as bound:
        assert bound.token == TOKEN
        for host in ("192.168.1.7:80", "localhost", socket.gethostname(), "[fe80::1]"):
            assert bound.answers_to(host), host
        assert not bound.answers_to("evil.example")


@pytest.mark.parametrize("text", ["", "8377", "localhost", "a:b", "127.0.0.1:99999", "http://localhost:80", "::1:80"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="give HOST:PORT, such as"):
        address.claim(text, option="--serve", environment={})


def test_a_port_that_is_taken_is_said_with_what_to_do() -> None:
    with address.claim("127.0.0.1:0", option="--serve", environment={}) as bound:
        with pytest.raises(MissingError) as caught:
            address.claim(f"127.0.0.1:{bound.port}", option="--serve", environment={})
        assert "address already in use; end what uses it, or give another: --serve 127.0.0.1:0" in str(caught.value)
        assert caught.value.exit_status == 3
    with pytest.raises(MissingError, match="no address of that name"):
        address.claim("no.such.host.invalid:80", option="--serve", environment={})


def test_a_port_is_free_again_when_its_page_has_ended(tmp_path: Path) -> None:
    with (
        address.claim("127.0.0.1:0", option="--host", environment={}) as bound,
        pages.served(site(tmp_path, bound), bound) as visitor,
    ):
        assert visitor.get("/").status == 200
    with address.claim(f"127.0.0.1:{bound.port}", option="--host", environment={}) as again:
        assert again.port == bound.port


SERVE = """
import sys
from pathlib import Path
from hemline.web import address, assets, serving
from hemline.web.guard import Guard
from starlette.applications import Starlette
ending = serving.Ending()
with address.claim("127.0.0.1:0", option="--host", environment={}) as bound:
    app = Starlette(routes=assets.routes(Path(sys.argv[1]), []))
    with serving.Serving(Guard(app, bound), bound, ending):
        try:  # the signal may come as soon as the page is announced
            serving.announce("a page", bound)
            ending.wait()
        except KeyboardInterrupt:
            sys.exit(130)
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_a_page_though_a_browser_is_connected(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    (tmp_path / "index.html").write_text("<p>hello")
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(tmp_path / "index.html")], stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            found = re.search(r"a page at http://127\.0\.0\.1:(\d+)/; ctrl-C ends it", line)
            assert found, line
            with socket.create_connection(("127.0.0.1", int(found[1])), 60):
                process.send_signal(number)
                assert process.wait(60) == status
            assert process.stderr.read() == ""
        finally:
            process.kill()


def test_a_failure_elsewhere_ends_the_wait() -> None:
    ending = serving.Ending()
    threading.Timer(0.05, ending.end, [MissingError("the camera is gone for good")]).start()
    with pytest.raises(MissingError, match="gone for good"):
        ending.wait()
    assert ending.over


def test_refusals_of_the_api_are_json(visitor: pages.Visitor) -> None:
    answer = visitor.get("/api/count", Host="evil.example")
    assert answer.headers["content-type"] == "application/json"
    assert set(json.loads(answer.body)) == {"error"}
