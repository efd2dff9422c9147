"""
What the processor can do, and whether it is let: instructions that decide the speed of int8, clock and governor.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hemline import processor
from hemline.doctor.finding import Finding, note, ok, problem
from hemline.doctor.system import System

# instructions that multiply and add int8 in one step, as /proc/cpuinfo has them
DOT_X86 = ("amx_int8", "avx512_vnni", "avx_vnni", "avx_vnni_int8")
DOT_ARM = ("i8mm", "asimddp")
CPUS = "/sys/devices/system/cpu"
MEASURE = "choose by measuring: hemline bench"
FASTEST = "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
GOVERNORS = "https://docs.kernel.org/admin-guide/pm/cpufreq.html"
# drivers whose "powersave" follows the load as others' "schedutil" does
ACTIVE_DRIVERS = ("intel_pstate", "amd-pstate-epp", "amd_pstate_epp")


def check(system: System) -> Iterator[Finding]:
    """Say which instructions are missing, and what that costs."""
    found = processor.features(system.at(processor.CPUINFO))
    if not found:
        yield ok("says nothing of its instructions")
    elif system.python.machine in ("aarch64", "armv7l"):
        yield _arm(found)
    else:
        yield from _x86(found)


def check_governor(system: System) -> Iterator[Finding]:
    """Say whether the clock is held down."""
    well = True
    # cores of a kind share a policy; those of the first are told of
    policy = next(iter(system.glob(f"{CPUS}/cpufreq/policy*")), Path(CPUS))
    governor = system.text(policy / "scaling_governor").strip()
    driver = system.text(policy / "scaling_driver").strip()
    if governor == "powersave" and driver not in ACTIVE_DRIVERS:
        well = False
        yield problem(
            f"the governor powersave holds the clock at its lowest ({driver or 'unknown driver'})", FASTEST, GOVERNORS
        )
    elif governor in ("ondemand", "conservative"):
        well = False
        yield note(f"the governor {governor}: the first picture after a pause finds a slow clock", FASTEST, GOVERNORS)
    most, able = system.number(policy / "scaling_max_freq"), system.number(policy / "cpuinfo_max_freq")
    if most and able and most < 0.95 * able:
        well = False
        yield problem(
            f"the clock is limited to {most / 1000:.0f} MHz of {able / 1000:.0f}",
            f"echo {able} | sudo tee {CPUS}/cpu*/cpufreq/scaling_max_freq",
        )
    if well:
        yield ok(governor or "the clock is not this system's to set")


def _x86(found: frozenset[str]) -> Iterator[Finding]:
    virtual = "hypervisor" in found
    host = "give the virtual machine the processor of its host: qemu -cpu host, libvirt <cpu mode='host-passthrough'/>"
    if "sse4_2" not in found:
        yield problem(
            "no SSE4.2: numpy does not load from 2.4 on, and OpenVINO wants it too",
            host if virtual else "pip install 'hemline[litert]' 'numpy<2.4'",
        )
    elif "avx2" not in found:
        yield (problem if virtual else note)(
            f"no AVX2: every engine takes its slowest code{'; a virtual machine that hides it' if virtual else ''}",
            host if virtual else f"take the smallest bundle that is good enough (fashion-nano), and {MEASURE}",
        )
    else:
        dot = [name for name in DOT_X86 if name in found]
        if dot:
            yield ok(f"int8 in one step: {', '.join(dot)}")
        else:
            yield note("AVX2 without VNNI: int8 takes three steps and may be no faster than float32", MEASURE)


def _arm(found: frozenset[str]) -> Finding:
    dot = [name for name in DOT_ARM if name in found]
    if dot:
        return ok(f"int8 in one step: {', '.join(dot)}")
    return note("no dot product (asimddp): int8 takes several steps, as on a Raspberry Pi 3 and 4", MEASURE)
