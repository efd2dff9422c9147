"""
What services share on a machine: the user and the groups, their folders, the udev rules.

The files grow with what is asked: what an earlier service needed stays. A user that exists for good, not one that
systemd makes for each start (DynamicUser): people read the decisions, and a drive that is moved keeps its owner.
"""

from __future__ import annotations

from collections.abc import Iterable

from hemline.deploy import devices, places
from hemline.deploy.devices import DEVICES

_SYSTEMDS = "video"  # a group that systemd makes itself, everywhere
HEAD = "# Written by hemline devices install.\n"


def rules(kinds: Iterable[str], before: str) -> str:
    """Return the udev rules of these kinds of devices and of those in the rules that were there before."""
    lines = [HEAD.rstrip()]
    for kind in devices.ordered([*kinds, *_kinds_in(before)]):
        lines += [f"# {kind}", *DEVICES[kind].rules]
    return "\n".join(lines) + "\n"


def sysusers(kinds: Iterable[str], before: str, groups: str) -> str:
    """Return the user, and the groups that these kinds of devices want and the machine has not.

    before: the file that was there. groups: /etc/group; systemd names a conflict where it is told of one of its own.
    """
    there = {line.partition(":")[0] for line in groups.splitlines()} | {_SYSTEMDS}
    wanted = set(devices.groups(kinds)) - there
    wanted |= {words[1] for line in before.splitlines() if (words := line.split())[:1] == ["g"]}
    lines = [f"g {group} -" for group in sorted(wanted)]
    return "\n".join([HEAD.rstrip(), *lines, f'u {places.USER} - "services of hemline" {places.STATE}']) + "\n"


def tmpfiles() -> str:
    """Return the folders, and who may read configurations: the user, for passwords in the URL of a camera."""
    rows = (
        f"d {places.CONFIGURATIONS} 0750 root {places.USER} -",
        f"z {places.CONFIGURATIONS}/*.toml 0640 root {places.USER} -",
        f"d {places.STATE} 0755 root root -",
        f"d {places.BUNDLES} 0755 root root -",
    )
    return "\n".join([HEAD.rstrip(), *rows]) + "\n"


def _kinds_in(before: str) -> list[str]:
    return [kind for kind in DEVICES if f"# {kind}" in before.splitlines()]
