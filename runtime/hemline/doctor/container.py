"""
What a container, a unit of systemd or a hypervisor leaves of a machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hemline.doctor.finding import Finding, note, ok, problem
from hemline.doctor.memory import LEAST_BYTES
from hemline.doctor.system import System

CGROUPS = "/sys/fs/cgroup"
STEAL_SHARE = 0.02
LINK = "https://docs.kernel.org/scheduler/sched-bwc.html"


def check(system: System) -> Iterator[Finding]:
    """Say which part of the machine is kept back."""
    found = [*_quota(system), *_limit(system), *_affinity(system), *_steal(system)]
    yield from found
    if not found:
        yield ok("nothing is kept back")


def _quota(system: System) -> Iterator[Finding]:
    shares = []
    for folder in _groups(system, "cpu"):
        quota, period = [*system.text(folder / "cpu.max").split(), "", ""][:2]
        if not quota:
            quota, period = (system.text(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period"))
        if quota.isdigit() and period.isdigit() and int(period):
            shares.append(int(quota) / int(period))
    share, cpus = min(shares, default=None), len(_numbers(system.text("/sys/devices/system/cpu/online")))
    if share is None or (cpus and share >= cpus):
        return
    about = f"the processor time is limited to {share:g} of {cpus or 'all'} processors"
    fix = "docker run --cpus 2 (or CPUQuota=200% in the unit), or measure with it: hemline bench"
    if share < 1:
        yield problem(f"{about}: answers wait until the next tenth of a second", fix, LINK)
    else:
        yield note(about, fix, LINK)


def _limit(system: System) -> Iterator[Finding]:
    left = []
    for folder in _groups(system, "memory"):
        for most, used in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
            limit, taken = system.number(folder / most), system.number(folder / used)
            if limit is not None:
                left.append((limit - (taken or 0) + _given_back(system, folder), limit))
    if left and min(left)[0] < LEAST_BYTES:
        free, limit = min(left)
        yield problem(
            f"memory is limited to {limit / 1e6:.0f} MB, of which {free / 1e6:.0f} are free",
            "docker run --memory 512m (or MemoryMax=512M in the unit)",
        )


def _given_back(system: System, folder: Path) -> int:
    """Return the bytes of files that are kept in memory while nobody needs it."""
    rows = dict(line.split() for line in system.text(folder / "memory.stat").splitlines() if line.count(" ") == 1)
    return int(rows.get("total_inactive_file") or rows.get("inactive_file") or 0)


def _affinity(system: System) -> Iterator[Finding]:
    online = _numbers(system.text("/sys/devices/system/cpu/online"))
    allowed: set[int] = set()
    for line in system.text("/proc/self/status").splitlines():
        if line.startswith("Cpus_allowed_list:"):
            allowed = _numbers(line.partition(":")[2]) & online
    if allowed and allowed < online:
        yield note(
            f"{len(allowed)} of {len(online)} processors may be used ({', '.join(map(str, sorted(allowed)))})",
            f"taskset -c {min(online)}-{max(online)} hemline, or take AllowedCPUs= and --cpuset-cpus away",
        )


def _steal(system: System) -> Iterator[Finding]:
    for line in system.text("/proc/stat").splitlines():
        row = line.split()
        if row[:1] == ["cpu"] and len(row) >= 9:
            ticks = [int(value) for value in row[1:9]]  # user nice system idle iowait irq softirq steal
            if sum(ticks) and ticks[7] / sum(ticks) > STEAL_SHARE:
                yield note(
                    f"the hypervisor kept {ticks[7] / sum(ticks):.1%} of the processor's time for others",
                    "ask for processors of its own (dedicated, pinned), and trust no latency that was measured here",
                )


def _groups(system: System, controller: str) -> Iterator[Path]:
    """Yield the folders of the control groups that this process is in, the innermost first."""
    for line in system.text("/proc/self/cgroup").splitlines():
        _, names, path = [*line.split(":", 2), "", ""][:3]
        if names and controller not in names.split(","):
            continue
        top = Path(CGROUPS) / controller if names else Path(CGROUPS)
        inner = top / path.lstrip("/")
        # in a container its own group is mounted at the top, whatever its name outside
        yield from (folder for folder in (inner, *inner.parents) if folder.is_relative_to(top))


def _numbers(text: str) -> set[int]:
    """Return "0-2,5" as {0, 1, 2, 5}."""
    found: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            found |= set(range(int(first), int(last or first) + 1))
    return found
