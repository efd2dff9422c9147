"""Streams of the network: what servers answer, and an RTSP camera made of a socket."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from hemline.errors import DataError
from hemline.sources import open_source, stamp, stream
from hemline.sources.shot import Shot

PICTURE = stamp.encoded(np.full((96, 160, 3), 90, np.uint8), 1, 2)


@contextmanager
def server(respond: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """Serve whatever `respond` writes; the value is the URL."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            respond(self)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}/mjpeg"
        finally:
            http.shutdown()
            thread.join()


def sending(kind: str, body: bytes, status: int = 200) -> Callable[[BaseHTTPRequestHandler], None]:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.end_headers()
        handler.wfile.write(body)

    return respond


def first(url: str) -> bytes:
    """The first picture of a stream, read in this process."""
    with closing(stream.shots(stream.parse(url), None)) as shots:  # type: ignore[arg-type, type-var]
        shot = next(shots)
    assert isinstance(shot, Shot)
    assert isinstance(shot.content, bytes)
    return shot.content


def refusal(url: str) -> str:
    with pytest.raises(DataError) as caught:
        list(stream.shots(stream.parse(url), None))  # type: ignore[arg-type]
    return str(caught.value).removeprefix(f"{stream.parse(url).name}: ")


@pytest.mark.parametrize("kind", ["multipart/x-mixed-replace;boundary=b", 'Multipart/Mixed; BOUNDARY="--b"'])
def test_the_declared_boundary_is_used(kind: str) -> None:
    with server(sending(kind, b"--b\r\n\r\n" + PICTURE + b"\r\n--b")) as url:
        assert first(url) == PICTURE


@pytest.mark.parametrize("kind", ["video/x-motion-jpeg", "video/mjpeg", "application/octet-stream"])
def test_pictures_without_boundaries_are_read_too(kind: str) -> None:
    with server(sending(kind, PICTURE * 3)) as url:
        assert first(url) == PICTURE


@pytest.mark.parametrize(
    ("kind", "status", "line"),
    [
        ("text/html", 200, "no MJPEG stream: the server sends 'text/html'; expected multipart/x-mixed-replace"),
        ("image/jpeg", 200, "no MJPEG stream: the server sends 'image/jpeg'; expected multipart/x-mixed-replace"),
        ("text/html", 404, "the server says 404 Not Found; is the path right?"),
        ("text/html", 503, "the server says 503 Service Unavailable"),
        ("multipart/x-mixed-replace; boundary=b", 200, "the server has ended the stream"),
    ],
)
def test_what_is_no_stream_is_named(kind: str, status: int, line: str) -> None:
    with server(sending(kind, b"<html>", status)) as url:
        assert refusal(url) == line


def test_a_password_is_sent_when_it_is_asked_for_and_asked_for_when_it_is_missing() -> None:
    expected = "Basic " + base64.b64encode(b"user:open sesame").decode()

    def respond(handler: BaseHTTPRequestHandler) -> None:
        if handler.headers.get("Authorization") != expected:
            handler.send_response(401)
            handler.send_header("WWW-Authenticate", 'Basic realm="camera"')
            handler.end_headers()
            return
        sending("multipart/x-mixed-replace; boundary=b", b"--b\r\n\r\n" + PICTURE + b"\r\n--b")(handler)

    with server(respond) as url:
        assert first(url.replace("//", "//user:open%20sesame@")) == PICTURE
        assert refusal(url) == "the server says 401 Unauthorized; put USER:PASSWORD@ before the host"
        assert refusal(url.replace("//", "//user:wrong@")).startswith("the server says 401 Unauthorized")


def test_digest_authentication_is_understood() -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        given = handler.headers.get("Authorization", "")
        fields = dict(re.findall(r'(\w+)="([^"]*)"', given))
        a1, a2 = (hashlib.md5(text).hexdigest() for text in (b"user:camera:sesame", b"GET:/mjpeg"))
        counted = f"{a1}:n1:00000001:{fields.get('cnonce')}:auth:{a2}"
        if not given.startswith("Digest ") or fields["response"] != hashlib.md5(counted.encode()).hexdigest():
            handler.send_response(401)
            handler.send_header("WWW-Authenticate", 'Digest realm="camera", nonce="n1", qop="auth", algorithm=MD5')
            handler.end_headers()
            return
        sending("multipart/x-mixed-replace; boundary=b", b"--b\r\n\r\n" + PICTURE + b"\r\n--b")(handler)

    with server(respond) as url:
        assert first(url.replace("//", "//user:sesame@")) == PICTURE
        assert refusal(url.replace("//", "//user:wrong@")).startswith("the server says 401 ")


