"""hemline devices: the device profiles that came along."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="the profiles", allow_abbrev=False)
    show = actions.add_parser("show", help="one profile, with the lines that install hemline there", allow_abbrev=False)
    show.add_argument("name", metavar="NAME|PATH", help="name of a profile, or path of a TOML file")


def run(options: argparse.Namespace) -> int:
    """List or show."""
    import platform

    from hemline import profiles
    from hemline.report.table import table

    if options.action == "list":
        machine = platform.machine()
        rows = []
        for name in profiles.names():
            profile = profiles.load(name)
            fits = "yes" if profile.machine in ("", machine) else f"no, {profile.machine}"
            rows.append([name, profile.title, profile.bundle, " ".join(profile.artifacts), fits])
        print(table(["device", "is", "bundle", "artifacts, preferred first", f"fits {machine}"], rows))
        return 0
    profile = profiles.load(options.name)
    print(f"{profile.name}: {profile.title}")
    if profile.bundle:
        print(f"bundle in the wheel that fits: {profile.bundle}")
    print(f"artifacts, preferred first: {', '.join(profile.artifacts)}; threads: {profile.threads}")
    if profile.reason:
        print(profile.reason)
    print("install:")
    for line in profile.install:
        print(f"  {line}")
    for trap in profile.traps:
        print(f"trap: {trap}")
    return 0
