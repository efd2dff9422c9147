"""Services below a root of their own, and their units read back, as systemd would understand them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from hemline import cli

PYTHON = "/opt/hemline/bin/python"


@dataclass(frozen=True)
class Unit:
    """Settings in order, each as often as it stands there."""

    settings: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, path: Path) -> Unit:
        lines = [line for line in path.read_text().splitlines() if line and line[0] not in "#["]
        return cls(tuple((key, value) for key, _, value in (line.partition("=") for line in lines)))

    def all(self, key: str) -> list[str]:
        return [value for found, value in self.settings if found == key]

    def __getitem__(self, key: str) -> str:
        (value,) = self.all(key)
        return value

    def __contains__(self, key: str) -> bool:
        return bool(self.all(key))

    @property
    def command(self) -> list[str]:
        """The words of ExecStart."""
        return words(self["ExecStart"])


def words(value: str) -> list[str]:
    """Return the words of a value: quotes, and the doubled % and $, undone. systemd quotes as a shell does."""
    assert "%" not in value.replace("%%", ""), "a specifier"
    return [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(value)]


@dataclass
class Machine:
    """Another root, and what is installed there. files: below it, by their path on the machine."""

    root: Path
    python: str | None = PYTHON
    toml: Path = field(init=False)

    def __post_init__(self) -> None:
        self.root.mkdir()
        self.toml = self.root.parent / "line.toml"

    def install(self, *options: str, service: str = "line", yes: bool = True) -> int:
        """Run hemline devices install, and return its exit status."""
        given = ["devices", "install", "--service", service, "--root", str(self.root)]
        given += ["--python", self.python] if self.python is not None else []
        return cli.main([*given, *(["--yes"] if yes else []), *options])

    def line(self, *options: str, toml: str | None = None) -> Unit:
        """Install a line, and return its unit."""
        assert self.install(*self._config(toml), *options) == 0
        return self.unit()

    def watch(self, *options: str) -> Unit:
        """Install a watched source, and return its unit."""
        assert self.install(*options, service="watch") == 0
        return self.unit("hemline-watch@watch-1.service")

    def refuses(self, *options: str, toml: str | None = None, service: str = "line") -> None:
        """Have something refused; nothing is written."""
        assert self.install(*self._config(toml), *options, service=service) == 2
        assert self.files() == []

    def unit(self, name: str = "hemline-line@line-1.service") -> Unit:
        """Return a unit."""
        return Unit.read(self.path(f"/etc/systemd/system/{name}"))

    def path(self, path: str) -> Path:
        """Return where a file of the machine lies."""
        return self.root / path.lstrip("/")

    def files(self) -> list[str]:
        """Return all files of the machine."""
        return sorted(f"/{path.relative_to(self.root)}" for path in self.root.rglob("*") if not path.is_dir())

    def _config(self, toml: str | None) -> list[str]:
        if toml is None:
            return []
        self.toml.write_text(toml)
        return ["--config", str(self.toml), "--replace-config"]


def configuration(more: str = "", *, source: str = "camera:0", publish: str = "") -> str:
    """Return the configuration of a line."""
    head = f'[line]\nname = "line-1"\nfolder = "/var/lib/hemline/line-1"\nsource = "{source}"\n'
    return f"{head}{more}\n{publish}"
