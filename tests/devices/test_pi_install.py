"""scripts/pi-install.sh, on made-up systems that it only looks at, and once on this machine with a made-up wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent.parent / "scripts" / "pi-install.sh"
RELEASES = {
    "trixie": ("Debian GNU/Linux 13 (trixie)", "3.13"),
    "bookworm": ("Debian GNU/Linux 12 (bookworm)", "3.11"),
    "bullseye": ("Debian GNU/Linux 11 (bullseye)", "3.9"),
}

pytestmark = pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="needs dpkg, of Debian and its kin")


class Card:
    """A memory card with Raspberry Pi OS on it, as far as the script looks at one."""

    def __init__(self, root: Path, release: str = "trixie", *, loader: str = "ld-linux-aarch64.so.1") -> None:
        self.root = root
        title, self.python = RELEASES[release]
        self.write("etc/os-release", f'PRETTY_NAME="{title}"\nID=debian\nVERSION_CODENAME={release}\n')
        self.write("etc/rpi-issue", "Raspberry Pi reference 2025-10-01\n")
        self.write("etc/group", "root:x:0:\nvideo:x:44:pi\ngpio:x:986:\n")
        self.write("proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0")
        self.write(f"lib/{loader}", "")
        self.write("var/lib/dpkg/status", "")
        (root / "usr/bin").mkdir(parents=True)
        (root / "usr/bin/python3").symlink_to(f"python{self.python}")

    def write(self, name: str, text: str) -> None:
        """Write a file of it."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def package(self, *names: str) -> None:
        """Have packages installed."""
        form = "Package: {}\nStatus: install ok installed\nArchitecture: arm64\nVersion: 1\nMaintainer: x\n\n"
        self.write("var/lib/dpkg/status", "".join(form.format(name) for name in names))

    def environment(self, into: str, note: str, *, sees_system: bool = True, python: str = "") -> None:
        """Have an environment that the script made."""
        seen = str(sees_system).lower()
        self.write(
            f"{into}/pyvenv.cfg", f"include-system-site-packages = {seen}\nversion = {python or self.python}.5\n"
        )
        self.write(f"{into}/bin/hemline", "")
        (self.root / into / "bin/hemline").chmod(0o755)
        self.write(f"{into}/.pi-install", f"{note}\n")

    def look(self, *options: str, into: str = "/opt/hemline") -> subprocess.CompletedProcess[str]:
        """Run the script on it."""
        return run("--root", str(self.root), "--user", "pi", "--into", into, *options)


