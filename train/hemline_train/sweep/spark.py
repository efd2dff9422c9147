"""
Jobs on an Apache Spark cluster: one job a task.

The pictures go out once for each executor (SparkContext.addFile) and are read once by each Python worker. Each
job is a Spark job of its own with a single task, so that its outcome reaches the driver when it is done and not
with the others; Spark queues them, and gives a task that was lost with its executor to another one.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hemline.errors import RunError
from hemline_train.sweep.jobs import Job, Outcome, execute, loaded

# jobs in Spark's queue at a time; more would only hold threads of the driver
QUEUED = 64
TRIES = 4
MEMORY = "1g"  # of the executor's JVM, which only passes pictures on; training takes place beside it


def run(
    jobs: Sequence[Job],
    materials: dict[str, Path],
    put: Callable[[Outcome], None],
    *,
    master: str,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Execute the jobs on a cluster; each outcome is put, on the calling thread, as soon as it is there.

    materials: name -> .npz file. Raises MissingError when there is no cluster at `master`, RunError when a
    task failed TRIES times.
    """
    from hemline.cluster import session as cluster

    settings = {"spark.task.maxFailures": str(TRIES), "spark.executor.memory": MEMORY, "spark.scheduler.mode": "FIFO"}
    with cluster.session(master, "hemline sweep", settings) as spark:
        context = spark.sparkContext
        for path in materials.values():
            context.addFile(str(path))
        names = {name: path.name for name, path in materials.items()}
        count = max(1, cluster.executors(spark))  # local[N] has none beside the driver
        said = f"{count} executor{'s' if count > 1 else ''}, {cluster.slots(spark)} tasks at a time"
        say(f"Spark {context.version}: {said}")
        pool = ThreadPoolExecutor(min(QUEUED, len(jobs)))
        try:
            _gather({pool.submit(_submit, context, job, names[job.material]) for job in jobs}, put)
        finally:
            with _interrupts_ignored():
                pool.shutdown(wait=False, cancel_futures=True)
                context.cancelAllJobs()
                pool.shutdown(wait=True)


def _gather(running: set[Future[Outcome]], put: Callable[[Outcome], None]) -> None:
    while running:
        done, running = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            put(future.result())


def _submit(context: Any, job: Job, file: str) -> Outcome:
    from py4j.protocol import Py4JError

    try:
        [outcome] = context.parallelize([(job, file)], 1).mapPartitions(_task).collect()
    except Py4JError as error:
        first = str(getattr(error, "java_exception", error)).splitlines()
        raise RunError(f"job {job.key}: Spark gave up on it: {first[0] if first else error}") from error
    assert isinstance(outcome, Outcome)
    return outcome


def _task(given: Iterator[tuple[Job, str]]) -> Iterator[Outcome]:
    """Run on an executor."""
    from pyspark import SparkFiles

    for job, file in given:
        yield execute(job, loaded(job.material, Path(SparkFiles.get(file))))


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Leave no thread behind because of a second ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
