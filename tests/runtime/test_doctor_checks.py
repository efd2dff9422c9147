"""The facts that the doctor judges by: tables held against what they copy, and files as odd as they are on machines."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest
from madeup import UID, Machine, healthy
from packaging.specifiers import SpecifierSet

from hemline import doctor, toml
from hemline.doctor import database, device, disk, heat, interpreter, wheels
from hemline.doctor.finding import Finding, note, ok, problem
from hemline.doctor.interpreter import Python
from hemline.doctor.mounts import mount_of
from hemline.doctor.system import System, numbers
from hemline.doctor.user import User

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return healthy(tmp_path)


def wrong(machine: Machine, check: str) -> list[Finding]:
    """Return what a check finds that is not good."""
    return [finding for finding in doctor.examine(machine.system(), [check]) if finding.state != "ok"]


def test_what_is_not_well_has_one_line_and_what_is_well_has_none() -> None:
    for state, about, fix in (
        ("problem", "it is broken", ""),
        ("ok", "all is well", "do something"),
        ("bad", "no such state", "do something"),
        ("problem", "", "do something"),
        ("note", "two lines", "do this\nand that"),
    ):
        with pytest.raises(ValueError, match=r"finding|one line"):
            Finding(state, about, fix)
    assert problem("what\n a library\tsaid", "do it").about == "what a library said"


def test_the_pythons_are_those_of_the_project() -> None:
    allowed = SpecifierSet(toml.read(ROOT / "pyproject.toml")["project"]["requires-python"])
    inside = [minor for minor in range(6, 20) if f"3.{minor}.0" in allowed]
    assert ((3, inside[0]), (3, inside[-1])) == (wheels.OLDEST, wheels.NEWEST)


@pytest.mark.parametrize("wheel", [*wheels.WHEELS, wheels.OPENCV], ids=lambda wheel: wheel.package)
def test_the_table_of_wheels_has_what_is_installed_here(wheel: wheels.Wheel) -> None:
    try:
        text = metadata.distribution(wheel.package).read_text("WHEEL")
    except metadata.PackageNotFoundError:
        pytest.skip(f"{wheel.package} is not installed")
    assert text
    python = interpreter.running()
    assert wheel.lacking(python) == ("", "")
    tags = re.findall(r"manylinux_(\d+)_(\d+)_(\w+)", text)
    for major, minor, machine in tags:
        assert wheel.glibc[machine] <= (int(major), int(minor)), "an older one is in the table, none newer"


@pytest.mark.parametrize(
    ("python", "package", "why"),
    [
        (Python((3, 12), "3.12.1", "x86_64", 64, "glibc", (2, 36)), "tflite-runtime", "for Python 3.8 to 3.11"),
        (Python((3, 11), "3.11.2", "aarch64", 64, "glibc", (2, 31)), "tflite-runtime", "from glibc 2.34 on"),
        (Python((3, 11), "3.11.2", "aarch64", 64, "glibc", (2, 36)), "tflite-runtime", ""),
        (Python((3, 11), "3.11.2", "armv7l", 32, "glibc", (2, 36)), "tflite-runtime", ""),
        (Python((3, 11), "3.11.2", "armv7l", 32, "glibc", (2, 36)), "ai-edge-litert", "none for armv7l"),
        (Python((3, 13), "3.13.0", "aarch64", 64, "glibc", (2, 28)), "openvino", "from glibc 2.31 on"),
        (Python((3, 13), "3.13.0", "aarch64", 64, "glibc", (2, 28)), "onnxruntime", ""),
        (Python((3, 13), "3.13.0", "x86_64", 64, "musl", (0, 0)), "onnxruntime", "musl has none"),
        (Python((3, 13), "3.13.0", "x86_64", 64, "", (0, 0)), "onnxruntime", ""),  # not known: nothing is claimed
    ],
)
def test_why_there_is_no_wheel(python: Python, package: str, why: str) -> None:
    (wheel,) = [wheel for wheel in (*wheels.WHEELS, wheels.TFLITE) if wheel.package == package]
    assert wheel.lacking(python)[0] == why


@pytest.mark.parametrize(
    ("version", "damages"),
    [
        *(("3.6.23", False), ("3.7.0", True), ("3.40.1", True), ("3.44.5", True), ("3.44.6", False)),
        *(
            ("3.45.0", True),
            ("3.50.6", True),
            ("3.50.7", False),
            ("3.51.2", True),
            ("3.51.3", False),
            ("3.53.0", False),
        ),
    ],
)
def test_which_sqlite_has_the_wal_reset_bug(version: str, damages: bool) -> None:
    assert database.damages(numbers(version)) is damages


@pytest.mark.parametrize(
    ("board", "profile"),
    [("Raspberry Pi 4 Model B Rev 1.4", "raspberry-pi-4"), ("Raspberry Pi Zero 2 W Rev 1.0", "raspberry-pi-zero-2w")],
)
def test_a_board_is_known_by_what_it_calls_itself(board: str, profile: str, machine: Machine) -> None:
    machine.board(board)
    found = device.fitting(machine.system())
    assert found
    assert found.name == profile


def test_a_raspberry_pi_is_hot_before_its_trip_point(machine: Machine) -> None:
    machine.board("Raspberry Pi 4 Model B Rev 1.4")
    machine.write("sys/class/thermal/thermal_zone0/temp", "77000\n")
    (found,) = wrong(machine, "temperature")
    assert "has 77 °C and slows down at 80" in found.about


def test_the_program_that_runs_is_told_as_it_is() -> None:
    python = interpreter.running()
    assert python.version == sys.version_info[:2]
    assert python.bits == (64 if sys.maxsize > 2**32 else 32)
    assert (python.venv is not None) == (sys.prefix != sys.base_prefix)


def test_the_python_of_an_image_is_the_newest_that_it_has(machine: Machine) -> None:
    machine.python("3.9", "aarch64")
    machine.write("usr/lib/python3.13/os.py", "")
    (machine.root / "usr/bin/python3.13").symlink_to("python3.9")
    python = machine.system().python
    assert (python.version, python.machine, python.bits) == ((3, 13), "aarch64", 64)
    assert (python.libc, python.libc_version) == ("glibc", (2, 36))


def test_an_image_without_python_is_asked_with_the_one_that_runs(machine: Machine) -> None:
    machine.remove("usr/lib")
    assert machine.system().python == interpreter.running()


def test_a_header_that_is_cut_short_is_no_reason_to_stop(machine: Machine) -> None:
    machine.write("usr/bin/python3.11", b"\x7fELF\x02")
    assert machine.system().python.bits == 64


@pytest.mark.parametrize(
    ("mode", "member", "uid", "fix"),
    [
        (0o660, "pi", UID, None),
        (0o666, "", UID, None),
        (0o660, "", 0, None),
        (0o660, "", UID, "sudo usermod -aG video pi, then log out and in again"),
        (0o640, "pi", UID, "/etc/udev/rules.d/60-hemline.rules"),
    ],
)
def test_who_may_use_a_camera(mode: int, member: str, uid: int, fix: str | None, machine: Machine) -> None:
    machine.group("video", member)
    (machine.root / "dev/video0").chmod(mode)
    if uid == 0:
        machine.user = "root"
    found = wrong(machine, "cameras")
    assert [fix in finding.fix for finding in found] == ([] if fix is None else [True])


def test_a_group_that_the_session_does_not_have_yet_is_told(machine: Machine) -> None:
    system = machine.system()
    before = User("pi", UID, frozenset({UID}), Path("/home/pi"))
    (found,) = doctor.examine(replace(system, user=before), ["cameras"])
    assert found.fix == "log out and in again: pi is in the group video, but was not yet when this session began"


def test_a_mount_with_a_blank_in_its_name_is_the_one_that_a_path_is_on(machine: Machine) -> None:
    machine.write("proc/mounts", "/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /home/pi/My\\040Disk vfat ro 0 0\nhalf a line\n")
    system = machine.system()
    assert mount_of(system, "/home/pi/My Disk/data").device == "/dev/sdb1"
    assert mount_of(system, "/home/pi/My Diskette").device == "/dev/sda1"


def test_folders_are_those_that_variables_name(machine: Machine) -> None:
    machine.environment |= {"HEMLINE_CACHE": "/srv/cache", "XDG_DATA_HOME": str(machine.root / "srv/data")}
    # as hemline.datasets and the wardrobe take them: the first as it is, the second with a folder in it
    assert disk.folders(machine.system()) == {"cache": Path("/srv/cache"), "data": Path("/srv/data/hemline")}


@pytest.mark.parametrize(
    ("field", "value", "about", "fix"),
    [("f_bavail", 100, "0 MB are free on /", "du -xh"), ("f_favail", 7, "takes 7 more files", "du -x --inodes")],
)
def test_a_disk_with_no_room(field, value, about, fix, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for name in dir(os.statvfs_result) if name.startswith("f_")]
    real = os.statvfs(machine.root)

    class Full:
        def __init__(self) -> None:
            for name in names:
                setattr(
                    self, name, {"f_bavail": 10**9, "f_files": 10**6, "f_favail": 10**6}.get(name, getattr(real, name))
                )
            setattr(self, field, value)

    monkeypatch.setattr(os, "statvfs", lambda path: Full())
    (found,) = wrong(machine, "disk")  # once, though two folders are on it
    assert about in found.about
    assert fix in found.fix


def test_a_file_system_that_counts_no_files_has_room_for_them(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.statvfs(machine.root)

    class Btrfs:
        f_bavail, f_frsize, f_files, f_favail = 10**9, real.f_frsize, 0, 0

    monkeypatch.setattr(os, "statvfs", lambda path: Btrfs())
    assert not wrong(machine, "disk")


def test_the_firmware_is_asked_by_its_program_where_the_kernel_has_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heat, "FIRMWARE", "/nowhere/*/get_throttled")
    program = tmp_path / "vcgencmd"
    program.write_text("#!/bin/sh\n[ $1 = get_throttled ] && echo throttled=0x50005\n")
    program.chmod(0o755)
    system = replace(System.of(), environment={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    first = next(heat.check_throttling(system))
    assert (first.state, first.link) == ("problem", heat.BITS_LINK)
    assert "too little voltage now" in first.about


def test_a_sensor_that_is_not_there_is_no_temperature(machine: Machine) -> None:
    machine.write("sys/class/thermal/thermal_zone0/temp", "-274000\n")
    machine.write("sys/class/thermal/thermal_zone1/temp", "")
    machine.write("sys/class/thermal/thermal_zone2/trip_point_0_type", "passive\n")
    (found,) = doctor.examine(machine.system(), ["temperature"])
    assert found == replace(ok("no sensor that can be read"), check="temperature")


def test_powersave_of_a_driver_that_follows_the_load_is_no_problem(machine: Machine) -> None:
    folder = "sys/devices/system/cpu/cpufreq/policy0"
    machine.write(f"{folder}/scaling_governor", "powersave\n")
    machine.write(f"{folder}/scaling_driver", "intel_pstate\n")
    assert not wrong(machine, "governor")


def test_limits_are_found_in_the_first_version_of_control_groups_too(machine: Machine) -> None:
    machine.write("proc/self/cgroup", "4:memory:/docker/abc\n3:cpuset:/\n2:cpu,cpuacct:/docker/abc\n1:name=systemd:/\n")
    # in a container its own group is mounted at the top
    machine.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n")
    machine.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
    machine.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "100000000\n")
    machine.write("sys/fs/cgroup/memory/memory.usage_in_bytes", "90000000\n")
    found = wrong(machine, "container")
    assert [(finding.state, finding.about.split(",")[0]) for finding in found] == [
        ("problem", "memory is limited to 100 MB"),
        ("note", "the processor time is limited to 1.5 of 4 processors"),
    ]


def test_files_that_are_kept_in_memory_for_nobody_are_no_memory_that_is_taken(machine: Machine) -> None:
    folder = "sys/fs/cgroup/user.slice"
    machine.write(f"{folder}/memory.max", "1000000000\n")
    machine.write(f"{folder}/memory.current", "950000000\n")
    machine.write(f"{folder}/memory.stat", "anon 50000000\ninactive_file 900000000\n")
    assert not wrong(machine, "container")


def test_swap_that_is_not_on_a_card_is_no_news(machine: Machine) -> None:
    machine.write("proc/swaps", "Filename Type Size Used Priority\n/dev/zram0 partition 900000 800000 100\n")
    assert not wrong(machine, "memory")


def test_a_user_of_a_camera_whom_we_may_not_see_is_no_reason_to_stop(machine: Machine) -> None:
    machine.write("proc/77/comm", "other\n")  # without its folder of open files
    assert not wrong(machine, "cameras")


@pytest.mark.parametrize("value", ["C", "POSIX", "en_US.UTF-8", "de_DE.utf8", "sr_RS.UTF-8@latin"])
def test_a_locale_in_which_all_can_be_written(value: str, machine: Machine) -> None:
    machine.environment["LANG"] = value
    assert not wrong(machine, "locale")


def test_the_clock_that_runs_here_is_right(machine: Machine) -> None:
    (found,) = doctor.examine(machine.system(), ["clock"])
    assert re.match(r"20\d\d-\d\d-\d\d \d\d:\d\d UTC$", found.about)


def test_a_root_above_a_path_is_put_before_it_once(machine: Machine) -> None:
    system = machine.system()
    inside = machine.root / "srv"
    assert system.at("/srv") == system.at(inside) == inside
    assert system.at(system.inside(inside)) == inside
    assert note("it is so", "do it").check == ""
