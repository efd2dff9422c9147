"""
The capture process: it opens one camera, stream or file and keeps the newest complete frame for who asks.

A reading thread takes frames as they come; the newest replaces the one before it, so nothing can queue up. When the
parent asks for a frame, and only then, the main thread decodes the newest one into the shared block and answers: no
frame is read while it is written, none is given twice. A frame that is not whole is refused and counted.

This process may be killed at any moment. It dies with its parent, whatever its own threads are stuck in, and leaves
nothing behind: the block, its stderr and the notebook are memory without a name.
"""

from __future__ import annotations

import fcntl
import importlib
import json
import mmap
import os
import select
import signal
import socket
import threading
from typing import Any

import numpy as np

from hemline.errors import HemlineError, PictureError
from hemline.sources.address import Address
from hemline.sources.complaints import complaint
from hemline.sources.shot import Notebook, Shot

_ORPHAN_SECONDS = 1.0  # how often it looks whether it was given to another parent
_LINE_BYTES = 2**16


class Newest:
    """The newest frame that nobody has taken, and what became of the others."""

    def __init__(self, notebook: Notebook, *, first: int, every: bool, still: bool) -> None:
        self._notebook = notebook
        self._changed = threading.Condition()
        self.every, self._still = every, still
        self._waiting: tuple[int, Shot | PictureError] | None = None
        self._before: Shot | None = None
        self._given = False
        self._number = first - 1
        self.wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.last: dict[str, Any] | None = None  # what the reading thread said when it ended
        self.newest_ns = self._whole_ns = 0
        self.refusal = ""

    def put(self, shot: Shot) -> None:
        """Offer a frame. Where every frame counts, wait until it was given."""
        with self._changed:
            if not self._still and self._before is not None and shot.same(self._before):
                self._notebook.count_repeated()
                return
            self._before = shot
            self._number += 1
            self.newest_ns = shot.captured_ns
            self._offer(shot)

    def take(self) -> tuple[int, Shot | PictureError] | None:
        """Return the newest frame with its number, each at most once; where every frame counts, also bad ones."""
        with self._changed:
            taken, self._waiting = self._waiting, None
            return taken

    def given(self, content: Shot | PictureError) -> None:
        """Say that what was taken has reached the parent."""
        with self._changed:
            self._given = True
            self._changed.notify()
            if isinstance(content, Shot):
                self._whole_ns = content.captured_ns

    @property
    def waiting(self) -> bool:
        """Whether there is a frame to take."""
        return self._waiting is not None

    def refuse(self, error: PictureError) -> None:
        """Count a frame that is not whole; of one that was taken, that turned out now."""
        with self._changed:
            self._notebook.count_refused()
            self.refusal = str(error)
            if self._waiting is None:
                self.newest_ns = self._whole_ns

    def put_refused(self, error: PictureError) -> None:
        """Count a frame that is not whole; where every frame counts, it is given as one that is bad."""
        self.refuse(error)
        if self.every:
            with self._changed:
                self._offer(error)

    def _offer(self, content: Shot | PictureError) -> None:
        self._waiting, self._given = (self._number, content), False
        os.eventfd_write(self.wake, 1)
        # until it is given, not only taken: should the next frame kill this process, this one must not be lost
        while self.every and not self._given:
            self._changed.wait()

    def end(self, last: dict[str, Any]) -> None:
        """Say that no frame will follow, and why."""
        self.last = last
        os.eventfd_write(self.wake, 1)

    def facts(self) -> dict[str, Any]:
        """Return what goes into every answer."""
        return {"newest_ns": self.newest_ns, "refusal": self.refusal}


def read(module: str, address: Address, notebook: Notebook, newest: Newest) -> None:
    """Run the reader of a source until it ends; the body of the reading thread.

    A bug keeps its traceback: it goes to stderr, which the parent reads when this process is gone.
    """
    try:
        for shot in importlib.import_module(module).shots(address, notebook):
            if isinstance(shot, PictureError):
                newest.put_refused(shot)
            else:
                newest.put(shot)
        newest.end({"ended": True})
    except HemlineError as error:
        newest.end({"failed": str(error), "status": error.exit_status})
    finally:
        if newest.last is None:
            newest.end({})


