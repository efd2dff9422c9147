"""hemline bench: latency on this machine, beside the library's own call."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "bundle", nargs="?", metavar="BUNDLE", help="bundle directory or name (default: the tier that fits the device)"
    )
    parser.add_argument(
        "--artifact", default="all", metavar="E:P", help="engine:precision, or all that can run (default)"
    )
    parser.add_argument("--device", metavar="NAME|PATH", help="device profile; chooses the tier, sets the threads")
    parser.add_argument("--seconds", type=float, default=3.0, metavar="S", help="for each artifact (default: 3)")
    parser.add_argument("--json", nargs="?", const="-", metavar="F", help="write the figures as JSON; - is stdout")


def run(options: argparse.Namespace) -> int:
    """Measure and print."""
    import sys

    from hemline import bench, parity, profiles
    from hemline.bundle import Bundle
    from hemline.commands.output import require_writable, write_json
    from hemline.errors import MissingError, UsageError
    from hemline.report.table import size, table
    from hemline.select import find_bundle

    require_writable({"--json": options.json})
    if not options.seconds > 0:
        raise UsageError(f"--seconds {options.seconds:g}; above 0")
    bundle = Bundle.load(find_bundle(options.bundle, device=options.device))
    threads = profiles.load(options.device).threads if options.device else 1
    names = parity.runnable(bundle, options.artifact)
    if not names:
        raise MissingError(f"no engine here runs {bundle.name}; see: hemline doctor")
    figures = []
    for row in bench.measure(bundle, names, seconds=options.seconds, threads=threads):
        figures.append(row)
        print(f"measured {row['artifact']}", file=sys.stderr)
    if options.json:
        write_json(options.json, {"schema": 1, "bundle": bundle.title, "artifacts": figures})
    if options.json != "-":
        header = [
            "artifact",
            "size",
            "load ms",
            "first ms",
            "p50 us",
            "p90 us",
            "p99 us",
            "over bare",
            "classifier adds us",
            "pictures/s",
            "runs in",
        ]
        rows = [
            [
                row["artifact"],
                size(row["bytes"]),
                f"{row['load_ms']:.1f}",
                f"{row['first_ms']:.2f}",
                f"{1000 * row['latency_p50_ms']:.1f}",
                f"{1000 * row['latency_p90_ms']:.1f}",
                f"{1000 * row['latency_p99_ms']:.1f}",
                f"{row['overhead_ratio']:.2f}",
                f"{row['classifier_adds_us']:.1f}",
                f"{row['pictures_per_second']:,.0f}",
                row["backend"],
            ]
            for row in figures
        ]
        print(table(header, rows))
    return 0
