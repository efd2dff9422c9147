"""
Problems planted one at a time on a made-up machine: does `hemline doctor` find each, and does it name what mends it?

    python scripts/prove_doctor.py [WORD ...]

The machine is a folder with a small /proc, /sys, /dev and /etc and one of packages (tests/runtime/madeup.py); the real
command runs on it, `hemline doctor --root`. Before the first, on a machine on which nothing is wrong, it has to find
nothing. WORD: only problems with this word in their names.

    found   the check that the problem belongs to tells of it, as what it is: fatal, problem or note
    fix     the line that it gives is the right one
    others  what was found besides: nothing, but for what follows from the same problem

Prints a table and exits with 1 when a problem is missed, a fix is wrong, or something is found that is not there.
A full disk needs a kernel that lets a user mount one in memory; where it does not, that is said and not counted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from hemline.report.table import table

TESTS = Path(__file__).resolve().parent.parent / "tests" / "runtime"
sys.path.insert(0, str(TESTS))  # the tests plant the same problems

from madeup import Machine, healthy  # noqa: E402  after their folder is known
from planted import PLANTS, Plant  # noqa: E402

AT_ONCE = 2
MOUNT = 'mount -t tmpfs -o "$1,mode=777" none "$2" && shift 2 && exec "$@"'


@dataclass(frozen=True)
class Outcome:
    """What the command said. others: what it found that was not planted. why: why it was not tried."""

    found: bool = False
    fix: bool = False
    others: tuple[str, ...] = ()
    status: bool = False
    seconds: float = 0.0
    why: str = ""

    @property
    def good(self) -> bool:
        """Whether all is as it should be."""
        return bool(self.why) or (self.found and self.fix and self.status and not self.others)


def examine(machine: Machine, mount: str = "") -> tuple[int, list[dict[str, str]], float]:
    """Return the exit status of the command on a machine, its findings but the good ones, and its seconds."""
    words, environment = machine.command("--json")
    if mount:
        words = [
            "unshare",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            MOUNT,
            "sh",
            mount,
            f"{machine.root}/home/pi",
            *words,
        ]
    started = time.monotonic()
    done = subprocess.run(words, env=environment, cwd=machine.root, capture_output=True, text=True, timeout=900)
    seconds = time.monotonic() - started
    if not done.stdout:
        raise SystemExit(f"the command said nothing but: {done.stderr}")
    findings = json.loads(done.stdout)["findings"]
    return done.returncode, [finding for finding in findings if finding["state"] != "ok"], seconds


def try_one(plant: Plant) -> Outcome:
    """Plant one problem and ask the command."""
    if (
        plant.mount
        and subprocess.run(["unshare", "--map-root-user", "--mount", "true"], capture_output=True).returncode
    ):
        return Outcome(why="no mount here")
    with tempfile.TemporaryDirectory(prefix="hemline-doctor-") as folder:
        machine = healthy(Path(folder))
        plant.plant(machine)
        status, findings, seconds = examine(machine, plant.mount)
    mine = [each for each in findings if each["check"] == plant.check and plant.about in each["about"]]
    allowed = {plant.check, *plant.more}
    return Outcome(
        found=any(each["state"] == plant.state for each in mine),
        fix=any(plant.fix in each["fix"] for each in mine),
        others=tuple(f"{each['check']}: {each['about']}" for each in findings if each["check"] not in allowed),
        status=status == (3 if any(each["state"] == "fatal" for each in findings) else 0),
        seconds=seconds,
    )


def row(name: str, plant: Plant, outcome: Outcome) -> list[str]:
    """Return a line of the table."""
    if outcome.why:
        return [name, plant.check, plant.state, "not tried", outcome.why, "", ""]
    said = ["yes" if each else "NO" for each in (outcome.found, outcome.fix)]
    return [name, plant.check, plant.state, *said, "; ".join(outcome.others) or "none", f"{outcome.seconds:.1f}"]


def main(arguments: list[str] | None = None) -> int:
    """Plant, ask, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("words", nargs="*", metavar="WORD", help="only problems with this word in their names")
    words = parser.parse_args(arguments).words
    chosen = {name: plant for name, plant in PLANTS.items() if not words or any(word in name for word in words)}
    if not chosen:
        parser.error(f"no problem with {' or '.join(words)} in its name; there are {', '.join(PLANTS)}")
    with tempfile.TemporaryDirectory(prefix="hemline-doctor-") as folder:
        status, alarms, seconds = examine(healthy(Path(folder)))
    print(f"nothing planted: exit status {status}, {len(alarms)} findings, {seconds:.1f} s")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(try_one, chosen.values()))
    rows = [row(name, plant, outcome) for (name, plant), outcome in zip(chosen.items(), outcomes, strict=True)]
    print(table(["planted", "check", "as", "found", "fix", "others", "seconds"], rows))
    tried = [outcome for outcome in outcomes if not outcome.why]
    good = sum(outcome.good for outcome in tried)
    print(f"{good} of {len(tried)} found, with the line that mends them and nothing else")
    return 0 if not alarms and status == 0 and good == len(tried) else 1


if __name__ == "__main__":
    raise SystemExit(main())
