"""hemline devices show: one device profile, with the lines that install hemline there."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which."""
    parser.add_argument("name", metavar="NAME|PATH", help="name of a profile, or path of a TOML file")


def run(options: argparse.Namespace) -> int:
    """Show it."""
    from hemline import profiles

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
