"""
The parent's end of a capture process: started, asked, killed, reaped.

Each process has a block of its own, so one that a broken driver keeps from dying can never write into a frame of its
successor. Block, stderr and notebook are memory without a name, sealed against resizing: whoever is killed, nothing
is left behind, and no read can fault.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hemline import image
from hemline.sources.address import Address
from hemline.sources.shot import NOTEBOOK_BYTES

BLOCK_BYTES = 3 * image.MAX_PIXELS  # of address space: only pages that a frame has touched take memory
_REAP_SECONDS = 1.0
_LOG_BYTES = 2**13
# The same modules as here, whatever PYTHONPATH or the working folder would say: -m puts that folder first.
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from hemline.sources.capture import main; main(json.loads(sys.argv[3]))"
)


class Gone(Exception):
    """The process has closed its end of the conversation."""


def memory(name: str, size: int) -> int:
    """Return a descriptor of `size` bytes of memory without a name in any folder, which nobody can resize."""
    handle = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(handle, size)
    fcntl.fcntl(handle, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    return handle


class Process:
    """A running capture process. Use close(): it kills, it does not ask.

    first: the number that its first frame gets.
    notebook: descriptor of the memory that it leaves to its successor, from notebook().
    """

    def __init__(
        self, module: str, address: Address, *, first: int, every: bool, still: bool, notebook: int, stdin: bool = False
    ) -> None:
        self._control, theirs = socket.socketpair()
        block = memory("hemline-frame", BLOCK_BYTES)
        self._block = mmap.mmap(block, BLOCK_BYTES)
        self._log = os.memfd_create("hemline-stderr", os.MFD_CLOEXEC)
        fcntl.fcntl(self._log, fcntl.F_SETFL, os.O_APPEND)  # it is emptied while it is written
        lifeline, self._lifeline = os.pipe2(os.O_CLOEXEC)
        passed = [theirs.fileno(), block, notebook, lifeline]
        words = [sys.executable, "-c", _START, address.name, json.dumps(sys.path), json.dumps(passed)]
        # ctrl-C must not reach it before it can ignore it: a mask survives exec, and it never unblocks this one
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process = subprocess.Popen(
                words,
                stdin=None if stdin else subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                pass_fds=passed,
            )
        except BaseException:
            self._control.close()
            self._release()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()
            for handle in (block, lifeline):
                os.close(handle)
        self._received = b""
        settings = {"module": module, "address": asdict(address), "first": first, "every": every, "still": still}
        self._send(json.dumps(settings) + "\n")

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ask(self, request: str) -> None:
        """Send "next", for a frame that was not given yet, or "why", for the counts at once."""
        self._send(request + "\n")

    def _send(self, text: str) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # receive() will say that it is gone
            self._control.sendall(text.encode())

    def receive(self, seconds: float, wake: int) -> dict[str, Any] | None:
        """Return the next answer; None after these seconds, or when `wake` becomes readable. Raises Gone."""
        until = time.monotonic() + seconds
        while b"\n" not in self._received:
            left = max(0.0, until - time.monotonic())
            ready, _, _ = select.select([self._control.fileno(), wake], [], [], left)
            if self._control.fileno() not in ready:
                return None
            try:
                part = self._control.recv(2**16)
            except ConnectionResetError:
                part = b""
            if not part:
                raise Gone
            self._received += part
        line, _, self._received = self._received.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def pixels(self, height: int, width: int) -> NDArray[np.uint8]:
        """Return a copy of the frame in the block, (height, width, 3) RGB uint8.

        The process writes there only between a request and its answer, so call it before the next request.
        """
        count = 3 * height * width
        # a local view: one that lived on would keep the block from being closed
        return np.frombuffer(self._block, np.uint8, count).reshape(height, width, 3).copy()

    def close(self) -> str:
        """Kill and reap the process; return how it ended by itself: "signal 9", "status 1: last words", or ""."""
        status = self._status()
        self._process.kill()
        try:
            self._process.wait(_REAP_SECONDS)
        except subprocess.TimeoutExpired:
            # a driver holds it in the kernel; it dies when that lets go, and is reaped then
            threading.Thread(target=self._process.wait, name="reaper", daemon=True).start()
        self._control.close()
        words = self._last_words()
        self._release()
        return f"{status}: {words}" if status and words else status

    def _status(self) -> str:
        """Return how it ended, "" when it runs or has ended well; one that has just hung up is given a moment."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(0.2 if self._hung_up() else 0)
        code = self._process.returncode
        if not code:
            return ""
        return f"signal {-code}" if code < 0 else f"status {code}"

    def _hung_up(self) -> bool:
        poll = select.poll()
        poll.register(self._control, 0)
        return bool(poll.poll(0))

    def _last_words(self) -> str:
        """Return the last line of its stderr: of a traceback, the one that says what happened."""
        size = os.fstat(self._log).st_size
        said = os.pread(self._log, _LOG_BYTES, max(0, size - _LOG_BYTES)).decode(errors="replace")
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        return lines[-1] if lines else ""

    def _release(self) -> None:
        self._block.close()
        os.close(self._log)
        os.close(self._lifeline)


def notebook() -> int:
    """Return the descriptor of a new notebook for the processes of one source."""
    return memory("hemline-notebook", NOTEBOOK_BYTES)
