"""hemline devices install: the difference first, nothing without a yes, what is there is kept, and taking it away."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lines import LABELS, sign
from units import Machine, configuration

from hemline import cli
from hemline.bundle import Bundle
from hemline.commands.devices import install
from hemline.deploy import checks
from hemline.deploy import configuration as written
from hemline.line.config import load
from hemline.line.keys import LINE, PUBLISH

UNIT = "/etc/systemd/system/hemline-line@line-1.service"
TOML = "/etc/hemline/line-1.toml"
SHARED = ["/etc/sysusers.d/hemline.conf", "/etc/tmpfiles.d/hemline.conf", "/etc/udev/rules.d/70-hemline.rules"]
ALL = sorted([UNIT, TOML, *SHARED])
CAMERA = ("--source", "camera:0")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A root of its own; what systemd says of units is asked elsewhere."""
    monkeypatch.setattr(checks, "_version", lambda _: None)
    return Machine(tmp_path / "root")


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that gives what a person at a terminal types."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    return lambda text: monkeypatch.setattr(sys, "stdin", Terminal(text))


def out(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


# the difference, and the yes


def test_a_trial_shows_every_file_and_writes_none(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert machine.install(*CAMERA, "--dry-run", yes=False) == 0
    said = out(capsys)
    assert machine.files() == []
    assert [line for line in said.splitlines() if line.startswith("+++ ")] == [
        f"+++ {path}" for path in (UNIT, SHARED[2], SHARED[0], SHARED[1], TOML)
    ]
    assert "--- /dev/null\n" in said
    assert "\n+WatchdogSec=60\n" in said
    assert said.endswith("nothing was written; 5 files would change\n")


def test_what_is_written_is_what_was_shown_and_a_second_time_changes_nothing(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert machine.install(*CAMERA) == 0
    said = out(capsys)
    assert machine.files() == ALL
    added = [line[1:] for line in said.splitlines() if re.match(r"\+(?!\+\+ /)", line)]
    there = [line for path in (UNIT, SHARED[2], SHARED[0], SHARED[1], TOML) for line in _lines(machine, path)]
    assert added == there
    before = {path: machine.path(path).stat().st_mtime_ns for path in ALL}
    for options in (CAMERA, ()):
        assert machine.install(*options, yes=False) == 0  # nobody has to be asked
        said = out(capsys)
        assert [line for line in said.splitlines() if line.startswith("same: ")] == [
            f"same: {path}" for path in (UNIT, SHARED[2], SHARED[0], SHARED[1], TOML) if options or path != TOML
        ]
        assert said.endswith("nothing would change\n")
    assert {path: machine.path(path).stat().st_mtime_ns for path in ALL} == before


def _lines(machine: Machine, path: str) -> list[str]:
    return machine.path(path).read_text().splitlines()


def test_a_change_is_a_unified_difference(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.install(*CAMERA)
    out(capsys)
    assert machine.install(*CAMERA, "--network", "--dry-run") == 0
    said = out(capsys)
    assert f"--- {UNIT}\n+++ {UNIT}\n@@ " in said
    assert "\n-IPAddressDeny=any\n" in said
    assert "\n+After=network-online.target\n" in said
    assert said.endswith("; 1 file would change\n")


def test_without_a_terminal_nothing_is_written_unless_yes_was_said(
    machine: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert machine.install(*CAMERA, yes=False) == 2
    assert capsys.readouterr().err.startswith("hemline: standard input is no terminal, so nobody can be asked: --yes")
    assert machine.files() == []


@pytest.mark.parametrize(("typed", "status"), [("y\n", 0), ("YES\n", 0), ("\n", 1), ("n\n", 1), ("", 1), ("yo\n", 1)])
def test_a_person_is_asked_and_only_yes_is_one(
    machine: Machine,
    capsys: pytest.CaptureFixture[str],
    answer: Callable[[str], None],
    typed: str,
    status: int,
) -> None:
    answer(typed)
    assert machine.install(*CAMERA, yes=False) == status
    said = capsys.readouterr()
    assert said.err == "5 files to change. Go on? [y/N] "
    assert machine.files() == (ALL if status == 0 else [])
    assert ("nothing was written" in said.out) == (status == 1)


@pytest.mark.parametrize("colours", [True, False])
def test_differences_have_colours_on_a_terminal_unless_they_are_not_wanted(
    machine: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, colours: bool
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if not colours:
        monkeypatch.setenv("NO_COLOR", "1")
    machine.install(*CAMERA, "--dry-run")
    said = out(capsys)
    assert ("\x1b[32m+WatchdogSec=60\x1b[0m\n" in said) == colours
    assert ("\x1b" in said) == colours


def test_the_lines_to_type_are_printed_and_none_of_them_is_run(
    machine: Machine, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    bin = tmp_path / "bin"
    bin.mkdir()
    for program in ("systemctl", "udevadm", "systemd-sysusers", "systemd-tmpfiles", "sudo"):
        (bin / program).write_text(f"#!/bin/sh\necho {program} >> {ran}\n")
        (bin / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(bin), prepend=":")
    assert machine.install(*CAMERA) == 0
    assert out(capsys).endswith(f"now:\n  sudo systemctl --root={machine.root} enable {Path(UNIT).name}\n")
    assert not ran.exists()


# configuration


def test_a_configuration_that_somebody_went_on_with_is_kept_and_counts(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.install(*CAMERA)
    mine = machine.path(TOML).read_text() + '[publish.mqtt]\nhost = "broker.local"\n'
    machine.path(TOML).write_text(mine)
    out(capsys)
    assert machine.install(*CAMERA) == 0
    assert f"note: {TOML} is kept: it is another one than was asked for; --replace-config writes that\n" in out(capsys)
    assert machine.path(TOML).read_text() == mine
    assert "IPAddressDeny" not in machine.unit()  # the broker in it is reached
    assert machine.install(*CAMERA, "--replace-config") == 0
    assert "-[publish.mqtt]\n" in out(capsys)
    assert machine.path(TOML).read_text() != mine
    assert "IPAddressDeny" in machine.unit()


def test_a_file_is_taken_as_it_is_with_its_comments_and_its_name(machine: Machine) -> None:
    text = configuration("# mine").replace("line-1", "hall-2")
    machine.toml.write_text(text)
    assert machine.install("--config", str(machine.toml)) == 0
    assert machine.path("/etc/hemline/hall-2.toml").read_text() == text
    assert machine.unit("hemline-line@hall-2.service")["StateDirectory"] == "hemline/hall-2"


def test_several_lines_live_on_one_machine(machine: Machine) -> None:
    for name in ("a", "b"):
        assert machine.install("--name", name, "--source", f"camera:{'ab'.index(name)}") == 0
    configs = [load(machine.path(f"/etc/hemline/{name}.toml")) for name in ("a", "b")]
    assert [config.name for config in configs] == ["a", "b"]
    assert len({config.folder for config in configs}) == 2


def test_the_folder_of_configurations_is_closed_to_others(machine: Machine) -> None:
    machine.install("--source", "rtsp://ada:secret@10.0.0.7/1")
    assert machine.path("/etc/hemline").stat().st_mode & 0o777 == 0o750
    assert "secret" not in machine.path(UNIT).read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "/etc/hemline/line-1.toml: no such file; give --source, or --config F.toml"),
        (("--config", "{toml}", *CAMERA), "give one; a file says everything"),
        (("--config", "{toml}", "--name", "hall-2"), "its line is called 'line-1', not 'hall-2'"),
        (("--config", "gone.toml"), "gone.toml: cannot be read (no such file or directory)"),
        (("--name", "a b", *CAMERA), "--name 'a b': 1 to 64 letters"),
        ((*CAMERA, "--", "--budget", "5"), "options of hemline line run: unrecognized arguments: --budget"),
        ((*CAMERA, "--", "--frames", "99"), "frames 99; a whole number of 1 to 25"),
        ((*CAMERA, "--", "--check"), "options of hemline line run: unrecognized arguments: --check"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    machine: Machine, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    machine.toml.write_text(configuration())
    machine.refuses(*(option.format(toml=machine.toml) for option in options))
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_file_of_a_line_holds_what_was_given_and_names_every_other_key() -> None:
    line = {"name": "hall", "source": 'a "b" \\ % é', "folder": "/x", "frames": 3, "budget_ms": 200.5, "safe": "stop"}
    publish = {"mqtt": {"host": "h", "discovery": False, "port": 8883}, "gpio": {"reject": 22}}
    text = written.text(line, publish)
    keys = [key.name for key in LINE] + [key.name for name in publish for key in PUBLISH[name]]
    assert all(re.search(rf"^(# )?{key}( =|:)", text, re.MULTILINE) for key in keys)
    assert "[publish.csv]" not in text


def test_the_file_of_a_line_reads_as_its_options_do(tmp_path: Path) -> None:
    line = {"name": "hall", "source": 'a "b" \\ % é', "folder": "/x", "frames": 3, "budget_ms": 200.5, "safe": "stop"}
    publish = {"mqtt": {"host": "h", "discovery": False, "port": 8883}, "gpio": {"reject": 22}}
    (tmp_path / "f.toml").write_text(written.text(line, publish), encoding="utf-8")
    assert load(tmp_path / "f.toml") == load(line=line, publish=publish)


def test_the_configuration_that_is_written_passes_its_check(
    machine: Machine,
    tmp_path: Path,
    fake_bundle: Callable[..., Bundle],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sign(fake_bundle("tiles", labels=LABELS), pass_below=0.5)
    (tmp_path / "in").mkdir()
    monkeypatch.setattr("hemline.deploy.places._TEMPORARY", ())
    monkeypatch.setenv("HEMLINE_BUNDLES", str(tmp_path))
    assert machine.install("--source", str(tmp_path / "in"), "--", "--artifact", "fake:float32") == 0
    out(capsys)
    there = ["--config", str(machine.path(TOML)), "--folder", str(tmp_path / "var")]
    assert cli.main(["line", "run", "--check", *there]) == 0
    assert [line.split()[:2] for line in out(capsys).splitlines()] == [
        ["ok", what] for what in ("source", "trigger", "model", "folder", "rules")
    ]


# where it cannot be


def test_a_machine_without_systemd_is_told_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "BOOTED", tmp_path / "no")
    assert cli.main(["devices", "install", "--service", "line", *CAMERA, "--yes"]) == 3
    assert capsys.readouterr().err.startswith("hemline: this machine was not started by systemd")


def test_a_root_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["devices", "install", "--service", "line", *CAMERA, "--root", "/no/such"]) == 2
    assert capsys.readouterr().err == "hemline: --root /no/such: no such folder\n"


def test_who_may_not_write_is_told_before_being_asked(
    machine: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert machine.install(*CAMERA, yes=False) == 2
    assert capsys.readouterr().err.endswith("cannot be written to; start the same with sudo\n")


@pytest.fixture
def analyze(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return a function that puts a systemd-analyze of a version first on the PATH, which says something of units."""

    def make(version: str, verify: str) -> None:
        (tmp_path / "bin").mkdir()
        program = tmp_path / "bin" / "systemd-analyze"
        program.write_text(
            f'#!/bin/sh\ncase "$1" in\n--version) echo "systemd {version} (x)" ;;\nverify) {verify} ;;\nesac\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")

    return make


def test_a_unit_that_systemd_complains_of_is_not_written(
    tmp_path: Path, analyze: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(tmp_path / "root")
    analyze("252", 'for last; do :; done; echo "$last:9: Unknown key"; exit 1')
    assert machine.install(*CAMERA) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"systemd-analyze verify: {Path(UNIT).name}:9: Unknown key"
    assert lines[1].startswith("hemline: systemd complains of what would be written; nothing was written")
    assert machine.files() == []


def test_an_older_systemd_is_asked_what_it_can_be(
    tmp_path: Path, analyze: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    machine = Machine(tmp_path / "root")
    analyze("247", 'case "$*" in *recursive*) exit 1 ;; esac')
    assert machine.install(*CAMERA) == 0
    said = out(capsys)
    assert "systemd-analyze verify: no complaint\n" in said
    assert "systemd-analyze security: systemd 247 cannot look at a file; 250 can\n" in said


# taking it away


def test_the_last_service_takes_what_is_shared_along_and_leaves_configuration_and_data(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.install(*CAMERA)
    machine.install(*CAMERA, service="watch")
    assert machine.install("--remove") == 0
    assert machine.files() == sorted(["/etc/systemd/system/hemline-watch@watch-1.service", TOML, *SHARED])
    out(capsys)
    assert machine.install("--remove", service="watch") == 0
    said = out(capsys)
    assert machine.files() == [TOML]
    assert "note: /etc/hemline, /var/lib/hemline and the user hemline stay as they are\n" in said
    assert machine.install("--remove", yes=False) == 0
    assert out(capsys).endswith("nothing would change\n")


def test_a_service_that_starts_with_the_machine_is_not_taken_away(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.install(*CAMERA)
    link = machine.path("/etc/systemd/system/multi-user.target.wants") / Path(UNIT).name
    link.parent.mkdir()
    link.symlink_to(UNIT)
    assert machine.install("--remove") == 2
    assert capsys.readouterr().err.endswith(
        f"first: sudo systemctl --root={machine.root} disable --now {Path(UNIT).name}\n"
    )
    assert machine.path(UNIT).exists()


def test_taking_away_is_tried_out_and_asked_for_too(machine: Machine, answer: Callable[[str], None]) -> None:
    machine.install(*CAMERA)
    assert machine.install("--remove", "--dry-run") == 0
    answer("n\n")
    assert machine.install("--remove", yes=False) == 1
    assert machine.files() == ALL
