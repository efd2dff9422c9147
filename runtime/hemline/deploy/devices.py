"""
Kinds of devices that a service may use: the group that may, the devices in the words of systemd, the udev rules.

A class of devices, not a number: a camera that is plugged again has another one. The names of classes are those of
/proc/devices.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hemline import profiles

EDGE_TPU = "edgetpu"


@dataclass(frozen=True)
class Device:
    """One kind. allow: for DeviceAllow. hears: whether its library listens to the kernel, over netlink."""

    group: str
    allow: tuple[str, ...]
    rules: tuple[str, ...]
    hears: bool = False


_VIDEO = 'SUBSYSTEM=="video4linux", GROUP="video", MODE="0660"'
_USB = 'SUBSYSTEM=="usb", ENV{{DEVTYPE}}=="usb_device", ATTR{{idVendor}}=="{}", ATTR{{idProduct}}=="{}", '
_TPU = 'GROUP="plugdev", MODE="0660"'

DEVICES = {
    "camera": Device("video", ("char-video4linux",), (_VIDEO,)),
    # frames of a ribbon cable's camera are in memory of dma_heap; libcamera asks udev for its cameras
    "picamera": Device(
        "video",
        ("char-video4linux", "char-media", "char-dma_heap"),
        (
            _VIDEO,
            'SUBSYSTEM=="media", GROUP="video", MODE="0660"',
            'SUBSYSTEM=="dma_heap", GROUP="video", MODE="0660"',
        ),
        hears=True,
    ),
    "gpio": Device("gpio", ("char-gpiochip",), ('SUBSYSTEM=="gpio", KERNEL=="gpiochip*", GROUP="gpio", MODE="0660"',)),
    # A stick is 1a6e:089a until it was sent its firmware, then 18d1:9302: libusb hears of the second from udev.
    EDGE_TPU: Device(
        "plugdev",
        ("char-usb_device", "char-apex"),
        (
            _USB.format("1a6e", "089a") + _TPU,
            _USB.format("18d1", "9302") + _TPU,
            'SUBSYSTEM=="apex", ' + _TPU,
        ),
        hears=True,
    ),
}
# kind of source: kind of device
OF_SOURCES = {"camera": "camera", "picamera": "picamera"}


def groups(kinds: Iterable[str]) -> list[str]:
    """Return the groups that may use these kinds."""
    return list(dict.fromkeys(DEVICES[kind].group for kind in ordered(kinds)))


def allowed(kinds: Iterable[str]) -> list[str]:
    """Return what stands in DeviceAllow."""
    return list(dict.fromkeys(name for kind in ordered(kinds) for name in DEVICES[kind].allow))


def hear(kinds: Iterable[str]) -> bool:
    """Whether one of these kinds has to hear from the kernel."""
    return any(DEVICES[kind].hears for kind in kinds)


def ordered(kinds: Iterable[str]) -> list[str]:
    """Return these kinds in the order of the table, each once."""
    wanted = set(kinds)
    return [kind for kind in DEVICES if kind in wanted]


def of_model(artifact: str | None, device: str | None) -> frozenset[str]:
    """Return the devices of an artifact or a device profile: the Edge TPU, or none."""
    artifacts = (artifact,) if artifact is not None else profiles.load(device).artifacts if device is not None else ()
    return frozenset({EDGE_TPU} if any(name.partition(":")[0] == "edgetpu" for name in artifacts) else ())
