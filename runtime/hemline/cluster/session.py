"""
A session on a Spark master. Spark by itself waits minutes for a master that is not there, and says little.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hemline.errors import MissingError, UsageError
from hemline.quiet import native_stderr_discarded

CONNECT_SECONDS = 5.0  # for the master's port to answer
START_SECONDS = 20.0  # for the master to take the application, and then for a first executor
LOCAL = re.compile(r"local(\[(\d+|\*)(,\s*\d+)?\])?")
# one core a task: as many interpreters as cores, none of which starts threads of its own
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
ONE_THREAD = dict.fromkeys(THREADS, "1")
LOG_CONFIGURATION = """rootLogger.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = spark: %m%n
"""


@contextmanager
def session(master: str, name: str, settings: Mapping[str, str] | None = None) -> Iterator[Any]:
    """Give a SparkSession on a master with at least one executor, and stop it at the end.

    master: spark://HOST:PORT[,HOST:PORT], local[N], or another URL that Spark knows.
    settings: Spark's own, over those that hemline needs.
    Raises MissingError within half a minute when pyspark, Java or the master is not there, or no worker of it
    has room.
    """
    _probe(master)
    _environment()
    try:
        spark = _start(master, name, settings or {})
    except ModuleNotFoundError as error:
        raise MissingError(f"--spark needs {error.name}: pip install 'hemline[spark]'") from None
    try:
        if not LOCAL.fullmatch(master):
            _first_executor(spark, master)
        yield spark
    finally:
        spark.stop()


def slots(spark: Any) -> int:
    """Return how many tasks run at the same time."""
    return max(1, int(spark.sparkContext.defaultParallelism))


def executors(spark: Any) -> int:
    """Return how many executors have registered."""
    held = spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size()
    return int(held) - 1  # the driver is in the list too


def _probe(master: str) -> None:
    if LOCAL.fullmatch(master):
        return
    found = re.fullmatch(r"([a-z0-9+]+)(:(//)?.*)?", master)
    if not found or (found[1] != "yarn" and "://" not in master):
        raise UsageError(f"--spark {master!r}: a master is a URL such as spark://host:7077, or local[2]")
    if not master.startswith("spark://"):
        return
    reasons = []
    for place in master.removeprefix("spark://").split(","):
        host, _, port = place.rpartition(":")
        if not host or not port.isdigit():
            raise UsageError(f"--spark {master!r}: a standalone master is spark://HOST:PORT")
        try:
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
        except (OSError, OverflowError) as error:
            reasons.append(f"{place}: {getattr(error, 'strerror', None) or error}")
        else:
            return
    raise MissingError(f"no Spark master at {master} ({'; '.join(reasons)}); is it started?")


def _environment() -> None:
    """Set what the JVM and the executors read, unless the user has set it."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if "SPARK_CONF_DIR" not in os.environ and "SPARK_HOME" not in os.environ:
        directory = Path(tempfile.gettempdir()) / f"hemline-spark-{os.getuid()}"
        directory.mkdir(mode=0o700, exist_ok=True)
        (directory / "log4j2.properties").write_text(LOG_CONFIGURATION)
        os.environ["SPARK_CONF_DIR"] = str(directory)


def _start(master: str, name: str, settings: Mapping[str, str]) -> Any:
    from pyspark import SparkContext
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(master).appName(name)
    for key, value in {**_settings(master), **settings}.items():
        builder = builder.config(key, value)
    answer: list[Any] = []

    def start() -> None:
        try:
            answer.append(builder.getOrCreate())
        except Exception as error:  # noqa: BLE001  # raised below, in the thread that waits
            answer.append(error)

    # a master that answers the port but not the application keeps Spark waiting for a minute
    thread = threading.Thread(target=start, daemon=True)
    with native_stderr_discarded():  # the JVM's remarks on its own modules
        thread.start()
        thread.join(START_SECONDS)
    if not answer:
        if SparkContext._gateway is not None:
            SparkContext._gateway.proc.kill()
            thread.join(5)  # it ends with the JVM it waits for
            SparkContext._gateway = SparkContext._jvm = None  # or the next session would ask the dead one
        raise MissingError(f"{master} answers, but took no application in {START_SECONDS:.0f} s; is it a Spark master?")
    if isinstance(answer[0], PySparkException) and "JAVA" in str(answer[0]).upper():
        raise MissingError("Spark needs Java 17 or newer; on Debian: sudo apt install openjdk-17-jre-headless")
    if isinstance(answer[0], BaseException):
        raise MissingError(f"no Spark session at {master}: {str(answer[0]).strip().splitlines()[0]}")
    return answer[0]


def _settings(master: str) -> dict[str, str]:
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.python.worker.reuse": "true",
        **{f"spark.executorEnv.{key}": value for key, value in ONE_THREAD.items()},
    }
    if re.search(r"//(localhost|127\.)", master) or LOCAL.fullmatch(master):
        settings.update({"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"})
    return settings


def _first_executor(spark: Any, master: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while executors(spark) < 1:
        if time.monotonic() > deadline:
            raise MissingError(
                f"{master} has given no executor in {START_SECONDS:.0f} s; has it workers, with a core and memory free?"
            )
        time.sleep(0.1)
