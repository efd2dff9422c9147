"""Who is told: a web server, a CSV file, pins, and what Home Assistant reads. Brokers: test_line_publishers_mqtt."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from hemline.errors import MissingError, UsageError
from hemline.line import publishers
from hemline.line.decision import Decision
from hemline.line.keys import PUBLISH
from hemline.line.messages import Sender
from hemline.line.publishers import PUBLISHERS, PublishError, connect
from hemline.line.publishers.csv import COLUMNS, Csv
from hemline.line.publishers.discovery import documents
from hemline.line.publishers.secret import secret
from hemline.line.publishers.webhook import Webhook
from hemline.line.records import Message

SENDER = Sender("line-1", "0badc0de")
NOW = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)


def decided(sequence: int, verdict: str = "pass", *, ago_s: float = 0.0, **values: Any) -> Message:
    at = f"{NOW - timedelta(seconds=ago_s):%Y-%m-%dT%H:%M:%S.%fZ}"
    decision = Decision(**{"part": f"part {sequence}", "verdict": verdict, "score": 0.5, **values})
    payload = SENDER.decision(decision, sequence, at, None)
    return Message(SENDER.id(sequence), sequence, SENDER.topic("decision"), payload)


def happened(sequence: int) -> Message:
    payload = SENDER.event("started", "", sequence, "2026-11-27T12:00:00.000000Z")
    return Message(SENDER.id(sequence), sequence, SENDER.topic("event"), payload)


def refused(publisher: Any, messages: list[Message]) -> PublishError:
    with pytest.raises(PublishError) as caught:
        publisher.publish(messages)
    return caught.value


# the table


def test_the_table_names_the_publishers_of_the_configuration() -> None:
    assert list(PUBLISHERS) == list(PUBLISH)
    with pytest.raises(UsageError, match="no publisher 'mqt'; nearest: mqtt"):
        connect("mqt", "line-1", {})


def test_a_package_that_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError("No module named 'paho'", name="paho.mqtt")

    monkeypatch.setattr(publishers.importlib, "import_module", absent)
    with pytest.raises(MissingError, match=re.escape("publisher 'mqtt' needs: pip install 'hemline[mqtt]'")):
        connect("mqtt", "line-1", {})


def test_a_secret_comes_from_a_file_or_a_variable_and_is_read_each_time(tmp_path: Path) -> None:
    file = tmp_path / "password"
    for text in ("open sesame\n", "two words"):
        file.write_text(text)
        assert secret(file, None) == text.strip()
    assert secret(None, "TOKEN", {"TOKEN": "x"}) == "x"
    assert secret(None, None) is None
    file.write_text("\n")
    for wrong in ((file, None), (tmp_path / "none", None), (None, "TOKEN")):
        with pytest.raises(PublishError) as caught:
            secret(*wrong, {})
        assert caught.value.settings


# webhook


class Server(ThreadingHTTPServer):
    """Answers with the statuses it is given, the last one for ever, and keeps what was posted."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses = [200]
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.connections: set[Any] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/parts?key=1"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server
    timeout = 0.3  # then an idle connection is closed, as servers do

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, dict(self.headers), body))
        self.server.connections.add(self.client_address)
        status = self.server.statuses[0] if len(self.server.statuses) == 1 else self.server.statuses.pop(0)
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "https://elsewhere.example/")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_messages_are_posted_in_order_over_one_connection_with_their_ids(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    webhook = connect("webhook", "line-1", {"url": server.url, "token_env": "TOKEN"})
    messages = [decided(1), happened(2), decided(3, "reject")]
    assert webhook.publish([]) == []
    assert webhook.publish(messages) == [message.id for message in messages]
    webhook.close()
    assert [body for _, _, body in server.asked] == [json.loads(message.payload) for message in messages]
    path, headers, _ = server.asked[0]
    assert path == "/parts?key=1"
    wanted = {
        "Idempotency-Key": "0badc0de-1",
        "Content-Type": "application/json",
        "Hemline-Topic": "hemline/line-1/decision",
        "Authorization": "Bearer s3cret",
    }
    assert wanted.items() <= headers.items()
    assert len(server.connections) == 1


@pytest.mark.parametrize(
    ("status", "permanent", "settings"),
    [
        *((status, True, False) for status in (400, 413, 422)),
        *((status, False, True) for status in (307, 401, 404)),
        *((status, False, False) for status in (408, 429, 500, 503)),
    ],
)
def test_an_answer_says_whether_to_try_again(server: Server, status: int, permanent: bool, settings: bool) -> None:
    server.statuses = [200, 201, status]
    webhook = Webhook(server.url)
    error = refused(webhook, [decided(number) for number in range(1, 6)])
    webhook.close()
    assert error.delivered == ("0badc0de-1", "0badc0de-2")
    assert (error.permanent, error.settings) == (permanent, settings)
    assert f"answers {status}" in error.reason
    assert "key=1" not in error.reason  # a query may hold what others must not see
    assert ("elsewhere.example" in error.reason) is (status == 307)


def test_a_connection_that_the_server_closed_meanwhile_is_made_again(server: Server) -> None:
    webhook = Webhook(server.url)
    webhook.publish([decided(1)])
    threading.Event().wait(0.5)
    assert webhook.publish([decided(2)]) == ["0badc0de-2"]
    webhook.close()
    assert [body["sequence"] for _, _, body in server.asked] == [1, 2]
    assert len(server.connections) == 2


def test_a_server_that_is_not_there_is_asked_again(server: Server) -> None:
    webhook = Webhook(server.url.replace(str(server.server_port), "9"))
    error = refused(webhook, [decided(1)])
    assert not error.permanent
    assert not error.settings
    assert error.reason.startswith("webhook http://127.0.0.1:9/parts: connection refused")


@pytest.mark.parametrize("url", ["ftp://host/", "host/path", "http://", "http://host:port/", "http://me:pw@host/"])
def test_what_is_no_address_is_refused_before_anything_runs(url: str) -> None:
    with pytest.raises(UsageError, match="webhook") as caught:
        Webhook(url)
    assert "pw" not in str(caught.value)


# CSV


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_each_decision_has_a_row_and_events_have_none(tmp_path: Path) -> None:
    path = tmp_path / "shift" / "decisions.csv"
    publisher = connect("csv", "line-1", {"file": path})
    assert publisher.publish([]) == []
    assert path.read_text() == ",".join(COLUMNS) + "\n"
    messages = [decided(1, reason='a "crack",\nsaid one'), happened(2), decided(3, "reject", label="crack")]
    assert publisher.publish(messages) == [message.id for message in messages]
    first, second = rows(path)
    assert first["reason"] == 'a "crack", said one'
    assert (first["safe"], first["label"], first["score"], first["latency_ms"]) == ("false", "", "0.5", "")
    assert (second["id"], second["sequence"], second["verdict"]) == ("0badc0de-3", "3", "reject")
    assert path.read_text().count("\n") == 3  # a row is a line


def test_what_is_there_already_is_not_written_again_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "decisions.csv"
    Csv(path).publish([decided(1), decided(2)])
    Csv(path).publish([decided(1), decided(2), decided(3)])
    assert [row["sequence"] for row in rows(path)] == ["1", "2", "3"]
    other = Message("feedf00d-2", 2, SENDER.topic("decision"), decided(2).payload)  # of a new database
    Csv(path).publish([other])
    assert len(rows(path)) == 4


def test_a_row_or_a_header_that_a_kill_cut_short_is_made_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # hundreds of times
    path = tmp_path / "decisions.csv"
    Csv(path).publish([decided(1), decided(2)])
    whole = path.read_bytes()
    for length in range(0, len(whole) + 1, 3):
        path.write_bytes(whole[:length])
        Csv(path).publish([decided(1), decided(2)])
        assert path.read_bytes() == whole, length


def test_a_file_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    path, publisher = tmp_path / "decisions.csv", Csv(tmp_path / "decisions.csv")
    publisher.publish([decided(1)])
    path.rename(tmp_path / "yesterday.csv")
    publisher.publish([decided(2)])
    assert [row["sequence"] for row in rows(path)] == ["2"]


def test_a_file_of_somebody_else_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "decisions.csv"
    path.write_text("name,size\nshirt,M\n")
    error = refused(Csv(path), [decided(1)])
    assert error.settings
    assert "a file with other columns; name another" in error.reason
    assert path.read_text() == "name,size\nshirt,M\n"
    assert refused(Csv(tmp_path), [decided(1)]).settings  # a folder


def test_a_full_disk_leaves_no_half_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, publisher = tmp_path / "decisions.csv", Csv(tmp_path / "decisions.csv")
    publisher.publish([decided(1)])
    whole = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        error = refused(publisher, [decided(2)])
    assert not error.settings
    assert error.reason == f"{path}: no space left on device"
    assert path.read_bytes() == whole
    publisher.publish([decided(2)])
    assert [row["sequence"] for row in rows(path)] == ["1", "2"]


# pins


def test_each_verdict_pulses_its_pin_and_pulses_stay_apart() -> None:
    gpiozero_mock = pytest.importorskip("gpiozero.pins.mock", reason="needs the line extra")
    from hemline.line.publishers.gpio import Gpio

    factory = gpiozero_mock.MockFactory()
    publisher = Gpio({"reject": 17, "review": 27}, pin_factory=factory, pulse_s=0.01, clock=lambda: NOW)
    messages = [decided(1, "reject"), decided(2), happened(3), decided(4, "reject"), decided(5, "review")]
    assert publisher.publish(messages) == [message.id for message in messages]
    states = [state for _, state in factory.pin(17).states]
    assert states == [False, True, False, True, False]
    assert [state for _, state in factory.pin(27).states] == [False, True, False]
    publisher.pulse("review")  # for what could not be stored
    assert len(factory.pin(27).states) == 5
    publisher.close()
    publisher.close()


def test_what_is_late_gets_no_pulse_and_says_so() -> None:
    gpiozero_mock = pytest.importorskip("gpiozero.pins.mock", reason="needs the line extra")
    from hemline.line.publishers.gpio import Gpio

    factory = gpiozero_mock.MockFactory()
    publisher = Gpio({"reject": 17}, pin_factory=factory, pulse_s=0.001, clock=lambda: NOW)
    late = [decided(number, "reject", ago_s=60.0) for number in (2, 3)]
    error = refused(publisher, [decided(1), *late, decided(4, "reject")])
    assert error.delivered == ("0badc0de-1",)
    assert error.refused == 2
    assert error.reason == "gpio: decided 60.0 s ago; a pulse now would meet another part"
    assert [state for _, state in factory.pin(17).states] == [False]
    publisher.close()


def test_a_machine_without_pins_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    gpiozero = pytest.importorskip("gpiozero", reason="needs the line extra")
    from hemline.line.publishers import gpio

    def none(*_: Any, **__: Any) -> None:
        raise gpiozero.exc.BadPinFactory("Unable to load any default pin factory!")

    monkeypatch.setattr(gpio, "DigitalOutputDevice", none)
    error = refused(connect("gpio", "line-1", {"pass": None, "review": None, "reject": 17}), [])
    assert error.settings
    assert error.reason == "gpio: Unable to load any default pin factory!"


# Home Assistant

NEEDED = {"sensor": {"state_topic"}, "binary_sensor": {"state_topic"}}
# of https://www.home-assistant.io/integrations/sensor.mqtt/ and binary_sensor.mqtt/: an unknown key is refused there
ALLOWED = {
    *("availability_topic", "payload_available", "payload_not_available", "device", "origin", "device_class", "icon"),
    *("entity_category", "json_attributes_topic", "name", "options", "state_class", "state_topic", "unique_id"),
    *("suggested_display_precision", "value_template"),
}


@pytest.mark.parametrize("line", ["line-1", "press.2_b"])
def test_home_assistant_is_told_of_every_value_in_documents_that_it_takes(line: str) -> None:
    sender = Sender(line, "0badc0de")
    samples = {
        sender.topic("decision"): json.loads(sender.decision(Decision("p", "pass", score=0.1), 1, "x", None)),
        sender.topic("event"): json.loads(sender.event("started", "", 1, "x")),
    }
    ids = []
    for topic, payload in documents(line):
        prefix, kind, device, name, end = topic.split("/")
        document = json.loads(payload)
        assert (prefix, end) == ("homeassistant", "config")
        assert re.fullmatch(r"[A-Za-z0-9_-]+", device)
        assert re.fullmatch(r"[A-Za-z0-9_-]+", name)
        assert NEEDED[kind] <= document.keys() <= ALLOWED
        assert document["availability_topic"] == f"hemline/{line}/availability"
        assert (document["payload_available"], document["payload_not_available"]) == ("online", "offline")
        assert document["device"]["identifiers"] == [device]
        assert document["origin"]["name"] == "hemline"
        sample = samples[document["state_topic"]]
        assert re.findall(r"value_json\.(\w+)", document["value_template"])[0] in sample
        if document.get("device_class") == "enum":
            assert sample["verdict"] in document["options"]
        ids.append(document["unique_id"])
    assert len(set(ids)) == len(ids) == 5