def test_no_proxy_stands_between_us_and_a_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with server(sending("multipart/x-mixed-replace; boundary=b", b"--b\r\n\r\n" + PICTURE + b"\r\n--b")) as url:
        assert first(url) == PICTURE


def test_a_redirection_leads_nowhere_but_to_http() -> None:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", "file:///etc/hostname")
        handler.end_headers()

    with server(respond) as url:
        assert "302" in refusal(url)


class RtspCamera:
    """An RTSP server for one client at a time: motion JPEG in RTP (RFC 2435), inside the TCP connection."""

    SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\n"

    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent
        self.stopping = threading.Event()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"rtsp://127.0.0.1:{self.listening.getsockname()[1]}/stream"
        self.thread = threading.Thread(target=self.serve)

    def __enter__(self) -> RtspCamera:
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stopping.set()
        self.thread.join()
        self.listening.close()

    def serve(self) -> None:
        self.listening.settimeout(0.05)
        while not self.stopping.is_set():
            with suppress(OSError):
                connection, _ = self.listening.accept()
                with connection:
                    connection.settimeout(0.05)
                    self.talk(connection)

    def talk(self, connection: socket.socket) -> None:
        received, playing, number = b"", False, 0
        while not self.stopping.is_set():
            try:
                part = connection.recv(4096)
                if not part:
                    return
                received += part
            except TimeoutError:
                pass
            while not self.silent and b"\r\n\r\n" in received:
                request, _, received = received.partition(b"\r\n\r\n")
                lines = request.decode(errors="replace").split("\r\n")
                method = lines[0].split(" ")[0].lstrip("$\0")
                connection.sendall(self.answer(method, lines))
                playing |= method == "PLAY"
            if playing:
                number += 1
                picture = stamp.draw(np.full((96, 160, 3), 90, np.uint8), number, 0)
                for packet in packets(picture, number):
                    connection.sendall(b"$\0" + struct.pack(">H", len(packet)) + packet)

    def answer(self, method: str, lines: list[str]) -> bytes:
        sequence = next((line for line in lines if line.lower().startswith("cseq")), "CSeq: 0")
        body = self.SDP if method == "DESCRIBE" else ""
        more = {
            "OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n",
            "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Base: {self.url}/\r\n",
            "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n",
            "PLAY": "Session: 1\r\n",
        }.get(method, "")
        return f"RTSP/1.0 200 OK\r\n{sequence}\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def packets(picture: NDArray[np.uint8], number: int) -> Iterator[bytes]:
    """The RTP packets of one picture: its scan, the tables in front; standard Huffman tables are understood."""
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
    data = encoded.tobytes()
    tables, at = b"", 2
    while data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == 0xDB:
            segment = data[at + 4 : at + 2 + length]
            tables += b"".join(segment[start + 1 : start + 65] for start in range(0, len(segment), 65))
        at += 2 + length
    scan = data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") : -2]
    height, width = picture.shape[:2]
    for offset in range(0, len(scan), 1200):
        part = scan[offset : offset + 1200]
        last = offset + 1200 >= len(scan)
        # version 2, marker on the last, type 26; 90 kHz, 25 frames a second
        head = struct.pack(">BBHII", 0x80, (0x80 if last else 0) | 26, packets.sequence & 0xFFFF, number * 3600, 7)  # type: ignore[attr-defined]
        packets.sequence += 1  # type: ignore[attr-defined]
        head += struct.pack(">I", offset) + bytes([1, 255, width // 8, height // 8])  # 4:2:0, tables follow
        if offset == 0:
            head += struct.pack(">BBH", 0, 0, len(tables)) + tables
        yield head + part


packets.sequence = 0  # type: ignore[attr-defined]


def test_an_rtsp_camera_gives_its_frames_in_order() -> None:
    with RtspCamera() as camera, open_source(f"{camera.url}#deadline=5&opening=30") as source:
        numbers = [stamp.read(item.picture()) for item in islice(source, 5)]
    assert None not in numbers
    assert numbers == sorted(set(numbers))  # type: ignore[type-var]


def test_an_rtsp_server_that_says_nothing_does_not_hold_us() -> None:
    with RtspCamera(silent=True) as camera, pytest.raises(DataError) as caught:
        open_source(f"{camera.url}#opening=3")
    assert str(caught.value) == f"{camera.url}: no frame within 3 s of opening"
