"""What systemd's own programs say of the files, and the command of a unit, started as systemd starts it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from lines import LABELS, part, sign
from units import Machine, configuration

from hemline.bundle import Bundle
from hemline.deploy import checks, plan
from hemline.deploy.plan import File

needs_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
EVERYTHING = configuration(
    'trigger = "gpio:17"\ndevice = "coral-usb"\nsafe = "stop"',
    source="picamera:0",
    publish='[publish.mqtt]\nhost = "broker.local"\npassword_file = "/etc/hemline/mqtt-100%"\n'
    '[publish.csv]\nfile = "/srv/a b/100%.csv"',
)
# what is installed: its exposure, of 10, may be this much: as measured with systemd 252 and 257, rounded up
SERVICES = [
    ("line", ("--source", "camera:0"), None, 0.8),
    ("line", ("--source", "/srv/in box 100%", "--", "--artifact", "litert:int8"), None, 0.6),
    ("line", (), EVERYTHING, 1.6),
    ("watch", ("--source", "camera:0", "--", "--serve"), None, 1.4),
    ("watch", ("--source", "http://10.0.0.7/a?b=c&d=%20", "--", "--serve", "0.0.0.0:80"), None, 1.6),
]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A root of its own; the interpreter is the one that runs now."""
    if Path(sys.executable).is_relative_to("/tmp"):
        pytest.skip("this interpreter lies in /tmp, where no service sees it")
    return Machine(tmp_path / "root", python=None)


def install(machine: Machine, service: str, options: tuple[str, ...], toml: str | None) -> None:
    if toml is not None:
        machine.toml.write_text(toml)
        options = ("--config", str(machine.toml), *options)
    assert machine.install(*options, service=service) == 0


@needs_analyze
@pytest.mark.parametrize(("service", "options", "toml", "most"), SERVICES)
def test_systemd_has_no_complaint_and_finds_little_exposed(
    machine: Machine,
    capsys: pytest.CaptureFixture[str],
    service: str,
    options: tuple[str, ...],
    toml: str | None,
    most: float,
) -> None:
    install(machine, service, options, toml)
    said = capsys.readouterr().out
    assert "systemd-analyze verify: no complaint\n" in said
    exposure = re.search(r"systemd-analyze security: exposure ([0-9.]+) of 10, (SAFE|OK)\n", said)
    if exposure is None:
        pytest.skip("this systemd-analyze cannot look at a file")
    assert float(exposure[1]) <= most


@needs_analyze
def test_a_wrong_unit_is_complained_of_by_its_name_and_line() -> None:
    file = File(Path("/etc/systemd/system/x@y.service"), "[Service]\nExecStart=/bin/true\nProtectHomes=yes\n")
    verify, *_ = checks.unit(file, elsewhere=False)
    assert verify.complaints == ("x@y.service:3: Unknown key 'ProtectHomes' in section [Service], ignoring.",)


@needs_analyze
def test_a_program_that_is_not_here_may_be_in_another_root() -> None:
    file = File(Path("/etc/systemd/system/x@y.service"), "[Service]\nExecStart=/no/such/python\n")
    here, there = (checks.unit(file, elsewhere=elsewhere)[0].complaints for elsewhere in (False, True))
    assert any("/no/such/python is not executable" in line for line in here)
    assert there == ()


