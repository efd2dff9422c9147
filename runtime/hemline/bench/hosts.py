"""
Other machines, over the ssh of this one: each is spoken to through one connection, all at the same time.

Names are what ssh makes of them, so users, ports, keys and jumps are those of its configuration. Nothing is asked on a
terminal. Law: one host that fails keeps no other from answering.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from hemline.bench import document, remote_script
from hemline.bench.document import Document
from hemline.bench.parcel import Parcel
from hemline.errors import HemlineError, MissingError, UsageError

CONNECT_S = 10  # to be reached
ALIVE_S = 15  # a host is asked so often whether it is still there, and given up after four times
NO_PYTHON = 97
OLDEST, NEWEST = (3, 10), (3, 13)
MOST_NOISE = 200  # lines that a login file may print before the far end speaks
# No single quotes in these: the login shell of the host, which may be any, gets them in one pair of single quotes.
_LOAD = (
    "import sys; sys.path[:] = [p for p in sys.path if p]; "  # not the folder that it starts in
    "exec(sys.stdin.buffer.read(int(sys.stdin.buffer.readline())))"
)
_FIND = (
    "for p in python3 python3.13 python3.12 python3.11 python3.10; do "
    'command -v "$p" >/dev/null || continue; '
    f'"$p" -c "import sys; sys.exit(not {OLDEST} <= sys.version_info[:2] <= {NEWEST})" && exec "$p" -u -c "{_LOAD}"; '
    'found="$found; $p is $("$p" -V 2>&1)"; done; '
    f'echo "${{found:-; there is none}}" >&2; exit {NO_PYTHON}'
)
# a word of what ssh said: what mends it
TROUBLES = {
    "could not resolve": "name it as ~/.ssh/config does, or by its address",
    "permission denied": "let its user in by key: ssh-copy-id {host}",
    "too many authentication": "name one key in ~/.ssh/config: IdentityFile, and IdentitiesOnly yes",
    "host key verification": "connect once by hand and look at its key: ssh {host}",
    "timed out": "is it on, and in this network? try: ssh {host} true",
    "no route": "is it on, and in this network? try: ssh {host} true",
    "refused": "has it an ssh server? sudo apt install openssh-server",
    "": "try: ssh {host} true",
}
Say = Callable[[str], None]


@dataclass(frozen=True)
class Answer:
    """What came back from a host: a report with the exit status over there, or why there is none, and what mends it."""

    host: str
    report: Document | None = None
    status: int = 0
    failed: str = ""
    fix: str = ""


def names(text: str) -> list[str]:
    """Return the hosts in a list with commas."""
    found = [name.strip() for name in text.split(",")]
    for name in found:
        if not name:
            raise UsageError(f"--hosts {text!r}; names with a comma between them, such as pi4,pi5")
        if name.startswith("-") or not name.isprintable() or any(sign in name for sign in " '\"\\$`;&|<>"):
            raise UsageError(f"--hosts {name!r}: not a name that ssh knows; such as pi4, me@10.0.0.7 or a Host of its")
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"--hosts: {twice} is there twice; two measurements on one machine would disturb each other")
    return found


def command(host: str, *, python: str | None = None, config: str | None = None) -> list[str]:
    """Return how the far end is started. python: its interpreter there; the first that fits, when None."""
    program = shutil.which("ssh")
    if program is None:
        raise MissingError("there is no ssh here; on Debian: sudo apt install openssh-client")
    if python is not None and any(sign in python for sign in "'\"\\$`"):
        raise UsageError(f"--remote-python {python}: a path without quotes, backslashes and dollar signs")
    script = _FIND if python is None else f'exec "{python}" -u -c "{_LOAD}"'
    asked = {
        "BatchMode": "yes",
        "ConnectTimeout": CONNECT_S,
        "ServerAliveInterval": ALIVE_S,
        "ServerAliveCountMax": 4,
        "ClearAllForwardings": "yes",
        "RemoteCommand": "none",
    }
    settings = [word for key, value in asked.items() for word in ("-o", f"{key}={value}")]
    return [program, *(["-F", config] if config else []), *settings, "-T", "-a", "-x", "--", host, f"sh -c '{script}'"]


def ask(
    hosts: Sequence[str], parcel: Parcel, say: Say, *, python: str | None = None, config: str | None = None
) -> list[Answer]:
    """Return the answer of each host, in their order. say: told what each says, its name before it.

    When it is left by an interrupt, the connections end, and with them what runs at their far ends.
    """
    commands = [command(host, python=python, config=config) for host in hosts]
    sessions = [Session(host, words, say) for host, words in zip(hosts, commands, strict=True)]
    with ThreadPoolExecutor(len(sessions)) as pool:
        running = [pool.submit(session.answer, parcel) for session in sessions]
        try:
            return [each.result() for each in running]
        finally:
            for session in sessions:
                session.end()


class Session:
    """One host, spoken to in a thread of its own."""

    def __init__(self, host: str, words: Sequence[str], say: Say) -> None:
        self.host = host
        self._words, self._say = words, say
        self._said: deque[str] = deque(maxlen=20)
        self._process: subprocess.Popen[bytes] | None = None
        self._guard = threading.Lock()
        self._ended = False

    def answer(self, parcel: Parcel) -> Answer:
        """Return what it answers to a parcel. Never raises for what the host does."""
        with self._guard:
            if self._ended:
                return Answer(self.host, failed="interrupted")
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(self._words, stdin=pipe, stdout=pipe, stderr=pipe)
        with self._process as process:
            assert process.stdin is not None
            assert process.stdout is not None
            listener = threading.Thread(target=self._listen, args=(process.stderr,))
            listener.start()
            try:
                told = self._talk(parcel, process.stdin, process.stdout)
            except (HemlineError, OSError) as error:
                told = {"failed": str(error), "fix": "try again"}
            except (KeyError, TypeError, ValueError) as error:
                told = {"failed": f"its far end answered nonsense ({error!r})", "fix": "try again"}
            finally:
                with suppress(BrokenPipeError):
                    process.stdin.close()
                status = process.wait()
                listener.join()
        return self._judged(told, status)

    def end(self) -> None:
        """End the connection; what runs at its far end ends too."""
        with self._guard:
            self._ended = True
            if self._process is not None and self._process.poll() is None:
                self._process.terminate()

    def _talk(self, parcel: Parcel, into: IO[bytes], out: IO[bytes]) -> dict[str, Any] | None:
        """Return the last message of the far end, None when it fell silent before."""
        source = Path(remote_script.__file__).read_bytes()
        with suppress(BrokenPipeError):  # what it said before it ended is the reason
            into.write(b"%d\n%s%s\n" % (len(source), source, json.dumps(parcel.request).encode()))
            into.flush()
        told = self._message(out)
        if told is None or "want" not in told:
            return told
        with suppress(BrokenPipeError):
            for sha256 in told["want"]:
                for data in parcel.chunks(sha256):
                    into.write(data)
            into.flush()
        return self._message(out)

    def _message(self, out: IO[bytes]) -> dict[str, Any] | None:
        mark = remote_script.MARK.encode()
        for _ in range(MOST_NOISE):
            line = out.readline(2 * document.MOST_BYTES)
            if not line:
                return None
            _, found, text = line.partition(mark)
            if found:
                message: dict[str, Any] = json.loads(text)
                return message
        return None

    def _listen(self, stream: IO[bytes]) -> None:
        for line in stream:
            text = line.decode("utf-8", "replace").rstrip()
            if text:
                self._said.append(text)
                self._say(f"{self.host}: {text}")

    def _judged(self, told: dict[str, Any] | None, status: int) -> Answer:
        if told is None:
            failed, fix = _trouble(self.host, status, list(self._said))
            return Answer(self.host, failed=failed, fix=fix)
        if "failed" in told:
            return Answer(self.host, failed=str(told["failed"]), fix=str(told.get("fix", "")))
        try:
            report = document.parse(str(told.get("report")), name=self.host)
        except HemlineError as error:
            return Answer(self.host, failed=str(error), fix="has the host another version of hemline?")
        return Answer(self.host, report, int(told.get("status", 0)))


def _trouble(host: str, status: int, said: list[str]) -> tuple[str, str]:
    """Return what went wrong when the far end did not speak, and what mends it."""
    last = said[-1] if said else f"ssh ended with {status}"
    if status == NO_PYTHON:
        between = f"from {'.'.join(map(str, OLDEST))} to {'.'.join(map(str, NEWEST))}"
        return f"no Python {between}{last}", "on the host: sudo apt install python3 python3-venv"
    if status in (126, 127):
        return last, "name the whole path of a Python on the host: --remote-python PATH"
    everything = " ".join(said).lower()
    fix = next(fix for word, fix in TROUBLES.items() if word in everything)
    return last, fix.format(host=host)
