"""hemline devices list: the device profiles that came along."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare nothing."""


def run(options: argparse.Namespace) -> int:
    """List them, with whether each fits this machine."""
    import platform

    from hemline import profiles
    from hemline.report.table import table

    machine = platform.machine()
    rows = []
    for name in profiles.names():
        profile = profiles.load(name)
        fits = "yes" if profile.machine in ("", machine) else f"no, {profile.machine}"
        rows.append([name, profile.title, profile.bundle, " ".join(profile.artifacts), fits])
    print(table(["device", "is", "bundle", "artifacts, preferred first", f"fits {machine}"], rows))
    return 0
