"""
Jobs on worker processes of this machine.

A worker is started fresh (spawn) with its threads pinned before TensorFlow is imported, so that N workers on
C cores do not fight for them: C // N threads each, unless told otherwise. It imports TensorFlow once and takes
job after job. One that dies (killed, out of memory) is replaced and its job given out again, TRIES times at most.
"""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from hemline.errors import RunError
from hemline_train.sweep.jobs import Job, Material, Outcome, execute

TRIES = 3
# what TensorFlow, oneDNN and NumPy's BLAS read when they are loaded
THREAD_VARIABLES = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Say = Callable[[str], None]


def run(
    jobs: Sequence[Job],
    materials: dict[str, Path],
    put: Callable[[Outcome], None],
    *,
    workers: int,
    threads: int | None = None,
    say: Say = lambda line: None,
) -> None:
    """Execute the jobs on `workers` processes; each outcome is put as soon as it is there.

    materials: name -> .npz file. threads: of each worker; None shares the cores among them. Raises RunError when
    a job killed its worker TRIES times. However it ends, no process is left.
    """
    threads = threads or max(1, _cores() // workers)
    waiting, lost = list(jobs)[::-1], dict.fromkeys((job.key for job in jobs), 0)
    pool = [_Worker(materials, threads) for _ in range(min(workers, len(waiting)))]
    try:
        while waiting or any(worker.job for worker in pool):
            for worker in pool:
                if waiting and worker.job is None:
                    worker.give(waiting.pop())
            ready = connection.wait([worker.pipe for worker in pool if worker.job])
            for place, worker in enumerate(pool):
                if worker.pipe not in ready:
                    continue
                job = worker.job
                assert job is not None
                outcome = worker.take()
                if outcome is not None:
                    put(outcome)
                    continue
                lost[job.key] += 1
                worker.stop()
                if lost[job.key] == TRIES:
                    raise RunError(f"job {job.key}: its worker died {TRIES} times ({worker.end}); out of memory?")
                say(f"job {job.key}: its worker died ({worker.end}); given out again")
                waiting.append(job)
                pool[place] = _Worker(materials, threads)
    finally:
        for worker in pool:
            worker.stop()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Worker:
    """One process, and the job it has."""

    def __init__(self, materials: dict[str, Path], threads: int) -> None:
        context = get_context("spawn")
        self.job: Job | None = None
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, materials, threads), daemon=True)
        self._process.start()
        theirs.close()  # or its end would never be seen

    def give(self, job: Job) -> None:
        """Hand over a job; a worker that is dead already is noticed by take()."""
        self.job = job
        with suppress(OSError):
            self.pipe.send(job)

    def take(self) -> Outcome | None:
        """Return the outcome of its job; None when it died of it. A bug in the job is raised here."""
        self.job = None
        try:
            answer: Any = self.pipe.recv()
        except (EOFError, OSError):
            self._process.join(5)
            return None
        if isinstance(answer, str):
            raise RuntimeError(f"in a worker:\n{answer}")
        assert isinstance(answer, Outcome)
        return answer

    @property
    def end(self) -> str:
        """How its process ended."""
        code = self._process.exitcode
        return f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit status {code}"

    def stop(self) -> None:
        """End its process; nothing it was doing is kept."""
        self._process.kill()
        self._process.join()
        self.pipe.close()


def _work(pipe: Connection, materials: dict[str, Path], threads: int) -> None:
    """The life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C reaches the whole group; the driver ends its workers
    threading.Thread(target=_die_with_the_driver, daemon=True).start()
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    loaded: dict[str, Material] = {}
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            if job.material not in loaded:
                loaded = {job.material: Material.load(materials[job.material])}  # one at a time in memory
            answer: Outcome | str = execute(job, loaded[job.material])
        except Exception:  # noqa: BLE001  # raised again in the driver
            answer = traceback.format_exc()  # as text: not every exception can travel
        pipe.send(answer)


def _die_with_the_driver() -> None:
    """End this process when the driver is gone, killed or not: a training would go on for minutes."""
    driver = parent_process()
    assert driver is not None
    driver.join()
    os._exit(1)
