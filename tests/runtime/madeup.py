"""A made-up machine for the doctor: a folder with a small /proc, /sys, /dev and /etc, and one of packages."""

from __future__ import annotations

import os
import shutil
import struct
import sys
import sysconfig
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

import hemline
from hemline.doctor.system import System
from hemline.doctor.trials import Trials

ELF = {"x86_64": (2, 0x3E), "aarch64": (2, 0xB7), "armv7l": (1, 0x28)}
UID = 61_234  # of the user pi: nobody's who runs a test
# of the packages that are here these are left out of a made-up machine; a test puts in what it needs
ENGINES = ("onnxruntime", "openvino", "tensorflow", "tflite", "keras", "ai_edge_litert")
GENES = "fpu sse4_2 avx avx2 avx512_vnni"

PC = {
    "proc/cpuinfo": f"processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: Made-up\nflags\t\t: {GENES}\n",
    "proc/meminfo": "MemTotal:       8000000 kB\nMemFree:        2000000 kB\nMemAvailable:   6000000 kB\n",
    "proc/mounts": "/dev/sda1 / ext4 rw,relatime 0 0\nproc /proc proc rw 0 0\n",
    "proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n/dev/sda2 partition 1000000 200000 -2\n",
    "proc/uptime": "1000.00 3000.00\n",
    "proc/self/cgroup": "0::/user.slice\n",
    "proc/self/status": "Name:\tpython\nCpus_allowed_list:\t0-3\n",
    "proc/sys/kernel/arch": "x86_64\n",
    "sys/devices/system/cpu/online": "0-3\n",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "schedutil\n",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_driver": "acpi-cpufreq\n",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq": "4000000\n",
    "sys/devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq": "4000000\n",
    "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "0\n",
    "sys/fs/cgroup/user.slice/cpu.max": "max 100000\n",
    "sys/fs/cgroup/user.slice/memory.max": "max\n",
    "sys/class/thermal/thermal_zone0/type": "x86_pkg_temp\n",
    "sys/class/thermal/thermal_zone0/temp": "48000\n",
    "sys/class/thermal/thermal_zone0/trip_point_0_type": "critical\n",
    "sys/class/thermal/thermal_zone0/trip_point_0_temp": "100000\n",
    "sys/class/video4linux/video0/name": "HD Webcam\n",
    "sys/class/video4linux/video0/index": "0\n",
    "sys/class/video4linux/video1/name": "HD Webcam\n",
    "sys/class/video4linux/video1/index": "1\n",
    "etc/passwd": f"root:x:0:0:root:/root:/bin/bash\npi:x:{UID}:{UID}::/home/pi:/bin/bash\n",
    "run/systemd/timesync/synchronized": "",
}
SQLITE = """
sqlite_version = "{version}"
class Connection:
    def execute(self, statement): return [(option,) for option in {options!r}]
    def close(self): pass
def connect(name): return Connection()
"""


