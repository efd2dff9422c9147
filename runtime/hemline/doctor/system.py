"""
What is examined: a machine, given by where its files lie, who uses it and which Python it has.

Law: a check asks for nothing but what is here, so that a folder of made-up files is as good a machine as any.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from hemline import processor
from hemline.doctor import interpreter, user
from hemline.doctor.interpreter import Python
from hemline.doctor.trials import Trials
from hemline.doctor.user import User
from hemline.errors import UsageError

HERE = Path("/")


@dataclass(frozen=True)
class System:
    """A machine.

    root: the folder below which /proc, /sys, /dev and the rest are looked for. paths: where Python looks for packages.
    trials: what child processes tell of these packages.
    """

    root: Path
    python: Python
    user: User
    environment: Mapping[str, str]
    paths: tuple[str, ...]
    trials: Trials = field(compare=False)

    @classmethod
    def of(
        cls,
        root: Path | str = HERE,
        *,
        user_name: str | None = None,
        environment: Mapping[str, str] = os.environ,
        paths: tuple[str, ...] | None = None,
    ) -> System:
        """Return this machine, or the one whose files lie below a folder, with the Python that is on it."""
        folder = Path(root).absolute()
        if not folder.is_dir():
            raise UsageError(f"--root {root}: no such folder")
        where = tuple(sys.path) if paths is None else paths
        found = interpreter.running() if folder == HERE else interpreter.installed_in(folder)
        return cls(
            folder,
            found or interpreter.running(),
            user.current(folder) if user_name is None else user.named(user_name, folder),
            environment,
            where,
            Trials(where, environment),
        )

    @property
    def here(self) -> bool:
        """Whether this is the machine that runs this."""
        return self.root == HERE

    @property
    def board(self) -> str:
        """What the machine calls itself, "" on a PC."""
        return self.text(processor.BOARD).strip("\0 \n")

    def at(self, path: Path | str) -> Path:
        """Return where a path of the machine lies; one that lies below its root already is left as it is."""
        wanted = Path(path)
        return wanted if self.here or wanted.is_relative_to(self.root) else self.root / str(wanted).lstrip("/")

    def inside(self, path: Path) -> Path:
        """Return the path that the machine itself has for a path: at(inside(p)) == at(p)."""
        return HERE / path.relative_to(self.root) if path.is_relative_to(self.root) else path

    def text(self, path: Path | str) -> str:
        """Return what is in a file, "" where it cannot be read."""
        try:
            return self.at(path).read_text(errors="replace")
        except OSError:  # not there, not permitted, or a sensor that does not answer
            return ""

    def number(self, path: Path | str) -> int | None:
        """Return the whole number in a file, None where there is none."""
        try:
            return int(self.text(path))
        except ValueError:
            return None

    def glob(self, pattern: str) -> list[Path]:
        """Return what there is by an absolute pattern, in the order of the numbers at the ends of names."""
        return sorted(self.root.glob(pattern.lstrip("/")), key=lambda path: (len(path.name), path.name))

    def version(self, package: str) -> str | None:
        """Return the version of a package that Python finds, None where it finds none."""
        found = next(iter(metadata.distributions(name=package, path=list(self.paths))), None)
        return found.version if found else None

    def may_use(self, path: Path | str) -> bool:
        """Say whether the user may read and write what lies there."""
        return user.may_use(self.user, self.at(path))

    def may_write(self, folder: Path | str) -> bool:
        """Say whether the user may make files in a folder."""
        return user.may_use(self.user, self.at(folder), os.W_OK | os.X_OK)

    def admission(self, path: Path | str, *, rule: str) -> str:
        """Return the line that lets the user use a device; `rule` where it belongs to root alone."""
        return user.admission(self.user, self.at(path), self.root, rule=rule)


def numbers(version: str | None) -> tuple[int, ...]:
    """Return "4.10.0.84" as (4, 10, 0, 84), up to the first part that is no number; () for None."""
    found: list[int] = []
    for part in (version or "").split("."):
        if not part.isdigit():
            break
        found.append(int(part))
    return tuple(found)
