"""
hemline train: a recipe in, a run directory out.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from hemline_train.recipe import Recipe
    from hemline_train.training import Finished


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("recipe", nargs="?", metavar="RECIPE|PATH.toml", help="a recipe of hemline's, or a recipe file")
    parser.add_argument("--list", action="store_true", help="list hemline's recipes, what they cost and reach")
    parser.add_argument("--data", metavar="PATH", help="the data set, or a folder that holds it under its name")
    parser.add_argument("--out", metavar="RUN", help="directory to write (default: runs/RECIPE)")
    parser.add_argument("--skip-bad", action="store_true", help="leave out pictures that cannot be read")
    parser.add_argument("--resume", action="store_true", help="go on where a training into RUN stopped")
    parser.add_argument(
        "--set",
        dest="assignments",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a key of the recipe, such as training.epochs=3; may be repeated",
    )
    parser.add_argument(
        "--all-published",
        action="store_true",
        help="train the recipe of every published network with several seeds, and write reproduction.md and .html",
    )
    parser.add_argument("--seeds", type=int, metavar="N", help="with --all-published: seeds of each (default: 3)")
    parser.add_argument("--workers", type=int, metavar="N", help="with --all-published: so many at a time (default: 1)")
    parser.add_argument("--report", metavar="DIR", help="with --all-published: where to write it (default: RUN)")
    parser.add_argument(
        "--show-augmentation", metavar="FILE.png", help="draw what the recipe makes of training pictures, and end"
    )
    parser.add_argument(
        "--devices", metavar="NAMES", help="such as gpu:0,gpu:1, or cpu (default: every GPU, else the CPU)"
    )
    parser.add_argument("--quiet", action="store_true", help="print no line an epoch")
    parser.epilog = (
        "The run holds the recipe as resolved, checkpoints, model.keras, metrics.json, history.csv, "
        "TensorBoard events and plots. stdout carries the results, stderr how it goes."
    )


def run(options: argparse.Namespace) -> int:
    """Train; the exit status is 1 where an unchanged recipe misses the score it promises."""
    from pathlib import Path

    from hemline.errors import UsageError
    from hemline_train import recipe as recipes

    if options.list:
        return _list()
    if options.all_published:
        return _all_published(options)
    if (options.seeds, options.report, options.workers) != (None, None, None):
        raise UsageError("--seeds, --workers and --report go with --all-published")
    if options.recipe is None:
        raise UsageError(f"which recipe? there are {', '.join(recipes.names())}; or give a PATH.toml")
    recipe = recipes.override(recipes.load(options.recipe), options.assignments)
    out = Path(options.out) if options.out else Path("runs") / recipe.name
    return _show(recipe, options) if options.show_augmentation else _train(recipe, out, options)


def _show(recipe: Recipe, options: argparse.Namespace) -> int:
    from pathlib import Path

    from hemline import storage
    from hemline.errors import UsageError

    file = Path(options.show_augmentation)
    if file.suffix != ".png":
        raise UsageError(f"--show-augmentation {file}: it is a PNG file; let its name end in .png")
    if not recipe.augment.any:
        raise UsageError(
            f"recipe {recipe.name} augments nothing; give it an [augment] table, or --set augment.flip=0.5"
        )
    from hemline_train import backend, data

    backend.start()
    from hemline_train import plots

    storage.write_file(
        file, plots.png(plots.augmented(data.load(recipe, data=options.data, skip_bad=options.skip_bad).train, recipe))
    )
    print(file)
    return 0


def _train(recipe: Recipe, out: Path, options: argparse.Namespace) -> int:
    from hemline_train import backend

    backend.start()
    if options.devices is not None:
        backend.choose(options.devices)
    from hemline_train.progress import Progress
    from hemline_train.training import train

    progress = Progress(recipe.training.epochs, quiet=options.quiet)
    try:
        finished = train(
            recipe,
            out,
            data_path=options.data,
            resume=options.resume,
            skip_bad=options.skip_bad,
            watch=progress.watch(),
        )
    except KeyboardInterrupt:
        print(f"\nhemline: interrupted; go on with: {_again(out, options)}", file=sys.stderr)
        return 130
    return _report(recipe, finished)


def _all_published(options: argparse.Namespace) -> int:
    from pathlib import Path

    from hemline.errors import UsageError

    if options.recipe is not None or options.assignments or options.resume:
        raise UsageError("--all-published takes every recipe as it is; it goes on with what is there by itself")
    workers = 1 if options.workers is None else options.workers
    if workers < 1:
        raise UsageError(f"--workers {workers}; give 1 or more")
    out = Path(options.out) if options.out else Path("runs") / "published"
    from hemline_train.published import suite

    planned = suite.plan(out, 3 if options.seeds is None else options.seeds)
    try:
        suite.train(
            planned,
            data_path=options.data,
            workers=workers,
            say=lambda line: print(line, file=sys.stderr, flush=True),
        )
    except KeyboardInterrupt:
        print("\nhemline: interrupted; the same command goes on with it", file=sys.stderr)
        return 130
    return _compare(out, Path(options.report) if options.report else out)


def _compare(out: Path, directory: Path) -> int:
    from hemline import storage
    from hemline.report.table import table
    from hemline_train import plots
    from hemline_train.published import text
    from hemline_train.published.page import reproduction_page
    from hemline_train.published.report import report

    figures = report(out)
    storage.write_file(directory / "reproduction.md", text.markdown(figures).encode())
    storage.write_file(directory / "reproduction.html", reproduction_page(figures).encode())
    storage.write_file(directory / text.PLOT, plots.png(text.overfitting(figures)))
    rows = [
        [
            row["recipe"],
            text.figures(row["published"]["test_accuracy"]),
            f"{row['mean']:.4f}",
            f"{row['interval'][0]:.4f} to {row['interval'][1]:.4f}",
            row["verdict"],
        ]
        for row in figures["rows"]
    ]
    print(table(["recipe", "published", "ours", "95 %", ""], rows))
    print(f"report         {directory / 'reproduction.html'}")
    return 0


def _again(out: Path, options: argparse.Namespace) -> str:
    import shlex

    words = ["hemline", "train", options.recipe, "--out", str(out), "--resume"]
    words += ["--data", options.data] if options.data else []
    words += ["--devices", options.devices] if options.devices else []
    words += ["--skip-bad"] if options.skip_bad else []
    for assignment in options.assignments:
        words += ["--set", assignment]
    return shlex.join(words)


def _report(recipe: Recipe, finished: Finished) -> int:
    out, metrics = finished.run.root, finished.metrics
    which = "test" if metrics["test"] else "validation"
    figures = metrics[which]
    low, high = figures["accuracy_ci95"]
    again = "was finished already" if finished.was_finished else "finished"
    print(f"{out}: {again}, {finished.epochs} epochs, best epoch {metrics['best_epoch']}, kept {metrics['kept_epoch']}")
    print(f"parameters     {finished.parameters:,} trainable")
    print(f"{which + ' accuracy':<14} {figures['accuracy']:.4f}  (95 %: {low:.4f} to {high:.4f}, n {figures['n']:,})")
    print(f"{which + ' loss':<14} {figures['loss']:.4f}")
    print(f"{which + ' ECE':<14} {figures['ece']:.4f}")
    skipped = finished.run.facts["data"].get("skipped", 0)
    if skipped:
        print(f"left out       {skipped:,} pictures that cannot be read; 'hemline data check' names them")
    print(f"plots          {finished.run.plots}")
    reached = True
    if recipe.expect and recipe.expect.accuracy[0] == which:
        least = recipe.expect.accuracy[1]
        reached = figures["accuracy"] >= least
        print(f"expected       at least {least:.4f}: {'reached' if reached else 'MISSED'}")
    print(f"next           hemline convert {out}")
    return 0 if reached else 1


def _list() -> int:
    from hemline_train import recipe as recipes

    print(f"{'recipe':<24}{'parameters':>11}{'accuracy':>21}{'epochs':>8}{'about, on two cores':>22}")
    for name in recipes.names():
        recipe = recipes.load(name)
        expect = recipe.expect
        if expect is None:
            print(f"{name:<24}{'':>11}{'':>21}{recipe.training.epochs:>8}")
            continue
        split, least = expect.accuracy
        minutes = expect.seconds_per_epoch * recipe.training.epochs / 60
        print(
            f"{name:<24}{expect.parameters:>11,}{f'{split} >= {least:.3f}':>21}"
            f"{recipe.training.epochs:>8}{f'{minutes:.0f} min at most':>22}"
        )
    return 0
