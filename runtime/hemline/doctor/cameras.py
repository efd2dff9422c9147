"""
Cameras: which there are, who may use them, who does; and picamera2, which belongs to the system and not to Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from hemline.doctor import device
from hemline.doctor.finding import Finding, note, ok, problem
from hemline.doctor.interpreter import dotted
from hemline.doctor.system import System, numbers
from hemline.doctor.user import udev_rule

CLASS = "/sys/class/video4linux"
DIST = "/usr/lib/python3/dist-packages"
RULE = udev_rule('SUBSYSTEM=="video4linux", GROUP="video", MODE="0660"')
# names of devices that are in between: decoders, encoders, image processors
CODECS = ("bcm2835-codec", "bcm2835-isp", "rpivid", "rpi-hevc-dec", "pispbe")
# names of what a camera on a ribbon cable gives before it was processed: only libcamera can use it
RAW = ("unicam", "rp1-cfe")
RIBBON = "see that the ribbon cable sits, both ends, then: rpicam-hello --list-cameras"
NUMPY_LINK = "https://github.com/raspberrypi/picamera2/issues/1211"
VENV_LINK = "https://github.com/raspberrypi/picamera2/issues/341"


def check(system: System) -> Iterator[Finding]:
    """Say what stands between the user and each camera."""
    named, cameras = _named(system), _cameras(system)
    raw = [node for node, name in named if name.startswith(RAW)]
    for node, name in cameras:
        yield _camera(system, node, f"{node} ({name})")
    if raw and not cameras:
        yield ok("one on a ribbon cable, which is read as picamera:0")
    elif named and not cameras:
        yield note(f"no camera: the {len(named)} video devices here are decoders and the like", RIBBON)
    elif not cameras:
        yield note("no camera", "plug one in, or give files, a folder, a film, or the address of a stream")


def check_picamera(system: System) -> Iterator[Finding]:
    """Say whether this Python sees picamera2, where the board has a place for a ribbon cable."""
    if not system.board.startswith("Raspberry Pi"):
        yield ok("not asked for: no Raspberry Pi")
        return
    python = system.python
    if not system.at(f"{DIST}/picamera2").is_dir():
        yield note(
            "picamera2 is not installed, so a camera on a ribbon cable cannot be read",
            "sudo apt install -y python3-picamera2",
        )
        return
    folder = python.venv or Path("~/hemline")
    again = f"/usr/bin/python3 -m venv --system-site-packages {folder}"
    if not any((Path(path) / "picamera2").is_dir() for path in system.paths):
        yield problem(
            "picamera2 is installed for the system's Python, and this one does not see it: "
            f"{'a virtual environment hides it' if python.venv else 'it is another Python'}",
            again,
            VENV_LINK,
        )
        return
    libraries = system.glob(f"{DIST}/libcamera/_libcamera.cpython-*.so")
    built = [match[1] for path in libraries if (match := re.search(r"cpython-(\d+)", path.name))]
    if built and dotted(python.version).replace(".", "") not in built:
        yield problem(
            f"libcamera is built for Python {built[0][0]}.{built[0][1:]}, this is {python.full}", again, VENV_LINK
        )
        return
    numpy = system.version("numpy")
    if device.facts(system).system == "bookworm" and numbers(numpy) >= (2,):
        yield problem(
            f"picamera2 of Bookworm was built for numpy 1 and fails at import with numpy {numpy}",
            "pip install 'numpy<2' 'opencv-python-headless<4.12'",
            NUMPY_LINK,
        )
        return
    yield ok("picamera2 is here")


def listed(system: System) -> list[str]:
    """Return the cameras, as "/dev/video0 (C270 HD WEBCAM)"."""
    return [f"{node} ({name})" for node, name in _cameras(system)]


def _named(system: System) -> list[tuple[str, str]]:
    """Return path and name of each video device."""
    return [(f"/dev/{path.name}", system.text(path / "name").strip()) for path in system.glob(f"{CLASS}/video*")]


def _cameras(system: System) -> list[tuple[str, str]]:
    asked = system.trials.told("libraries").values.get("cameras") if system.here else None
    if asked is not None:  # each device was asked whether it gives pictures
        giving = {each.split(" ")[0] for each in asked}
        return [(node, name) for node, name in _named(system) if node in giving]
    # the second device of a USB camera tells of its pictures, and has none
    return [
        (node, name)
        for node, name in _named(system)
        if not name.startswith((*CODECS, *RAW)) and not system.number(f"{CLASS}/{Path(node).name}/index")
    ]


def _camera(system: System, node: str, title: str) -> Finding:
    if not system.at(node).exists():
        return problem(
            f"{title} is known to the kernel and is not there: a container sees no device that it was not given",
            f"docker run --device {node}",
        )
    if not system.may_use(node):
        return problem(f"{title} may not be used by {system.user.name}", system.admission(node, rule=RULE))
    users = _users(system, node)
    if users:
        number, command = users[0]
        return problem(f"{title} is in use by {command} (process {number})", f"end {command}: kill {number}")
    return ok(title)


def _users(system: System, node: str) -> list[tuple[str, str]]:
    """Return number and name of the processes that have a device open, as far as we may see them."""
    found = []
    for process in system.glob("/proc/[0-9]*"):
        with suppress(OSError):  # another user's, or just ended
            if any(str(handle.readlink()) == node for handle in (process / "fd").iterdir()):
                found.append((process.name, system.text(process / "comm").strip() or "a program"))
    return found
