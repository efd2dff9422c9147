"""
hemline devices: the device profiles that came along, and hemline as a service on a device. A literal table of actions,
each one file beside this one.

An action's module defines add_arguments(parser) and run(options) -> int, and imports nothing heavy at the top.
"""

from __future__ import annotations

import argparse
import importlib

# action: (module, help line)
ACTIONS = {
    "list": ("hemline.commands.devices.list", "the profiles, and which fits this machine"),
    "show": ("hemline.commands.devices.show", "one profile, with the lines that install hemline on each system"),
    "install": (
        "hemline.commands.devices.install",
        "write the systemd unit, udev rules and configuration of a service, the difference first",
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, (module, line) in ACTIONS.items():
        action = actions.add_parser(name, help=line, description=f"{line[0].upper()}{line[1:]}.", allow_abbrev=False)
        importlib.import_module(module).add_arguments(action)


def run(options: argparse.Namespace) -> int:
    """Run the chosen action."""
    status: int = importlib.import_module(ACTIONS[options.action][0]).run(options)
    return status
