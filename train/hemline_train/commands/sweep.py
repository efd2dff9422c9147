"""
hemline sweep: many configurations, cross-validated, on processes of this machine or on Spark.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from hemline_train.sweep.config import Configuration, Sweep
    from hemline_train.sweep.jobs import Outcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("sweep", nargs="?", metavar="SWEEP|PATH.toml", help="a sweep of hemline's, or a sweep file")
    parser.add_argument("--list", action="store_true", help="list hemline's sweeps")
    parser.add_argument("--data", metavar="PATH", help="the data set, or a folder that holds it under its name")
    parser.add_argument("--out", metavar="DIR", help="directory of the results (default: sweeps/SWEEP)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workers", type=int, default=1, metavar="N", help="local processes (default: 1)")
    where.add_argument("--spark", metavar="MASTER_URL", help="run the jobs on a cluster, such as spark://host:7077")
    parser.add_argument("--threads", type=int, metavar="N", help="of each local worker (default: cores / workers)")
    parser.add_argument(
        "--set",
        dest="assignments",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a key in every configuration, such as training.epochs=3; may be repeated",
    )
    parser.add_argument("--skip-bad", action="store_true", help="leave out pictures that cannot be read")
    parser.add_argument("--no-weights", action="store_true", help="keep the figures of each job only")
    parser.add_argument("--json", action="store_true", help="print the results as one JSON document")
    parser.add_argument("--quiet", action="store_true", help="print no line a job")
    parser.epilog = (
        "DIR holds results.csv, results.json, results.html, best.toml (a recipe), and one file a finished job. "
        "The same command goes on with an interrupted sweep; a finished fold is never computed again. "
        "Exit status 1: a job has no score."
    )


def run(options: argparse.Namespace) -> int:
    """Search; the exit status is 1 where a job came to no score."""
    from pathlib import Path

    from hemline.errors import UsageError
    from hemline_train.sweep import config

    if options.list:
        return _list()
    if options.sweep is None:
        raise UsageError(f"which sweep? there are {', '.join(config.names())}; or give a PATH.toml")
    if options.workers < 1:
        raise UsageError(f"--workers {options.workers}; give 1 or more")
    if options.threads is not None and options.threads < 1:
        raise UsageError(f"--threads {options.threads}; give 1 or more")
    if options.threads is not None and options.spark is not None:
        raise UsageError("--threads is of local workers; a job on Spark has one thread")
    sweep = config.load(options.sweep, options.assignments)
    return _search(sweep, Path(options.out) if options.out else Path("sweeps") / sweep.name, options)


def _search(sweep: Sweep, out: Path, options: argparse.Namespace) -> int:
    import json

    from hemline_train.sweep import search

    progress = _Progress(quiet=options.quiet)
    runner, where = _runner(options, progress)
    try:
        table = search.run(
            sweep,
            out,
            runner,
            where=where,
            data_path=options.data,
            skip_bad=options.skip_bad,
            keep_weights=not options.no_weights,
            watch=search.Watch(progress.begin, progress.outcome),
        )
    except KeyboardInterrupt:
        print(f"\nhemline: interrupted; go on with: {_again(out, options)}", file=sys.stderr)
        return 130
    print(json.dumps(table, ensure_ascii=False) if options.json else _text(table, out))
    return 1 if table["failed"] else 0


def _runner(options: argparse.Namespace, progress: _Progress) -> tuple[Any, str]:
    from functools import partial

    if options.spark is not None:
        from hemline_train.sweep import spark

        return partial(spark.run, master=options.spark, say=progress.say), f"Spark at {options.spark}"
    from hemline_train.sweep import local

    count, threads = options.workers, options.threads
    each = "" if threads is None else f" of {threads} thread{'s' if threads > 1 else ''}"
    said = f"{count} local worker{'s' if count > 1 else ''}{each}"
    return partial(local.run, workers=count, threads=threads, say=progress.say), said


class _Progress:
    """One line a job on stderr."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._jobs = 0

    def begin(self, left: int, jobs: int) -> None:
        self._jobs = jobs
        done = f", {jobs - left} done before" if left < jobs else ""
        self.say(f"{jobs} jobs{done}" if left else f"{jobs} jobs, all done before")

    def outcome(self, number: int, configuration: Configuration, outcome: Outcome) -> None:
        if self._quiet:
            return
        if outcome.accuracy is None:
            said = f"no score: {outcome.reason}"
        else:
            said = f"accuracy {outcome.accuracy:.4f}, {outcome.epochs} epochs, {outcome.seconds:.1f} s"
        width = len(str(self._jobs))
        self.say(f"[{number:>{width}}/{self._jobs}]  {configuration}  fold {outcome.fold}: {said}")

    @staticmethod
    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)


def _again(out: Path, options: argparse.Namespace) -> str:
    import shlex

    words = ["hemline", "sweep", options.sweep, "--out", str(out)]
    words += ["--data", options.data] if options.data else []
    words += ["--spark", options.spark] if options.spark else ["--workers", str(options.workers)]
    words += ["--threads", str(options.threads)] if options.threads else []
    for assignment in options.assignments:
        words += ["--set", assignment]
    words += ["--skip-bad"] if options.skip_bad else []
    return shlex.join([*words, *(["--no-weights"] if options.no_weights else [])])


def _text(table: dict[str, Any], out: Path) -> str:
    from hemline.report.table import table as aligned

    names = table["parameters"]
    header = [
        *(name.rpartition(".")[2] for name in names),
        "accuracy",
        "95 %",
        "spread",
        "loss",
        "behind",
        "epochs",
        "s",
    ]
    rows = []
    for row in table["configurations"]:
        values = [str(row["parameters"][name]) for name in names]
        if not row["complete"]:
            reasons = {fold["reason"] for fold in row["folds"] if fold["reason"]}
            rows.append([*values, "-", "; ".join(sorted(reasons))[:60] or "not finished", "", "", "", "", ""])
            continue
        low, high = row["accuracy_ci95"]
        behind = "best" if row["behind"] == 0 and row is table["configurations"][0] else f"{100 * row['behind']:.2f}"
        mark = " ~" if row["as_good_as_best"] and behind != "best" else ""
        figures = [f"{row['accuracy']:.4f}", f"{low:.4f} to {high:.4f}", f"{row['spread']:.4f}", f"{row['loss']:.4f}"]
        rows.append([*values, *figures, behind + mark, f"{row['epochs']:.1f}", f"{row['seconds']:.0f}"])
    lines = [aligned(header, rows), ""]
    lines.append("behind: points below the best; ~ where the folds cannot tell it from the best")
    lines.append(f"{table['job_seconds']:.0f} s of jobs in {table['wall_seconds']:.0f} s, {table['where']}")
    lines.append(f"results        {out / 'results.html'}")
    if table["best"]:
        lines.append(f"next           hemline train {out / 'best.toml'}")
    return "\n".join(lines)


def _list() -> int:
    from hemline_train.sweep import config

    print(f"{'sweep':<24}{'recipes':<28}{'search':<8}{'configurations':>15}{'folds':>7}{'jobs':>6}")
    for name in config.names():
        sweep = config.load(name)
        count = len(config.configurations(sweep))
        used = ", ".join(recipe.name for recipe in sweep.recipes)
        print(f"{name:<24}{used:<28}{sweep.search:<8}{count:>15}{sweep.folds:>7}{count * sweep.folds:>6}")
    return 0
