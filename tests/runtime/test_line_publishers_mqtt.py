"""To a real Mosquitto: stopped, started and killed under load, with passwords and certificates that are wrong."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hemline.line.decision import Decision
from hemline.line.messages import Sender
from hemline.line.outbox import Outbox, Patience
from hemline.line.publishers import PublishError, connect
from hemline.line.publishers.discovery import documents
from hemline.line.records import Message
from hemline.line.store import LineStore

FAST = Patience(first_s=0.02, longest_s=0.1, settings_s=0.1, idle_s=0.05, drain_s=10)
SENDER = Sender("line-1", "0badc0de")
DECISION, AVAILABILITY = SENDER.topic("decision"), SENDER.topic("availability")


def decided(sequence: int) -> Message:
    payload = SENDER.decision(Decision(f"part {sequence}", "pass", score=0.1), sequence, "now", None)
    return Message(SENDER.id(sequence), sequence, DECISION, payload)


@pytest.fixture
def publisher() -> Iterator[Callable[..., Any]]:
    """Return a function that makes a publisher for a port, closed after the test."""
    made = []

    def make(port: int, **settings: Any) -> Any:
        made.append(connect("mqtt", "line-1", {"host": "127.0.0.1", "port": port, **settings}))
        return made[-1]

    yield make
    for one in made:
        one.close()


def refused(publisher: Any, *messages: Message) -> PublishError:
    with pytest.raises(PublishError) as caught:
        publisher.publish(messages)
    return caught.value


def sequences(listener: Any) -> list[int]:
    return [json.loads(payload)["sequence"] for payload in listener.payloads(DECISION)]


def test_messages_arrive_in_order_and_a_line_is_seen_to_come_and_go(
    mosquitto: ModuleType, publisher: Callable[..., Any], memory: Path
) -> None:
    with mosquitto.Broker(memory / "broker") as broker, mosquitto.Listener(broker.port) as listener:
        to = publisher(broker.port)
        assert to.publish([]) == []
        assert listener.wait(lambda heard: heard.payloads(AVAILABILITY) == [b"online"])
        messages = [decided(number) for number in range(1, 301)]
        assert to.publish(messages) == [message.id for message in messages]
        assert listener.wait(lambda heard: len(sequences(heard)) == 300)
        assert listener.payloads(DECISION) == [message.payload for message in messages]
        to.close()
        assert listener.wait(lambda heard: heard.payloads(AVAILABILITY) == [b"online", b"offline"])
        with mosquitto.Listener(broker.port, "homeassistant/#") as later:  # what is retained
            expected = dict(documents("line-1"))
            assert later.wait(lambda heard: len(heard.heard) >= len(expected))
            assert {topic: payload for topic, payload, _ in later.heard} == expected
            assert all(retained for _, _, retained in later.heard)
        assert not any("homeassistant" in topic for topic, _, _ in listener.heard if topic == DECISION)


def test_a_broker_that_is_stopped_started_and_killed_under_load_loses_nothing(
    mosquitto: ModuleType, publisher: Callable[..., Any], memory: Path
) -> None:
    broker = mosquitto.Broker(memory / "broker")
    broker.start()
    ending = threading.Event()
    try:
        with (
            mosquitto.Listener(broker.port) as listener,
            LineStore.open(memory / "line") as store,
            Outbox(store, {"mqtt": publisher(broker.port)}, patience=FAST) as outbox,
        ):
            broker.remember()

            def load() -> None:
                while not ending.is_set():
                    store.record(Decision("part", "pass", score=0.1), None, ["mqtt"])

            thread = threading.Thread(target=load)
            thread.start()
            for end in (broker.stop, broker.kill, broker.kill):
                heard = len(listener.heard)
                assert listener.wait(lambda now, heard=heard: len(now.heard) > heard + 20)
                end()
                stored = store.next_sequence
                assert listener.wait(lambda _, stored=stored: store.next_sequence > stored + 10)
                broker.start()
                listener.wait_until_heard()
            assert listener.wait(lambda now: len(now.heard) > 30)
            ending.set()
            thread.join()
            assert listener.wait(lambda _: not store.waiting())
            stored = {row.sequence for row in store.decisions()}
            assert listener.wait(lambda now: set(sequences(now)) == stored)
            first = list(dict.fromkeys(sequences(listener)))
            assert first == sorted(first)
            kinds = [event.kind for event in store.events()]
            assert kinds == ["broker_lost", "broker_back"] * (len(kinds) // 2)
            assert 2 <= len(kinds) <= 6
            assert outbox.states()["mqtt"].faults == 0
    finally:
        ending.set()
        broker.kill()


def test_a_broker_that_is_lost_while_nothing_happens_is_told_and_found_again(
    mosquitto: ModuleType, publisher: Callable[..., Any], memory: Path
) -> None:
    broker = mosquitto.Broker(memory / "broker")
    with (
        broker,
        LineStore.open(memory / "line") as store,
        Outbox(store, {"mqtt": publisher(broker.port)}, patience=FAST),
        mosquitto.Listener(broker.port) as listener,
    ):
        assert listener.wait(lambda heard: b"online" in heard.payloads(AVAILABILITY))
        broker.remember()
        broker.kill()
        assert listener.wait(lambda _: [event.kind for event in store.events()] == ["broker_lost"])
        broker.start()
        assert listener.wait(lambda _: len(store.events()) == 2)
        assert f"mqtt 127.0.0.1:{broker.port}: " in store.events()[0].detail
        assert listener.wait(lambda heard: len(heard.payloads(SENDER.topic("event"))) == 2)


def test_a_password_that_is_refused_is_told_and_one_that_is_put_right_is_taken(
    mosquitto: ModuleType, publisher: Callable[..., Any], tmp_path: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = tmp_path / "password"
    password.write_text("wrong\n")
    with mosquitto.Broker(memory / "broker", login=("press", "right")) as broker:
        to = publisher(broker.port, username="press", password_file=password)
        error = refused(to, decided(1))
        assert error.settings
        assert not error.permanent
        assert re.search(r"refused: (bad user name or password|not authorized); see username", error.reason)
        assert "wrong" not in error.reason
        password.write_text("right\n")
        assert to.publish([decided(1)]) == [SENDER.id(1)]
        monkeypatch.setenv("BROKER_PASSWORD", "right")
        other = publisher(broker.port, username="press", password_env="BROKER_PASSWORD")
        assert other.publish([decided(2)]) == [SENDER.id(2)]
        assert refused(publisher(broker.port)).settings  # nobody


def test_a_topic_that_may_not_be_written_is_told_and_nothing_is_lost(
    mosquitto: ModuleType, publisher: Callable[..., Any], tmp_path: Path, memory: Path
) -> None:
    rights = tmp_path / "rights"
    rights.write_text(f"topic readwrite {AVAILABILITY}\n")
    with mosquitto.Broker(memory / "broker", lines=[f"acl_file {rights}"]) as broker:
        to = publisher(broker.port)
        errors = [refused(to, decided(1)) for _ in range(3)]
        assert {error.delivered for error in errors} == {()}
        assert not any(error.permanent for error in errors)
        # Mosquitto 2.0.11 ends the connection where it should only say no
        assert all(error.settings or "the connection was lost" in error.reason for error in errors)
        rights.write_text(f"topic readwrite {AVAILABILITY}\ntopic readwrite {DECISION}\n")
        broker.stop()
        broker.start()
        with suppress(PublishError):  # the connection that is gone; then one that ends at the announcement
            to.publish([])
        with suppress(PublishError):
            to.publish([])
        assert to.publish([decided(1)]) == [SENDER.id(1)]


def certificate(folder: Path, name: str, subject: str) -> tuple[Path, Path]:
    """Make a certificate that vouches for itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make certificates")
    files = folder / f"{name}.crt", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName={subject}"]
    subprocess.run([*command, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return files


def test_a_certificate_that_does_not_match_is_told_and_nothing_is_sent(
    mosquitto: ModuleType, publisher: Callable[..., Any], tmp_path: Path, memory: Path
) -> None:
    right = certificate(tmp_path, "right", "IP:127.0.0.1")
    other = certificate(tmp_path, "other", "DNS:broker.example")
    with mosquitto.Broker(memory / "other", certificate=other) as broker:
        error = refused(publisher(broker.port, ca_file=other[0]), decided(1))
        assert error.settings
        assert "its certificate does not match: IP address mismatch, certificate is not valid for" in error.reason
        assert f"mqtt 127.0.0.1:{broker.port}" in error.reason
    lines = [f"cafile {other[0]}", "require_certificate true"]
    with mosquitto.Broker(memory / "right", certificate=right, lines=lines) as broker:
        error = refused(publisher(broker.port, ca_file=other[0]))
        assert error.settings
        assert "its certificate does not match: self-signed certificate" in error.reason.replace(
            "self signed", "self-signed"
        )
        own = {"certificate_file": other[0], "key_file": other[1]}
        to = publisher(broker.port, ca_file=right[0], **own)
        assert to.publish([decided(1)]) == [SENDER.id(1)]
        assert refused(publisher(broker.port, ca_file=right[0])).delivered == ()  # it asks who we are
        assert refused(publisher(broker.port, ca_file=tmp_path / "none")).settings
        error = refused(publisher(broker.port))  # without TLS
        assert not error.permanent


WILL = """
import sys, time
from hemline.line.publishers import connect
publisher = connect("mqtt", "line-1", {"host": "127.0.0.1", "port": int(sys.argv[1])})
publisher.publish([])
print("there", flush=True)
time.sleep(60)
"""


def test_a_line_that_is_killed_is_seen_to_be_gone(mosquitto: ModuleType, memory: Path) -> None:
    with mosquitto.Broker(memory / "broker") as broker, mosquitto.Listener(broker.port) as listener:
        command = [sys.executable, "-c", WILL, str(broker.port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "there\n"
            process.send_signal(signal.SIGKILL)
        assert listener.wait(lambda heard: heard.payloads(AVAILABILITY) == [b"online", b"offline"])


def old_broker(server: socket.socket) -> None:
    """Speak MQTT 3.1.1 and nothing newer, with one client at a time."""
    with suppress(OSError):
        while True:
            client, _ = server.accept()
            with client, client.makefile("rb") as stream, suppress(IndexError, ConnectionError):
                while True:
                    kind, length, shift = stream.read(1)[0], 0, 0
                    while (byte := stream.read(1)[0]) & 0x80:
                        length, shift = length | (byte & 0x7F) << shift, shift + 7
                    body = stream.read(length | byte << shift)
                    if kind >> 4 == 1:  # CONNECT
                        client.sendall(bytes([0x20, 2, 0, int(body[6] != 4)]))
                        if body[6] != 4:
                            break
                    elif kind >> 4 == 3:  # PUBLISH, QoS 1
                        topic = int.from_bytes(body[:2], "big")
                        client.sendall(bytes([0x40, 2]) + body[2 + topic : 4 + topic])


def test_a_broker_that_speaks_an_older_version_is_spoken_to_in_it(publisher: Callable[..., Any]) -> None:
    pytest.importorskip("paho.mqtt", reason="needs the mqtt extra")
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=old_broker, args=(server,), daemon=True)
        thread.start()
        to = publisher(server.getsockname()[1])
        assert to.publish([decided(1), decided(2)]) == [SENDER.id(1), SENDER.id(2)]
        to.close()
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_where_there_is_no_broker_it_is_tried_again(
    publisher: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("paho.mqtt", reason="needs the mqtt extra")
    from hemline.line.publishers import link

    error = refused(publisher(9), decided(1))
    assert not error.settings
    assert error.reason == "mqtt 127.0.0.1:9: connection refused"
    monkeypatch.setattr(link, "CONNECT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        error = refused(publisher(silent.getsockname()[1]), decided(1))
        assert time.monotonic() - started < 5
    assert not error.settings
    assert "it does not answer as a broker" in error.reason
