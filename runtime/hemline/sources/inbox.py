"""
inbox:FOLDER: the pictures of a folder that is being filled, by a phone's sync, a scanner, a network drive.

A file counts when it has not changed for a moment and decodes whole; then it comes once, whatever it is renamed to.
Names that syncing programs use while they write are left alone. The pictures that are there already come first.
What came before a restart is for the caller to remember: the items carry their paths.

    inbox:FOLDER?settle=5&new

settle: seconds without a change (default 1). new: leave out what is there already. deep=no: not the folders below.

The folder is looked at twice a second, on purpose: notification does not reach through network drives, and those are
where phones sync to. It needs no process of its own, since no deadline runs while nobody takes pictures.
"""

from __future__ import annotations

import os
import re
import select
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from types import TracebackType

from hemline import image
from hemline.errors import DataError, PictureError, UsageError
from hemline.sources import STILLS, Item
from hemline.sources.address import Address, taken_apart

LOOK_SECONDS = 0.5
SETTLE_SECONDS = 1.0
# a file that stands still and is no whole picture may be one whose sender pauses
PATIENCE_SECONDS = 10.0
# iPhones send these; reading them says what to do
_TAKEN = (*STILLS, ".heic", ".heif", ".avif")
_UNFINISHED = re.compile(
    r"^\.|^~|~$|\.(part|partial|tmp|temp|crdownload|download|filepart|!ut|swp)$|\.tmp\.|^\.?syncthing\.|^~\$",
    re.IGNORECASE,
)


def connect(arguments: Sequence[str]) -> Inbox:
    """Return the opened folder."""
    if len(arguments) != 1:
        raise UsageError(f"{len(arguments)} folders; give one inbox")
    return Inbox(parse(arguments[0]))


def parse(text: str) -> Address:
    """Return the address."""
    address = taken_apart("inbox", text, scheme="inbox:")
    known = ("settle", "new", "deep")
    for option in address.options:
        if option not in known:
            address.allow(known)
            raise UsageError(f"{address.name}: {option} has no meaning for a folder; there are {', '.join(known)}")
    address.number("settle", SETTLE_SECONDS, 0, 3600)
    address.flag("new")
    address.flag("deep")
    return address


@dataclass(frozen=True)
class Look:
    """A file as it was seen: any change of these begins its wait anew."""

    device: int
    inode: int
    size: int
    changed_ns: int


class Inbox:
    """An open folder: iterate it, or poll it when there is something else to do. It never ends by itself.

    Raises DataError when the folder is not there; one that goes away later is reported once and waited for.
    """

    def __init__(self, address: Address) -> None:
        self.name = address.name
        self.ended = False
        self._folder = address.target
        self._settle_s = address.number("settle", SETTLE_SECONDS, 0, 3600)
        self._deep = address.flag("deep", True)
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)
        self._reading, self._once = threading.Lock(), threading.Lock()
        self._since: dict[str, tuple[Look, float]] = {}  # path: how it looks, since when
        # Twice: a rename keeps the inode and changes the path, some network drives keep the path and change inodes.
        self._given: set[Look] = set()
        self._given_paths: dict[str, tuple[int, int]] = {}
        self._ready: deque[tuple[str, Look, float]] = deque()
        self._missing = False
        self._next_look = 0.0
        try:
            for path, look in self._files(self._folder):
                if address.flag("new"):
                    self._done(path, look)
        except OSError as error:
            os.close(self._wake)
            self.ended = True
            raise DataError(f"{image.shown(self._folder)}: {_reason(error)}") from error

    def poll(self, timeout_s: float | None = None) -> Item | None:
        """Return the next picture, None when there is none within the timeout or the source was closed."""
        until = inf if timeout_s is None else time.monotonic() + timeout_s
        with self._reading:
            while not self.ended:
                if self._ready:
                    item = self._settled(*self._ready.popleft())
                    if item is not None:
                        return item
                    continue
                left = self._next_look - time.monotonic()
                if left <= 0:
                    started = time.monotonic()
                    if (item := self._look()) is not None:
                        return item
                    pause = min(LOOK_SECONDS, max(self._settle_s / 2, 0.05))
                    # of ten thousand files on a network drive a look takes seconds: rest four times as long
                    self._next_look = time.monotonic() + max(pause, 4 * (time.monotonic() - started))
                elif time.monotonic() >= until:
                    break
                else:
                    select.select([self._wake], [], [], max(0.0, min(left, until - time.monotonic())))
        return None

    def close(self) -> None:
        """End the iteration; may be called from any thread, and again."""
        with self._once:
            if not self.ended:
                self.ended = True
                os.eventfd_write(self._wake, 1)
                with self._reading:
                    os.close(self._wake)

    def __iter__(self) -> Iterator[Item]:
        while (item := self.poll()) is not None:
            yield item

    def __enter__(self) -> Inbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _look(self) -> Item | None:
        """Find out which files have settled since the last look; the item is about a folder that is gone."""
        try:
            seen = dict(self._files(self._folder))
        except OSError as error:
            said, self._missing = self._missing, True
            line = f"{image.shown(self._folder)}: {_reason(error)}; waiting for it to come back"
            return None if said else Item(self.name, PictureError(line))
        self._missing = False
        now = time.monotonic()
        self._since = {path: known for path, known in self._since.items() if path in seen}
        for path, look in seen.items():
            if look in self._given or self._given_paths.get(path) == (look.size, look.changed_ns):
                continue
            known = self._since.get(path)
            if known is None or known[0] != look:
                self._since[path] = (look, now)
            elif now - known[1] >= self._settle_s:
                self._ready.append((path, look, now - known[1]))
        return None

    def _settled(self, path: str, look: Look, still_s: float) -> Item | None:
        """Return the item of a file that stands still, when it is whole or patience with it has ended."""
        try:
            data = image.read_bytes(path)
            # all of a JPEG is read, few of its pixels are computed
            image.decode(data, name=path, needed=(image.MIN_SIDE, image.MIN_SIDE))
        except PictureError as error:
            if still_s < self._settle_s + PATIENCE_SECONDS:
                return None
            item = Item(path, error)
        else:
            item = Item(path, data)
        if _look(path) != look:  # it changed, or went, while others were read
            return None
        self._since.pop(path, None)
        self._done(path, look)
        return item

    def _done(self, path: str, look: Look) -> None:
        self._given.add(look)
        self._given_paths[path] = (look.size, look.changed_ns)

    def _files(self, folder: str) -> Iterator[tuple[str, Look]]:
        """Yield the picture files in the folder and below, in the order of their names; OSError for `folder` only."""
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            if _UNFINISHED.search(entry.name):
                continue
            try:
                if entry.is_dir(follow_symlinks=False):
                    if self._deep:
                        yield from self._files(entry.path)
                elif entry.is_file() and entry.name.lower().endswith(_TAKEN):
                    look = _look(entry.path)
                    if look is not None:
                        yield entry.path, look
            except OSError:  # gone meanwhile, or not ours: it is looked at again
                continue


def _look(path: str) -> Look | None:
    try:
        status = os.stat(path)  # noqa: PTH116  a Path for each file, twice a second, is slow
    except OSError:
        return None
    return Look(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
