"""
Google's edgetpu_compiler, when it is on the PATH: run, bounded in time, its log read.

It is one closed program for Debian on x86-64 (https://coral.ai/docs/edgetpu/compiler/). Elsewhere
scripts/edgetpu_compiler, put on the PATH, runs it in a container under the same name. Nothing here starts a
container, fetches or installs anything.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemline.errors import DataError

NAME = "edgetpu_compiler"
TIMEOUT_S = 300.0  # the compiler gives up by itself after 180 s; small nets take one second
# what a person types where it is not on the PATH
HOW = (
    f"put {NAME} on the PATH (Debian, x86-64: https://coral.ai/docs/edgetpu/compiler/; anywhere else the container "
    f"of scripts/{NAME}) and convert again"
)
CONTAINER = (
    'docker run --rm --platform linux/amd64 -v "$PWD:$PWD" -w "$PWD" hemline-edgetpu-compiler '
    f"{NAME} -s -o . edgetpu-int8.tflite"
)
_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
# how lines that say why begin, the most telling first
_REASONS = ("ERROR:", "Compilation failed:", "Model ", "Internal compiler error")


@dataclass(frozen=True)
class Compiled:
    """A compiled file, what the compiler said of it as plain values, and its whole log."""

    content: bytes
    summary: dict[str, Any]
    log: str


def available() -> bool:
    """Return whether the compiler, or a script of its name, is on the PATH."""
    return shutil.which(NAME) is not None


def compile_model(content: bytes, *, timeout_s: float = TIMEOUT_S) -> Compiled:
    """Return the compiled file; DataError with the compiler's own reason when it does not compile."""
    with tempfile.TemporaryDirectory(prefix="hemline-edgetpu-") as folder:
        given = Path(folder, "model.tflite")
        given.write_bytes(content)
        # relative names: the same command line works inside a container that has the folder mounted
        status, log = _run([NAME, "-s", "-o", ".", given.name], folder, timeout_s)
        made = Path(folder, "model_edgetpu.tflite")
        if status != 0 or not made.is_file():
            raise DataError(f"{NAME}: {_reason(log, status)}; the lint says what stands in the way")
        return Compiled(made.read_bytes(), parse(log), log)


def _run(command: list[str], folder: str, timeout_s: float) -> tuple[int, str]:
    """Return the exit status and everything that was printed."""
    # a session of its own: the compiler forks, and all of it has to go when it hangs
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise DataError(f"{NAME}: not done after {timeout_s:g} s, stopped; try a smaller model") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    return process.returncode, output.decode(errors="replace")


def _reason(log: str, status: int) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    for start in _REASONS:
        for line in lines:
            if line.startswith(start):
                return line.removeprefix("ERROR:").strip().rstrip(".")
    return f"{lines[-1] if lines else 'said nothing'} (exit status {status})"


def parse(log: str) -> dict[str, Any]:
    """Return the figures in a compiler's log; one that it does not hold is None, the operators then empty."""
    return {
        "version": _text(r"Edge TPU Compiler version (\S+)", log),
        "on_chip_used_bytes": _bytes("On-chip memory used for caching model parameters", log),
        "on_chip_left_bytes": _bytes("On-chip memory remaining for caching model parameters", log),
        "streamed_bytes": _bytes("Off-chip memory used for streaming uncached model parameters", log),
        "subgraphs": _number("Number of Edge TPU subgraphs", log),
        "operators": [
            {"operator": name, "count": int(count), "status": status.strip()}
            for name, count, status in re.findall(r"^([A-Z][A-Z0-9_]*) +(\d+) +(\S.*)$", log, re.MULTILINE)
        ],
    }


def _text(pattern: str, log: str) -> str | None:
    found = re.search(pattern, log)
    return found.group(1) if found else None


def _number(label: str, log: str) -> int | None:
    found = _text(rf"{label}: (\d+)", log)
    return int(found) if found is not None else None


def _bytes(label: str, log: str) -> int | None:
    found = re.search(rf"{label}: ([\d.]+)(B|KiB|MiB|GiB)", log)
    return round(float(found.group(1)) * _UNITS[found.group(2)]) if found else None
