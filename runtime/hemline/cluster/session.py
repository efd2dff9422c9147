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
# A master that takes an application does so at once, but on a busy machine the JVM needs long to ask it. So the time
# counts in which the JVM does nothing: it uses below this share of a core.
IDLE_SECONDS = 12.0
IDLE_SHARE = 0.08
EXECUTOR_SECONDS = 60.0  # for a first executor: a JVM on another machine, which may be busy
SETTLE_SECONDS = 1.5  # without a further executor, after which they are taken to be all; one that comes later works too
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
    Raises MissingError within half a minute when pyspark, Java or the master is not there, and within another
    minute when no worker of it has room.
    """
    _probe(master)
    _environment()
    try:
        spark = _start(master, name, settings or {})
    except ModuleNotFoundError as error:
        raise MissingError(f"--spark needs {error.name}: pip install 'hemline[spark]'") from None
    try:
        if not LOCAL.fullmatch(master):
            _wait_for_executors(spark, master)
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
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    configuration = (
        SparkConf().setMaster(master).setAppName(name).setAll(list({**_settings(master), **settings}.items()))
    )
    answer: list[Any] = []

    def start() -> None:
        try:
            answer.append(SparkSession.builder.config(conf=configuration).getOrCreate())
        except Exception as error:  # noqa: BLE001  # raised below, in the thread that waits
            answer.append(error)

    with native_stderr_discarded():  # the JVM's remarks on its own modules
        try:
            SparkContext._ensure_initialized(conf=configuration)  # the JVM: on a busy machine this alone takes long
        except PySparkException as error:
            answer.append(error)
        else:
            thread = threading.Thread(target=start, daemon=True)
            thread.start()
            _wait_for_the_master(thread, SparkContext._gateway.proc.pid)
    if not answer:
        SparkContext._gateway.proc.kill()
        thread.join(5)  # it ends with the JVM it waits for
        SparkContext._gateway = SparkContext._jvm = None  # or the next session would ask the dead one
        raise MissingError(f"{master} answers, but took no application in {IDLE_SECONDS:.0f} s; is it a Spark master?")
    if isinstance(answer[0], PySparkException) and "JAVA" in str(answer[0]).upper():
        raise MissingError("Spark needs Java 17 or newer; on Debian: sudo apt install openjdk-17-jre-headless")
    if isinstance(answer[0], BaseException):
        raise MissingError(f"no Spark session at {master}: {str(answer[0]).strip().splitlines()[0]}")
    return answer[0]


def _wait_for_the_master(thread: threading.Thread, jvm: int) -> None:
    """Return when the thread is through, or when the JVM with this process number has only waited for IDLE_SECONDS.

    Spark itself waits a minute for a master that takes the connection and not the application.
    """
    idle, before = 0, _cpu_seconds(jvm)
    while thread.is_alive() and idle < IDLE_SECONDS:
        thread.join(1.0)
        now = _cpu_seconds(jvm)
        idle = idle + 1 if now - before < IDLE_SHARE else 0
        before = now


def _cpu_seconds(pid: int) -> float:
    """Return what a process has computed so far; 0 for one that is gone."""
    try:
        # the name before it, in brackets, may hold anything; then utime and stime are the 12th and 13th
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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


def _wait_for_executors(spark: Any, master: str) -> None:
    """Wait for a first executor, and for those that start with it."""
    deadline = time.monotonic() + EXECUTOR_SECONDS
    count, grown = 0, time.monotonic()
    while count < 1 or time.monotonic() < min(grown + SETTLE_SECONDS, deadline):
        if count < 1 and time.monotonic() > deadline:
            raise MissingError(
                f"{master} has given no executor in {EXECUTOR_SECONDS:.0f} s; "
                "has it workers, with a core and memory free?"
            )
        time.sleep(0.1)
        now = executors(spark)
        if now > count:
            count, grown = now, time.monotonic()
