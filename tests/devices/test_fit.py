"""Which profile fits which machine, and why; on made-up files of machines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hemline import profiles
from hemline.errors import MissingError
from hemline.profiles import Facts
from hemline.profiles.fit import best, judge

Make = Callable[..., Facts]

GRAPHICS = {"sys/class/drm/renderD128/device/vendor": "0x8086\n"}
NPU = {"sys/class/accel/accel0/device/vendor": "0x8086\n"}


@pytest.mark.parametrize(
    ("name", "first", "also", "why"),
    [
        ("pi-3", "raspberry-pi-3", ["generic-arm64"], "the board is Raspberry Pi 3 Model B Plus Rev 1.3"),
        ("pi-4", "raspberry-pi-4", ["generic-arm64"], "the board is Raspberry Pi 4 Model B Rev 1.4"),
        ("pi-5", "raspberry-pi-5", ["generic-arm64"], "the board is Raspberry Pi 5 Model B Rev 1.0"),
        ("zero-2w", "raspberry-pi-zero-2w", ["generic-arm64"], "the board is Raspberry Pi Zero 2 W Rev 1.0"),
        ("compute-module-4", "raspberry-pi-4", ["generic-arm64"], "the board is Raspberry Pi Compute Module 4 Rev 1.0"),
        ("pi-500", "raspberry-pi-5", ["generic-arm64"], "the board is Raspberry Pi 500 Rev 1.0"),
        ("dev-board", "coral-dev-board", ["generic-arm64"], "the board is Freescale i.MX8MQ Phanbell"),
        ("rock", "generic-arm64", [], "programs here are aarch64"),
        ("stick-on-pi", "coral-usb", ["raspberry-pi-4", "generic-arm64"], "18d1:9302 is on USB"),
        ("nuc", "intel-cpu", ["generic-x86"], "the processor is of GenuineIntel, with AVX512-VNNI"),
        ("atom", "intel-cpu", ["generic-x86"], "the processor is of GenuineIntel"),
        ("ryzen", "generic-x86", [], "programs here are x86_64"),
        ("stick-on-nuc", "coral-usb", ["intel-cpu", "generic-x86"], "18d1:9302 is on USB"),
        ("narrow-pi", None, [], ""),
    ],
)
def test_the_nearest_profile_comes_first(
    name: str, first: str | None, also: list[str], why: str, machine: Make
) -> None:
    found = profiles.fitting(machine(name))
    assert [fit.profile.name for fit in found if fit.fits] == ([first, *also] if first else [])
    assert len(found) == len(profiles.names())
    assert all(fit.why and "\n" not in fit.why for fit in found)
    if first:
        assert found[0].why == why


def test_a_stick_that_has_no_firmware_yet_is_one_too(machine: Make) -> None:
    new = {"sys/bus/usb/devices/2-1/idVendor": "1a6e\n", "sys/bus/usb/devices/2-1/idProduct": "089a\n"}
    found = profiles.fitting(machine("ryzen", new))
    assert (found[0].profile.name, found[0].why) == ("coral-usb", "1a6e:089a is on USB")


@pytest.mark.parametrize(
    ("name", "profile", "why"),
    [
        ("pi-4", "raspberry-pi-5", "another board: Raspberry Pi 4 Model B Rev 1.4"),
        ("pi-4", "coral-usb", "not plugged in: none of 1a6e:089a, 18d1:9302 is on USB"),
        ("pi-4", "intel-cpu", "for x86_64, programs here are aarch64"),
        ("narrow-pi", "raspberry-pi-4", "for aarch64, programs here are armv7l"),
        ("ryzen", "intel-cpu", "for processors of GenuineIntel, this is of AuthenticAMD"),
        ("ryzen", "intel-igpu", "the kernel knows no GPU of Intel"),
        ("ryzen", "intel-npu", "the kernel knows no NPU of Intel"),
    ],
)
def test_what_does_not_fit_says_why_in_a_line(name: str, profile: str, why: str, machine: Make) -> None:
    (fit,) = [fit for fit in profiles.fitting(machine(name)) if fit.profile.name == profile]
    assert (fit.fits, fit.why) == (False, why)


def test_a_processor_that_is_too_old_for_openvino_is_no_intel_cpu(machine: Make) -> None:
    text = "vendor_id\t: GenuineIntel\nmodel name\t: Core 2\nflags\t\t: fpu sse2\n"
    found = {fit.profile.name: fit for fit in profiles.fitting(machine("nuc", {"proc/cpuinfo": text}))}
    assert (found["intel-cpu"].fits, found["intel-cpu"].why) == (False, "the processor has no sse4_2")
    assert found["generic-x86"].fits


@pytest.mark.parametrize(
    ("files", "seen", "fits", "why"),
    [
        (GRAPHICS, ("CPU", "GPU"), ["intel-igpu"], "OpenVINO sees GPU"),
        (GRAPHICS, ("CPU", "GPU.0", "GPU.1"), ["intel-igpu"], "OpenVINO sees GPU"),
        (NPU, ("CPU", "NPU"), ["intel-npu"], "OpenVINO sees NPU"),
        (GRAPHICS, ("CPU",), [], "the kernel knows a GPU of Intel, OpenVINO sees CPU: its driver is missing, or"),
        (GRAPHICS, None, [], "the kernel knows a GPU of Intel; whether OpenVINO sees it was not asked"),
        ({}, ("CPU", "GPU"), [], "the kernel knows no GPU of Intel"),
        (
            {"sys/class/drm/renderD128/device/vendor": "0x1002\n"},
            ("CPU", "GPU"),
            [],
            "the kernel knows no GPU of Intel",
        ),
    ],
)
def test_a_device_of_openvino_fits_where_kernel_and_openvino_know_it(files, seen, fits, why, machine: Make) -> None:
    found = profiles.fitting(machine("nuc", files).seeing(seen))
    name = fits[0] if fits else "intel-igpu"
    (told,) = [fit for fit in found if fit.profile.name == name]
    assert [fit.profile.name for fit in found if fit.fits] == ["intel-cpu", "generic-x86", *fits], "never the first"
    assert told.why.startswith(why)
    assert told.nearness < min(fit.nearness for fit in found if fit.fits and fit.profile.name != name)


def test_the_profile_comes_as_it_holds_on_that_machine(machine: Make) -> None:
    first = profiles.fitting(machine("nuc"))[0].profile
    assert (first.variant, first.artifacts[0]) == ("AVX512-VNNI", "openvino:int8")
    assert profiles.fitting(machine("atom"))[0].profile.variant == ""


def test_what_fits_nothing_is_told_with_what_to_do(machine: Make) -> None:
    facts = machine("narrow-pi")
    with pytest.raises(
        MissingError, match=r"^no device profile fits this machine \(Raspberry Pi 4 .*, armv7l, .*\); g"
    ):
        best(profiles.fitting(facts), facts)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("zero-2w", "raspberry-pi-zero-2w"),
        ("stick-on-nuc", "coral-usb"),
        ("nuc", "intel-cpu"),
        ("rock", "generic-arm64"),
    ],
)
def test_auto_is_the_profile_that_fits_this_machine_best(
    name: str, expected: str, machine: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = machine(name)
    monkeypatch.setattr(Facts, "of", classmethod(lambda cls: facts))
    assert profiles.load("auto").name == expected


def test_facts_are_read_from_the_files(machine: Make) -> None:
    facts = machine("stick-on-nuc", GRAPHICS | NPU)
    assert (facts.machine, facts.vendor, facts.processor) == ("x86_64", "GenuineIntel", "Intel(R) Core(TM)")
    assert facts.board == "Intel(R) Client Systems NUC11PAHi5"
    assert facts.features == {"fpu", "sse4_2", "avx2"}, "those of the first processor"
    assert facts.usb == {"18d1:9302"}
    assert facts.accelerators == {"GPU", "NPU"}
    assert (facts.system, facts.system_title) == ("noble", "Ubuntu 24.04.2 LTS")
    assert facts.openvino is None
    expected = "Intel(R) Core(TM) in Intel(R) Client Systems NUC11PAHi5, x86_64, Ubuntu 24.04.2 LTS"
    assert facts.title == expected


def test_a_board_is_not_told_twice(machine: Make) -> None:
    assert machine("pi-5").title == "Raspberry Pi 5 Model B Rev 1.0, aarch64, Debian GNU/Linux 12 (bookworm)"


def test_a_pc_whose_maker_had_nothing_to_say_has_no_name(machine: Make) -> None:
    files = {"sys/class/dmi/id/sys_vendor": "To Be Filled By O.E.M.\n", "sys/class/dmi/id/product_name": "None\n"}
    assert machine("ryzen", files).board == ""


def test_a_machine_that_says_nothing_is_no_error(tmp_path: Path) -> None:
    facts = Facts.of(tmp_path, machine="riscv64")
    assert (facts.board, facts.vendor, facts.features, facts.usb, facts.system) == (
        "",
        "",
        frozenset(),
        frozenset(),
        "",
    )
    assert not any(fit.fits for fit in profiles.fitting(facts))


def test_a_board_of_ones_own_is_found_by_its_name_too(machine: Make, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\ntitle = "t"\nartifacts = ["litert:int8"]\nthreads = 1\n[fits]\n'
        'boards = ["Intel(R) Client Systems NUC11"]\n'
    )
    profile = profiles.read(str(path))
    assert judge(profile, machine("nuc")).why == "the board is Intel(R) Client Systems NUC11PAHi5"
    elsewhere = machine("nuc", {"sys/class/dmi/id/product_name": "NUC12WSKi5"})
    assert judge(profile, elsewhere).why == "another board: Intel(R) Client Systems NUC12WSKi5"