@dataclass
class Machine:
    """A made-up machine. root: its files. packages: what its Python finds. user: who is to run hemline there."""

    root: Path
    packages: Path
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "pi"

    def write(self, path: str, text: str | bytes) -> Path:
        """Write a file, with its folders."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    def add(self, path: str, text: str) -> None:
        """Write text behind what a file holds."""
        self.write(path, (self.root / path).read_text() + text)

    def remove(self, path: str) -> None:
        """Remove a file or a folder."""
        target = self.root / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()

    def node(self, path: str, mode: int = 0o660) -> Path:
        """Make what stands for a device: a file of the group that group() names."""
        file = self.write(path, "")
        file.chmod(mode)
        return file

    def group(self, name: str, members: str = "pi") -> None:
        """Say how the group of all files is called here, and who is in it."""
        number = self.root.stat().st_gid
        self.write("etc/group", f"users:x:{UID}:\n{name}:x:{number}:{members}\n")

    def python(self, version: str, machine: str = "x86_64") -> None:
        """Put a Python there, and take away the one that was."""
        self.remove("usr/lib") if (self.root / "usr/lib").exists() else None
        self.write(f"usr/lib/python{version}/os.py", "")
        width, number = ELF[machine]
        self.write(f"usr/bin/python{version}", b"\x7fELF" + bytes([width, 1]) + bytes(12) + struct.pack("<H", number))

    def glibc(self, version: str) -> None:
        """Put a C library there."""
        self.write("lib/gnu/libc.so.6", f"GNU C Library (Made-up) stable release version {version}.\n")

    def board(self, name: str, machine: str = "aarch64") -> None:
        """Make it a board of ARM."""
        self.python("3.11", machine)
        self.write("proc/device-tree/model", f"{name}\0")
        self.write("proc/sys/kernel/arch", "aarch64\n")
        self.write("proc/cpuinfo", "processor\t: 0\nFeatures\t: fp asimd crc32 asimddp\n")

    def forget(self, *starts: str) -> None:
        """Remove packages by the beginnings of their names."""
        for path in list(self.packages.iterdir()):
            if path.name.startswith(starts):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def package(self, name: str, version: str, source: str | None = None, module: str | None = None) -> None:
        """Install a package: what pip writes down of it and, when there is a source, its module."""
        folder = self.packages / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        if source is not None:
            self.module(module or name.replace("-", "_"), source)

    def module(self, name: str, source: str) -> None:
        """Put a module in the place of the one that was."""
        for path in (self.packages / name, self.packages / f"{name}.py"):
            if path.is_symlink() or path.exists():
                path.unlink()
        (self.packages / name).mkdir()
        (self.packages / name / "__init__.py").write_text(source)

    def sqlite(self, version: str, *options: str) -> None:
        """Let SQLite be of a version."""
        (self.packages / "sqlite3.py").write_text(SQLITE.format(version=version, options=list(options)))

    @property
    def paths(self) -> tuple[str, ...]:
        """Where its Python looks for packages; hemline itself is the one that is tested."""
        return (*self.found_first, sysconfig.get_path("stdlib"), str(sysconfig.get_config_var("DESTSHARED")))

    @property
    def found_first(self) -> tuple[str, str]:
        """What stands before the standard library. OpenCV would load itself for ever from the very first place."""
        return str(Path(hemline.__file__).parent.parent), str(self.packages)

    @property
    def variables(self) -> dict[str, str]:
        """The environment of its processes."""
        own = ("HEMLINE_", "PYTHON", "LC_", "XDG_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        return {**kept, "LANG": "C.UTF-8", **self.environment}

    def system(self) -> System:
        """Return it as the doctor sees it."""
        system = System.of(self.root, user_name=self.user, environment=self.variables, paths=self.paths)
        # as long as it takes: a test that is slow is not wrong
        return replace(system, trials=Trials(self.paths, self.variables, patience_s=600))

    def command(self, *options: str) -> tuple[list[str], dict[str, str]]:
        """Return the words and the environment that run the real `hemline doctor` on it."""
        words = [
            sys.executable,
            "-S",
            "-m",
            "hemline",
            "doctor",
            "--root",
            str(self.root),
            "--user",
            self.user,
            *options,
        ]
        return words, {**self.variables, "PYTHONPATH": os.pathsep.join(self.found_first)}


def healthy(folder: Path) -> Machine:
    """Make a PC in a folder on which nothing is wrong: a webcam, LiteRT, enough of everything."""
    machine = Machine(folder / "root", folder / "packages")
    for path, text in PC.items():
        machine.write(path, text)
    machine.write("proc/stat", f"cpu  900 0 50 9000 10 0 0 5 0 0\nbtime {int(time.time()) - 1000}\n")
    machine.python("3.11")
    machine.glibc("2.36")
    machine.group("video")
    machine.node("dev/video0")
    home = machine.root / "home/pi"
    home.mkdir(parents=True)
    home.chmod(0o777)
    _install(machine.packages)
    machine.sqlite("3.51.3", "THREADSAFE=1")
    return machine


def _install(packages: Path) -> None:
    """Fill a folder with what is installed here, less the engines but LiteRT."""
    (packages / "__pycache__").mkdir(parents=True)  # not that of the packages that are here
    site = Path(np.__file__).parent.parent
    for path in site.iterdir():
        if path.suffix == ".pth" or path.name.startswith(ENGINES) or "hemline" in path.name:
            continue
        if not (packages / path.name).exists():
            (packages / path.name).symlink_to(path)
    for path in site.glob("ai_edge_litert*"):
        (packages / path.name).symlink_to(path)
