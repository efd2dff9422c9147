"""
A training killed in mid-epoch and resumed ends with the same bytes as one in one go.

    python scripts/prove_resume.py --data PATH
    python scripts/prove_resume.py --data PATH --recipe codered-dropout --epochs 4 --after 2

Trains twice: once through, once killed with SIGKILL while it is in the epoch behind `--after` and resumed. Then
every array of the last checkpoints (weights, optimiser, generators, best weights), the
history and the answers on golden inputs are compared.
Exit status 1 when a byte differs.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

POLL_SECONDS = 0.05


def main() -> int:
    """Train, kill, resume, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--recipe", default="fashion-cnn")
    parser.add_argument("--data", metavar="PATH", help="as for hemline train")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--after", type=int, default=2, help="finished epochs before the kill (default: 2)")
    parser.add_argument("--set", dest="assignments", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    if not 0 < options.after < options.epochs:
        parser.error("--after is 1 or more and below --epochs")
    with tempfile.TemporaryDirectory(prefix="hemline-resume-") as directory:
        whole, cut = Path(directory) / "whole", Path(directory) / "cut"
        train(options, whole)
        killed = kill_after(options, cut, options.after)
        print(f"killed with SIGKILL {killed:.1f} s into epoch {options.after + 1}")
        train(options, cut, "--resume")
        return compare(whole, cut)


def command(options: argparse.Namespace, out: Path, *more: str) -> list[str]:
    words = [sys.executable, "-m", "hemline", "train", options.recipe, "--out", str(out), "--quiet", *more]
    words += ["--data", options.data] if options.data else []
    for assignment in [f"training.epochs={options.epochs}", *options.assignments]:
        words += ["--set", assignment]
    return words


def train(options: argparse.Namespace, out: Path, *more: str) -> None:
    subprocess.run(command(options, out, *more), check=True, stdout=subprocess.DEVNULL)


def kill_after(options: argparse.Namespace, out: Path, epochs: int) -> float:
    """Start a training, kill it while it is in the epoch after `epochs`; return the seconds it was in it."""
    with subprocess.Popen(command(options, out), stdout=subprocess.DEVNULL, start_new_session=True) as process:
        while done(out) < epochs:
            if process.poll() is not None:
                raise SystemExit(f"the training ended by itself with status {process.returncode}")
            time.sleep(POLL_SECONDS)
        into = seconds_of_an_epoch(out) / 2
        time.sleep(into)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if done(out) != epochs:
        raise SystemExit(f"epoch {done(out)} was finished before the kill; use more pictures")
    return into


def done(out: Path) -> int:
    try:
        return int(json.loads((out / "run.json").read_text())["epochs_done"])
    except (OSError, ValueError, KeyError):
        return 0


def seconds_of_an_epoch(out: Path) -> float:
    return float(json.loads((out / "run.json").read_text())["seconds_per_epoch"])


def compare(whole: Path, cut: Path) -> int:
    """Print what was compared and return 1 when a byte differs."""
    files = [max((run / "checkpoints").glob("*.npz"), key=lambda path: path.stat().st_mtime_ns) for run in (whole, cut)]
    one, other = (arrays(file) for file in files)
    same = set(one) == set(other) and all(one[name].tobytes() == other[name].tobytes() for name in one)
    figures = [history(run) for run in (whole, cut)]
    answers = [arrays(run / "golden.npz") for run in (whole, cut)]
    alike = all(answers[0][name].tobytes() == answers[1][name].tobytes() for name in answers[0])
    count = sum(array.size for array in one.values())
    print(f"{'checkpoint':<28}{'identical' if same else 'DIFFERENT'}  {len(one)} arrays, {count:,} numbers")
    for run, values in zip((whole, cut), (one, other), strict=True):
        print(f"  {run.name:<26}sha256 {digest(values)[:32]}")
    print(f"{'history without its times':<28}{'identical' if figures[0] == figures[1] else 'DIFFERENT'}")
    print(f"{'answers on golden inputs':<28}{'identical' if alike else 'DIFFERENT'}")
    return 0 if same and alike and figures[0] == figures[1] else 1


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files if name != "history"}


def digest(values: dict[str, np.ndarray]) -> str:
    total = hashlib.sha256()
    for name in sorted(values):
        total.update(name.encode())
        total.update(values[name].tobytes())
    return total.hexdigest()


def history(run: Path) -> list[dict[str, str]]:
    with (run / "history.csv").open(newline="") as stream:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(stream)]


if __name__ == "__main__":
    raise SystemExit(main())
