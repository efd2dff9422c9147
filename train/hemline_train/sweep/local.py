"""
Jobs on worker processes of this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from hemline_train import pool
from hemline_train.sweep.jobs import Job, Outcome, execute, loaded


def run(
    jobs: Sequence[Job],
    materials: dict[str, Path],
    put: Callable[[Outcome], None],
    *,
    workers: int,
    threads: int | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Execute the jobs on `workers` processes; each outcome is put as soon as it is there.

    materials: name -> .npz file. threads, say, and what is raised: see hemline_train.pool.
    """
    tasks = {f"job {job.key}": job for job in jobs}
    pool.run(tasks, partial(_execute, materials), put, workers=workers, threads=threads, say=say)


def _execute(materials: Mapping[str, Path], job: Job) -> Outcome:
    """Run in a worker."""
    return execute(job, loaded(job.material, materials[job.material]))
