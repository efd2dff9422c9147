"""hemline convert: turn a run into a bundle of measured artifacts."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", metavar="RUN", help="run directory that 'hemline train' left")
    parser.add_argument("--out", metavar="BUNDLE", help="bundle directory to write (default: bundles/<recipe>)")
    parser.add_argument(
        "--formats",
        default="litert:float32,litert:int8",
        metavar="E:P,...",
        help="artifacts to make, or all (default: litert:float32,litert:int8)",
    )
    parser.add_argument("--data", metavar="PATH", help="the data set the run was trained on, or a folder that holds it")
    parser.add_argument(
        "--max-drop",
        type=float,
        metavar="PP",
        help="try every precision and calibration; keep of each engine the smallest that loses at most PP points",
    )
    parser.add_argument(
        "--gate",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="override a bar of the recipe; may be repeated",
    )
    parser.add_argument("--force", action="store_true", help="write the bundle even when a gate failed")


def run(options: argparse.Namespace) -> int:
    """Convert, measure, write; 1 when a gate failed."""
    import os
    import sys
    from pathlib import Path

    # TensorFlow prints its greetings at import; the user's own setting wins
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from hemline_convert import pipeline
    from hemline_convert import run as runs

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    names = pipeline.formats(options.formats)
    source = runs.read(options.run)
    out = Path(options.out) if options.out else pipeline.default_out(source)
    out.parent.mkdir(parents=True, exist_ok=True)
    log_path = out.with_name(f"{out.name}.convert.log")
    with log_path.open("wb") as log:
        outcome = pipeline.convert(
            source,
            names,
            bundle_name=out.name,
            data=options.data,
            bars=source.gates.override(options.gate),
            max_drop_pp=options.max_drop,
            log=log,
            say=say,
        )
    failed = [gate for gate in outcome.gates if not gate.passed]
    for gate in failed:
        say(str(gate))
    if failed and not options.force:
        say(f"{len(failed)} of {len(outcome.gates)} gates failed; {out} was not written (--force writes it)")
        return 1
    outcome.bundle.write(out, outcome.contents)
    say(f"{len(outcome.gates) - len(failed)} of {len(outcome.gates)} gates passed; converters' log: {log_path}")
    print(out)
    return 1 if failed else 0
