"""
A Spark cluster on this machine: a standalone master and workers, from the pyspark package.

    python scripts/spark_cluster.py --workers 2

prints the master's URL and runs until ctrl-C. The tests and the benchmarks start theirs through `cluster()`.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 60.0


@dataclass
class Cluster:
    """A running cluster. master: its URL. workers: their processes. lost: which of them were killed."""

    master: str
    workers: list[subprocess.Popen[bytes]]
    lost: list[int] = field(default_factory=list)

    def kill_worker(self, number: int) -> None:
        """Kill a worker with its executors and their Python processes, as a machine that loses its power."""
        for pid in [self.workers[number].pid, *_descendants(self.workers[number].pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.workers[number].wait()
        self.lost.append(number)


@contextmanager
def cluster(
    workers: int = 2, *, cores: int = 1, memory: str = "2g", environment: Mapping[str, str] | None = None
) -> Iterator[Cluster]:
    """Give a cluster with so many workers of so many cores each; nothing of it is left at the end.

    environment: variables that the workers have beside this process's own, and with them their executors.
    """
    import pyspark

    home = Path(pyspark.__file__).parent
    with tempfile.TemporaryDirectory(prefix="hemline-cluster-", ignore_cleanup_errors=True) as directory:
        root = Path(directory)
        processes: list[subprocess.Popen[bytes]] = []

        def start(name: str, *arguments: str) -> tuple[subprocess.Popen[bytes], Path]:
            log = root / f"{name}.log"
            variables = {
                **os.environ,
                **(environment or {}),
                "SPARK_HOME": str(home),
                "SPARK_LOCAL_IP": "127.0.0.1",
                "SPARK_NO_DAEMONIZE": "1",
                "SPARK_DAEMON_MEMORY": "512m",
            }
            with log.open("wb") as stream:
                process = subprocess.Popen(
                    [str(home / "bin" / "spark-class"), *arguments],
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    env=variables,
                    start_new_session=True,
                )
            processes.append(process)
            return process, log

        try:
            package = "org.apache.spark.deploy"
            ports = ["--host", "127.0.0.1", "--port", "0", "--webui-port", "0"]
            _, log = start("master", f"{package}.master.Master", *ports)
            url = _said(log, r"Starting Spark master at (spark://\S+)")
            started = []
            for number in range(workers):
                work = ["--work-dir", str(root / f"work-{number}"), "--cores", str(cores), "--memory", memory]
                started.append(start(f"worker-{number}", f"{package}.worker.Worker", *ports, *work, url))
            for _, log in started:
                _said(log, r"(Successfully registered with master)")
            yield Cluster(url, [process for process, _ in started])
        finally:
            for process in processes:
                for pid in [process.pid, *_descendants(process.pid)]:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                process.wait()


def _said(log: Path, pattern: str) -> str:
    """Return what a log says; RuntimeError with its end when it does not say it in time."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        found = re.search(pattern, log.read_text(errors="replace"))
        if found:
            return found[1]
        time.sleep(0.1)
    raise RuntimeError(f"{log.name}: not started in {START_SECONDS:.0f} s:\n{log.read_text(errors='replace')[-2000:]}")


def _descendants(pid: int) -> list[int]:
    """Return the children of a process, their children and so on; of one that is gone, none."""
    try:
        text = " ".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    except OSError:
        return []
    children = [int(word) for word in text.split()]
    return [*children, *(deeper for child in children for deeper in _descendants(child))]


def main() -> None:
    """Run a cluster until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2, help="how many (default: 2)")
    parser.add_argument("--cores", type=int, default=1, help="of each worker (default: 1)")
    parser.add_argument("--memory", default="2g", help="of each worker, in Spark's words (default: 2g)")
    options = parser.parse_args()
    with cluster(options.workers, cores=options.cores, memory=options.memory) as running:
        print(running.master, flush=True)
        print(f"{options.workers} workers; ctrl-C ends them", file=sys.stderr)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print(file=sys.stderr)


if __name__ == "__main__":
    main()
