"""A service as a unit: what is started and when again, text as systemd reads it, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from units import PYTHON, Machine, configuration, words

from hemline.deploy import checks, places, plan, quoting, service, source
from hemline.deploy.program import program
from hemline.errors import UsageError

ALWAYS = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectKernelModules": "yes",
    "ProtectControlGroups": "yes",
    "RestrictNamespaces": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "SystemCallArchitectures": "native",
    "DevicePolicy": "closed",
    "User": "hemline",
    "UMask": "0027",
    "Restart": "always",
    "KillMode": "mixed",
}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A root of its own; what systemd says of units is asked elsewhere."""
    monkeypatch.setattr(checks, "_version", lambda _: None)
    return Machine(tmp_path / "root")


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


# what is started, and when it is started again


def test_a_line_is_started_by_the_whole_path_of_an_interpreter_and_its_configuration(machine: Machine) -> None:
    unit = machine.line("--source", "camera:0")
    assert unit.command[:2] == [PYTHON, "-I"]
    assert unit.command[-6:] == ["-m", "hemline", "line", "run", "--config", "/etc/hemline/line-1.toml"]
    assert (unit["Type"], unit["NotifyAccess"]) == ("notify", "main")
    assert unit["StateDirectory"] == "hemline/line-1"
    assert unit["WorkingDirectory"] == "/var/lib/hemline/line-1"


@pytest.mark.parametrize("options", [("--source", "camera:0"), ("--source", "/srv/in"), ("--source", "rtsp://cam/1")])
def test_what_no_service_does_is_closed_to_every_one(machine: Machine, options: tuple[str, ...]) -> None:
    for unit in (machine.watch(*options), machine.line(*options)):
        for key, value in ALWAYS.items():
            assert unit[key] == value, key
        assert unit.all("SystemCallFilter") == ["@system-service", "~@privileged @resources"]


@pytest.mark.parametrize(
    ("more", "final"),
    [("", "2"), ('safe = "stop"', "1 2"), ('golden = "/etc/hemline/golden"', "1 2")],
    ids=["safe", "stop", "golden"],
)
def test_a_line_that_is_to_stop_is_not_started_again(machine: Machine, more: str, final: str) -> None:
    unit = machine.line(toml=configuration(more))
    assert unit["RestartPreventExitStatus"] == final
    assert unit["StartLimitIntervalSec"] == "0"  # else a camera that is plugged in later would find it given up


@pytest.mark.parametrize(
    ("source", "more", "seconds"),
    [
        ("camera:0", "", 60),
        ("camera:0", "budget_ms = 45000", 135),
        ("camera:0", "heartbeat_s = 3600", 60),
        ("camera:0?deadline=50", "", 150),
        ("rtsp://10.0.0.7/1#opening=30", "", 90),
        ("/srv/in", "", 60),
    ],
)
def test_a_proof_is_waited_for_as_long_as_the_slowest_thing_takes_three_times(
    machine: Machine, source: str, more: str, seconds: int
) -> None:
    unit = machine.line(toml=configuration(more, source=source))
    assert int(unit["WatchdogSec"]) == seconds
    assert int(unit["TimeoutStopSec"]) > 30


# text as systemd reads it


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "/srv/with space",
        'say "hello"',
        "it's",
        "back\\slash",
        "100%n and %%",
        "$HOME ${X} $$",
        "semi;colon",
        ";",
        "a:b",
        "",
        "naïve-Ω",
        "-",
        "#x",
        "*?[]",
    ],
)
def test_a_word_comes_out_as_it_went_in(text: str) -> None:
    assert words(quoting.word(text)) == [text]


@pytest.mark.parametrize("text", ["a\nExecStart=/bin/sh", "tab\tbed", "bell\a", "half \udcff"])
def test_a_text_that_could_begin_a_line_of_its_own_is_refused(text: str) -> None:
    for write in (quoting.word, quoting.path_word, quoting.path, quoting.comment):
        with pytest.raises(UsageError, match="cannot be printed"):
            write(text)


def test_odd_names_reach_the_command_line_whole(machine: Machine) -> None:
    odd = 'fake:///srv/it\'s a "100%n" $HOME?fps=5'
    unit = machine.watch("--source", odd)
    assert unit.command[-2:] == ["watch", odd]


# watch


def test_a_watched_camera_has_its_options_in_its_unit_and_no_folder_of_its_own(machine: Machine) -> None:
    unit = machine.watch("--source", "camera:0", "--", "--serve", "--artifact", "litert:int8")
    assert unit.command[5:] == ["hemline", "watch", "camera:0", "--serve", "--artifact", "litert:int8"]
    assert unit["Type"] == "exec"
    assert "WatchdogSec" not in unit
    assert "StateDirectory" not in unit
    assert unit["IPAddressAllow"] == "localhost"
    assert unit["MemoryDenyWriteExecute"] == "yes"