def run(*options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script."""
    surroundings = {**os.environ, **variables}
    return subprocess.run(
        [str(SCRIPT), *options], capture_output=True, text=True, env=surroundings, stdin=subprocess.DEVNULL
    )


def would(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the lines that would be run, without sudo, which depends on who asks."""
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = [line for line in done.stdout.splitlines() if line.startswith("would  ")]
    return [line.removeprefix("would  ").removeprefix("sudo ") for line in lines]


def test_a_fresh_card_gets_packages_an_environment_and_groups(tmp_path: Path) -> None:
    done = Card(tmp_path / "card").look()
    assert would(done) == [
        "apt-get update",
        "apt-get install -y --no-install-recommends python3-venv python3-picamera2",
        "/usr/bin/python3 -m venv --system-site-packages /opt/hemline",
        "env TMPDIR=/opt/hemline /opt/hemline/bin/python -m pip install --disable-pip-version-check 'hemline[litert]'",
        "usermod -aG gpio pi",
    ]
    assert "have   Raspberry Pi 5 Model B Rev 1.0" in done.stdout
    assert "have   pi in the group video" in done.stdout


def test_a_trial_changes_nothing_and_says_the_same_again(tmp_path: Path) -> None:
    card = Card(tmp_path / "card")
    before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
    first, second = card.look("--dry-run"), card.look("--dry-run")
    assert first.stdout == second.stdout
    assert {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    card = Card(tmp_path / "card")
    card.package("python3-venv", "python3-picamera2")
    card.environment("opt/hemline", "hemline[litert]")
    card.write("etc/group", "video:x:44:pi\ngpio:x:986:pi\n")
    done = card.look()
    assert would(done) == []
    assert done.stdout.endswith("there is nothing to do\n")
    assert would(card.look("--upgrade"))[0].endswith("--upgrade 'hemline[litert]'")
    assert would(card.look("--extras", "litert,mqtt"))[0].endswith("'hemline[litert,mqtt]'")


def test_bookworms_picamera2_gets_the_numpy_that_it_was_built_for(tmp_path: Path) -> None:
    card = Card(tmp_path / "card", "bookworm")
    (line,) = [line for line in would(card.look()) if "pip" in line]
    assert line.endswith("'hemline[litert]' 'numpy<2' 'opencv-python-headless<4.12'")
    (line,) = [line for line in would(card.look("--no-camera")) if "pip" in line]
    assert line.endswith("'hemline[litert]'")


def test_an_environment_of_another_python_or_without_the_systems_packages_is_made_anew(tmp_path: Path) -> None:
    card = Card(tmp_path / "card")
    card.package("python3-venv", "python3-picamera2")
    card.environment("opt/hemline", "hemline[litert]", python="3.11")
    assert would(card.look())[0] == "/usr/bin/python3 -m venv --clear --system-site-packages /opt/hemline"
    card.environment("opt/hemline", "hemline[litert]", sees_system=False)
    assert would(card.look())[0] == "/usr/bin/python3 -m venv --clear --system-site-packages /opt/hemline"
    assert not any("venv" in line for line in would(card.look("--no-camera")))


def test_without_raspberry_pi_os_there_is_no_picamera2(tmp_path: Path) -> None:
    card = Card(tmp_path / "card")
    (tmp_path / "card/etc/rpi-issue").unlink()
    assert not any("picamera2" in line or "site-packages" in line for line in would(card.look()))


def test_pins_bring_the_boards_own_library(tmp_path: Path) -> None:
    lines = would(Card(tmp_path / "card").look("--extras", "litert,line"))
    assert lines[1].endswith("python3-venv python3-picamera2 python3-lgpio")


def test_a_service_is_handed_over_with_its_options(tmp_path: Path) -> None:
    lines = would(
        Card(tmp_path / "card").look("--service", "line", "--", "--bundle", "my tiles", "--", "--trigger", "gpio:17")
    )
    assert lines[-1] == (
        "/opt/hemline/bin/python -m hemline devices install --service line --bundle 'my tiles' -- --trigger gpio:17"
    )


@pytest.mark.parametrize(
    ("release", "loader", "said"),
    [
        ("trixie", "ld-linux-armhf.so.3", "32-bit programs: no engine has a wheel for that; install the 64-bit"),
        ("bullseye", "ld-linux-aarch64.so.1", "the system's Python is 3.9, hemline wants 3.10 to 3.13: use Debian 12"),
    ],
)
def test_a_system_that_cannot_run_it_is_refused(tmp_path: Path, release: str, loader: str, said: str) -> None:
    done = Card(tmp_path / "card", release, loader=loader).look()
    assert done.returncode == 3
    assert said in done.stderr
    assert "would" not in done.stdout


def test_another_kind_of_system_and_a_foreign_folder_are_refused(tmp_path: Path) -> None:
    card = Card(tmp_path / "card")
    card.write("opt/hemline/photos.txt", "somebody's")
    done = card.look()
    assert done.returncode == 3
    assert "/opt/hemline: is there and is no virtual environment" in done.stderr
    card.write("etc/os-release", 'PRETTY_NAME="Alpine Linux v3.22"\nID=alpine\n')
    done = card.look()
    assert done.returncode == 3
    assert "'Alpine Linux v3.22' is not Debian" in done.stderr


def test_a_32_bit_system_below_a_64_bit_kernel_an_old_c_library_and_a_full_disk_are_noticed(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()

    def fake(name: str, script: str) -> None:
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)

    def tried() -> subprocess.CompletedProcess[str]:
        return run("--dry-run", "--into", str(tmp_path / "env"), PATH=f"{programs}:{os.environ['PATH']}")

    if tried().returncode:
        pytest.skip("this machine is none that hemline can be installed on")
    fake("uname", "echo aarch64")
    fake("getconf", 'case $1 in LONG_BIT) echo 32 ;; *) echo "glibc 2.41" ;; esac')
    assert "32-bit programs on aarch64" in tried().stderr
    fake("getconf", 'case $1 in LONG_BIT) echo 64 ;; *) echo "glibc 2.27" ;; esac')
    assert "the C library is glibc 2.27, glibc 2.28 is needed" in tried().stderr
    fake("getconf", "[ $1 = LONG_BIT ] && echo 64")
    assert "the C library is not glibc" in tried().stderr
    fake("getconf", 'case $1 in LONG_BIT) echo 64 ;; *) echo "glibc 2.41" ;; esac')
    fake("df", "echo head; echo /dev/x 9 9 102400 9% /")
    done = tried()
    assert done.returncode == 3
    assert f"100 MB free in {tmp_path}, 600 MB are needed" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--nonsense"], "no option '--nonsense'"),
        (["--wheel"], "--wheel needs a value"),
        (["--wheel", "no.whl"], "no such file"),
        (["--service", "mail"], "line or watch"),
        (["--extras", "litert;reboot"], "names with a comma between them"),
        (["--", "--source"], "options after -- are of --service"),
        (["--root", "/nowhere"], "no such folder"),
    ],
)
def test_wrong_usage_is_exit_2(options: list[str], said: str) -> None:
    done = run(*options)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


