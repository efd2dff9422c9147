"""
The Python that hemline runs in, or the one of a system that lies in a folder: version, processor, C library.
These three decide which wheels there are.
"""

from __future__ import annotations

import os
import platform
import re
import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from hemline import processor

# e_machine of the header of an ELF file: what uname would say of such programs
ELF_MACHINES = {0x03: "i686", 0x28: "armv7l", 0x3E: "x86_64", 0xB7: "aarch64", 0xF3: "riscv64"}
_GLIBC = re.compile(rb"GNU C Library [^\n]*version (\d+)\.(\d+)")


@dataclass(frozen=True)
class Python:
    """An interpreter.

    version: (3, 11). full: as it says it. machine: of its programs, not of the kernel. bits: of a pointer.
    libc: "glibc", "musl" or "". libc_version: (2, 36), or (0, 0) where it is not known.
    venv: the folder of its virtual environment, None outside of one. managed: whether pip refuses (PEP 668).
    """

    version: tuple[int, int]
    full: str
    machine: str
    bits: int
    libc: str
    libc_version: tuple[int, int]
    venv: Path | None = None
    managed: bool = False

    @property
    def title(self) -> str:
        """For a person."""
        libc = f"{self.libc} {dotted(self.libc_version)}" if self.libc_version[0] else self.libc or "unknown C library"
        return f"Python {self.full}, {self.bits}-bit {self.machine}, {libc}"


def dotted(version: tuple[int, ...]) -> str:
    """Return (3, 11) as "3.11"."""
    return ".".join(map(str, version))


def running() -> Python:
    """Return the interpreter that runs this."""
    bits = 8 * struct.calcsize("P")
    try:
        libc, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (ValueError, OSError):  # musl does not know the name
        libc, version = "musl" if any(Path("/lib").glob("ld-musl-*")) else "", ""
    folder = Path(sys.executable).parent.parent
    # not by sys.prefix: that is the system's where Python was started without its site module
    venv = folder if (folder / "pyvenv.cfg").is_file() else None
    return Python(
        version=(sys.version_info.major, sys.version_info.minor),
        full=platform.python_version(),
        machine=processor.programs(),
        bits=bits,
        libc=libc,
        libc_version=_version(version),
        venv=venv,
        managed=venv is None and (Path(os.__file__).parent / "EXTERNALLY-MANAGED").exists(),
    )


def installed_in(root: Path) -> Python | None:
    """Return the interpreter of the system in a folder, read from its files; None where there is none."""
    folders = {_version(path.parent.name.removeprefix("python")): path.parent for path in root.glob(_LIBRARIES)}
    if not folders:
        return None
    version = max(folders)
    machine, bits = _elf(root / "usr/bin" / f"python{dotted(version)}")
    libc, libc_version = _libc(root)
    return Python(
        version=version,
        full=dotted(version),
        machine=machine or platform.machine(),
        bits=bits or 64,
        libc=libc,
        libc_version=libc_version,
        managed=(folders[version] / "EXTERNALLY-MANAGED").exists(),
    )


_LIBRARIES = "usr/lib/python3.*/os.py"


def _version(text: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _elf(path: Path) -> tuple[str, int]:
    try:
        with path.open("rb") as stream:
            head = stream.read(20)
    except OSError:
        return "", 0
    if len(head) < 20 or not head.startswith(b"\x7fELF"):
        return "", 0
    (machine,) = struct.unpack_from("<H" if head[5] == 1 else ">H", head, 18)
    return ELF_MACHINES.get(machine, f"machine {machine:#x}"), 64 if head[4] == 2 else 32


def _libc(root: Path) -> tuple[str, tuple[int, int]]:
    if any(root.glob("lib/ld-musl-*")):
        return "musl", (0, 0)
    for path in (*root.glob("lib/*/libc.so.6"), *root.glob("usr/lib/*/libc.so.6"), *root.glob("lib*/libc.so.6")):
        try:
            found = _GLIBC.search(path.read_bytes())
        except OSError:
            continue
        if found:
            return "glibc", (int(found[1]), int(found[2]))
    return "", (0, 0)
