"""A real ssh server on a free port of this machine, of this user, with keys of its own; and ssh's way to it."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

START_S = 30.0
SEPARATION = Path("/run/sshd")  # an empty folder that sshd wants when root starts it


def programs() -> dict[str, str]:
    """Return where ssh, sshd and ssh-keygen are; skips the test where one is missing."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    found = {name: shutil.which(name, path=path) for name in ("ssh", "sshd", "ssh-keygen")}
    missing = [name for name, where in found.items() if where is None]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}: apt install openssh-server")
    return {name: str(where) for name, where in found.items()}


def key(path: Path) -> Path:
    """Return the private half of a new key."""
    words = [programs()["ssh-keygen"], "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
    return path


class Sshd:
    """A server; a context manager that starts and ends it.

    names: {host: variables of its environment}: the names by which `config`, a configuration of ssh, knows it.
    lines: more of the server's configuration.
    """

    def __init__(
        self, folder: Path, names: Mapping[str, Mapping[str, str]], *, port: int, lines: Sequence[str] = ()
    ) -> None:
        folder.mkdir(parents=True)
        self.port, self._folder = port, folder
        self.config, self.known = folder / "ssh_config", folder / "known_hosts"
        host, self.login = key(folder / "host"), key(folder / "login")
        shutil.copy(folder / "login.pub", folder / "authorized_keys")
        public = (folder / "host.pub").read_text().split()
        self.known.write_text(f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")
        accepted = sorted({variable for own in names.values() for variable in own})
        configuration = [
            f"Port {port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {host}",
            f"AuthorizedKeysFile {folder}/authorized_keys",
            f"PidFile {folder}/pid",
            "UsePAM no",
            "StrictModes no",  # a folder for tests may belong to anybody
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            *([f"AcceptEnv {' '.join(accepted)}"] if accepted else []),
            *lines,
        ]
        (folder / "sshd_config").write_text("\n".join(configuration) + "\n")
        parts = []
        for name, variables in names.items():
            given = " ".join(f'"{variable}={value}"' for variable, value in variables.items())
            own = {
                "HostName": "127.0.0.1",
                "Port": port,
                "User": getpass.getuser(),
                "IdentityFile": self.login,
                "IdentitiesOnly": "yes",
                "UserKnownHostsFile": self.known,
                "GlobalKnownHostsFile": "/dev/null",
                "StrictHostKeyChecking": "yes",
                **({"SetEnv": given} if given else {}),
            }
            parts.append("\n".join([f"Host {name}", *(f"  {word} {value}" for word, value in own.items())]))
        self.config.write_text("\n".join(parts) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What it has said."""
        return (self._folder / "log").read_text()

    def __enter__(self) -> Sshd:
        found = programs()
        if os.geteuid() == 0:
            SEPARATION.mkdir(mode=0o755, exist_ok=True)
        words = [found["sshd"], "-D", "-e", "-f", str(self._folder / "sshd_config")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + START_S
        while "Server listening" not in self.log:
            if self._process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                pytest.skip(f"sshd does not start here: {self.log[-300:]}")
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(START_S)
            self._process = None