@pytest.mark.slow
def test_it_installs_once_and_again_when_the_wheel_is_another(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("apt-get", "usermod", "sudo"):
        last = 'exec "$@"' if name == "sudo" else ""
        (programs / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/called\n{last}\n')
        (programs / name).chmod(0o755)
    wheel = tmp_path / "hemline-9.9-py3-none-any.whl"

    def pack(answer: str) -> None:
        information = "hemline-9.9.dist-info"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("hemline.py", f"def main():\n    print('{answer}')\n")
            archive.writestr(f"{information}/METADATA", "Metadata-Version: 2.1\nName: hemline\nVersion: 9.9\n")
            archive.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{information}/entry_points.txt", "[console_scripts]\nhemline = hemline:main\n")
            archive.writestr(f"{information}/RECORD", "")

    def install() -> str:
        into = tmp_path / "an env"
        done = run(
            *("--into", str(into), "--wheel", str(wheel), "--user", "nobody-of-here"),
            PATH=f"{programs}:{os.environ['PATH']}",
        )
        if done.returncode == 3 or "ensurepip" in done.stdout + done.stderr:
            pytest.skip(f"not here: {done.stderr}")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    pack("the first doctor")
    first = install()
    assert "runs   /usr/bin/python3 -m venv" in first
    assert first.endswith("the first doctor\n")
    second = install()
    assert "venv" not in "".join(line for line in second.splitlines() if line.startswith("runs"))
    assert "pip" not in "".join(line for line in second.splitlines() if line.startswith("runs"))
    assert second.endswith("the first doctor\n")
    pack("the second doctor")
    third = install()
    assert "--force-reinstall --no-deps" in third
    assert third.endswith("the second doctor\n")
    if "\nvideo:" in Path("/etc/group").read_text():
        assert re.search("usermod -aG video.* nobody-of-here", (tmp_path / "called").read_text())


def test_shellcheck_finds_nothing() -> None:
    program = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        pytest.skip("needs shellcheck, of the dev extra")
    scripts = [str(SCRIPT), str(SCRIPT.with_name("convert-in-ci.sh")), str(SCRIPT.parent.parent / ".ci" / "run")]
    done = subprocess.run([program, *scripts], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
