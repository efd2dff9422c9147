"""
The far end of `hemline bench --hosts`: sent over ssh as text, run by a Python of the host. It takes what the host has
not, keeps an environment there, and runs hemline bench in it.

It is alone over there: the standard library of Python 3.10 and nothing of hemline. Its lines on stdout begin with MARK,
since a login file may print others; what follows on a line is JSON. Laws: when its stdin ends, so does what it started;
a file has its name only once it is whole.

    <- {"environment", "extras", "needs_bytes", "files", "bundle", "arguments"}
    -> {"want": [sha256, ...]}      of the files and of the bundle's
    <- the bytes of each, in that order
    -> {"status", "report"}         or {"failed", "fix"}
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NoReturn

MARK = "\x1ehemline "
CHUNK = 1 << 20
TAIL = 12  # lines of what a program said, of which one is the reason

_guard = threading.Lock()
_running: list[subprocess.Popen[bytes]] = []
_ended = threading.Event()


class Refused(Exception):
    """It cannot be done on this host: what, and what would mend it."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what, self.fix = what, fix


def say(line: str) -> None:
    """Tell the person at the other end."""
    print(line, file=sys.stderr, flush=True)


def tell(message: dict[str, Any]) -> None:
    """Tell the program at the other end."""
    sys.stdout.write(f"{MARK}{json.dumps(message)}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve one request."""
    request = json.loads(sys.stdin.buffer.readline())
    try:
        serve(request)
    except Refused as refused:
        tell({"failed": refused.what, "fix": refused.fix})
    except OSError as error:
        tell({"failed": f"{error.filename or 'input'}: {error.strerror}", "fix": "see: hemline doctor, on the host"})


def serve(request: dict[str, Any]) -> None:
    """Take what is missing, make the environment, measure, tell."""
    home = cache() / (request["environment"] or "bench-given")
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                "another hemline bench --hosts runs there, and two would measure each other", "wait for it"
            ) from None
        if request["environment"]:
            require(home, request)
        elif importlib.util.find_spec("hemline") is None:
            raise Refused(
                f"{sys.executable} has no hemline", "name a Python there that has it, or leave --remote-python out"
            )
        receive(home, request)
        threading.Thread(target=_watch, daemon=True).start()
        python = environment(home, request) if request["environment"] else sys.executable
        bundle = home / "bundles" / request["bundle"]["sha256"]
        words = [python, "-m", "hemline", "bench", str(bundle), "--json", "-", *request["arguments"]]
        status, out, said = run(words, home, stdout=True)
        if status and not out.strip():
            reason = next((line for line in reversed(said) if line.startswith("hemline: ")), (said or [""])[-1])
            raise Refused(
                reason.removeprefix("hemline: ") or f"ended with {status}", "see: hemline doctor, on the host"
            )
        tell({"status": status, "report": out.decode("utf-8", "replace")})


def cache() -> Path:
    """Return hemline's folder for what can be made again, as hemline itself finds it."""
    if os.environ.get("HEMLINE_CACHE"):
        return Path(os.environ["HEMLINE_CACHE"]).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hemline"


