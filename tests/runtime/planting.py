"""What is wrong with a made-up machine, put there: each function plants one thing."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from madeup import GENES, PC, Machine

from hemline.select import packaged

USB = "sys/bus/usb/devices"
ZONE = "sys/class/thermal/thermal_zone0"
FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
COOLER = "sys/class/thermal/cooling_device0"
CAMERA = "sys/class/video4linux"
DIST = "usr/lib/python3/dist-packages"


def narrow_python(machine: Machine) -> None:
    machine.python("3.11", "armv7l")
    machine.write("proc/sys/kernel/arch", "aarch64\n")


def musl(machine: Machine) -> None:
    machine.python("3.12")
    machine.write("lib/ld-musl-x86_64.so.1", "")


def tflite_python(machine: Machine) -> None:
    machine.python("3.12")
    machine.forget("ai_edge_litert")


def old_glibc(machine: Machine) -> None:
    machine.python("3.11", "aarch64")
    machine.glibc("2.28")
    machine.write("proc/cpuinfo", "Features\t: asimd asimddp\n")


def tflite_numpy(machine: Machine) -> None:
    machine.forget("ai_edge_litert")
    machine.package("tflite-runtime", "2.14.0", "")
    source = "raise ImportError('numpy.core.multiarray failed to import')"
    (machine.packages / "tflite_runtime" / "interpreter.py").write_text(source)


def old_opencv(machine: Machine) -> None:
    machine.forget("opencv_python")
    machine.package("opencv-python-headless", "4.9.0.80")


def no_desktop(machine: Machine) -> None:
    machine.module("cv2", "raise ImportError('libGL.so.1: cannot open shared object file: No such file or directory')")


def old_numpy_baseline(machine: Machine) -> None:
    message = "NumPy was built with baseline optimizations: \\n(X86_V2) but your machine doesn't support:\\n(X86_V2)."
    machine.module("numpy", f'raise RuntimeError("{message}")')
    (machine.packages / "numpy" / "typing.py").write_text("")


def onnx_on_a_pi(machine: Machine) -> None:
    machine.board("Raspberry Pi 4 Model B Rev 1.4")
    machine.package("onnxruntime", "1.21.0")
    machine.module("picamera2", "")
    machine.write(f"{DIST}/picamera2/__init__.py", "")


def two_runtimes(machine: Machine) -> None:
    machine.package("onnxruntime", "1.31.1")
    machine.package("onnxruntime-gpu", "1.31.1")


def segfault(machine: Machine) -> None:
    machine.package("onnxruntime", "1.31.1", "import ctypes\nctypes.string_at(0)\n")


def illegal(machine: Machine) -> None:
    machine.package("openvino", "2026.4.1", "import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n")


def broken_engine(machine: Machine) -> None:
    source = "raise ImportError('libstdc++.so.6: version `GLIBCXX_3.4.32 not found')"
    machine.package("openvino", "2026.4.1", source)


def stick(machine: Machine, *, speed: int = 5000, mode: int = 0o660, library: bool = True) -> None:
    machine.group("plugdev", "pi")
    device = {"idVendor": "1a6e", "idProduct": "089a", "busnum": "2", "devnum": "3", "speed": str(speed)}
    for name, value in device.items():
        machine.write(f"{USB}/2-1/{name}", f"{value}\n")
    machine.write(f"{USB}/usb2/speed", "5000\n")
    machine.node("dev/bus/usb/002/003", mode)
    if library:
        machine.write("usr/lib/x86_64-linux-gnu/libedgetpu.so.1.0", "")


def stick_of_others(machine: Machine) -> None:
    stick(machine)
    machine.group("plugdev", "")
    machine.node("dev/video0", 0o666)


def stick_without_rule(machine: Machine) -> None:
    stick(machine)
    machine.group("root", "")
    machine.node("dev/video0", 0o666)


def card_of_others(machine: Machine) -> None:
    machine.write("usr/lib/x86_64-linux-gnu/libedgetpu.so.1.0", "")
    machine.node("dev/apex_0")
    machine.group("apex", "")
    machine.node("dev/video0", 0o666)


def card_without_driver(machine: Machine) -> None:
    machine.write("usr/lib/x86_64-linux-gnu/libedgetpu.so.1.0", "")
    machine.write("sys/bus/pci/devices/0000:01:00.0/vendor", "0x1ac1\n")
    machine.write("sys/bus/pci/devices/0000:01:00.0/device", "0x089a\n")


def old_edgetpu(machine: Machine) -> None:
    stick(machine)
    text = "Package: libedgetpu1-std\nStatus: install ok installed\nMaintainer: Coral\nVersion: 16.0\n\nPackage: zlib\n"
    machine.write("var/lib/dpkg/status", f"Package: adduser\nVersion: 3\n\n{text}")


def busy_camera(machine: Machine) -> None:
    machine.write("proc/4242/comm", "ffmpeg\n")
    (machine.root / "proc/4242/fd").mkdir()
    (machine.root / "proc/4242/fd/7").symlink_to("/dev/video0")


def codecs_only(machine: Machine) -> None:
    machine.remove(CAMERA)
    for number, name in enumerate(("bcm2835-codec-decode", "bcm2835-codec-encode", "bcm2835-isp-capture0")):
        machine.write(f"{CAMERA}/video{10 + number}/name", f"{name}\n")
        machine.node(f"dev/video{10 + number}")


def no_camera(machine: Machine) -> None:
    machine.remove(CAMERA)


def picamera(machine: Machine, *, built: str = "311", seen: bool = False) -> None:
    machine.board("Raspberry Pi 5 Model B Rev 1.0")
    machine.write(f"{DIST}/picamera2/__init__.py", "")
    machine.write(f"{DIST}/libcamera/_libcamera.cpython-{built}-aarch64-linux-gnu.so", "")
    if seen:
        machine.module("picamera2", "")


def picamera_numpy(machine: Machine) -> None:
    picamera(machine, seen=True)
    machine.write("etc/os-release", 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\n')


def throttled(bits: int) -> Callable[[Machine], object]:
    return lambda machine: machine.write(FIRMWARE, f"{bits:x}\n")


def hot(machine: Machine) -> None:
    machine.write(f"{ZONE}/trip_point_1_type", "passive\n")
    machine.write(f"{ZONE}/trip_point_1_temp", "85000\n")
    machine.write(f"{ZONE}/temp", "83500\n")


def cooled(machine: Machine) -> None:
    machine.write(f"{COOLER}/type", "thermal-cpufreq-0\n")
    machine.write(f"{COOLER}/cur_state", "3\n")


def swap_on_card(machine: Machine) -> None:
    machine.write("proc/mounts", "/dev/mmcblk0p2 / ext4 rw,noatime 0 0\n")
    machine.write("proc/swaps", "Filename Type Size Used Priority\n/var/swap file 204796 102400 -2\n")


def altered_bundle(machine: Machine) -> None:
    folder = machine.root / "bundles" / "mine"
    shutil.copytree(packaged() / "fashion-nano", folder)
    model = bytearray((folder / "litert-int8.tflite").read_bytes())
    model[len(model) // 2] ^= 1
    (folder / "litert-int8.tflite").write_bytes(model)
    machine.environment["HEMLINE_BUNDLES"] = str(folder.parent)


def variable(name: str, value: str) -> Callable[[Machine], object]:
    return lambda machine: machine.environment.update({name: value})


def inside_a_bundle(machine: Machine) -> None:
    shutil.copytree(packaged() / "fashion-nano", machine.root / "bundles" / "mine")
    machine.environment["HEMLINE_BUNDLES"] = str(machine.root / "bundles" / "mine")


def memory_limit(machine: Machine) -> None:
    machine.write("sys/fs/cgroup/user.slice/memory.max", "134217728\n")
    machine.write("sys/fs/cgroup/user.slice/memory.current", "100000000\n")


def meminfo(machine: Machine) -> None:
    machine.write("proc/meminfo", "MemTotal:         437000 kB\nMemAvailable:      80000 kB\n")


def flags(flags: str) -> Callable[[Machine], object]:
    return lambda machine: machine.write("proc/cpuinfo", PC["proc/cpuinfo"].replace(GENES, flags))


def old_arm(machine: Machine) -> None:
    machine.python("3.11", "aarch64")
    machine.write("proc/cpuinfo", "Features\t: fp asimd evtstrm crc32 cpuid\n")


def file(path: str, text: str) -> Callable[[Machine], object]:
    return lambda machine: machine.write(path, text)


def more(path: str, text: str) -> Callable[[Machine], object]:
    return lambda machine: machine.add(path, text)