def test_a_page_for_others_wants_the_network_and_a_token(machine: Machine) -> None:
    unit = machine.watch("--source", "camera:0", "--", "--serve", "0.0.0.0:8377")
    assert "IPAddressDeny" not in unit
    assert unit["EnvironmentFile"] == "/etc/hemline/watch-1.env"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--source", "-"), "source -: a service has no standard input"),
        (("--source", "rtsp://ada:secret@10.0.0.7/1"), "source: everybody could read its password"),
        (("--source", "camera:0", "--", "--token", "x" * 16), "--token: everybody could read it in the unit"),
        (("--source", "camera:0", "--", "--seconds", "5"), "--seconds: a service does not end by itself"),
        (("--source", "camera:0", "--", "--srve"), "options of hemline watch: unrecognized arguments: --srve"),
        ((), "options of hemline watch: the following arguments are required: SOURCE"),
        (("--source", "camera:0", "--config", "a.toml"), "--config, --replace-config: of a line"),
    ],
)
def test_a_source_that_cannot_be_watched_by_a_service_is_refused(
    machine: Machine, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    machine.refuses(*options, service="watch")
    error = refused(capsys)
    assert error.startswith(f"hemline: {message}")
    assert "secret" not in error


# what is refused


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (configuration(source="-"), "source -: a service has no standard input"),
        (configuration('trigger = "keyboard"'), "trigger keyboard: a service has none"),
        (configuration(source="in/box"), "source in/box: begins with no /"),
        (configuration('decision = "d.json"'), "decision d.json: begins with no /"),
        (configuration('bundle = "bundles/tiles"'), "bundle bundles/tiles: begins with no /"),
        (configuration('golden = "/tmp/golden"'), "golden /tmp/golden: a service has a folder of its own there"),
        (configuration(source="/var/tmp/in"), "source /var/tmp/in: a service has a folder of its own there"),
        ('[line]\nsource = "camera:0"\nfolder = "/home/pi/line"', "folder /home/pi/line: a service writes nothing"),
        (configuration(publish='[publish.csv]\nfile = "a.csv"'), "publisher csv: file a.csv: begins with no /"),
        (
            configuration(publish='[publish.csv]\nfile = "/var/lib/hemline/a.csv"'),
            "publisher csv: file /var/lib/hemline/a.csv: beside the folders of all services",
        ),
        (
            configuration(publish='[publish.mqtt]\npassword_file = "pw"'),
            "publisher mqtt: password_file pw: begins with no /",
        ),
        (
            configuration(publish='[publish.mqtt]\nhost = "a\\nUser=root"'),
            "'network: publisher mqtt a\\nuser=root': has",
        ),
        (configuration(source="ftp://x/y"), "no source 'ftp://'"),
        (configuration("frames = 3", source="/srv"), "trigger folder: each picture is a part"),
        (configuration('device = "raspberry"'), "no device 'raspberry'"),
    ],
)
def test_a_line_that_could_not_run_as_a_service_is_refused(
    machine: Machine, capsys: pytest.CaptureFixture[str], tmp_path: Path, toml: str, message: str
) -> None:
    machine.refuses(toml=toml)
    error = refused(capsys)
    assert error.lower().startswith(f"hemline: {message.lower()}")


def test_a_line_that_keeps_its_decisions_with_a_user_is_told_where_they_belong(
    machine: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/root")
    machine.refuses(toml='[line]\nsource = "camera:0"')
    assert refused(capsys).endswith("a service writes nothing below a home folder; give one below /var/lib/hemline")


@pytest.mark.parametrize("name", ["", "-x", "a/b", "a b", "x" * 65, "é", "%n", "../up"])
def test_a_name_that_is_no_unit_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="1 to 64 letters, digits"):
        service.unit_name("line", name)


# the program


@pytest.mark.skipif(
    any(Path(sys.executable).is_relative_to(folder) for folder in ("/tmp", "/var/tmp")),
    reason="this interpreter lies in /tmp, where no service sees it",
)
def test_the_interpreter_that_runs_now_is_found_to_have_hemline() -> None:
    found = program()
    assert found.python == Path(sys.executable)
    prefixes = (Path(sys.prefix), Path(sys.base_prefix))
    assert all(any(folder == path or folder in path.parents for folder in found.folders) for path in prefixes)


def test_an_interpreter_without_hemline_is_refused_with_what_to_do(tmp_path: Path) -> None:
    python = Path("/usr/bin/env").resolve()
    with pytest.raises(UsageError, match=f"^{python}: .*; a unit starts it without PYTHONPATH"):
        program(str(python))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("venv/bin/python", "--python venv/bin/python: begins with no /"),
        ("/tmp/venv/bin/python", "--python /tmp/venv/bin/python: a service has a folder of its own there"),
        ("/opt/$X/bin/python", "/opt/$X/bin/python: systemd would take the $"),
    ],
)
def test_an_interpreter_that_a_service_could_not_start_is_refused(path: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        program(path)
    assert str(caught.value).startswith(message)


def test_what_links_into_a_home_folder_is_shown_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / "ada" / "venv").mkdir(parents=True)
    (tmp_path / "opt").symlink_to(home / "ada" / "venv")
    monkeypatch.setattr(places, "HOMES", (home,))
    assert places.in_home([tmp_path / "opt", tmp_path]) == [home / "ada" / "venv"]
    assert places.in_home([home / "ada", home / "ada" / "venv"]) == [home / "ada"]


def test_a_source_that_is_not_there_yet_is_what_its_text_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_TEMPORARY", ())
    assert source.needed("/srv/later").kind == "inbox"
    assert source.needed("/srv/later.mp4?realtime").kind == "video"
    assert source.needed(f"{tmp_path}/in.d").kind == "video"
    (tmp_path / "in.d").mkdir()
    assert source.needed(f"{tmp_path}/in.d").kind == "inbox"


def test_a_masked_unit_is_not_written_over(tmp_path: Path) -> None:
    unit = Path("/etc/systemd/system/hemline-line@line-1.service")
    (tmp_path / unit.relative_to("/")).parent.mkdir(parents=True)
    (tmp_path / unit.relative_to("/")).symlink_to("/dev/null")
    with pytest.raises(UsageError, match=f"sudo systemctl unmask {unit.name}$"):
        plan.found(unit, tmp_path)
