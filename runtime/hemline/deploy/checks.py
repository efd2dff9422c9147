"""
What systemd's own programs say of files, before these are written: each looks at a copy. None of them starts anything.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hemline.deploy.plan import File

ANALYZE = "systemd-analyze"
UDEVADM = "udevadm"
_OFFLINE = 250  # the first systemd whose `security` looks at a file, and whose `verify` can leave other units alone
_UDEV_VERIFIES = 254
_PATIENCE_S = 60
_EXPOSURE = re.compile(r"exposure level for .*: ([0-9.]+) ([A-Z]+)")


@dataclass(frozen=True)
class Finding:
    """What a program said. complaints: lines; said: what it found, or why it was not asked."""

    program: str
    complaints: tuple[str, ...] = ()
    said: str = ""


def unit(file: File, *, elsewhere: bool) -> list[Finding]:
    """Return what systemd-analyze says of a unit: verify, and security in a line.

    elsewhere: whether the unit is for another root; a program that is not here may be there.
    """
    version = _version(ANALYZE)
    if version is None:
        return [Finding(ANALYZE, said="not here; the unit was not checked")]
    with tempfile.TemporaryDirectory(prefix="hemline-") as folder:
        copy = Path(folder) / file.path.name
        copy.write_text(file.text, encoding="utf-8")
        alone = ["--recursive-errors=no"] if version >= _OFFLINE else []
        status, lines = _run([ANALYZE, "verify", "--man=no", *alone, str(copy)])
        named = [line.replace(f"{folder}/", "") for line in lines]
        # an older one speaks of units that were there before, too
        mine = [line for line in named if copy.name in line] or (named if status != 0 and alone else [])
        wrong = [line for line in mine if not (elsewhere and "is not executable: No such file" in line)]
        return [Finding(f"{ANALYZE} verify", tuple(wrong), "no complaint"), *_security(copy, version)]


def rules(file: File) -> Finding:
    """Return what udevadm says of rules."""
    version = _version(UDEVADM)
    if version is None or version < _UDEV_VERIFIES:
        why = "not here" if version is None else f"{version} cannot; {_UDEV_VERIFIES} can"
        return Finding(f"{UDEVADM} verify", said=f"{why}; the rules were not checked")
    with tempfile.TemporaryDirectory(prefix="hemline-") as folder:
        copy = Path(folder) / file.path.name
        copy.write_text(file.text, encoding="utf-8")
        # groups that systemd-sysusers has not made yet are no fault of the rules
        status, lines = _run([UDEVADM, "verify", "--resolve-names=never", "--no-summary", str(copy)])
    complaints = tuple(line.replace(f"{folder}/", "") for line in lines) if status != 0 else ()
    return Finding(f"{UDEVADM} verify", complaints, "no complaint")


def _security(copy: Path, version: int) -> list[Finding]:
    program = f"{ANALYZE} security"
    if version < _OFFLINE:
        return [Finding(program, said=f"systemd {version} cannot look at a file; {_OFFLINE} can")]
    _, lines = _run([ANALYZE, "security", "--offline=true", "--no-pager", str(copy)])
    level = next((match for line in reversed(lines) if (match := _EXPOSURE.search(line))), None)
    said = f"exposure {level[1]} of 10, {level[2]}" if level else "no figure"
    return [Finding(program, said=said)]


def _version(program: str) -> int | None:
    if shutil.which(program) is None:
        return None
    _, lines = _run([program, "--version"])
    numbers = re.search(r"\d+", lines[0]) if lines else None
    return int(numbers[0]) if numbers else None


def _run(words: list[str]) -> tuple[int, list[str]]:
    """Return the status and the lines on both streams; what cannot be run is a status and a line too."""
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, [f"{words[0]}: {error}"]
    return done.returncode, [line for line in done.stdout.splitlines() if line.strip()]
