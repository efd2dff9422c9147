"""
What a machine is, as far as a device profile asks for it: read from /proc, /sys and /etc, or from a folder with such
files. Nothing is loaded and no device is opened; a file that is not there says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from hemline import processor

INTEL = "0x8086"
RELEASE = "etc/os-release"
DMI = "sys/class/dmi/id"
# what makers write who have nothing to say
_NOTHING = ("to be filled by o.e.m.", "default string", "system product name", "system manufacturer", "none", "n/a")


@dataclass(frozen=True)
class Facts:
    """A machine.

    machine: what its programs are for, x86_64 or aarch64. board: what it calls itself, "" where it does not.
    processor: its name, for a person. vendor, features: as /proc/cpuinfo has them. usb: vendor:product of each device.
    accelerators: GPU and NPU where the kernel has one of Intel. openvino: devices that OpenVINO sees, None where nobody
    has asked it. system: codename of the release, such as bookworm, "" where it has none; system_title: for a person.
    """

    machine: str
    board: str = ""
    processor: str = ""
    vendor: str = ""
    features: frozenset[str] = frozenset()
    usb: frozenset[str] = frozenset()
    accelerators: frozenset[str] = frozenset()
    openvino: tuple[str, ...] | None = None
    system: str = ""
    system_title: str = ""

    @classmethod
    def of(cls, root: Path = Path("/"), *, machine: str | None = None) -> Facts:
        """Return this machine, or the one whose files lie below a folder. machine: of its programs."""
        cpuinfo = root / processor.CPUINFO.relative_to("/")
        device_tree = root / processor.BOARD.relative_to("/")
        release = _release(root)
        return cls(
            machine=processor.programs() if machine is None else machine,
            board=_read(device_tree) or _dmi(root),
            processor=processor.name(device_tree, cpuinfo),
            vendor=processor.vendor(cpuinfo),
            features=processor.features(cpuinfo),
            usb=frozenset(_usb(root)),
            accelerators=_accelerators(root),
            system=release.get("VERSION_CODENAME", ""),
            system_title=release.get("PRETTY_NAME", ""),
        )

    def seeing(self, devices: tuple[str, ...] | None) -> Facts:
        """Return them with the devices that OpenVINO sees; None: nobody has asked."""
        return replace(self, openvino=devices)

    @property
    def title(self) -> str:
        """For a person: what it is and which system it has."""
        board = "" if self.board in self.processor else f" in {self.board}"
        return ", ".join(text for text in (f"{self.processor}{board}", self.machine, self.system_title) if text)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip("\0 \n")
    except OSError:
        return ""


def _dmi(root: Path) -> str:
    """Return maker and product of a PC, as its firmware has them."""
    parts = [_read(root / DMI / name) for name in ("sys_vendor", "product_name")]
    told = [part for part in parts if part.lower() not in _NOTHING]
    return " ".join(" ".join(told).split())


def _usb(root: Path) -> list[str]:
    folders = (root / "sys/bus/usb/devices").glob("*")
    pairs = [(_read(folder / "idVendor"), _read(folder / "idProduct")) for folder in folders]
    return [f"{vendor}:{product}" for vendor, product in pairs if vendor and product]


def _accelerators(root: Path) -> frozenset[str]:
    nodes = {"GPU": "sys/class/drm/renderD*/device/vendor", "NPU": "sys/class/accel/accel*/device/vendor"}
    return frozenset(
        name for name, pattern in nodes.items() if any(_read(path) == INTEL for path in root.glob(pattern))
    )


def _release(root: Path) -> dict[str, str]:
    rows = (line.partition("=") for line in _read(root / RELEASE).splitlines() if not line.startswith("#"))
    return {name: value.strip().strip("\"'") for name, _, value in rows}