class Answers:
    """The main thread's side: requests in, answers out, pixels into the block."""

    def __init__(self, control: socket.socket, block: mmap.mmap, newest: Newest, name: str) -> None:
        self._control, self._newest, self._name = control, newest, name
        self._pixels = np.frombuffer(block, np.uint8)
        self._asked = self._opened = False

    def run(self) -> None:
        """Answer until the parent is gone or the source has ended."""
        parent, control = os.getppid(), self._control.fileno()
        self._say({"started": True})  # from here on it is the camera that takes its time, not Python
        while os.getppid() == parent:
            ready, _, _ = select.select([control, self._newest.wake], [], [], _ORPHAN_SECONDS)
            if self._newest.wake in ready:
                os.eventfd_read(self._newest.wake)
            if control in ready:
                requests = self._control.recv(_LINE_BYTES)
                if not requests:
                    return
                self._asked |= b"next\n" in requests
                if b"why\n" in requests:
                    self._say({"why": True})
            if not self._opened and self._newest.waiting:
                self._opened = True
                self._say({"opened": True})
            if self._asked and (taken := self._newest.take()):
                if self._answer(*taken):
                    self._asked = False
                    self._newest.given(taken[1])
            elif self._newest.last is not None and not self._newest.waiting:
                if self._newest.last:
                    self._say(self._newest.last)
                return

    def _answer(self, number: int, shot: Shot | PictureError) -> bool:
        """Write a frame into the block and say so; False when it turns out not to be whole and another will do."""
        if isinstance(shot, PictureError):
            self._say({"bad": str(shot)})
            return True
        try:
            pixels = shot.pixels(self._name)
            if pixels.size > self._pixels.size:
                height, width = pixels.shape[:2]
                raise PictureError(f"{self._name}: {width}x{height} pixels are too many; ask for a smaller size")
            if isinstance(shot.content, bytes) and (wrong := complaint()):
                raise PictureError(f"{self._name}: damaged: the decoder says: {wrong}")
        except PictureError as error:
            self._newest.refuse(error)
            if self._newest.every:
                self._say({"bad": str(error)})
            return self._newest.every
        height, width = pixels.shape[:2]
        np.copyto(self._pixels[: pixels.size].reshape(pixels.shape), pixels)
        self._say({"frame": number, "captured_ns": shot.captured_ns, "height": height, "width": width})
        return True

    def _say(self, answer: dict[str, Any]) -> None:
        line = json.dumps({**answer, **self._newest.facts()})
        self._control.sendall(line.encode() + b"\n")


def die_with_parent(lifeline: int) -> None:
    """Have the kernel end this process when the other end of the pipe is closed.

    By signal, so that a thread stuck in a library cannot prevent it. Not PR_SET_PDEATHSIG: that one comes when the
    thread that started us ends, and threads of a pool do.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)  # its default is to terminate
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGIO})
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)


def main(descriptors: list[int]) -> None:
    """Capture until the source ends, the parent is gone, or somebody kills this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C reaches the whole group; the parent decides what it means
    control_fd, block_fd, notebook_fd, lifeline = descriptors
    die_with_parent(lifeline)
    control = socket.socket(fileno=control_fd)
    settings = _settings(control)
    address = Address(**settings["address"])
    block = mmap.mmap(block_fd, 0)
    notebook = Notebook(mmap.mmap(notebook_fd, 0))
    newest = Newest(notebook, first=settings["first"], every=settings["every"], still=settings["still"])
    arguments = (settings["module"], address, notebook, newest)
    reader = threading.Thread(target=read, args=arguments, name="reader", daemon=True)
    reader.start()
    try:
        Answers(control, block, newest, address.name).run()
    except (BrokenPipeError, ConnectionResetError):  # the parent is gone
        os._exit(0)
    if newest.last == {}:  # a bug: the reading thread is printing its traceback
        reader.join(1.0)
        os._exit(1)
    # no finalizers: the reading thread may be inside a library that would be torn down around it
    os._exit(0)


def _settings(control: socket.socket) -> dict[str, Any]:
    """Return what the parent sends first; not on the command line, where everybody could read a password."""
    data = b""
    while not data.endswith(b"\n"):
        part = control.recv(_LINE_BYTES)
        if not part:
            os._exit(0)
        data += part
    settings: dict[str, Any] = json.loads(data)
    return settings
