"""
scripts/pi-install.sh, run in clean roots of Debian 12 and 13: does it install, and does it leave alone what is there?

    python scripts/prove_pi_install.py [SUITE ...]

In each: a trial, which may change nothing; the installation, from the wheel of this checkout, for a user who is in no
group; hemline classify on a drawn picture as that user; the installation again, in which nothing may be run; and again
with --upgrade. No root is a Raspberry Pi's: its picamera2 is not in Debian.

Prints seconds and sizes. Exits with 1 when something is not as it should be. Needs root and debootstrap; without them
that is said, and nothing is tried.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import clean_root

ROOT = Path(__file__).resolve().parent.parent
SUITES = ("bookworm", "trixie")
SURROUNDINGS = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
DRAW = "import sys, cv2; from hemline.drawn import draw; cv2.imwrite(sys.argv[1], draw(9, seed=1))"


def commands(out: str) -> list[str]:
    """Return the lines that were run."""
    return [line.removeprefix("runs   ") for line in out.splitlines() if line.startswith("runs ")]


def require(true: bool, what: str, out: str) -> None:
    """End with what is wrong and what was printed."""
    if not true:
        raise SystemExit(f"{what}\n{out}")


def prove(root: Path, suite: str, wheel: Path) -> None:
    """Install in one root and look at what became of it."""
    started = time.monotonic()
    clean_root.bootstrap(root, suite)
    shutil.copy(wheel, root / "srv")
    shutil.copy(ROOT / "scripts" / "pi-install.sh", root / "srv")
    clean_root.run(root, ["useradd", "--create-home", "pi"], SURROUNDINGS)
    before = clean_root.size_mb(root)
    print(f"{suite}: a clean root of {before:.0f} MB in {time.monotonic() - started:.0f} s", flush=True)
    script = ["bash", "/srv/pi-install.sh", "--wheel", f"/srv/{wheel.name}", "--user", "pi"]

    def install(*options: str) -> tuple[str, float]:
        began = time.monotonic()
        return clean_root.run(root, [*script, *options], SURROUNDINGS, suite=suite), time.monotonic() - began

    trial, _ = install("--dry-run")
    require(not (root / "opt/hemline").exists() and not commands(trial), "the trial did something", trial)
    out, seconds = install()
    print("\n".join(line for line in out.splitlines() if line.startswith(("have ", "runs ", "note  "))))
    require(len(commands(out)) == 5, "not five things were run", out)
    size = clean_root.size_mb(root) - before
    print(
        f"installed in {seconds:.0f} s: {size:.0f} MB, {clean_root.size_mb(root / 'opt/hemline'):.0f} of them hemline's"
    )
    classify(root)
    out, seconds = install()
    require(not commands(out), "the second time something was run", out)
    print(f"again in {seconds:.0f} s: nothing was run")
    out, seconds = install("--upgrade")
    require(len(commands(out)) == 2, "an upgrade is pip's, of the wheel and of what it needs", out)
    print(f"with --upgrade in {seconds:.0f} s: {len(commands(out))} commands")


def classify(root: Path) -> None:
    """Name a drawn picture, as the user."""
    picture = root / "home/pi/garment.png"
    subprocess.run([sys.executable, "-c", DRAW, picture], check=True)
    own = {**SURROUNDINGS, "HOME": "/home/pi"}
    numbers = next(line for line in (root / "etc/passwd").read_text().splitlines() if line.startswith("pi:")).split(":")
    out = clean_root.run(
        root,
        ["/opt/hemline/bin/hemline", "classify", "garment.png", "--json"],
        own,
        user=f"{numbers[2]}:{numbers[3]}",
        folder="/home/pi",
    )
    result = json.loads(out)
    require(result["label"] == "Ankle boot", "a drawn ankle boot was taken for something else", out)
    groups = (root / "etc/group").read_text()
    require("video:x:44:pi" in groups, "pi is not in the group video", groups)
    print(f"pi sees: {result['label']} {result['confidence']:.3f} {result['artifact']}")


def main(arguments: list[str] | None = None) -> int:
    """Prove it for each release."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"releases of Debian (default: {', '.join(SUITES)})")
    suites = parser.parse_args(arguments).suites or SUITES
    why = clean_root.why_not()
    if why:
        print(f"not tried, {why}")
        return 0
    failed = False
    with tempfile.TemporaryDirectory(prefix="hemline-pi-") as name:
        words = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", name, ROOT]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        (wheel,) = Path(name).glob("*.whl")
        for suite in suites:
            try:
                prove(Path(name) / suite, suite, wheel)
            except SystemExit as error:
                print(f"FAILED: {error}")
                failed = True
            shutil.rmtree(Path(name) / suite, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
