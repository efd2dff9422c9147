"""
Memory: whether there is enough of it, and whether the card has to stand in.
"""

from __future__ import annotations

from collections.abc import Iterator

from hemline.doctor.finding import Finding, note, ok, problem
from hemline.doctor.mounts import mount_of
from hemline.doctor.system import System

# the runtime with LiteRT takes 40 MB, with OpenVINO 100; a camera's frames and a picture of 12 megapixels as much again
LEAST_BYTES = 150_000_000
SWAPPED_BYTES = 32_000_000
MORE = "end other programs, or compress what is not used: sudo apt install -y zram-tools"
COMPRESSED = "sudo apt install -y zram-tools && sudo swapoff {}"


def check(system: System) -> Iterator[Finding]:
    """Say whether a model and a picture fit into what is free, and whether memory is on a card."""
    sizes = _sizes(system)
    free = sizes.get("MemAvailable")
    well = True
    if free is not None and free < LEAST_BYTES:
        well = False
        yield problem(f"{free / 1e6:.0f} MB of memory are free of {sizes.get('MemTotal', 0) / 1e6:.0f}", MORE)
    for path, used in _swaps(system):
        device = path if path.startswith("/dev/") else mount_of(system, path).device
        if device.startswith("/dev/mmcblk") and used > SWAPPED_BYTES:
            well = False
            yield note(
                f"{used / 1e6:.0f} MB of memory lie on the card ({path}): slow, and it wears", COMPRESSED.format(path)
            )
    if well:
        yield ok("not known" if free is None else f"{free / 1e6:,.0f} MB are free")


def _sizes(system: System) -> dict[str, int]:
    """Return {name: bytes} of /proc/meminfo."""
    rows = (line.replace(":", "").split() for line in system.text("/proc/meminfo").splitlines())
    return {row[0]: 1024 * int(row[1]) for row in rows if len(row) == 3 and row[1].isdigit()}


def _swaps(system: System) -> Iterator[tuple[str, int]]:
    """Yield path and used bytes of each swap."""
    for line in system.text("/proc/swaps").splitlines()[1:]:
        row = line.split()
        if len(row) >= 4 and row[3].isdigit():
            yield row[0], 1024 * int(row[3])
