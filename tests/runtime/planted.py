"""Problems to plant on a made-up machine, and what the doctor has to say of each: tests and scripts/prove_doctor.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import planting
from madeup import Machine

CPUS = "sys/devices/system/cpu"
POLICY = f"{CPUS}/cpufreq/policy0"
VENV = "/usr/bin/python3 -m venv --system-site-packages"
HEADLESS = "pip install opencv-python-headless"
RELEASES = "https://github.com/feranick/libedgetpu/releases"


@dataclass(frozen=True)
class Plant:
    """A problem. check and state: of the finding. about, fix: what has to be in it. more: checks that find it too.

    mount: options of a small disk in memory that has to be the home folder; only the script can make one.
    """

    check: str
    state: str
    about: str
    fix: str
    plant: Callable[[Machine], object]
    more: tuple[str, ...] = ()
    mount: str = ""


PLANTS = {
    "a Python that is too new": Plant(
        "python",
        "problem",
        "Python 3.14: hemline is for 3.10 to 3.13",
        "pyenv install 3.13",
        lambda m: m.python("3.14"),
    ),
    "32-bit programs on a 64-bit kernel": Plant(
        "python",
        "problem",
        "32 bits (armv7l) on a 64-bit kernel (aarch64)",
        "64-bit image",
        planting.narrow_python,
        ("wheels", "processor", "device"),
    ),
    "a Python into which pip refuses": Plant(
        "python", "note", "pip refuses", "python3 -m venv", planting.file("usr/lib/python3.11/EXTERNALLY-MANAGED", "")
    ),
    "musl": Plant("wheels", "problem", "no engine has a wheel", "python:3.13-slim", planting.musl),
    "a C library that is too old for OpenVINO": Plant(
        "wheels",
        "note",
        "openvino has no wheel for Python 3.11, 64-bit aarch64, glibc 2.28",
        "Debian 12",
        planting.old_glibc,
    ),
    "Python 3.12, for which there is no tflite-runtime": Plant(
        "wheels",
        "note",
        "tflite-runtime has no wheel",
        "pip install 'hemline[litert]'",
        planting.tflite_python,
        ("engines",),
    ),
    "tflite-runtime beside numpy 2": Plant(
        *("packages", "problem", "tflite-runtime 2.14.0 was built for numpy 1"),
        *("pip install 'hemline[litert]' && pip uninstall -y tflite-runtime", planting.tflite_numpy, ("engines",)),
    ),
    "two OpenCV packages": Plant(
        *("packages", "problem", "opencv-python 4.11.0.86 and opencv-python-headless"),
        *(f"pip uninstall -y opencv-python opencv-python-headless && {HEADLESS}",),
        lambda m: m.package("opencv-python", "4.11.0.86"),
    ),
    "an OpenCV for numpy 1": Plant(
        *("packages", "problem", "opencv-python-headless 4.9.0.80 was built for numpy 1"),
        *("pip install --upgrade opencv-python-headless", planting.old_opencv),
    ),
    "onnxruntime 1.21 on a Raspberry Pi": Plant(
        "packages", "problem", "illegal instruction", "pip install --upgrade 'hemline[onnx]'", planting.onnx_on_a_pi
    ),
    "two builds of onnxruntime": Plant(
        "packages",
        "problem",
        "onnxruntime and onnxruntime-gpu",
        "pip uninstall -y onnxruntime onnxruntime-gpu",
        planting.two_runtimes,
    ),
    "pycoral from the package index": Plant(
        "packages", "note", "pycoral 0.0.1", "pip uninstall -y pycoral", lambda m: m.package("pycoral", "0.0.1")
    ),
    "OpenCV without the libraries of a desktop": Plant(
        "libraries", "fatal", "libGL.so.1", HEADLESS, planting.no_desktop, ("bundles", "engines")
    ),
    "a numpy for newer processors": Plant(
        "libraries", "fatal", "X86_V2", "pip install 'numpy<2.4'", planting.old_numpy_baseline, ("bundles", "engines")
    ),
    "no engine": Plant(
        "engines",
        "fatal",
        "no engine can run here",
        "pip install 'hemline[litert]'",
        lambda m: m.forget("ai_edge_litert"),
    ),
    "an engine that crashes": Plant(
        "engines",
        "problem",
        "onnx: onnxruntime died of SIGSEGV",
        "--force-reinstall --no-cache-dir onnxruntime",
        planting.segfault,
    ),
    "an engine with an illegal instruction": Plant(
        *("engines", "problem", "openvino: openvino died of SIGILL, an instruction that this processor does not have"),
        *("pip install --upgrade openvino", planting.illegal),
    ),
    "an engine that lacks a library": Plant(
        "engines",
        "problem",
        "openvino: openvino fails: ImportError: libstdc++.so.6",
        "--force-reinstall",
        planting.broken_engine,
    ),
    "a Coral stick without its library": Plant(
        "coral",
        "problem",
        "libedgetpu.so.1 is not",
        f"install libedgetpu1-std of {RELEASES}",
        lambda m: planting.stick(m, library=False),
    ),
    "a Coral stick of another group": Plant(
        "coral", "problem", "pi may not use", "sudo usermod -aG plugdev pi", planting.stick_of_others
    ),
    "a Coral stick of root alone": Plant(
        "coral", "problem", "pi may not use", "/etc/udev/rules.d/60-hemline.rules", planting.stick_without_rule
    ),
    "a Coral stick on USB 2": Plant(
        "coral", "problem", "480 Mbit/s", "blue socket (USB 3)", lambda m: planting.stick(m, speed=480)
    ),
    "a libedgetpu of TensorFlow 2.5": Plant(
        "coral",
        "problem",
        "libedgetpu1-std 16.0 was built against TensorFlow 2.5",
        "sudo apt remove libedgetpu1-std",
        planting.old_edgetpu,
    ),
    "a Coral card of another group": Plant(
        "coral", "problem", "pi may not use (/dev/apex_0)", "sudo usermod -aG apex pi", planting.card_of_others
    ),
    "a Coral card without its driver": Plant(
        "coral", "problem", "there is no /dev/apex_0", "gasket-dkms", planting.card_without_driver
    ),
    "a camera of another group": Plant(
        *("cameras", "problem", "/dev/video0 (HD Webcam) may not be used by pi", "sudo usermod -aG video pi"),
        lambda m: m.group("video", "somebody"),
    ),
    "a camera that another program uses": Plant(
        "cameras", "problem", "in use by ffmpeg (process 4242)", "kill 4242", planting.busy_camera
    ),
    "a camera that a container was not given": Plant(
        "cameras", "problem", "is not there", "docker run --device /dev/video0", lambda m: m.remove("dev/video0")
    ),
    "decoders and no camera": Plant(
        "cameras", "note", "the 3 video devices here are decoders", "ribbon cable", planting.codecs_only
    ),
    "no camera": Plant("cameras", "note", "no camera", "plug one in", planting.no_camera),
    "picamera2 behind a virtual environment": Plant(
        "picamera", "problem", "this one does not see it", VENV, planting.picamera
    ),
    "a libcamera for another Python": Plant(
        "picamera",
        "problem",
        "built for Python 3.13, this is 3.11",
        VENV,
        lambda m: planting.picamera(m, built="313", seen=True),
    ),
    "picamera2 of Bookworm beside numpy 2": Plant(
        *("picamera", "problem", "built for numpy 1 and fails at import with numpy 2"),
        *("pip install 'numpy<2'", planting.picamera_numpy),
    ),
    "SQLite with the WAL-reset bug": Plant(
        "database", "note", "SQLite 3.46.1", "sudo apt full-upgrade", lambda m: m.sqlite("3.46.1", "THREADSAFE=1")
    ),
    "SQLite for one thread": Plant(
        "database", "problem", "made for one thread", "THREADSAFE=1", lambda m: m.sqlite("3.51.3", "THREADSAFE=0")
    ),
    "a Python without SQLite": Plant(
        *("database", "problem", "SQLite cannot be loaded", "sudo apt install -y libsqlite3-dev"),
        lambda m: (m.packages / "sqlite3.py").write_text("raise ImportError('No module named _sqlite3')"),
    ),
    "a virtual machine without AVX2": Plant(
        "processor", "problem", "no AVX2", "qemu -cpu host", planting.flags("sse4_2 hypervisor")
    ),
    "a processor without SSE4.2": Plant("processor", "problem", "no SSE4.2", "numpy<2.4", planting.flags("sse2")),
    "a processor without VNNI": Plant(
        "processor", "note", "without VNNI", "hemline bench", planting.flags("sse4_2 avx2")
    ),
    "an ARM without dot product": Plant("processor", "note", "asimddp", "hemline bench", planting.old_arm),
    "the governor powersave": Plant(
        *("governor", "problem", "powersave holds the clock at its lowest (acpi-cpufreq)"),
        *("echo performance | sudo tee", planting.file(f"{POLICY}/scaling_governor", "powersave\n")),
    ),
    "the governor ondemand": Plant(
        "governor",
        "note",
        "ondemand",
        "echo performance | sudo tee",
        planting.file(f"{POLICY}/scaling_governor", "ondemand\n"),
    ),
    "a limited clock": Plant(
        *("governor", "problem", "limited to 1200 MHz of 4000", "echo 4000000 | sudo tee"),
        planting.file(f"{POLICY}/scaling_max_freq", "1200000\n"),
    ),
    "throttled now": Plant("throttling", "problem", "throttled now (throttled)", "a fan", planting.throttled(0x4)),
    "throttled before": Plant("throttling", "note", "since it was started (soft", "a fan", planting.throttled(0x80000)),
    "too little voltage": Plant(
        "throttling", "problem", "too little voltage now", "power supply", planting.throttled(0x50005)
    ),
    "too little voltage before": Plant(
        "throttling", "problem", "since it was started", "power supply", planting.throttled(0x50000)
    ),
    "too little voltage, as the kernel has it": Plant(
        "throttling",
        "problem",
        "too little voltage now",
        "power supply",
        planting.file("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n"),
    ),
    "a PC that throttled": Plant(
        *("throttling", "note", "throttled 17 times", "clean fan"),
        planting.file(f"{CPUS}/cpu0/thermal_throttle/core_throttle_count", "17\n"),
    ),
    "a kernel that slows down": Plant(
        "throttling", "problem", "slowing down now (thermal-cpufreq-0)", "a fan", planting.cooled
    ),
    "a hot processor": Plant("temperature", "problem", "84 °C and slows down at 85", "a fan", planting.hot),
    "little memory": Plant("memory", "problem", "82 MB of memory are free of 447", "zram-tools", planting.meminfo),
    "memory on the card": Plant(
        "memory", "note", "105 MB of memory lie on the card", "swapoff /var/swap", planting.swap_on_card
    ),
    "a disk that can only be read": Plant(
        *("disk", "problem", "is on /, which can only be read", "sudo mount -o remount,rw /"),
        planting.file("proc/mounts", "/dev/mmcblk0p2 / ext4 ro,relatime 0 0\n"),
    ),
    "a disk that forgets": Plant(
        *("disk", "note", "gone when the machine is started again", "disable_overlayfs"),
        planting.file("proc/mounts", "overlay / overlay rw,lowerdir=/media/root-ro,upperdir=/media/root-rw/up 0 0\n"),
    ),
    "a home of somebody else": Plant(
        *("disk", "problem", "pi may not write to /home/pi", "sudo chown pi /home/pi"),
        lambda m: (m.root / "home/pi").chmod(0o755),
    ),
    "a full disk": Plant("disk", "problem", "1 MB are free", "make room", lambda m: None, mount="size=1m"),
    "a disk without inodes": Plant(
        "disk",
        "problem",
        "more files, whatever their size",
        "du -x --inodes",
        lambda m: None,
        mount="size=400m,nr_inodes=100",
    ),
    "a clock without a battery": Plant(
        "clock",
        "problem",
        "the clock says 1970-01-01",
        "sudo timedatectl set-ntp true",
        planting.file("proc/stat", "btime 30\n"),
    ),
    "a clock that nobody sets": Plant(
        "clock", "note", "not synchronised", "timedatectl", lambda m: m.remove("run/systemd/timesync/synchronized")
    ),
    "HEMLINE_DATA that leads nowhere": Plant(
        "environment",
        "problem",
        "where no folder is",
        "unset HEMLINE_DATA",
        planting.variable("HEMLINE_DATA", "/data/sets"),
    ),
    "HEMLINE_BUNDLES that leads nowhere": Plant(
        "environment",
        "problem",
        "HEMLINE_BUNDLES is /bundles",
        "unset HEMLINE_BUNDLES",
        planting.variable("HEMLINE_BUNDLES", "/bundles"),
    ),
    "HEMLINE_BUNDLES that is a bundle": Plant(
        "environment", "problem", "which is a bundle itself", "export HEMLINE_BUNDLES=", planting.inside_a_bundle
    ),
    "an altered bundle": Plant("bundles", "problem", "litert-int8.tflite: altered", "copy ", planting.altered_bundle),
    "a locale that is not UTF-8": Plant(
        "locale",
        "problem",
        "LC_ALL is de_DE.ISO-8859-1",
        "export LC_ALL=C.UTF-8",
        planting.variable("LC_ALL", "de_DE.ISO-8859-1"),
    ),
    "half a processor": Plant(
        *("container", "problem", "limited to 0.5 of 4 processors", "docker run --cpus"),
        planting.file("sys/fs/cgroup/user.slice/cpu.max", "50000 100000\n"),
    ),
    "a memory limit": Plant("container", "problem", "memory is limited to 134 MB", "MemoryMax=", planting.memory_limit),
    "one processor of four": Plant(
        "container",
        "note",
        "1 of 4 processors may be used (2)",
        "taskset -c 0-3",
        planting.file("proc/self/status", "Cpus_allowed_list:\t2\n"),
    ),
    "a greedy hypervisor": Plant(
        "container",
        "note",
        "kept 8.3% of the processor's time",
        "dedicated",
        planting.more("proc/stat", "cpu 80 0 10 10 10 0 0 10 0 0\n"),
    ),
    "no device profile": Plant(
        "device",
        "note",
        "no device profile fits",
        "--device my.toml",
        planting.narrow_python,
        ("python", "wheels", "processor"),
    ),
}
