"""What the tests of pages share: a page on a free port of this machine, a visitor that is no browser, photos."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from hemline import image
from hemline.bundle import Bundle
from hemline.classifier import Classifier
from hemline.drawn.photo import empty, photo
from hemline.preprocess import Preprocess
from hemline.sources import open_source
from hemline.wardrobe.catalogue import Catalogue
from hemline.wardrobe.page.serving import application
from hemline.wardrobe.scanning import Scanner
from hemline.watch.live import LiveView
from hemline.watch.watcher import Watcher
from hemline.web import address, serving

PATIENCE_S = 60.0
LAYOUT = Preprocess(28, 28, isolation="layout")  # a bundle that looks for the garment first


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """What a refusal says."""
        return str(self.json["error"])


class Visitor:
    """Asks one page; each request has a connection of its own."""

    def __init__(self, bound: address.Bound) -> None:
        self.port = bound.port
        self.place = str(bound.listener.getsockname()[0]).replace("0.0.0.0", "127.0.0.1")
        self.host = f"localhost:{bound.port}"

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Return the answer; underscores in names of headers are dashes, None leaves the Host out."""
        connection = http.client.HTTPConnection(self.place, self.port, timeout=PATIENCE_S)
        given = {"Host": self.host, **{name.replace("_", "-"): value for name, value in headers.items()}}
        try:
            connection.request(method, path, body, given)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        """Return the answer to a GET."""
        return self.ask("GET", path, **headers)

    def post(self, path: str, given: Any = None, **headers: str) -> Answer:
        """Return the answer to a POST of JSON, from the page itself."""
        body = b"" if given is None else json.dumps(given).encode()
        own = {"Origin": f"http://{self.host}", "Content_Type": "application/json"}
        return self.ask("POST", path, body, **{**own, **headers})

    def photo(self, data: bytes, name: str = "photo.jpg") -> Answer:
        """Return the answer to a photo that is sent."""
        return self.post_bytes(f"/api/candidates/photo?name={name}", data)

    def post_bytes(self, path: str, data: bytes) -> Answer:
        """Return the answer to bytes that are sent."""
        return self.ask("POST", path, data, Origin=f"http://{self.host}", Content_Type="image/jpeg")

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield what the page tells as it happens; close the generator to go away."""
        connection = http.client.HTTPConnection(self.place, self.port, timeout=PATIENCE_S)
        try:
            connection.request("GET", "/api/events", headers={"Host": self.host})
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            while line := answer.readline():
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])
        finally:
            connection.close()

    def deaf(self, path: str) -> socket.socket:
        """Return a connection that has asked and never reads; the caller closes it."""
        connection = socket.create_connection((self.place, self.port), PATIENCE_S)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode())
        return connection


@contextmanager
def served(app: ASGIApp, bound: address.Bound) -> Iterator[Visitor]:
    """Serve an application until the block ends."""
    with serving.Serving(app, bound, serving.Ending()):
        yield Visitor(bound)


@dataclass(frozen=True)
class Page:
    """A wardrobe's page, and what is behind it."""

    visitor: Visitor
    catalogue: Catalogue
    live: LiveView | None
    bound: address.Bound


@contextmanager
def wardrobe(
    folder: Path, bundle: Bundle, source: str | None = None, *, artifact: str = "fake:float32"
) -> Iterator[Page]:
    """Serve a wardrobe until the block ends. source: the text of a live one."""
    ending = serving.Ending()
    with (
        address.claim("127.0.0.1:0", option="--host", environment={}) as bound,
        Catalogue.open(folder) as catalogue,
        Classifier.open(bundle, artifact=artifact, top=1000) as classifier,
    ):
        scanner = Scanner(catalogue, classifier)
        if source is None:
            app = application(catalogue, scanner, None, bound, ending)
            with serving.Serving(app, bound, ending):
                yield Page(Visitor(bound), catalogue, None, bound)
                ending.end()
            return
        with open_source(source) as camera:
            live = LiveView(camera, Watcher(camera, classifier), name=source, failed=ending.end)
            app = application(catalogue, scanner, live, bound, ending)
            with serving.Serving(app, bound, ending), live:
                yield Page(Visitor(bound), catalogue, live, bound)
                ending.end()


def taken(label_index: int, seed: int = 1, cloth: str = "navy", **given: Any) -> bytes:
    """Return a photo of a drawn garment as a JPEG file."""
    return image.jpeg(photo(label_index, seed=seed, cloth=cloth, **given)[0], 95)


def table_top() -> bytes:
    """Return a photo of nothing."""
    return image.jpeg(empty("sheet", seed=1), 95)


def film(folder: Path, *labels: int) -> Path:
    """Return a folder of photos for fake://."""
    folder.mkdir()
    for place, label in enumerate(labels):
        (folder / f"{place}.jpg").write_bytes(
            taken(label, cloth=("navy", "red", "green")[place % 3], height=480, width=640)
        )
    return folder
