"""
The parent's end of a measuring process: started with a plan, heard, acknowledged, killed when it says nothing.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from hemline import errors
from hemline.bench.plan import Plan
from hemline.errors import BundleError, HemlineError

# between two messages of a child, beside what it measures: compiling a model on a small board takes its time
PATIENCE_S = 180.0
# The same modules as here, whatever PYTHONPATH or the working folder would say: -m puts that folder first.
_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from hemline.bench.worker import main; main()"


class Child:
    """A running measuring process, a context manager: at its end the process is gone."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield what it tells; it goes on when the next one is asked for. Raises what kept it from going on."""
        self._send(self._plan.line())
        longest = PATIENCE_S + max(self._plan.window_s * 2, self._plan.extra_s * 2, self._plan.run_s * 2)
        while True:
            line, silent = self._line(longest)
            if not line:
                ending = f"said nothing for {longest:.0f} s and was killed" if silent else self._ending()
                raise BundleError(f"{self._plan.artifact}: its process {ending}")
            message: dict[str, Any] = json.loads(line)
            if "failed" in message:
                raise error_of(message["status"], message["failed"])
            if "done" in message:
                return
            yield message
            self._send("\n")

    def _line(self, patience_s: float) -> tuple[str, bool]:
        """Return the next line, "" when there is none, and whether it was killed for want of one."""
        assert self._process.stdout is not None
        silent = threading.Event()

        def kill() -> None:
            silent.set()
            self._process.kill()

        late = threading.Timer(patience_s, kill)
        late.start()
        line = self._process.stdout.readline()
        late.cancel()
        return line, silent.is_set()

    def _send(self, text: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # reading will say that it is gone
            self._process.stdin.write(text)
            self._process.stdin.flush()

    def _ending(self) -> str:
        """Return how it ended by itself, for a person."""
        code = self._process.wait()
        if code < 0:
            return f"died of {signal.Signals(-code).name}"
        self._said.seek(0)
        lines = [line.strip() for line in self._said.read().decode(errors="replace").splitlines() if line.strip()]
        return f"ended with {code}{f': {lines[-1]}' if lines else ''}"

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._said):
            assert stream is not None
            with suppress(BrokenPipeError):
                stream.close()


def error_of(status: int, text: str) -> HemlineError:
    """Return the error of the tree that has this exit status."""
    kinds = (errors.UsageError, errors.MissingError, errors.BundleError)
    return next((kind for kind in kinds if kind.exit_status == status), errors.BundleError)(text)
