"""Made-up machines: a folder with the few files that say what a machine is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hemline.profiles import Facts

BOOKWORM = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n'
NOBLE = 'PRETTY_NAME="Ubuntu 24.04.2 LTS"\nVERSION_CODENAME=noble\nID=ubuntu\n'
ARM = "processor\t: 0\nFeatures\t: fp asimd evtstrm crc32 cpuid{}\nCPU implementer\t: 0x41\n"
X86 = "processor\t: 0\nvendor_id\t: {}\nmodel name\t: {}\nflags\t\t: fpu sse4_2 {}\n\nprocessor\t: 1\nflags\t\t: none\n"
READ = Facts.of  # a test may put another in its place
STICK = {"sys/bus/usb/devices/2-1/idVendor": "18d1\n", "sys/bus/usb/devices/2-1/idProduct": "9302\n"}


def board(model: str, features: str = "") -> dict[str, str]:
    """Return the files of a board of ARM; model: as its device tree has it."""
    return {
        "proc/device-tree/model": f"{model}\0",
        "proc/cpuinfo": ARM.format(features),
        "etc/os-release": BOOKWORM,
    }


def pc(vendor: str, name: str, features: str) -> dict[str, str]:
    """Return the files of a PC."""
    return {
        "proc/cpuinfo": X86.format(vendor, name, features),
        "sys/class/dmi/id/sys_vendor": "Intel(R) Client Systems\n",
        "sys/class/dmi/id/product_name": "NUC11PAHi5\n",
        "etc/os-release": NOBLE,
    }


MACHINES = {
    "pi-3": ("aarch64", board("Raspberry Pi 3 Model B Plus Rev 1.3")),
    "pi-4": ("aarch64", board("Raspberry Pi 4 Model B Rev 1.4")),
    "pi-5": ("aarch64", board("Raspberry Pi 5 Model B Rev 1.0", " asimddp")),
    "zero-2w": ("aarch64", board("Raspberry Pi Zero 2 W Rev 1.0")),
    "compute-module-4": ("aarch64", board("Raspberry Pi Compute Module 4 Rev 1.0")),
    "pi-500": ("aarch64", board("Raspberry Pi 500 Rev 1.0", " asimddp")),
    "dev-board": ("aarch64", board("Freescale i.MX8MQ Phanbell")),
    "rock": ("aarch64", board("Radxa ROCK 5B")),
    "stick-on-pi": ("aarch64", board("Raspberry Pi 4 Model B Rev 1.4") | STICK),
    "nuc": ("x86_64", pc("GenuineIntel", "11th Gen Intel(R) Core(TM) i5-1135G7", "avx avx2 avx512_vnni")),
    "atom": ("x86_64", pc("GenuineIntel", "Intel(R) Celeron(R) J4125", "")),
    "ryzen": ("x86_64", pc("AuthenticAMD", "AMD Ryzen 7", "avx avx2")),
    "stick-on-nuc": ("x86_64", pc("GenuineIntel", "Intel(R) Core(TM)", "avx2") | STICK),
    "narrow-pi": ("armv7l", board("Raspberry Pi 4 Model B Rev 1.4")),
}


@pytest.fixture
def machine(tmp_path: Path) -> Callable[..., Facts]:
    """Return a function that writes a machine's files, and more where they are given, and returns what is read."""

    def make(name: str, more: dict[str, str] | None = None) -> Facts:
        programs, files = MACHINES[name]
        for path, text in {**files, **(more or {})}.items():
            file = tmp_path / "root" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return READ(tmp_path / "root", machine=programs)

    return make
