"""
A clean root of Debian to run programs in, as close to a container's as one comes without an engine for containers.

debootstrap makes it from the mirror that this machine's apt is told of. What this machine's apt and pip are told of
mirrors and certificates is shown to a program only while it runs, and only to one that installs. Each program has its
own processes and mounts. Needs root and, for another processor than this one, its emulation.
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

SHOWN = "run/prove"  # where a program that installs finds what this machine knows of mirrors
DEBIAN = {"aarch64": "arm64", "x86_64": "amd64"}
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
UNREAD = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info")
APART = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
# what an engine for containers mounts as well: OpenVINO does not start without /sys
MOUNTED = (
    'mount -t proc proc "$1/proc" && mount -t sysfs -o ro sysfs "$1/sys" && mkdir -p "$1/dev/shm" '
    '&& mount -t tmpfs tmpfs "$1/dev/shm" && shift && exec "$@"'
)
INSIDE = 'cd "$1" && shift && exec "$@"'


def why_not(machine: str = platform.machine()) -> str:
    """Return why no root for a processor can be made here, or ""."""
    if os.geteuid() != 0:
        return "needs root: a root folder is made and entered"
    if shutil.which("debootstrap") is None:
        return "needs debootstrap: apt install debootstrap"
    if machine != platform.machine() and not Path(f"/proc/sys/fs/binfmt_misc/qemu-{machine}").exists():
        return f"is for {machine}, and this is {platform.machine()}: apt install qemu-user-static"
    return ""


def bootstrap(root: Path, suite: str, machine: str = platform.machine()) -> None:
    """Make the smallest Debian, without what debian:SUITE-slim leaves out."""
    words = ["debootstrap", "--variant=minbase", f"--arch={DEBIAN[machine]}", suite, str(root), mirror()]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"debootstrap ended with {done.returncode}: {done.stdout[-1500:]}{done.stderr[-500:]}")
    for folder in (*UNREAD, "var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(root / folder, ignore_errors=True)
        (root / folder).mkdir()
    # as in the images of Debian: what apt fetched is not kept, and what nobody reads is not unpacked
    (root / "etc/apt/apt.conf.d/docker-clean").write_text(
        'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };\n'
        'Dir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\nAcquire::Languages "none";\n'
    )
    (root / "etc/dpkg/dpkg.cfg.d/docker").write_text("".join(f"path-exclude /{folder}/*\n" for folder in UNREAD))


def mirror() -> str:
    """Return the first mirror of Debian that this machine's apt is told of."""
    for path in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]:
        text = path.read_text() if path.is_file() else ""
        for found in re.finditer(r"^(?:URIs:|deb(?: \[[^\]]*\])?) +(\S+debian\S*)", text, re.MULTILINE):
            if "security" not in found[1]:
                return found[1]
    raise SystemExit("this machine's apt is told of no mirror of Debian")


def show(root: Path, suite: str) -> None:
    """Let a step find mirrors, certificates and names as this machine does."""
    (root / SHOWN).mkdir(parents=True, exist_ok=True)
    if CERTIFICATES.is_file():
        shutil.copy(CERTIFICATES, root / SHOWN / "ca.crt")
    for name in ("resolv.conf", "hosts"):
        shutil.copy(Path("/etc") / name, root / "etc" / name)
    (root / "etc/apt/sources.list").write_text(f"deb {mirror()} {suite} main\n")
    told = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True).stdout
    # apt's own words for it; what it is told of indexes of this machine's release is of no use there
    lines = [line for line in told.splitlines() if re.match(r"Acquire::(https?|Check-|Retries|AllowInsecure)", line)]
    settings = [*lines, f'Acquire::https::CaInfo "/{SHOWN}/ca.crt";', 'APT::Sandbox::User "root";']
    (root / "etc/apt/apt.conf.d/00prove").write_text("\n".join(settings) + "\n")


def hide(root: Path) -> None:
    """Take away what belongs to this machine."""
    shutil.rmtree(root / SHOWN)
    for name in ("etc/apt/apt.conf.d/00prove", "etc/resolv.conf", "etc/hosts"):
        (root / name).unlink(missing_ok=True)
    (root / "etc/apt/sources.list").write_text("")


def pip_settings() -> Iterator[str]:
    """Yield the variables that tell pip what this machine's pip is told of indexes on the network."""
    told = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True).stdout
    for name, value in re.findall(
        r"^(?:global|install|:env:)\.(index-url|proxy|trusted-host|timeout)='(.*)'$", told, re.M
    ):
        yield f"PIP_{name.upper().replace('-', '_')}={value}"
    if CERTIFICATES.is_file():
        yield f"PIP_CERT=/{SHOWN}/ca.crt"


def size_mb(root: Path) -> float:
    """Return what the files of a root take."""
    done = subprocess.run(["du", "-sx", "--block-size=1", root], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[0]) / 1e6


def run(
    root: Path,
    words: Sequence[str],
    environment: Mapping[str, str],
    *,
    user: str = "0:0",
    groups: str = "",
    folder: str = "/",
    suite: str = "",
) -> str:
    """Return what a program in a root prints; SystemExit with what it said when it fails.

    user: UID:GID. groups: further ones, with commas. suite: given, it may install from this machine's mirrors.
    """
    enter = ["chroot", f"--userspec={user}", f"--groups={groups}", str(root)]
    variables = ["env", "-i", *(f"{name}={value}" for name, value in environment.items())]
    if suite:
        show(root, suite)
        variables += pip_settings()
    try:
        done = subprocess.run(
            [
                *APART,
                "sh",
                "-c",
                MOUNTED,
                "sh",
                str(root),
                *enter,
                *variables,
                "sh",
                "-c",
                INSIDE,
                "sh",
                folder,
                *words,
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    finally:
        if suite:
            hide(root)
    if done.returncode:
        said = f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
        raise SystemExit(f"{shlex.join(words)}: ended with {done.returncode}\n{said}")
    return done.stdout
