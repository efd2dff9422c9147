"""Cameras without a camera: what the kernel, OpenCV and picamera2 are asked, and what is said when they refuse."""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import struct
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from hemline.errors import DataError, HemlineError, MissingError
from hemline.sources import camera, live, picamera, v4l2
from hemline.sources.shot import Shot

CAPTURES, METADATA, OUTPUT = 0x1, 0x00800000, 0x2
DEVICE_CAPS = 0x80000000


class Kernel:
    """Video devices as the kernel would describe them."""

    def __init__(self, root: Path) -> None:
        self.devices, self.names = root / "dev", root / "sys"
        self.devices.mkdir()
        self.own: dict[str, int] = {}
        self.busy: set[str] = set()

    def plug(self, number: int, name: str, own: int) -> Path:
        path = self.devices / f"video{number}"
        path.touch()
        (self.names / path.name).mkdir(parents=True)
        (self.names / path.name / "name").write_text(name + "\n")
        self.own[str(path)] = own
        return path

    def ioctl(self, handle: int, request: int, argument: bytearray) -> int:
        path = str(Path(f"/proc/self/fd/{handle}").readlink())
        if request == 0x80685600:  # VIDIOC_QUERYCAP
            assert len(argument) == 104
            struct.pack_into("<II", argument, 84, CAPTURES | OUTPUT | METADATA | DEVICE_CAPS, self.own[path])
            return 0
        assert request == 0xC0145608  # VIDIOC_REQBUFS
        assert len(argument) == 20
        assert struct.unpack_from("<III", argument)[1:] == (1, 1)  # video capture, memory mapped
        if path in self.busy:
            raise OSError(errno.EBUSY, "Device or resource busy")
        return 0


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    made = Kernel(tmp_path)
    monkeypatch.setattr(v4l2, "DEVICES", made.devices)
    monkeypatch.setattr(v4l2, "NAMES", made.names)
    monkeypatch.setattr(fcntl, "ioctl", made.ioctl)
    return made


def test_cameras_are_listed_by_number_with_their_names_and_without_what_gives_no_pictures(kernel: Kernel) -> None:
    paths = [kernel.plug(10, "Front", CAPTURES), kernel.plug(0, "C270", CAPTURES), kernel.plug(1, "C270", METADATA)]
    kernel.plug(11, "encoder", OUTPUT)
    (kernel.names / "video10" / "name").unlink()
    assert v4l2.cameras() == [f"{paths[1]} (C270)", str(paths[0])]


def test_a_camera_that_is_not_there_is_answered_with_those_that_are(kernel: Kernel) -> None:
    gone = str(kernel.devices / "video3")
    line = f"camera:3: no such camera ({gone}); no camera is connected, or its driver is not loaded"
    assert str(v4l2.refused(gone, name="camera:3")) == line
    there = kernel.plug(0, "C270", CAPTURES)
    assert str(v4l2.refused(gone, name="camera:3")) == f"camera:3: no such camera ({gone}); there are {there} (C270)"
    assert v4l2.refused(str(there), name="camera:0") is None