def shown(path: Path) -> str:
    """Return a path as a person there would write it."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def require(home: Path, request: dict[str, Any]) -> None:
    """Refuse a host on which no environment can be made."""
    if sys.maxsize < 1 << 32:
        raise Refused(
            f"a 32-bit Python on {platform.machine()}, for which no engine has a wheel", "install a 64-bit system there"
        )
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        raise Refused(
            f"{sys.executable} cannot make a virtual environment", "on the host: sudo apt install python3-venv"
        )
    free = shutil.disk_usage(home).free
    if not (home / "made.json").is_file() and free < request["needs_bytes"]:
        raise Refused(
            f"{free / 1e6:.0f} MB free in {shown(home)}, {request['needs_bytes'] / 1e6:.0f} MB are needed",
            "make room there, or set HEMLINE_CACHE there to a folder on another disk",
        )


def receive(home: Path, request: dict[str, Any]) -> None:
    """Ask for the files that are not here, and write each: the wheels under files/SHA/NAME, the bundle in a folder."""
    bundle = request["bundle"]
    folder = home / "bundles" / bundle["sha256"]
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    places = [(entry, home / "files" / entry["sha256"] / entry["name"]) for entry in request["files"] if fits(entry)]
    if not folder.is_dir():
        places += [(entry, part / entry["name"]) for entry in bundle["files"]]
    wanted = [(entry, place) for entry, place in places if not place.is_file()]
    tell({"want": [entry["sha256"] for entry, _ in wanted]})
    for entry, place in wanted:
        place.parent.mkdir(parents=True, exist_ok=True)
        take(entry, place)
    if part.is_dir():
        part.rename(folder)


def fits(entry: dict[str, Any]) -> bool:
    """Whether a file may be of use here: a wheel names the machine that it is for."""
    name = entry["name"]
    return not name.endswith(".whl") or name.endswith("-any.whl") or f"_{platform.machine()}" in name


def take(entry: dict[str, Any], place: Path) -> None:
    """Write the next bytes of stdin to a file."""
    unfinished, seen, left = place.with_name(f"{place.name}.part"), hashlib.sha256(), entry["bytes"]
    with unfinished.open("wb") as stream:
        while left:
            data = sys.stdin.buffer.read(min(CHUNK, left))
            if not data:
                sys.exit(130)  # nobody is there any more
            seen.update(data)
            stream.write(data)
            left -= len(data)
    if seen.hexdigest() != entry["sha256"]:
        raise Refused(f"{entry['name']}: arrived altered", "try again; was it written to meanwhile?")
    unfinished.rename(place)


def environment(home: Path, request: dict[str, Any]) -> str:
    """Return the Python of an environment that has this very wheel and the engines; made once, kept, mended."""
    wheel = request["files"][0]
    path = home / "files" / wheel["sha256"] / wheel["name"]
    venv, stamp = home / "venv", home / "made.json"
    python, made = str(venv / "bin" / "python"), {}
    with suppress(OSError, ValueError):
        made = json.loads(stamp.read_text())
    if made.get("python") != sys.version or not os.access(python, os.X_OK):
        made = {}
        say(f"making an environment in {shown(venv)}")
        shutil.rmtree(venv, ignore_errors=True)
        _must([sys.executable, "-m", "venv", str(venv)], home, "python3 -m venv")
    fresh = made.get("wheel") != wheel["sha256"]
    have: list[str] = [] if fresh else made["extras"]
    missing = [extra for extra in request["extras"] if extra not in have]
    if not fresh and not missing:
        say(f"reusing {shown(venv)}")
        return python
    stamp.unlink(missing_ok=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    if len(request["files"]) > 1:
        folders = {str(home / "files" / entry["sha256"]) for entry in request["files"]}
        pip += ["--no-index", *(word for folder in sorted(folders) for word in ("--find-links", folder))]
    if fresh:
        say(f"installing {wheel['name']}")
        if made:
            _must([*pip, "--force-reinstall", "--no-deps", str(path)], home, "pip")
        _must([*pip, str(path)], home, "pip")
    refused = None
    for extra in missing:
        say(f"installing hemline[{extra}], which may take minutes")
        try:
            _must([*pip, f"{path}[{extra}]"], home, f"pip, hemline[{extra}]")
            have.append(extra)
        except Refused as error:
            refused = error
            say(f"goes on without {extra}: {error.what}; {error.fix}")
    if refused is not None and not have:
        raise refused
    stamp.write_text(json.dumps({"python": sys.version, "wheel": wheel["sha256"], "extras": have}))
    for old in (home / "files").glob("*/hemline-*.whl"):
        if old != path:  # a checkout makes another at every change
            shutil.rmtree(old.parent, ignore_errors=True)
    return python


def _must(words: list[str], home: Path, what: str) -> None:
    """Run a program of the installation; refuse with its reason and what mends that."""
    status, _, said = run(words, home)
    if status:
        errors = [line for line in said if line.startswith("ERROR: ")] or said or [f"ended with {status}"]
        reason = errors[0] if "No matching distribution" in errors[-1] else errors[-1]
        raise Refused(f"{what}: {reason.removeprefix('ERROR: ')}", remedy(said))


def remedy(said: list[str]) -> str:
    """Return what mends a failed installation, by what pip said."""
    text = " ".join(said)
    if any(word in text for word in ("NewConnectionError", "NameResolution", "name resolution", "ConnectTimeout")):
        return "the host reaches no package index; give --wheelhouse DIR, filled by: pip download"
    if "No space left" in text:
        return "make room there, or set HEMLINE_CACHE there to a folder on another disk"
    if "No matching distribution" in text:
        python = ".".join(map(str, sys.version_info[:2]))
        return f"nothing for Python {python} on {platform.machine()}; name artifacts of another engine: --artifact E:P"
    return "see what pip said above"


def run(words: list[str], home: Path, *, stdout: bool = False) -> tuple[int, bytes, list[str]]:
    """Return the exit status of a program, its stdout where that is wanted, and the last lines that it said.

    What it says is passed on while it runs. Its temporary files lie beside its others: /tmp is often in memory.
    """
    temporary = home / "tmp"
    temporary.mkdir(exist_ok=True)
    surroundings = {**os.environ, "TMPDIR": str(temporary), "PYTHONUTF8": "1"}
    with _guard:
        if _ended.is_set():
            sys.exit(130)
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdout else sys.stderr,
            stderr=subprocess.PIPE,
            cwd=home,
            env=surroundings,
            start_new_session=True,  # so that all of it can be ended at once
        )
        _running.append(process)
    said: list[str] = []
    listener = threading.Thread(target=_pass_on, args=(process.stderr, said))
    listener.start()
    out = process.stdout.read() if process.stdout is not None else b""
    status = process.wait()
    listener.join()
    with _guard:
        _running.remove(process)
    return status, out, said


def _pass_on(stream: IO[bytes], said: list[str]) -> None:
    for line in stream:
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
        text = line.decode("utf-8", "replace").strip()
        if text:
            said[:] = [*said[1 - TAIL :], text]
    stream.close()


def _watch() -> NoReturn:
    """Wait until the other end is gone, and end what runs."""
    # not through sys.stdin, whose lock a thread that waits would hold while the interpreter ends
    while os.read(0, CHUNK):
        pass
    with _guard:
        _ended.set()
        for process in _running:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    os._exit(130)


if __name__ == "__main__":
    main()
