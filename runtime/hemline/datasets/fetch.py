"""
Downloading a data set, with the standard library alone.

A file is written as NAME.part and takes its name when its MD5 is right, so a file under its final name is
whole. What an interrupted download left is gone on with. Nothing here runs unless a person asked for it.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from hemline import __version__
from hemline.errors import DatasetError, UsageError

CHUNK_BYTES = 2**16


class Remote(NamedTuple):
    """One file to fetch. The MD5 is the one its authors publish; it guards against damage, not against malice."""

    name: str
    size_bytes: int
    md5: str


FASHION_MNIST = (
    Remote("train-images-idx3-ubyte.gz", 26421880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
    Remote("train-labels-idx1-ubyte.gz", 29515, "25c81989df183df01b3e8a0aad5dffbe"),
    Remote("t10k-images-idx3-ubyte.gz", 4422102, "bef4ecab320f06d8554ea6380940ec79"),
    Remote("t10k-labels-idx1-ubyte.gz", 5148, "bb300cfdad3c16e7a12a480ee83cd310"),
)
# both are the authors' own: https://github.com/zalandoresearch/fashion-mnist#get-the-data
FASHION_MNIST_URLS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
)


def nothing(*_: object) -> None:
    """Report to nobody."""


class _Failed(Exception):
    """One attempt failed; `again` says whether the same address is worth another."""

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.again = again


@dataclass(frozen=True)
class Transfer:
    """How to download.

    urls: addresses that the names are appended to; the next is tried when one fails.
    timeout_s: how long a server may be silent. pause_s: wait before the same address is asked again.
    attempts: how often one address is asked without getting on.
    progress: gets (name, bytes so far, bytes in all), often. note: gets a line that a person should see.
    """

    urls: Sequence[str] = FASHION_MNIST_URLS
    timeout_s: float = 30
    pause_s: float = 1
    attempts: int = 3
    progress: Callable[[str, int, int], None] = nothing
    note: Callable[[str], None] = nothing

    def __post_init__(self) -> None:
        for url in self.urls:
            if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
                raise UsageError(f"{url}: not a web address; give one that begins with http:// or https://")


def fetch(folder: Path, files: Sequence[Remote] = FASHION_MNIST, *, transfer: Transfer | None = None) -> list[str]:
    """Make `folder` hold the files, whole, and return the names of those that were downloaded."""
    transfer = transfer or Transfer()
    fetched = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            path = folder / file.name
            if path.is_file():
                if _md5(path) == file.md5:
                    continue
                transfer.note(f"{path}: wrong MD5; fetching it again")
            with _part(folder / f"{file.name}.part") as part:
                _complete(file, part, transfer)
                # a power cut may undo this rename; then the whole .part is found next time
                Path(part.name).replace(path)
            fetched.append(file.name)
    except OSError as error:
        raise DatasetError(f"{error.filename or folder}: {(error.strerror or str(error)).lower()}") from error
    return fetched


def _complete(file: Remote, part: IO[bytes], transfer: Transfer) -> None:
    """Make `part` the whole file, on disk."""
    reasons = []
    for url in transfer.urls:
        address = f"{url.rstrip('/')}/{file.name}"
        attempts = transfer.attempts
        while True:
            kept = part.seek(0, os.SEEK_END)
            try:
                if kept < file.size_bytes:
                    _append(file, part, address, transfer)
                found = _digest(part)
                if found == file.md5:
                    os.fsync(part.fileno())
                    return
                part.truncate(0)
                # what was kept from before may be what is wrong: once more, from the start
                raise _Failed(f"wrong MD5 {found}, expected {file.md5}", again=kept > 0)
            except _Failed as failed:
                gained = part.seek(0, os.SEEK_END) - kept
                attempts = transfer.attempts if gained >= CHUNK_BYTES else attempts - 1
                reason = f"{urllib.parse.urlsplit(url).netloc} {failed}"
                if not failed.again or not attempts:
                    break
                transfer.note(f"{file.name}: {reason}; trying again")
                time.sleep(transfer.pause_s)
        reasons.append(reason)
    if not part.seek(0, os.SEEK_END):
        Path(part.name).unlink()
    raise DatasetError(
        f"{file.name} could not be fetched: {'; '.join(reasons)}; "
        "try again, or copy the files from elsewhere and give --data PATH or set HEMLINE_DATA"
    )


def _append(file: Remote, part: IO[bytes], address: str, transfer: Transfer) -> None:
    """Ask for what `part` lacks and append it; a server that begins at the start again is followed."""
    kept = part.seek(0, os.SEEK_END)
    headers = {"User-Agent": f"hemline/{__version__}", "Accept-Encoding": "identity"}
    if kept:
        headers["Range"] = f"bytes={kept}-"
    request = urllib.request.Request(address, headers=headers)  # noqa: S310  Transfer lets http and https in only
    with _answer(request, transfer.timeout_s) as answer:
        if answer.status == http.HTTPStatus.PARTIAL_CONTENT:
            start = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
            if start != str(kept):
                part.truncate(0)
                raise _Failed(f"sent bytes from {start or 'nowhere'}, asked from {kept}", again=True)
        else:
            kept = 0
        # a sign-in page of a hotel has the right status and the wrong length: keep what is there
        length = answer.headers.get("Content-Length")
        if length is not None and length != str(file.size_bytes - kept):
            raise _Failed(f"offers {length} bytes, expected {file.size_bytes - kept}", again=False)
        part.truncate(kept)
        transfer.progress(file.name, kept, file.size_bytes)
        while kept < file.size_bytes:
            with _network(transfer.timeout_s):
                chunk = answer.read1(min(CHUNK_BYTES, file.size_bytes - kept))
            if not chunk:
                raise _Failed(f"broke off after {kept:,} of {file.size_bytes:,} bytes", again=True)
            part.write(chunk)
            kept += len(chunk)
            transfer.progress(file.name, kept, file.size_bytes)


def _answer(request: urllib.request.Request, timeout_s: float) -> http.client.HTTPResponse:
    with _network(timeout_s):
        answer: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=timeout_s)  # noqa: S310  as above
        return answer


@contextmanager
def _network(timeout_s: float) -> Iterator[None]:
    """Tell whatever the network does as _Failed, apart from the errors of the disk."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        raise _Failed(f"answers {error.code} {error.reason}", again=error.code >= 500) from error
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        # refused or unknown at once is so a second later; silence and a cut line are worth another try
        again = not isinstance(error, urllib.error.URLError) or isinstance(reason, TimeoutError)
        if isinstance(reason, TimeoutError):
            raise _Failed(f"was silent for {timeout_s:g} s", again=again) from error
        said = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)
        raise _Failed(f"failed: {said.lower() or type(reason).__name__}", again=again) from error


@contextmanager
def _part(path: Path) -> Iterator[IO[bytes]]:
    """Open the unfinished file for reading and appending, for this process alone."""
    with path.open("a+b") as part:
        try:
            fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DatasetError(f"{path}: another fetch is writing it; wait for it to end") from error
        yield part


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return _digest(file)


def _digest(file: IO[bytes]) -> str:
    """Return the MD5 of a whole open file."""
    digest = hashlib.md5(usedforsecurity=False)
    file.seek(0)
    while chunk := file.read(2**20):
        digest.update(chunk)
    return digest.hexdigest()
