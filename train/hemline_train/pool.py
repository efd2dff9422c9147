"""
Tasks on worker processes of this machine.

A worker is started fresh (spawn) with its threads pinned before TensorFlow is imported, so that N workers on
C cores do not fight for them: C // N threads each, unless told otherwise. It imports TensorFlow once and does
task after task. One that dies (killed, out of memory) is replaced and its task given out again, TRIES times at most.
"""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

from hemline.errors import HemlineError, RunError

TRIES = 3
# what TensorFlow, oneDNN and NumPy's BLAS read when they are loaded
THREAD_VARIABLES = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Task = TypeVar("Task")
Answer = TypeVar("Answer")
Say = Callable[[str], None]


def run(
    tasks: Mapping[str, Task],
    do: Callable[[Task], Answer],
    put: Callable[[Answer], None],
    *,
    workers: int,
    threads: int | None = None,
    say: Say = lambda line: None,
) -> None:
    """Do the tasks on `workers` processes, in their order; each answer is put, here, as soon as it is there.

    tasks: by the name that messages give them. do: a function of a module, or a partial of one, which a fresh
    process can import; what it takes and gives travels by pickle between this process and its own children only.
    threads: of each worker; None shares the cores among them.
    A HemlineError of a task is raised here as it is, any other as a RuntimeError with its traceback. Raises RunError
    when a task killed its worker TRIES times. However it ends, no process is left.
    """
    threads = threads or max(1, _cores() // workers)
    waiting, lost = list(tasks)[::-1], dict.fromkeys(tasks, 0)
    pool: list[_Worker[Task, Answer]] = [_Worker(do, threads) for _ in range(min(workers, len(waiting)))]
    try:
        while waiting or any(worker.task for worker in pool):
            for worker in pool:
                if waiting and worker.task is None:
                    name = waiting.pop()
                    worker.give(name, tasks[name])
            ready = connection.wait([worker.pipe for worker in pool if worker.task])
            for place, worker in enumerate(pool):
                if worker.pipe not in ready:
                    continue
                name = worker.task or ""
                answered, answer = worker.take()
                if answered:
                    assert answer is not None
                    put(answer)
                    continue
                lost[name] += 1
                worker.stop()
                if lost[name] == TRIES:
                    raise RunError(f"{name}: its worker died {TRIES} times ({worker.end}); out of memory?")
                say(f"{name}: its worker died ({worker.end}); given out again")
                waiting.append(name)
                pool[place] = _Worker(do, threads)
    finally:
        for worker in pool:
            worker.stop()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Worker(Generic[Task, Answer]):
    """One process, and the name of the task it has."""

    def __init__(self, do: Callable[[Task], Answer], threads: int) -> None:
        context = get_context("spawn")
        self.task: str | None = None
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, do, threads), daemon=True)
        self._process.start()
        theirs.close()  # or its end would never be seen

    def give(self, name: str, task: Task) -> None:
        """Hand over a task; a worker that is dead already is noticed by take()."""
        self.task = name
        with suppress(OSError):
            self.pipe.send(task)

    def take(self) -> tuple[bool, Answer | None]:
        """Return (True, the answer to its task), or (False, None) when it died of it. What was raised is raised."""
        self.task = None
        try:
            kind, answer = self.pipe.recv()
        except (EOFError, OSError):
            self._process.join(5)
            return False, None
        if kind == "error":
            raise answer
        if kind == "bug":
            raise RuntimeError(f"in a worker:\n{answer}")
        return True, answer

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


def _work(pipe: Connection, do: Callable[[Any], Any], threads: int) -> None:
    """The life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C reaches the whole group; the driver ends its workers
    threading.Thread(target=_die_with_the_driver, daemon=True).start()
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer: tuple[str, Any] = ("answer", do(task))
        except HemlineError as error:
            answer = ("error", error)
        except Exception:  # noqa: BLE001  # raised again in the driver
            answer = ("bug", traceback.format_exc())  # as text: not every exception can travel
        pipe.send(answer)


def _die_with_the_driver() -> None:
    """End this process when the driver is gone, killed or not: a training would go on for minutes."""
    driver = parent_process()
    assert driver is not None
    driver.join()
    os._exit(1)
