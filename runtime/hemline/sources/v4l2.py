"""
What the kernel says about video devices: which there are, and why one cannot be opened.

OpenCV says only that it could not; these are the questions to ask then.
"""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import struct
from contextlib import suppress
from pathlib import Path

from hemline.errors import DataError, HemlineError, MissingError

DEVICES = Path("/dev")
NAMES = Path("/sys/class/video4linux")
PROCESSES = Path("/proc")

# <linux/videodev2.h>: _IOR('V', 0, struct v4l2_capability), _IOWR('V', 8, struct v4l2_requestbuffers)
_QUERYCAP, _CAPABILITY = 0x80685600, struct.Struct("16s32s32sIII12x")
_REQBUFS, _BUFFERS = 0xC0145608, struct.Struct("IIIIB3x")
_CAPTURE, _CAPTURE_MPLANE, _DEVICE_CAPS = 0x1, 0x1000, 0x80000000
_MMAP = 1


def cameras() -> list[str]:
    """Return the video devices that give pictures, as "/dev/video0 (C270 HD WEBCAM)"; also those not permitted.

    One camera has several devices: those that say they give no pictures (metadata, encoders) are left out.
    """
    found = []
    for path in sorted(DEVICES.glob("video*"), key=lambda path: (len(path.name), path.name)):
        if _gives_pictures(path) is not False:
            name = ""
            with suppress(OSError):
                name = (NAMES / path.name / "name").read_text(errors="replace").strip()
            found.append(f"{path} ({name})" if name else str(path))
    return found


def refused(path: str, *, name: str) -> HemlineError | None:
    """Return why this device cannot be used, as far as can be known without opening it; None when nothing is."""
    if not os.path.lexists(path):
        there = cameras()
        which = f"there are {', '.join(there)}" if there else "no camera is connected, or its driver is not loaded"
        return MissingError(f"{name}: no such camera ({path}); {which}")
    if not os.access(path, os.R_OK | os.W_OK):
        group = "video"
        with suppress(OSError, KeyError):
            group = grp.getgrgid(Path(path).stat().st_gid).gr_name
        return MissingError(f"{name}: no permission for {path}: sudo usermod -aG {group} $USER, and log in again")
    return None


def why(path: str, *, name: str) -> HemlineError:
    """Return why OpenCV could not open this device."""
    known = refused(path, name=name)
    if known is not None:
        return known
    if _gives_pictures(Path(path)) is False:
        there = [camera for camera in cameras() if camera.split(" ")[0] != path]
        hint = f"; there are {', '.join(there)}" if there else ""
        return MissingError(f"{name}: {path} is a video device that gives no pictures{hint}")
    if _busy(path):
        users = users_of(path)
        who = f"used by {', '.join(users)}: end it" if users else "another program uses it: end that"
        return MissingError(f"{name}: {path} is busy, {who}")
    return DataError(f"{name}: {path} cannot be opened as a camera; try another size, fps or format")


def users_of(path: str) -> list[str]:
    """Return the processes that have the device open, as "ffmpeg (process 4242)", as far as we may see them."""
    users = []
    with suppress(OSError):
        device = Path(path).stat().st_rdev
        for process in PROCESSES.glob("[0-9]*"):
            if int(process.name) != os.getpid() and _holds(process, device):
                command = "a program"
                with suppress(OSError):
                    command = (process / "comm").read_text(errors="replace").strip()
                users.append(f"{command} (process {process.name})")
    return users


def _holds(process: Path, device: int) -> bool:
    with suppress(OSError):  # another user's, or just ended
        for handle in (process / "fd").iterdir():
            with suppress(OSError):
                if handle.stat().st_rdev == device:
                    return True
    return False


def _gives_pictures(path: Path) -> bool | None:
    """Return what the device says, None when it cannot be asked."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        answer = bytearray(_CAPABILITY.size)
        fcntl.ioctl(handle, _QUERYCAP, answer)
        *_, capabilities, own = _CAPABILITY.unpack(answer)
        return bool((own if capabilities & _DEVICE_CAPS else capabilities) & (_CAPTURE | _CAPTURE_MPLANE))
    except OSError:  # no video device at all
        return False
    finally:
        os.close(handle)


def _busy(path: str) -> bool:
    """Whether somebody else streams from the device: asking for a buffer is refused then, and else undone."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return error.errno == errno.EBUSY
    try:
        for count in (1, 0):
            fcntl.ioctl(handle, _REQBUFS, bytearray(_BUFFERS.pack(count, _CAPTURE, _MMAP, 0, 0)))
    except OSError as error:
        return error.errno == errno.EBUSY
    finally:
        os.close(handle)
    return False
