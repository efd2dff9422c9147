"""
The frontier page: what accuracy costs in int8 bytes and in latency.

    python scripts/frontier.py measure RUN... [--out docs/frontier] [--bundles bundles/frontier] [--data PATH]
    python scripts/frontier.py draw [--metrics docs/frontier] [--out docs]

measure converts finished runs, asks every engine for each test picture, times one picture, and writes a file a recipe,
which holds the runs that were given: give all seeds of a recipe at once, and for latencies that stand side by side all
recipes. draw writes frontier.md and its plots from these files alone.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hemline import storage
from hemline.errors import HemlineError, UsageError


def main() -> int:
    """Measure or draw."""
    options = arguments()
    try:
        return measure(options) if options.what == "measure" else draw(options)
    except HemlineError as error:
        print(f"frontier: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("\nfrontier: interrupted; bundles that were made stay", file=sys.stderr)
        return 130


def arguments() -> argparse.Namespace:
    """Return what was asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="what", required=True, metavar="measure|draw")
    one = parts.add_parser("measure", help="write the metrics file of each recipe that the runs are of")
    one.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="finished runs; several of a recipe are its seeds"
    )
    one.add_argument("--out", type=Path, default=Path("docs/frontier"), help="where RECIPE.json goes")
    one.add_argument(
        "--bundles",
        type=Path,
        default=Path("bundles/frontier"),
        help="bundles of the runs, RECIPE-seed-S; what is missing is converted into it",
    )
    one.add_argument("--data", metavar="PATH", help="the data set of the runs, or a folder that holds it")
    one.add_argument("--seconds", type=float, default=1.0, help="latency: for each artifact in each round (default: 1)")
    one.add_argument("--rounds", type=int, default=3, help="latency: 0 leaves it out (default: 3)")
    two = parts.add_parser("draw", help="write frontier.md and its plots")
    two.add_argument("--metrics", type=Path, default=Path("docs/frontier"), help="where the metrics files lie")
    two.add_argument("--out", type=Path, default=Path("docs"), help="where frontier.md goes")
    return parser.parse_args()


def measure(options: argparse.Namespace) -> int:
    """Write a file a recipe."""
    from hemline_train.frontier.measure import Plan
    from hemline_train.frontier.measure import measure as measured

    if options.rounds < 0 or not options.seconds > 0:
        raise UsageError(f"--rounds {options.rounds} --seconds {options.seconds:g}; 0 or more, and above 0")
    plan = Plan(options.bundles, options.data, options.rounds, options.seconds)
    for metrics in measured(options.runs, plan, lambda line: print(line, file=sys.stderr, flush=True)):
        path = options.out / f"{metrics.recipe}.json"
        storage.write_file(path, metrics.dump())
        print(path)
    return 0


def draw(options: argparse.Namespace) -> int:
    """Write the page and its plots."""
    from hemline_train.frontier.draw import draw as drawn

    for name, content in drawn(options.metrics).items():
        storage.write_file(options.out / name, content)
        print(options.out / name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