def test_rules_are_looked_at_where_udev_can(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    install(machine, "line", (), EVERYTHING)
    version = checks._version("udevadm")
    if version is None or version < 254:
        assert "the rules were not checked\n" in capsys.readouterr().out
        pytest.skip("needs udevadm of systemd 254")
    assert "udevadm verify: no complaint\n" in capsys.readouterr().out
    wrong = checks.rules(File(Path("/etc/udev/rules.d/70-x.rules"), 'SUBSYSTEM=="usb", GRUOP="video"\n'))
    assert any("70-x.rules:1" in line for line in wrong.complaints)


@pytest.mark.skipif(shutil.which("systemctl") is None, reason="needs systemctl")
def test_a_unit_can_be_enabled_below_its_root_and_is_then_not_taken_away(machine: Machine) -> None:
    install(machine, "line", ("--source", "camera:0"), None)
    unit = "hemline-line@line-1.service"
    subprocess.run(["systemctl", f"--root={machine.root}", "enable", unit], check=True, capture_output=True)
    assert plan.enabled(unit, machine.root) == machine.path(f"/etc/systemd/system/multi-user.target.wants/{unit}")
    assert machine.install("--remove") == 2


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("systemd-sysusers") is None or shutil.which("systemd-tmpfiles") is None,
    reason="needs root, systemd-sysusers and systemd-tmpfiles",
)
def test_the_user_and_the_folders_are_made_as_they_are_written(machine: Machine) -> None:
    install(machine, "line", (), EVERYTHING)
    for words in (["systemd-sysusers"], ["systemd-tmpfiles", "--create", "hemline.conf"]):
        done = subprocess.run([words[0], f"--root={machine.root}", *words[1:]], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    groups = {
        line.split(":")[0]: int(line.split(":")[2]) for line in machine.path("/etc/group").read_text().splitlines()
    }
    assert {"hemline", "gpio", "plugdev"} <= set(groups)
    assert [line.split(":")[0] for line in machine.path("/etc/passwd").read_text().splitlines()] == ["hemline"]
    for path, mode in (("/etc/hemline", 0o750), ("/etc/hemline/line-1.toml", 0o640)):
        facts = machine.path(path).stat()
        assert (facts.st_mode & 0o777, facts.st_uid, facts.st_gid) == (mode, 0, groups["hemline"])
    assert machine.path("/var/lib/hemline/bundles").is_dir()


class Listening:
    """The socket that systemd names in NOTIFY_SOCKET, and what was sent to it."""

    def __init__(self, path: Path) -> None:
        self.path, self.lines = path, list[str]()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(0.1)

    def wait(self, line: str, count: int, seconds: float = 60.0) -> bool:
        """Whether a line comes so often."""
        until = time.monotonic() + seconds
        while self.lines.count(line) < count and time.monotonic() < until:
            try:
                self.lines += self._socket.recv(4096).decode().splitlines()
            except TimeoutError:
                continue
        return self.lines.count(line) >= count

    def __enter__(self) -> Listening:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def test_the_command_of_a_unit_tells_systemd_that_the_line_works_and_ends_when_it_is_asked(
    machine: Machine,
    tmp_path: Path,
    fake_bundle: Callable[..., Bundle],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sign(fake_bundle("tiles", labels=LABELS), pass_below=0.5)
    (tmp_path / "pictures").mkdir()
    for seed in range(3):
        assert cv2.imwrite(str(tmp_path / "pictures" / f"{seed}.png"), part(seed))
    monkeypatch.setattr("hemline.deploy.places._TEMPORARY", ())
    # no part ever comes, and heartbeat_s is longer than what systemd waits: the proofs come all the same
    options = ("--", "--trigger", "http:127.0.0.1:0", "--artifact", "fake:float32", "--heartbeat-s", "3600")
    install(machine, "line", ("--source", f"fake://{tmp_path}/pictures?fps=20", *options), None)
    unit = machine.unit()
    command = [str(machine.path(word)) if word.startswith("/etc/hemline") else word for word in unit.command]
    environment = {
        "PATH": os.environ["PATH"],
        "HEMLINE_BUNDLES": str(tmp_path),
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": "900000",
    }
    state = tmp_path / "state"
    state.mkdir()
    with (
        Listening(tmp_path / "notify") as systemd,
        subprocess.Popen(
            [*command, "--folder", str(state)], cwd=state, env=environment, stderr=subprocess.PIPE, text=True
        ) as line,
    ):
        try:
            assert systemd.wait("READY=1", 1)
            assert systemd.wait("WATCHDOG=1", 2)
            line.send_signal(signal.SIGTERM)
            assert systemd.wait("STOPPING=1", 1)
            _, said = line.communicate(timeout=30)
        finally:
            line.kill()
    assert line.returncode == 0
    assert "ended by SIGTERM; 0 parts" in said
