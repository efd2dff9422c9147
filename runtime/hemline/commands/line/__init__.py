"""
hemline line: a factory line. A literal table of actions, each one file beside this one.

An action's module defines add_arguments(parser) and run(options) -> int, and imports nothing heavy at the top.
"""

from __future__ import annotations

import argparse
import importlib

# action: (module, help line)
ACTIONS = {
    "tune": ("hemline.commands.line.tune", "choose thresholds for a target that somebody signs for"),
    "run": ("hemline.commands.line.running", "judge one part after the other, until somebody ends it"),
    "report": ("hemline.commands.line.report", "show a shift: verdicts, drift, faults, pictures, what escaped"),
    "audit": ("hemline.commands.line.audit", "draw parts that passed for a person to check, and say what escapes"),
    "golden": ("hemline.commands.line.golden", "judge known good and known bad parts; exit with 1 when one is wrong"),
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
