"""The lines that install hemline, made for each system of each profile."""

from __future__ import annotations

import re

import pytest

from hemline import cli, profiles
from hemline.errors import UsageError
from hemline.profiles import systems
from hemline.profiles.places import system_names

PAIRS = [(name, system) for name in profiles.names() for setup in profiles.read(name).setup for system in setup.systems]
PREFERRED = {"edgetpu": "litert"}  # the Edge TPU is reached through LiteRT


def pip_of(lines: tuple[str, ...]) -> str:
    (line,) = [line for line in lines if "pip install" in line]
    return line


@pytest.mark.parametrize("name", system_names())
def test_a_system_is_whole(name: str) -> None:
    system = systems.load(name)
    assert system.name == name
    assert system.title
    assert re.fullmatch(r"3\.1[0-3]", system.python), "hemline is for Python 3.10 to 3.13"
    assert "python3-venv" in system.apt
    assert bool(system.beside) == bool(system.why_beside)


def test_the_systems_that_are_promised_are_there() -> None:
    assert system_names() == ["bookworm", "jammy", "noble", "trixie"]


@pytest.mark.parametrize("name", profiles.names())
def test_a_profile_installs_the_engine_it_prefers_on_every_system(name: str) -> None:
    profile = profiles.read(name)
    every = [systems.lines(profile, system) for each, system in PAIRS if each == name] or [systems.lines(profile)]
    for found in every:
        extras = set(re.search(r"'hemline\[([a-z,]+)\]'", pip_of(found.lines))[1].split(","))
        assert extras <= set(cli.EXTRAS.values())
        for variant in [profile, *profile.variants]:
            preferred = variant.artifacts[0].partition(":")[0]
            assert PREFERRED.get(preferred, preferred) in extras
        assert found.lines[-1].endswith("hemline doctor"), "the last line shows that it worked"
        assert found.note == ""


@pytest.mark.parametrize("name", profiles.names())
def test_a_profile_has_lines_of_its_own_or_for_systems_and_names_each_once(name: str) -> None:
    profile = profiles.read(name)
    assert bool(profile.install) != bool(profile.setup)
    named = [system for setup in profile.setup for system in setup.systems]
    assert len(set(named)) == len(named)


def test_the_lines_of_a_pi_on_bookworm() -> None:
    found = systems.lines(profiles.read("raspberry-pi-4"), "bookworm")
    assert found.lines == (
        "sudo apt update",
        "sudo apt install -y --no-install-recommends python3-venv python3-picamera2",
        "/usr/bin/python3 -m venv --system-site-packages ~/hemline",
        "~/hemline/bin/pip install 'hemline[litert]' 'numpy<2' 'opencv-python-headless<4.12'",
        "~/hemline/bin/hemline doctor",
    )
    assert (found.system.name, found.system.python) == ("bookworm", "3.11")


def test_only_beside_the_packages_of_bookworm_numpy_is_held_back() -> None:
    held = {
        (name, system) for name, system in PAIRS if "numpy" in pip_of(systems.lines(profiles.read(name), system).lines)
    }
    assert held == {(name, "bookworm") for name in profiles.names() if name.startswith("raspberry-pi")}
    assert "--system-site-packages" in " ".join(systems.lines(profiles.read("raspberry-pi-5"), "trixie").lines)
    assert "--system-site-packages" not in " ".join(systems.lines(profiles.read("raspberry-pi-5"), "noble").lines)


def test_a_driver_that_a_system_has_no_package_of_is_not_asked_of_apt() -> None:
    profile = profiles.read("intel-igpu")
    for system, there in (("bookworm", True), ("noble", True), ("jammy", True), ("trixie", False)):
        (apt,) = [line for line in systems.lines(profile, system).lines if "apt install" in line]
        assert ("intel-opencl-icd" in apt) is there


def test_the_lines_are_those_of_the_system_that_is_here() -> None:
    found = systems.lines(profiles.read("generic-x86"), None, "jammy", "Ubuntu 22.04.5 LTS")
    assert (found.system.name, found.note) == ("jammy", "")


def test_another_system_gets_the_first_lines_and_is_told_so() -> None:
    found = systems.lines(profiles.read("raspberry-pi-5"), None, "forky", "Debian GNU/Linux forky")
    assert found.system.name == "trixie"
    expected = "Debian GNU/Linux forky is none of trixie, bookworm, noble, jammy; these are the lines of trixie"
    assert found.note == expected
    assert systems.lines(profiles.read("raspberry-pi-5"), None, "", "").note.startswith("this system is none of ")


def test_lines_of_the_profile_itself_hold_everywhere() -> None:
    profile = profiles.read("coral-dev-board")
    found = systems.lines(profile, None, "bookworm", "Debian")
    assert (found.lines, found.system, found.note) == (profile.install, None, "")


@pytest.mark.parametrize(
    ("name", "system", "message"),
    [
        ("raspberry-pi-5", "bookwurm", "no system 'bookwurm'; nearest: bookworm; there are bookworm, jammy, noble, tr"),
        ("intel-npu", "bookworm", "intel-npu has no lines for bookworm; it has noble, jammy"),
        ("coral-dev-board", "bookworm", "coral-dev-board has no lines for bookworm; its lines are the same for all"),
    ],
)
def test_a_system_that_there_are_no_lines_for_is_refused(name: str, system: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        systems.lines(profiles.read(name), system)
    assert str(caught.value).startswith(message)
