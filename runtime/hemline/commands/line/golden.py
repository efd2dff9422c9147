"""hemline line golden: known good and known bad parts, judged as the line would judge them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hemline.commands.line import options as shared

if TYPE_CHECKING:
    from hemline.line.golden import Checked


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "folder_of_parts",
        nargs="?",
        metavar="FOLDER",
        help="known parts, in good/ and bad/ (default: golden of the configuration)",
    )
    shared.add_line(parser, "bundle", "artifact", "device", "decision", "combine")
    parser.add_argument("--json", action="store_true", help="one JSON object for each part")


def run(options: argparse.Namespace) -> int:
    """Judge, print, and return 1 when a part was judged wrongly."""
    import sys
    from pathlib import Path

    from hemline.classifier import Classifier
    from hemline.errors import UsageError
    from hemline.line import assembly, golden

    config = shared.line_of(options)
    folder = config.golden if options.folder_of_parts is None else Path(options.folder_of_parts)
    if folder is None:
        raise UsageError("no folder of known parts; give FOLDER, or golden in the configuration")
    judged = assembly.model(config)
    labels, artifact = judged.bundle.labels, judged.choice.artifact
    with Classifier.open(judged.bundle, artifact=artifact, device=config.device, top=len(labels)) as classifier:
        checked = golden.check(classifier, judged.signed, folder, combine=config.combine)
    _print(checked, json_lines=options.json)
    print(f"{judged.bundle.title} {artifact}: {checked}", file=sys.stderr)
    return 1 if checked.wrong else 0


def _print(checked: Checked, *, json_lines: bool) -> None:
    import json
    from dataclasses import asdict

    from hemline.report.table import table

    if json_lines:
        for part in checked.parts:
            print(json.dumps({"schema": 1, **asdict(part), "wrong": part.wrong}))
        return
    rows = [
        [
            part.kind,
            part.part,
            part.verdict or "no answer",
            "-" if part.score is None else f"{part.score:.4f}",
            part.label or "-",
            "WRONG" if part.wrong else "",
            part.reason or "",
        ]
        for part in checked.parts
    ]
    print(table(["known", "part", "verdict", "score", "class", "", "reason"], rows))
