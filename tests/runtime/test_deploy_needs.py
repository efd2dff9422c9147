"""What a line may do, read from its configuration: devices, network, folders, secrets; the rest is closed."""

from __future__ import annotations

from pathlib import Path

import pytest
from units import Machine, configuration, words

from hemline.deploy import checks
from hemline.deploy.account import rules, sysusers
from hemline.deploy.devices import DEVICES


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A root of its own; what systemd says of units is asked elsewhere."""
    monkeypatch.setattr(checks, "_version", lambda _: None)
    return Machine(tmp_path / "root")


# devices


@pytest.mark.parametrize(
    ("toml", "groups", "classes"),
    [
        (configuration(), {"video"}, {"char-video4linux"}),
        (configuration(source="/dev/v4l/by-id/usb-1"), {"video"}, {"char-video4linux"}),
        (
            configuration(source="picamera:0"),
            {"video"},
            {"char-video4linux", "char-media", "char-dma_heap"},
        ),
        (configuration('trigger = "gpio:17"'), {"video", "gpio"}, {"char-video4linux", "char-gpiochip"}),
        (
            configuration(source="/srv/in", publish="[publish.gpio]\nreject = 22"),
            {"gpio"},
            {"char-gpiochip"},
        ),
        (
            configuration('artifact = "edgetpu:int8"', source="/srv/in"),
            {"plugdev"},
            {"char-usb_device", "char-apex"},
        ),
        (configuration('device = "coral-usb"', source="/srv/in"), {"plugdev"}, {"char-usb_device", "char-apex"}),
    ],
)
def test_a_device_is_open_to_a_line_that_names_it(
    machine: Machine, toml: str, groups: set[str], classes: set[str]
) -> None:
    unit = machine.line(toml=toml)
    assert set(unit["SupplementaryGroups"].split()) == groups
    assert set(unit.all("DeviceAllow")) == {f"{name} rw" for name in classes}
    assert "PrivateDevices" not in unit
    text = machine.path("/etc/udev/rules.d/70-hemline.rules").read_text()
    assert all(f'GROUP="{group}", MODE="0660"' in text for group in groups)


@pytest.mark.parametrize("source", ["/srv/in", "inbox:/srv/in", "rtsp://10.0.0.7/1", "http://10.0.0.7/mjpeg"])
def test_no_device_is_there_for_a_line_that_names_none(machine: Machine, tmp_path: Path, source: str) -> None:
    unit = machine.line("--source", source)
    assert unit["PrivateDevices"] == "yes"
    assert "SupplementaryGroups" not in unit
    assert "DeviceAllow" not in unit
    assert not machine.path("/etc/udev").exists()


def test_a_coral_stick_has_a_rule_before_and_after_it_got_its_firmware() -> None:
    lines = rules({"edgetpu"}, "").splitlines()
    for vendor, product in (("1a6e", "089a"), ("18d1", "9302")):
        (line,) = [line for line in lines if f'ATTR{{idVendor}}=="{vendor}"' in line]
        assert f'ATTR{{idProduct}}=="{product}"' in line


def test_rules_and_groups_of_an_earlier_service_stay() -> None:
    first = rules({"gpio"}, "")
    both = rules({"camera"}, first)
    assert [line for line in both.splitlines() if line.startswith("# ")][1:] == ["# camera", "# gpio"]
    assert rules({"camera"}, both) == rules(set(), both) == both


def test_a_group_is_made_where_the_machine_has_none() -> None:
    accounts = sysusers({"gpio"}, "", "root:x:0:\nplugdev:x:46:\n")
    assert accounts.splitlines()[1] == "g gpio -"
    # once it is there the line stays: what was written is not written again
    assert sysusers({"gpio", "edgetpu"}, accounts, "plugdev:x:46:\ngpio:x:997:\n") == accounts
    assert "g video" not in sysusers(DEVICES, "", "")  # systemd's own


# the network


@pytest.mark.parametrize(
    ("toml", "families", "addresses"),
    [
        (configuration(), {"AF_UNIX"}, ["any"]),
        (configuration(publish='[publish.csv]\nfile = "/var/lib/hemline/line-1/a.csv"'), {"AF_UNIX"}, ["any"]),
        (configuration(source="picamera:0"), {"AF_UNIX", "AF_NETLINK"}, ["any"]),
    ],
)
def test_a_line_that_names_nobody_reaches_nobody(
    machine: Machine, toml: str, families: set[str], addresses: list[str]
) -> None:
    unit = machine.line(toml=toml)
    assert set(unit["RestrictAddressFamilies"].split()) == families
    assert unit.all("IPAddressDeny") == addresses
    assert "IPAddressAllow" not in unit
    assert "After" not in unit
    # who hears from the kernel hears nothing in a network of its own
    assert ("PrivateNetwork" in unit) == (families == {"AF_UNIX"})


@pytest.mark.parametrize(
    "toml",
    [
        configuration(publish="[publish.mqtt]"),
        configuration(publish='[publish.mqtt]\nhost = "127.0.0.1"'),
        configuration('trigger = "http:127.0.0.1:8380"'),
        configuration('trigger = "http:[::1]:8380"'),
        configuration(source="http://localhost:8080/mjpeg"),
    ],
)
def test_who_is_on_this_machine_is_reached_and_nobody_beyond(machine: Machine, toml: str) -> None:
    unit = machine.line(toml=toml)
    assert set(unit["RestrictAddressFamilies"].split()) == {"AF_UNIX", "AF_INET", "AF_INET6"}
    assert (unit["IPAddressDeny"], unit["IPAddressAllow"]) == ("any", "localhost")
    assert "PrivateNetwork" not in unit
    assert "After" not in unit


@pytest.mark.parametrize(
    ("toml", "why"),
    [
        (configuration(publish='[publish.mqtt]\nhost = "broker.local"'), "publisher mqtt broker.local"),
        (configuration(publish='[publish.webhook]\nurl = "https://mes.local/parts"'), "publisher webhook mes.local"),
        (configuration('trigger = "http:0.0.0.0:8380"'), "trigger http 0.0.0.0"),
        (configuration(source="rtsp://user:secret@10.0.0.7/1"), "source 10.0.0.7"),
        (configuration(source="http://10.0.0.7/mjpeg#deadline=3"), "source 10.0.0.7"),
    ],
)
def test_the_network_is_open_for_a_named_reason(machine: Machine, toml: str, why: str) -> None:
    unit = machine.line(toml=toml)
    assert set(unit["RestrictAddressFamilies"].split()) == {"AF_UNIX", "AF_INET", "AF_INET6"}
    assert "IPAddressDeny" not in unit
    assert (unit["Wants"], unit["After"]) == ("network-online.target", "network-online.target")
    text = machine.path("/etc/systemd/system/hemline-line@line-1.service").read_text()
    assert f"# network: {why}\n" in text
    assert "secret" not in text


def test_the_network_can_be_asked_for(machine: Machine) -> None:
    assert "IPAddressDeny" in machine.line("--source", "camera:0")
    assert "IPAddressDeny" not in machine.line("--source", "camera:0", "--network")


# folders and secrets


def test_what_lies_below_a_home_folder_is_shown_and_nothing_else_of_it(machine: Machine) -> None:
    toml = configuration('bundle = "/home/ada/tiles"\ndecision = "/home/ada/tiles/d.json"', source="/home/ada/in box")
    machine.python = "/home/pi/hemline/bin/python"
    unit = machine.line(toml=toml)
    assert unit["ProtectHome"] == "tmpfs"
    assert unit["TemporaryFileSystem"] == "/home:ro,mode=0755 /root:ro,mode=0755 /run/user:ro,mode=0755"
    shown = [words(value) for value in unit.all("BindReadOnlyPaths")]
    assert shown == [["/home/ada/in box"], ["/home/ada/tiles"], ["/home/pi/hemline"]]
    assert "ReadWritePaths" not in unit


def test_folders_of_its_own_and_of_a_csv_file_can_be_written(machine: Machine) -> None:
    csv = '[publish.csv]\nfile = "/srv/mes/parts.csv"'
    toml = '[line]\nfolder = "/data/line 1"\nsource = "camera:0"\n' + csv
    assert words(machine.line(toml=toml)["ReadWritePaths"]) == ["/data/line 1", "/srv/mes"]
    inside = configuration(publish='[publish.csv]\nfile = "/var/lib/hemline/line-1/parts.csv"')
    assert "ReadWritePaths" not in machine.line(toml=inside)


def test_a_secret_is_handed_over_by_systemd(machine: Machine) -> None:
    unit = machine.line(
        toml=configuration(
            publish='[publish.mqtt]\nhost = "broker"\npassword_file = "/etc/hemline/mqtt-100%"\n'
            'certificate_file = "/etc/hemline/a.pem"\nkey_file = "/etc/hemline/a.key"\n'
            '[publish.webhook]\nurl = "https://mes/p"\ntoken_file = "/etc/hemline/token"'
        )
    )
    assert unit.all("LoadCredential") == [
        "mqtt-password:/etc/hemline/mqtt-100%%",
        "mqtt-key:/etc/hemline/a.key",
        "webhook-token:/etc/hemline/token",
    ]
    command = unit["ExecStart"]
    for option in ("--mqtt-password-file", "--mqtt-key-file", "--webhook-token-file"):
        name = option.removeprefix("--").removesuffix("-file")
        assert f"{option} ${{CREDENTIALS_DIRECTORY}}/{name}" in command


@pytest.mark.parametrize(
    ("toml", "needed"),
    [
        (configuration(), False),
        (configuration('trigger = "http:127.0.0.1:8380"'), False),
        (configuration('trigger = "http:0.0.0.0:8380"'), True),
        (configuration(publish='[publish.mqtt]\npassword_env = "MQTT_PASSWORD"'), True),
    ],
)
def test_a_line_without_its_variables_does_not_start(machine: Machine, toml: str, needed: bool) -> None:
    assert machine.line(toml=toml)["EnvironmentFile"] == f"{'' if needed else '-'}/etc/hemline/line-1.env"


@pytest.mark.parametrize(
    ("toml", "closed"),
    [
        (configuration('artifact = "litert:int8"'), True),
        (configuration('artifact = "onnx:int8"', source="http://10.0.0.7/a"), True),
        (configuration('artifact = "openvino:int8"'), False),  # compiles: it cannot start without
        (configuration(), False),  # the best that runs: it could be OpenVINO
        (configuration('artifact = "litert:int8"', source="rtsp://10.0.0.7/1"), False),
        (configuration('artifact = "litert:int8"\ntrigger = "gpio:17"'), False),
    ],
)
def test_memory_is_writable_or_executable_where_the_engine_is_known_to_run_so(
    machine: Machine, toml: str, closed: bool
) -> None:
    assert ("MemoryDenyWriteExecute" in machine.line(toml=toml)) == closed
