"""
hemline wardrobe: the garments that were scanned. A literal table of actions, each one file beside this one.

An action's module defines add_arguments(parser) and run(options) -> int, and imports nothing heavy at the top.
"""

from __future__ import annotations

import argparse
import importlib

# action: (module, help line)
ACTIONS = {
    "scan": ("hemline.commands.wardrobe.scan", "enter garments from photos or a camera, each once"),
    "list": ("hemline.commands.wardrobe.list", "the garments, or those that a search finds"),
    "show": ("hemline.commands.wardrobe.show", "all that is known of garments"),
    "similar": ("hemline.commands.wardrobe.similar", "the garments most like one"),
    "suggest": ("hemline.commands.wardrobe.suggest", "what to wear with a garment, and why"),
    "wear": ("hemline.commands.wardrobe.wear", "note that garments were worn"),
    "review": ("hemline.commands.wardrobe.review", "look at what was not sure: yes, correct or skip"),
    "correct": ("hemline.commands.wardrobe.correct", "say what a garment is, or write something about it"),
    "merge": ("hemline.commands.wardrobe.merge", "say that two garments are one"),
    "remove": ("hemline.commands.wardrobe.remove", "take garments out, or bring them back"),
    "undo": ("hemline.commands.wardrobe.undo", "take the last change back, or do it again"),
    "serve": ("hemline.commands.wardrobe.serve", "the wardrobe in a browser: scan, look, correct, find"),
    "export": ("hemline.commands.wardrobe.export", "write CSV, JSON, a gallery, or a folder for training"),
    "stats": ("hemline.commands.wardrobe.stats", "how many of what, worn how often"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions and their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, (module, line) in ACTIONS.items():
        action = actions.add_parser(name, help=line, description=f"{line[0].upper()}{line[1:]}.", allow_abbrev=False)
        action.add_argument(
            "--catalogue",
            metavar="PATH",
            help="folder of the catalogue (default: $HEMLINE_WARDROBE, else hemline/wardrobe with the user's data)",
        )
        importlib.import_module(module).add_arguments(action)


def run(options: argparse.Namespace) -> int:
    """Run the chosen action."""
    status: int = importlib.import_module(ACTIONS[options.action][0]).run(options)
    return status
