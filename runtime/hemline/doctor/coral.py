"""
A Coral Edge TPU: on USB or PCIe, its driver, its library, and who may use it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from hemline.doctor.engines import probe_of
from hemline.doctor.finding import Finding, note, ok, problem
from hemline.doctor.system import System
from hemline.doctor.user import udev_rule

# a stick is the first until it was sent its firmware, then the second
STICKS = {("1a6e", "089a"), ("18d1", "9302")}
CARD = ("0x1ac1", "0x089a")
RELEASES = "https://github.com/feranick/libedgetpu/releases"
GASKET = "https://github.com/feranick/gasket-driver/releases"
ABI_LINK = "https://github.com/google-coral/edgetpu/issues/812"
USB_3 = 5000  # Mbit/s
# for what belongs to root alone
_GROUP = 'GROUP="plugdev", MODE="0660"'
_NUMBERS = 'ATTR{idVendor}=="1a6e|18d1", ATTR{idProduct}=="089a|9302"'
CARD_RULE = udev_rule(f'SUBSYSTEM=="apex", {_GROUP}')
STICK_RULE = udev_rule(f'SUBSYSTEM=="usb", {_NUMBERS}, {_GROUP}')
_LIBRARIES = ("/usr/lib/libedgetpu.so.1*", "/usr/lib/*/libedgetpu.so.1*", "/usr/local/lib/libedgetpu.so.1*")
_PACKAGE = re.compile(r"^Package: (libedgetpu1-\w+)\n(?:.+\n)*?Version: (\S+)$", re.MULTILINE)


def check(system: System) -> Iterator[Finding]:
    """Say whether an Edge TPU that is here can be used."""
    sticks = [
        path for path in system.glob("/sys/bus/usb/devices/*") if _ids(system, path, "idVendor", "idProduct") in STICKS
    ]
    cards = [path for path in system.glob("/sys/bus/pci/devices/*") if _ids(system, path, "vendor", "device") == CARD]
    nodes = system.glob("/dev/apex_*")
    found = [finding for stick in sticks for finding in _stick(system, stick)]
    found += [*_card(system, cards, nodes), *_library(system, bool(sticks or cards or nodes))]
    yield from found
    if not found:
        yield ok(f"{len(sticks) + len(nodes)} that can be used" if sticks or nodes else "no Edge TPU")


def _stick(system: System, device: Path) -> Iterator[Finding]:
    bus, number = system.number(device / "busnum"), system.number(device / "devnum")
    node = f"/dev/bus/usb/{bus or 0:03}/{number or 0:03}"
    if not system.at(node).exists():
        yield problem(
            f"a Coral USB Accelerator is there, but not {node}: a container sees no device that it was not given",
            "docker run --device /dev/bus/usb",
        )
    elif not system.may_use(node):
        yield problem(
            f"a Coral USB Accelerator that {system.user.name} may not use ({node})",
            system.admission(node, rule=STICK_RULE),
        )
    speed = system.number(device / "speed")
    if speed is not None and speed < USB_3:
        hubs = [system.number(path / "speed") or 0 for path in system.glob("/sys/bus/usb/devices/usb*")]
        about = f"a Coral USB Accelerator at {speed} Mbit/s, the speed of USB 2"
        if max(hubs, default=0) >= USB_3:
            yield problem(about, "plug it into a blue socket (USB 3), with the cable that came with it")
        else:
            yield note(
                f"{about}; this machine has no faster", "expect large models to take longer: hemline bench tells"
            )


def _card(system: System, cards: list[Path], nodes: list[Path]) -> Iterator[Finding]:
    if cards and not nodes:
        yield problem("a Coral card without its driver: there is no /dev/apex_0", f"install gasket-dkms of {GASKET}")
    for node in nodes:
        if not system.may_use(node):
            yield problem(
                f"an Edge TPU that {system.user.name} may not use ({system.inside(node)})",
                system.admission(node, rule=CARD_RULE),
            )


def _library(system: System, device: bool) -> Iterator[Finding]:
    library = next((path for pattern in _LIBRARIES for path in system.glob(pattern)), None)
    probe = probe_of(system.trials.told("edgetpu"))
    if device and library is None and not probe.get("package"):
        yield problem(
            "an Edge TPU is here, its library libedgetpu.so.1 is not", f"install libedgetpu1-std of {RELEASES}"
        )
    for package, version in _PACKAGE.findall(system.text("/var/lib/dpkg/status")) if library else ():
        # Google's own has no TensorFlow in its version, and was built against 2.5
        if "tf" not in version.lower():
            yield problem(
                f"{package} {version} was built against TensorFlow 2.5 and crashes every interpreter from 2.12 on",
                f"sudo apt remove {package}, then install libedgetpu1-std of {RELEASES}",
                ABI_LINK,
            )
    if probe.get("package") and not probe["available"] and (device or "found none" not in probe["install"]):
        yield problem("libedgetpu is here, and the engine edgetpu cannot run", f"get {probe['install']}")


def _ids(system: System, device: Path, *names: str) -> tuple[str, ...]:
    return tuple(system.text(device / name).strip() for name in names)
