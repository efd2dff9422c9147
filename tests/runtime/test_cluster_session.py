"""A Spark master that is not there, or is something else, is said within half a minute."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from hemline.cluster import session as cluster
from hemline.errors import MissingError

pytest.importorskip("pyspark", reason="needs the spark extra")

# in a process of its own: it ends with the JVM's
TWO_SESSIONS = """
import sys
from hemline.cluster import session as cluster
from hemline.errors import MissingError

cluster.IDLE_SECONDS = 4
try:
    with cluster.session(sys.argv[1], "test"):
        print("a session")
except MissingError as error:
    print(error)
cluster.IDLE_SECONDS = 60
with cluster.session("local[1]", "after it") as spark:  # nothing of the first one is in the way
    print(spark.range(3).count(), "rows")
"""


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def take() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        yield server.getsockname()[1]
        for connection in held:
            connection.close()


def test_a_closed_port_is_no_master() -> None:
    with (
        pytest.raises(MissingError, match=r"no Spark master at spark://127.0.0.1:1 .*refused.*is it started"),
        cluster.session("spark://127.0.0.1:1", "test"),
    ):
        pass


def test_a_port_that_is_not_a_masters_is_given_up(silent: int) -> None:
    assert cluster.CONNECT_SECONDS + cluster.IDLE_SECONDS < 30
    command = [sys.executable, "-c", TWO_SESSIONS, f"spark://127.0.0.1:{silent}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        f"spark://127.0.0.1:{silent} answers, but took no application in 4 s; is it a Spark master?",
        "3 rows",
    ]