def test_no_permission_names_the_group_to_join(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kernel.plug(0, "C270", CAPTURES)
    monkeypatch.setattr(os, "access", lambda *arguments: False)
    group = grp.getgrgid(path.stat().st_gid).gr_name
    error = v4l2.refused(str(path), name="camera:0")
    assert isinstance(error, MissingError)
    assert str(error) == (f"camera:0: no permission for {path}: sudo usermod -aG {group} $USER, and log in again")


def test_a_busy_camera_names_who_has_it(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    path = kernel.plug(0, "C270", CAPTURES)
    kernel.busy.add(str(path))
    monkeypatch.setattr(v4l2, "users_of", lambda path: [])
    assert str(v4l2.why(str(path), name="camera:0")) == (f"camera:0: {path} is busy, another program uses it: end that")
    monkeypatch.setattr(v4l2, "users_of", lambda path: ["ffmpeg (process 42)"])
    assert str(v4l2.why(str(path), name="camera:0")) == f"camera:0: {path} is busy, used by ffmpeg (process 42): end it"


def test_who_has_a_device_open_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    process = tmp_path / "4242"
    (process / "fd").mkdir(parents=True)
    (process / "comm").write_text("ffmpeg\n")
    (process / "fd" / "3").symlink_to("/dev/full")
    (tmp_path / "17").mkdir()
    monkeypatch.setattr(v4l2, "PROCESSES", tmp_path)
    assert v4l2.users_of("/dev/full") == ["ffmpeg (process 4242)"]
    assert v4l2.users_of("/dev/zero") == []


def test_a_device_without_pictures_is_answered_with_the_one_beside_it(kernel: Kernel) -> None:
    right, wrong = kernel.plug(0, "C270", CAPTURES), kernel.plug(1, "C270", METADATA)
    error = v4l2.why(str(wrong), name="camera:1")
    line = f"camera:1: {wrong} is a video device that gives no pictures; there are {right} (C270)"
    assert (type(error), str(error)) == (MissingError, line)
    other = v4l2.why(str(right), name="camera:0")
    assert isinstance(other, DataError)
    assert str(other).endswith("cannot be opened as a camera; try another size, fps or format")


@pytest.mark.parametrize("text", ["camera:0", "/dev/video0", "/dev/v4l/by-id/usb-046d-index0"])
@pytest.mark.skipif(Path("/dev/video0").exists(), reason="there is a camera")
def test_without_a_camera_opening_one_raises_at_once(text: str) -> None:
    with pytest.raises(MissingError, match=f"^{text}: no such camera "):
        camera.connect([text])


class FakeCapture:
    """cv2.VideoCapture that notes what it is asked for and gives three frames."""

    opens = True

    def __init__(self, path: str, backend: int) -> None:
        self.path, self.backend, self.left, self.released = path, backend, 3, False
        self.asked: list[tuple[int, float]] = []
        captures.append(self)

    def isOpened(self) -> bool:
        return self.opens

    def set(self, key: int, value: float) -> bool:
        self.asked.append((key, value))
        return True

    def grab(self) -> bool:
        self.left -= 1
        return self.left >= 0

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, np.full((4, 6, 3), (1, 2, 3), np.uint8)

    def release(self) -> None:
        self.released = True


captures: list[FakeCapture] = []


def test_a_camera_is_asked_for_format_size_and_rate_in_this_order_and_gives_rgb(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    link = kernel.devices / "by-id"
    link.symlink_to(kernel.plug(0, "C270", CAPTURES))
    shots = camera.shots(camera.parse(f"{link}?size=800x600&fps=15&format=YUYV"), None)  # type: ignore[arg-type]
    first = next(shots)
    assert isinstance(first, Shot)
    assert isinstance(first.content, np.ndarray)
    assert first.content[0, 0].tolist() == [3, 2, 1]
    with pytest.raises(DataError, match="the camera gives no more frames"):
        list(shots)
    capture = captures.pop()
    assert capture.released
    assert (capture.path, capture.backend) == (str(kernel.devices / "video0"), cv2.CAP_V4L2)
    assert capture.asked == [
        (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"YUYV")),
        (cv2.CAP_PROP_FRAME_WIDTH, 800),
        (cv2.CAP_PROP_FRAME_HEIGHT, 600),
        (cv2.CAP_PROP_FPS, 15),
    ]


def test_a_camera_that_is_pulled_out_says_so(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    path = kernel.plug(0, "C270", CAPTURES)
    shots = camera.shots(camera.parse(str(path)), None)  # type: ignore[arg-type]
    next(shots)
    path.unlink()
    with pytest.raises(MissingError, match="no such camera"):
        list(shots)


def test_a_camera_that_does_not_open_says_why(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", type("Closed", (FakeCapture,), {"opens": False}))
    path = kernel.plug(0, "C270", CAPTURES)
    kernel.busy.add(str(path))
    with pytest.raises(MissingError, match="is busy"):
        next(camera.shots(camera.parse(str(path)), None))  # type: ignore[arg-type]


PICAMERA2 = """
import sys, time
import numpy as np
class Picamera2:
    def __init__(self, number):
        if number == 1:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        self.number = 0
    @staticmethod
    def global_camera_info():
        return [{"Model": "imx708"}, {"Model": "ov5647"}]
    def __enter__(self):
        return self
    def __exit__(self, *error):
        pass
    def create_video_configuration(self, main, controls, queue):
        assert not queue
        return main, controls
    def configure(self, configuration):
        (main, controls) = configuration
        assert main["format"] == "BGR888"
        self.size, self.rate = main["size"], controls.get("FrameRate", 30)
    def start(self):
        print("[0:01] INFO Camera camera_manager.cpp", file=sys.stderr, flush=True)
    def capture_array(self, name):
        time.sleep(1 / self.rate)
        self.number += 1
        return np.full((self.size[1], self.size[0], 3), (self.number % 200, 2, 3), np.uint8)
"""


@pytest.fixture
def raspberry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a picamera2 importable, here and in capture processes."""
    (tmp_path / "picamera2.py").write_text(PICAMERA2)
    (tmp_path / "libcamera.py").touch()
    monkeypatch.syspath_prepend(tmp_path)


def test_a_raspberry_camera_gives_its_frames(raspberry: None) -> None:
    assert picamera.probe() is None
    with picamera.connect(["picamera:0?size=64x48&fps=50"]) as source:
        first, second = islice(source, 2)
    assert first.picture().shape == (48, 64, 3)
    assert first.picture()[0, 0, 1:].tolist() == [2, 3]
    assert second.picture()[0, 0, 0] > first.picture()[0, 0, 0]


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (1, "picamera:1: Camera __init__ sequence did not complete.; does another program use it?"),
        (2, "picamera:2: no such camera; there are picamera:0 (imx708), picamera:1 (ov5647)"),
    ],
)
def test_a_raspberry_camera_that_does_not_open_says_why(number: int, line: str, raspberry: None) -> None:
    with pytest.raises(MissingError) as caught:
        picamera.connect([f"picamera:{number}"])
    assert str(caught.value) == line


@pytest.mark.parametrize(
    ("installed", "environment", "advice"),
    [
        (False, True, "sudo apt install -y python3-picamera2, then python3 -m venv --system-site-packages /venv"),
        (True, True, "python3 -m venv --system-site-packages /venv"),
        (False, False, "sudo apt install -y python3-picamera2"),
        (True, False, "start hemline with the system's Python, which sees "),
    ],
)
def test_where_picamera2_is_missing_the_line_says_what_to_do(
    installed: bool, environment: bool, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picamera, "SYSTEM_PACKAGES", tmp_path)
    monkeypatch.setattr(sys, "prefix", "/venv" if environment else sys.base_prefix)
    if installed:
        (tmp_path / "picamera2").mkdir()
    line = picamera.probe()
    assert line is not None
    assert line.startswith(f"picamera2 is not importable here: {advice}")
    with pytest.raises(MissingError, match=r"^picamera:0: picamera2 is not importable here: "):
        picamera.connect(["picamera:0"])


@pytest.mark.hardware
@pytest.mark.skipif(not v4l2.cameras(), reason="no camera")
def test_a_real_camera_gives_frames() -> None:
    path = v4l2.cameras()[0].split(" ")[0]
    opened: Callable[[list[str]], live.Live] = camera.connect
    try:
        with opened([path]) as source:
            assert all(item.picture().ndim == 3 for item in islice(source, 10))
    except HemlineError as error:
        pytest.skip(str(error))
