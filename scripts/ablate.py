"""
What each ingredient of a recipe brings, on the validation pictures.

    python scripts/ablate.py fashion-nano --set training.epochs=15 --set distill.weight=0 --workers 2
    python scripts/ablate.py fashion-nano ... --into train/README.md

Trains the recipe, and the recipe without each ingredient or with one more, with the same seeds; what is finished stays,
what stopped goes on. --into puts the table between the marks <!-- ablation NAME --> and <!-- end --> of a file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hemline import storage
from hemline.errors import HemlineError, UsageError


def main() -> int:
    """Train what is left to train, and print the table."""
    options = arguments()
    try:
        return ablate(options)
    except HemlineError as error:
        print(f"ablate: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("\nablate: interrupted; the same command goes on with it", file=sys.stderr)
        return 130


def arguments() -> argparse.Namespace:
    """Return what was asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", metavar="RECIPE|PATH.toml", help="a recipe of hemline's, or a recipe file")
    parser.add_argument("--without", action="append", default=[], metavar="NAME", help="only these ingredients")
    parser.add_argument("--with", dest="also", action="append", default=[], metavar="KEY=VALUE", help="this besides")
    parser.add_argument("--set", dest="assignments", action="append", default=[], metavar="KEY=VALUE", help="for all")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each (default: 3)")
    parser.add_argument("--workers", type=int, default=1, help="trainings at a time (default: 1)")
    parser.add_argument("--data", metavar="PATH", help="the data set, or a folder that holds it under its name")
    parser.add_argument(
        "--shifts", type=int, default=0, metavar="N", help="also under every shift, of N pictures (default: 0)"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"), help="where the runs go")
    parser.add_argument("--into", type=Path, metavar="FILE", help="put the table into this file")
    parser.add_argument("--mark", metavar="NAME", help="between the marks of this name (default: the recipe's)")
    return parser.parse_args()


def ablate(options: argparse.Namespace) -> int:
    """Train, compare, print."""
    from hemline_train import ablation, backend
    from hemline_train import recipe as recipes
    from hemline_train.published import suite

    recipe = recipes.override(recipes.load(options.recipe), options.assignments)
    mark = f"<!-- ablation {options.mark or recipe.name} -->\n"
    if options.into and mark not in options.into.read_text():
        raise UsageError(f"{options.into}: has no line {mark.strip()}")
    planned = ablation.plan(recipe, options.out, options.seeds, options.without, options.also)
    suite.train(
        planned,
        data_path=options.data,
        workers=options.workers,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    backend.start()
    rows = ablation.rows(
        recipe,
        options.out,
        options.seeds,
        data_path=options.data,
        names=options.without,
        also=options.also,
        shifted=options.shifts,
    )
    table = ablation.markdown(rows, options.seeds, recipe.training.epochs)
    print(table, end="")
    if options.into:
        before, _, rest = options.into.read_text().partition(mark)
        _, end, after = rest.partition("<!-- end -->")
        storage.write_file(options.into, f"{before}{mark}{table}{end}{after}".encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
