"""hemline evaluate: score a run or a bundle on labelled pictures."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from hemline.commands import DEVICE

if TYPE_CHECKING:
    from pathlib import Path

    from hemline.bundle import Bundle
    from hemline.datasets import Dataset
    from hemline.parity import Opening


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("target", metavar="RUN|BUNDLE", help="run directory, bundle directory, or bundle name")
    parser.add_argument(
        "--data", required=True, metavar="PATH", help="labelled pictures: a path, or a name such as fashion-mnist"
    )
    parser.add_argument("--split", metavar="NAME", help="train, validation or test (default: test, where there is one)")
    parser.add_argument(
        "--artifact", default="all", metavar="E:P", help="engine:precision, or all that can run (default)"
    )
    parser.add_argument("--device", metavar="NAME|PATH", help=f"{DEVICE}: only what it runs, as it runs it")
    parser.add_argument(
        "--limit", type=int, default=0, metavar="N", help="only N pictures, evenly spaced over the split (default: all)"
    )
    parser.add_argument(
        "--labels-map",
        metavar="NAME|PATH.toml",
        help="what the data's classes are called by the model, such as clothing-to-fashion",
    )
    parser.add_argument(
        "--shifts",
        action="store_true",
        help="also under noise, blur, turns, other backgrounds and the like, each at five strengths",
    )
    crossed = parser.add_argument_group("cross-validation of a run: its recipe trained again for every fold")
    crossed.add_argument(
        "--group-by",
        metavar="COLUMN",
        help="of the data's groups.csv: pictures that belong together, such as all of one part, are on one side",
    )
    crossed.add_argument("--folds", type=int, metavar="K", help="how many (default: 5)")
    crossed.add_argument("--workers", type=int, metavar="N", help="trainings at the same time (default: 1)")
    crossed.add_argument("--no-leak", action="store_true", help="leave out what a random split would have claimed")
    crossed.add_argument("--no-unseen", action="store_true", help="leave out the trainings without one of the defects")
    parser.add_argument("--json", nargs="?", const="-", metavar="F", help="write the figures as JSON; - is stdout")
    parser.add_argument("--html", metavar="F", help="write one self-contained page; - is stdout")


def run(options: argparse.Namespace) -> int:
    """Evaluate and print."""
    from pathlib import Path

    from hemline import datasets
    from hemline.commands.output import STDOUT, require_writable, write, write_json
    from hemline.errors import UsageError
    from hemline.report.evaluation_page import evaluation_page

    if options.limit < 0:
        raise UsageError(f"--limit {options.limit}: give 1 or more pictures, or 0 for all")
    require_writable({"--json": options.json, "--html": options.html})
    if _crossed(options):
        return _cross_validate(options)
    dataset = datasets.read(datasets.locate(options.data), options.split).thinned(options.limit)
    target = Path(options.target)
    if (target / "run.json").is_file():
        if options.labels_map:
            raise UsageError("--labels-map goes with a bundle: hemline convert makes one of a run")
        if options.device is not None:
            raise UsageError("--device goes with a bundle: hemline convert makes one of a run")
        report = _run_report(target, dataset, options.shifts)
    else:
        report = _bundle_report(options, dataset)
    if options.json:
        write_json(options.json, report)
    if options.html:
        write(options.html, evaluation_page(report))
    if STDOUT not in (options.json, options.html):
        _print(report)
    return 0


def _crossed(options: argparse.Namespace) -> bool:
    """Whether a cross-validation is asked for; UsageError where what is asked for does not go together."""
    from pathlib import Path

    from hemline.errors import UsageError

    given = {"--group-by": options.group_by, "--folds": options.folds, "--workers": options.workers}
    given |= {"--no-leak": options.no_leak, "--no-unseen": options.no_unseen}
    asked = next((name for name, value in given.items() if value not in (None, False)), None)
    if asked is None:
        return False
    if options.group_by is None:
        raise UsageError(
            f"{asked} without --group-by: a random split puts pictures of one part on both sides, and what is learned "
            "of one answers for the other; name the column of groups.csv that keeps them together: --group-by group"
        )
    if options.folds is not None and options.folds < 2:
        raise UsageError(f"--folds {options.folds}; cross-validation needs 2 or more")
    if options.workers is not None and options.workers < 1:
        raise UsageError(f"--workers {options.workers}; give 1 or more")
    if not (Path(options.target) / "run.json").is_file():
        raise UsageError(f"--group-by trains the recipe of a run again, and {options.target} is none: hemline train")
    apart = {"--split": options.split, "--limit": options.limit, "--labels-map": options.labels_map}
    apart |= {"--shifts": options.shifts, "--artifact": options.artifact != "all", "--device": options.device}
    for name, value in apart.items():
        if value:
            raise UsageError(f"{name} does not go with --group-by, which tests on every picture that a run trains on")
    return True


def _cross_validate(options: argparse.Namespace) -> int:
    import importlib
    import sys
    from pathlib import Path

    from hemline import datasets
    from hemline.commands.output import STDOUT, write, write_json
    from hemline.report.crossvalidation_page import crossvalidation_page
    from hemline.report.progress import Progress

    # by name: the runtime knows that training exists, not what it is made of
    command = importlib.import_module("hemline_train.crossvalidation.command")
    try:
        with Progress() as progress:
            report = command.evaluated(
                Path(options.target),
                str(datasets.locate(options.data)),
                group_by=options.group_by,
                folds=options.folds or 5,
                random=not options.no_leak,
                unseen=not options.no_unseen,
                workers=options.workers or 1,
                progress=progress.update,
            )
    except KeyboardInterrupt:
        print("\nhemline: interrupted; the same command goes on with it", file=sys.stderr)
        return 130
    if options.json:
        write_json(options.json, report)
    if options.html:
        write(options.html, crossvalidation_page(report))
    if STDOUT not in (options.json, options.html):
        print(command.text(report))
    return 0


def _bundle_report(options: argparse.Namespace, dataset: Dataset) -> dict[str, Any]:
    from hemline import evaluation, parity
    from hemline.bundle import Bundle
    from hemline.datasets import labelmap
    from hemline.errors import MissingError, UsageError
    from hemline.select import find_bundle, opener

    bundle = Bundle.load(find_bundle(options.target, device=options.device))
    mapped = labelmap.load(options.labels_map) if options.labels_map else None
    if mapped and options.shifts:
        raise UsageError("--shifts changes pictures of the model's own classes; leave out --labels-map")
    names = parity.runnable(bundle, options.artifact, options.device)
    if not names:
        raise MissingError(f"no engine here runs {bundle.name}; see: hemline doctor")
    opening = opener(options.device)
    rows = list(evaluation.evaluate(bundle, dataset, names, mapped, opening=opening))
    if options.shifts:
        found = _shifts(bundle, dataset, names, opening)
        rows = [{**row, "shifts": found[row["artifact"]]} for row in rows]
    return {
        "schema": 1,
        "bundle": bundle.title,
        "class_lock": bundle.class_lock,
        "data": f"{dataset.name}/{dataset.split}",
        "n": len(mapped.part(dataset)) if mapped else len(dataset),
        "labels": list(mapped.labels(bundle.labels) if mapped else bundle.labels),
        **({"labels_map": mapped.name} if mapped else {}),
        "artifacts": rows,
    }


def _shifts(bundle: Bundle, dataset: Dataset, names: list[str], opening: Opening) -> dict[str, dict[str, Any]]:
    """Return {artifact: its figures under shift}, every engine open at once: a shifted picture is made once for all."""
    from contextlib import ExitStack

    from hemline import parity
    from hemline.report.progress import Progress
    from hemline.shifts import accuracy

    targets = parity.targets_for(bundle, dataset)
    pixels = dataset.pixels(bundle.preprocess)
    with ExitStack() as stack, Progress() as progress:
        opened = {name: stack.enter_context(opening(bundle, name)) for name in names}
        ask = {name: lambda batch, engine=engine: engine.run(batch)[0] for name, engine in opened.items()}
        return accuracy.measure(ask, pixels, targets, pad=bundle.preprocess.pad, progress=progress.update)


def _run_report(run: Path, dataset: Dataset, shifts: bool) -> dict[str, Any]:
    import importlib

    from hemline.report.progress import Progress

    # by name: the runtime knows that training exists, not what it is made of
    evaluate = importlib.import_module("hemline_train.evaluate")
    with Progress() as progress:
        report: dict[str, Any] = evaluate.report(run, dataset, shifts=shifts, progress=progress.update)
    return report


def _print(report: dict[str, Any]) -> None:
    from hemline.report.table import size, table

    header = ["artifact", "accuracy", "95 % interval", "loss", "ece", "macro F1", "agreement", "size", "p50 us"]
    rows = []
    for row in report["artifacts"]:
        low, high = row["accuracy_ci95"]
        rows.append(
            [
                row["artifact"],
                f"{row['accuracy']:.4f}",
                f"{low:.4f} to {high:.4f}",
                f"{row['loss']:.4f}",
                f"{row['ece']:.4f}",
                f"{row['macro_f1']:.4f}",
                "-" if row["agreement"] is None else f"{row['agreement']:.4f}",
                size(row["bytes"]),
                f"{1000 * row['latency_p50_ms']:.1f}",
            ]
        )
    under = f", labels map {report['labels_map']}" if "labels_map" in report else ""
    print(f"{report['bundle']} on {report['data']}, {report['n']:,} pictures{under}")
    print(table(header, rows))
    _print_strangers(report["artifacts"])
    _print_defects(report["artifacts"])
    for row in report["artifacts"]:
        if "shifts" in row:
            _print_shifts(row["artifact"], row["shifts"])


def _print_strangers(artifacts: list[dict[str, Any]]) -> None:
    """Print what becomes of the pictures that the labels map has no name for."""
    from hemline.report.table import table

    header = ["artifact", "strangers", "unknown", "or uncertain", "of the known: unknown", "or uncertain", "AUROC"]
    rows = []
    for row in artifacts:
        if "strangers" in row:
            found = row["strangers"]
            shares = [found[key] for key in ("unknown", "flagged", "known_unknown", "known_flagged", "auroc")]
            rows.append([row["artifact"], f"{found['n']:,}", *(f"{share:.4f}" for share in shares)])
    if rows:
        print("\npictures of classes that the map does not name, at the artifact's own thresholds")
        print(table(header, rows))


def _print_defects(artifacts: list[dict[str, Any]]) -> None:
    """Print how well defects are told from good parts, where the bundle says which class is good."""
    from hemline.report.table import table

    shown = [row for row in artifacts if "escape_at_false_reject" in row]
    if not shown:
        return
    rates = list(shown[0]["escape_at_false_reject"])
    header = ["artifact", "AUROC", "95 % interval", *(f"escapes at {100 * float(rate):g} %" for rate in rates)]
    rows = []
    for row in shown:
        cells = [f"{row['auroc']:.4f}", _span(row["auroc_ci95"])]
        for rate in rates:
            share, interval = row["escape_at_false_reject"][rate], row["escape_at_false_reject_ci95"][rate]
            cells.append(f"{share:.3f} ({_span(interval, 3)})")
        rows.append([row["artifact"], *cells])
    parts = shown[0]["parts"]
    over = f"intervals over {parts:,} parts" if parts else "every picture taken for a part of its own"
    print(f"\ndefective pictures that pass when so many of {shown[0]['good_label']!r} are rejected; {over}")
    print(table(header, rows))


def _span(interval: list[float], digits: int = 4) -> str:
    return f"{interval[0]:.{digits}f} to {interval[1]:.{digits}f}"


def _print_shifts(artifact: str, found: dict[str, Any]) -> None:
    """Print accuracy under each kind of shift, strengths 1 to 5 across."""
    from hemline.report.table import table

    kinds = found["kinds"]
    strengths = range(1, 1 + len(next(iter(kinds.values()))))
    rows = [
        [kind.replace("_", " "), *(f"{value:.4f}" for value in (*values, sum(values) / len(values)))]
        for kind, values in kinds.items()
    ]
    over = f"{len(kinds)} shifts at {len(strengths)} strengths"
    print(f"\n{artifact}: clean {found['clean']:.4f}, mean over {over} {found['mean']:.4f} (suite {found['suite']})")
    print(table(["shift", *map(str, strengths), "mean"], rows))
