"""
Pictures from files, folders, globs and standard input, in the order of the arguments.

A folder gives the pictures in it and below it: files before sub-folders, each in natural order (2 before 10),
known extensions only, hidden names skipped, each real folder once however links lead back to it. A glob gives
the files it matches; "**" stands for any number of folders. "-" is one encoded picture on standard input.
Nothing is opened before its item is asked for a picture, and no folder is listed before its turn.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from types import TracebackType

from hemline import image
from hemline.errors import DataError, PictureError
from hemline.sources import STILLS, Item

# by name only to find pictures; what a file is, its first bytes decide
EXTENSIONS = STILLS
STANDARD_INPUT = "-"

_DIGITS = re.compile("([0-9]+)")
_WILD = re.compile(r"[*?\[]")


def connect(arguments: Sequence[str]) -> Files:
    """Return the pictures that the arguments name, in their order; one named twice comes twice."""
    return Files(arguments)


class Files:
    """The pictures that arguments name. May be iterated again, except for standard input.

    Raises DataError when an argument is a folder without a picture: before the first item, since nothing
    would come of a long run that was pointed at the wrong folder.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = [os.fspath(argument) for argument in arguments]
        for argument in self._arguments:
            if _is_folder(argument) and next(_folder(argument, ordered=False), None) is None:
                raise DataError(
                    f"{image.shown(argument)}: no picture in this folder or below it; "
                    f"looked for {', '.join(EXTENSIONS)}"
                )

    def __iter__(self) -> Iterator[Item]:
        for argument in self._arguments:
            if argument == STANDARD_INPUT:
                yield _standard_input()
            elif _is_folder(argument):
                yield from _folder(argument)
            elif _WILD.search(argument) and not os.path.lexists(argument):  # a[1].jpg may be a file's name
                yield from _glob(argument)
            else:
                yield Item(argument, argument)

    def __enter__(self) -> Files:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close nothing: a file is open only while it is read."""


def _is_folder(argument: str) -> bool:
    try:
        return argument != STANDARD_INPUT and Path(argument).is_dir()
    except (OSError, ValueError):  # not permitted, a NUL in the name: reading it will say so
        return False


def _standard_input() -> Item:
    if sys.stdin is None or sys.stdin.isatty():
        reason = "standard input is a terminal; pipe a picture into it, as in: hemline classify - < photo.jpg"
        return Item(STANDARD_INPUT, PictureError(f"{STANDARD_INPUT}: {reason}"))
    try:
        # one byte more than allowed, so that decoding can tell that it is too much
        return Item(STANDARD_INPUT, sys.stdin.buffer.read(image.MAX_BYTES + 1))
    except OSError as error:
        return Item(STANDARD_INPUT, PictureError(f"{STANDARD_INPUT}: standard input cannot be read: {error}"))


def _folder(folder: str, *, ordered: bool = True) -> Iterator[Item]:
    return _walk(folder, lambda path: True, lambda path: _is_picture(path[-1]), ordered=ordered)


def _is_picture(name: str) -> bool:
    return name.lower().endswith(EXTENSIONS)


def _glob(pattern: str) -> Iterator[Item]:
    """Yield the files that match; when there is none, the one item that says so."""
    parts = pattern.split("/")
    literal = next(index for index, part in enumerate(parts) if _WILD.search(part))
    base, wild = "/".join(parts[:literal]), [part for part in parts[literal:] if part]
    if pattern.startswith("/") and not base:
        base = "/"
    # "*.tmp" asks for these files whatever they are, "photos/*" for the pictures among all
    suffix = PurePath(wild[-1]).suffix
    any_file = suffix != "" and not _WILD.search(suffix)

    def enter(path: Sequence[str]) -> bool:
        return _leads(path, wild)

    def take(path: Sequence[str]) -> bool:
        return (any_file or _is_picture(path[-1])) and _matches(path, wild)

    item = None
    for item in _walk(base or ".", enter, take):
        yield item if base else Item(item.source.removeprefix("./"), item.content)
    if item is None:
        what = "file" if any_file else "picture"
        reason = f"no {what} matches; for all pictures below a folder name it, or end the pattern in /**"
        yield Item(pattern, PictureError(f"{image.shown(pattern)}: {reason}"))


def _matches(path: Sequence[str], wild: Sequence[str]) -> bool:
    """Whether a path below the base, in parts, is what the parts of a pattern say."""
    if not wild:
        return not path
    if wild[0] == "**":
        return any(_matches(path[taken:], wild[1:]) for taken in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[0], wild[0]) and _matches(path[1:], wild[1:])


def _leads(path: Sequence[str], wild: Sequence[str]) -> bool:
    """Whether a file below this folder can match: "*/a/*.png" need not look into every folder."""
    for name, part in zip(path, wild, strict=False):
        if part == "**":
            return True
        if not fnmatchcase(name, part):
            return False
    return len(path) < len(wild)


def _walk(
    top: str,
    enter: Callable[[Sequence[str]], bool],
    take: Callable[[Sequence[str]], bool],
    *,
    ordered: bool = True,
) -> Iterator[Item]:
    """Yield the files below a folder that `take` accepts, from it and the folders that `enter` accepts.

    Both are asked with the path below `top`, in parts. A folder that cannot be listed is an item with its error.
    """
    seen: set[tuple[int, int]] = set()  # links may lead back up, or twice to the same folder
    waiting: list[tuple[str, tuple[str, ...]]] = [(top, ())]
    while waiting:
        folder, above = waiting.pop()
        try:
            status = Path(folder).stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                visible = [entry for entry in entries if not entry.name.startswith(".")]
        except (FileNotFoundError, ValueError):  # removed meanwhile, or the base of a glob: nothing matches
            continue
        except OSError as error:
            reason = f"{(error.strerror or str(error)).lower()}; the pictures in it are left out"
            yield Item(folder, PictureError(f"{image.shown(folder)}: {reason}"))
            continue
        if ordered:
            visible.sort(key=lambda entry: _natural(entry.name))
        inner = []
        for entry in visible:
            path = (*above, entry.name)
            what = _what(entry)
            if what == "folder":
                if enter(path):
                    inner.append((entry.path, path))
            elif what == "file" and take(path):
                yield Item(entry.path, entry.path)
        waiting.extend(reversed(inner))


def _what(entry: os.DirEntry[str]) -> str:
    """Return "folder", "file" or "other": reading from a pipe or a device that happens to lie there could wait."""
    try:
        if entry.is_dir():
            return "folder"
        # a link that leads nowhere counts: its picture is missing, and reading it says so
        return "file" if entry.is_file() or (entry.is_symlink() and not Path(entry.path).exists()) else "other"
    except OSError:  # a link to itself
        return "file"


def _natural(name: str) -> tuple[list[str | int], str]:
    """Return a key by which a2 comes before a10, and A beside a."""
    parts: list[str | int] = list(_DIGITS.split(name.casefold()))  # text and digits take turns, text first
    parts[1::2] = map(int, parts[1::2])
    return parts, name
