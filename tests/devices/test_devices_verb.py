"""hemline devices list and show, from the command line, on made-up machines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hemline import cli, profiles
from hemline.engines import openvino
from hemline.errors import MissingError
from hemline.profiles import Facts

Make = Callable[..., Facts]
Captured = pytest.CaptureFixture[str]
GRAPHICS = {"sys/class/drm/renderD128/device/vendor": "0x8086\n"}


@pytest.fixture
def on(machine: Make, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Return a function that makes this machine another."""

    def change(name: str, more: dict[str, str] | None = None) -> Facts:
        facts = machine(name, more)
        monkeypatch.setattr(Facts, "of", classmethod(lambda cls: facts))
        return facts

    return change


def refuse_to_ask() -> tuple[str, ...]:
    raise AssertionError("OpenVINO was asked")


def test_list_has_every_profile_the_best_first(on: Make, capsys: Captured) -> None:
    on("pi-4")
    assert cli.main(["devices", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "this machine: Raspberry Pi 4 Model B Rev 1.4, aarch64, Debian GNU/Linux 12 (bookworm)"
    rows = [line.split(maxsplit=2) for line in lines[3:]]
    assert sorted(row[0] for row in rows) == profiles.names()
    assert [row[:2] for row in rows[:2]] == [["raspberry-pi-4", "best"], ["generic-arm64", "yes"]]
    assert {row[1] for row in rows[2:]} == {"no"}
    assert rows[0][2].endswith("the board is Raspberry Pi 4 Model B Rev 1.4")


def test_a_machine_that_nothing_fits_is_no_error(on: Make, capsys: Captured) -> None:
    on("narrow-pi")
    assert cli.main(["devices", "list"]) == 0
    assert "best" not in capsys.readouterr().out
    assert cli.main(["devices", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["best"] is None


def test_list_json_says_what_was_seen_and_what_fits(on: Make, capsys: Captured, tmp_path: Path) -> None:
    on("stick-on-nuc")
    assert cli.main(["devices", "list", "--json", str(tmp_path / "d.json")]) == 0
    assert capsys.readouterr().out.startswith("this machine: ")
    told = json.loads((tmp_path / "d.json").read_text())
    assert (told["schema"], told["best"]) == (1, "coral-usb")
    assert told["machine"]["usb"] == ["18d1:9302"]
    assert told["machine"]["openvino"] is None
    assert [row["name"] for row in told["devices"] if row["fits"]] == ["coral-usb", "intel-cpu", "generic-x86"]
    intel = next(row for row in told["devices"] if row["name"] == "intel-cpu")
    assert (intel["variant"], intel["artifacts"][0], intel["threads"]) == ("AVX2", "litert:int8", 1)


def test_openvino_is_asked_only_where_it_could_see_something(
    on: Make, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino, "devices", refuse_to_ask)
    on("nuc")
    assert cli.main(["devices", "list"]) == 0
    capsys.readouterr()
    monkeypatch.setattr(openvino, "devices", lambda: ("CPU", "GPU"))
    on("nuc", GRAPHICS)
    assert cli.main(["devices", "list", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["machine"]["openvino"] == ["CPU", "GPU"]
    assert [row["name"] for row in told["devices"] if row["fits"]] == ["intel-cpu", "generic-x86", "intel-igpu"]


def test_an_openvino_that_does_not_answer_is_told_and_the_rest_goes_on(
    on: Make, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> tuple[str, ...]:
        raise MissingError("openvino does not tell its devices within 30 s; ask again")

    monkeypatch.setattr(openvino, "devices", fail)
    on("nuc", GRAPHICS)
    assert cli.main(["devices", "list"]) == 0
    out, err = capsys.readouterr()
    assert err == "hemline: openvino does not tell its devices within 30 s; ask again\n"
    assert "whether OpenVINO sees it was not asked" in out


def test_show_prints_everything_and_the_lines_of_the_system_here(on: Make, capsys: Captured) -> None:
    on("pi-5")
    assert cli.main(["devices", "show", "raspberry-pi-5"]) == 0
    out = capsys.readouterr().out
    profile = profiles.read("raspberry-pi-5")
    for text in (
        "fits this machine: yes, the board is Raspberry Pi 5 Model B Rev 1.0",
        "bundle in the wheel that fits: fashion-base",
        "threads: 1",
        "camera: picamera:0",
        "slows down from 80 °C on",
        "  cat /sys/class/thermal/thermal_zone0/temp",
        "  vcgencmd get_throttled",
        "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
        "install on Debian 12, Raspberry Pi OS Bookworm (Python 3.11):",
        "'numpy<2' 'opencv-python-headless<4.12'",
        "note: the picamera2 of this release does not load with numpy 2",
        *profile.reasons.values(),
        *profile.traps,
    ):
        assert text in out
    lines = [line.strip() for line in out.splitlines()]
    assert lines.index("sudo apt update") < lines.index("~/hemline/bin/hemline doctor")


def test_show_for_another_system(on: Make, capsys: Captured) -> None:
    on("pi-5")
    assert cli.main(["devices", "show", "raspberry-pi-5", "--os", "trixie"]) == 0
    out = capsys.readouterr().out
    assert "install on Debian 13, Raspberry Pi OS Trixie (Python 3.13):" in out
    assert "numpy<2" not in out
    assert cli.main(["devices", "show", "raspberry-pi-5", "--os", "trixy"]) == 2
    assert capsys.readouterr().err.startswith("hemline: no system 'trixy'; nearest: trixie; there are bookworm, ")


def test_show_tells_which_variant_holds_and_of_the_others(on: Make, capsys: Captured, monkeypatch) -> None:
    facts = on("nuc")
    monkeypatch.setattr("hemline.processor.features", lambda: facts.features)
    assert cli.main(["devices", "show", "auto"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("intel-cpu: ")
    assert "artifacts, preferred first, with AVX512-VNNI as here:\n  openvino:int8 " in out
    assert "  on a processor with AVX2 (avx2): litert:int8, openvino:float32, " in out
    assert "on a processor with AVX512-VNNI" not in out


def test_show_json_has_the_lines_too(on: Make, capsys: Captured) -> None:
    on("ryzen")
    assert cli.main(["devices", "show", "intel-igpu", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["name"], told["openvino_device"]) == (1, "intel-igpu", "GPU")
    assert told["fit"] == {"fits": False, "why": "the kernel knows no GPU of Intel"}
    assert (told["lines"]["system"], told["lines"]["python"], told["lines"]["note"]) == ("noble", "3.12", "")
    assert told["lines"]["lines"][0] == "sudo apt update"


def test_show_of_a_profile_of_ones_own_that_says_little(on: Make, capsys: Captured, tmp_path: Path) -> None:
    on("rock")
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\ntitle = "My board"\nartifacts = ["litert:int8"]\nthreads = "cores"\n')
    assert cli.main(["devices", "show", str(path)]) == 0
    out = capsys.readouterr().out
    assert "camera: none" in out
    assert ", as many as cores here" in out
    assert "install" not in out
    assert "known traps" not in out


def test_show_of_what_does_not_exist_exits_2(capsys: Captured, tmp_path: Path) -> None:
    assert cli.main(["devices", "show", "coral-usbs"]) == 2
    assert capsys.readouterr().err.startswith("hemline: no device 'coral-usbs'; nearest: coral-usb; ")
    assert cli.main(["devices", "show", str(tmp_path / "gone.toml")]) == 2
    assert capsys.readouterr().err == f"hemline: {tmp_path / 'gone.toml'}: no such file\n"
