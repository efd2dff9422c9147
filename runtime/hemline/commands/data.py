"""hemline data: fetch a data set, check or divide one, draw garments."""

from __future__ import annotations

import argparse
from typing import Any

SHOWN = 3  # examples of a finding in the table; the JSON has more


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare fetch, check, split and draw."""
    actions = parser.add_subparsers(dest="action", metavar="fetch|check|split|draw", required=True)

    fetch = actions.add_parser(
        "fetch",
        help="download a data set",
        description="Download a data set. A broken download is gone on with; each file is checked by its MD5.",
        allow_abbrev=False,
    )
    fetch.add_argument("name", metavar="NAME", help="fashion-mnist: 70,000 pictures, 31 MB")
    fetch.add_argument("--to", metavar="PATH", help="folder for the files (default: NAME in the cache)")
    fetch.add_argument("--url", metavar="BASE", help="download from BASE/<file name> instead of from its authors")

    check = actions.add_parser(
        "check",
        help="count, measure, look for duplicates and for files that cannot be read",
        description="Count pictures per class, measure them, look for duplicates and for files that cannot be read. "
        "Exit status 4 when there are such files.",
        allow_abbrev=False,
    )
    check.add_argument("name", metavar="PATH|NAME", help="IDX files, CSV file, folder of <class>/<pictures>, or a name")
    check.add_argument("--data", metavar="PATH", help="the data set NAME, or the folder that holds it")
    check.add_argument(
        "--json", metavar="F", nargs="?", const="-", help="write the report as JSON to F; without F, to stdout"
    )

    split = actions.add_parser(
        "split",
        help="divide a folder of labelled pictures without cutting a group",
        description="Write a folder of <class>/<pictures> as DIR/{train,validation,test}/<class>/<pictures>. Pictures "
        "of one group go to one split, each class is dealt out evenly; what is alike across splits is told.",
        allow_abbrev=False,
    )
    split.add_argument("folder", metavar="FOLDER", help="folder of <class>/<pictures>")
    split.add_argument("--out", metavar="DIR", required=True, help="new or empty folder")
    split.add_argument("--group-by", metavar="COLUMN", help="column of the table with the groups (default: group)")
    split.add_argument("--table", metavar="F.csv", help="table with a column path (default: groups.csv in FOLDER)")
    split.add_argument("--validation", metavar="SHARE", type=float, default=0.1, help="0 to below 1 (default: 0.1)")
    split.add_argument("--test", metavar="SHARE", type=float, default=0.1, help="0 to below 1 (default: 0.1)")
    split.add_argument("--seed", metavar="S", type=int, default=0, help="0 or more (default: 0)")
    split.add_argument("--link", action="store_true", help="make symbolic links instead of copies")

    draw = actions.add_parser(
        "draw",
        help="write drawn garments as a folder of labelled pictures",
        description="Write drawn garments of the ten Fashion-MNIST classes as PNG files, <class>/<number>.png.",
        allow_abbrev=False,
    )
    draw.add_argument("--out", metavar="DIR", required=True, help="new or empty folder")
    draw.add_argument("--per-class", metavar="N", type=int, default=10, help="pictures of each class (default: 10)")
    draw.add_argument("--seed", metavar="S", type=int, default=0, help="0 or more (default: 0)")
    draw.add_argument("--size", metavar="HxW", default="28x28", help="height and width in pixels (default: 28x28)")


def run(options: argparse.Namespace) -> int:
    """Do what was asked for and return the exit status."""
    actions = {"fetch": _fetch, "check": _check, "split": _split, "draw": _draw}
    return actions[options.action](options)


def _fetch(options: argparse.Namespace) -> int:
    from pathlib import Path

    from hemline.datasets import FETCHABLE, cache
    from hemline.datasets.fetch import FASHION_MNIST, FASHION_MNIST_URLS, Transfer, fetch
    from hemline.errors import UsageError, unknown
    from hemline.report.progress import Progress
    from hemline.report.table import size

    if options.name not in FETCHABLE:
        raise UsageError(unknown("data set to fetch", options.name, FETCHABLE))
    folder = Path(options.to) if options.to else cache() / options.name
    urls = (options.url,) if options.url else FASHION_MNIST_URLS
    with Progress(size) as progress:
        fetched = fetch(
            folder, FASHION_MNIST, transfer=Transfer(urls=urls, progress=progress.update, note=progress.note)
        )
    whole = f"{len(FASHION_MNIST)} files, {size(sum(file.size_bytes for file in FASHION_MNIST))}, MD5 right"
    print(f"{folder}: {whole}; " + (f"downloaded {len(fetched)}" if fetched else "already there, nothing downloaded"))
    return 0


def _check(options: argparse.Namespace) -> int:
    from hemline.commands.output import write_json
    from hemline.datasets import locate
    from hemline.datasets.check import check
    from hemline.report.progress import Progress

    path = locate(options.name, data=options.data)
    with Progress() as progress:
        report = check(
            path, progress=lambda done, total: progress.update(f"checking {path.resolve().name}", done, total)
        )
    if options.json:
        write_json(options.json, report)
    if options.json != "-":
        print(_shown(report))
    return 4 if report["unreadable"]["n"] else 0


def _split(options: argparse.Namespace) -> int:
    from pathlib import Path

    from hemline.datasets.check import check
    from hemline.datasets.divide import Division, divide
    from hemline.report.progress import Progress

    out = Path(options.out)
    division = Division(
        validation=options.validation,
        test=options.test,
        seed=options.seed,
        column=options.group_by,
        table=Path(options.table) if options.table else None,
        link=options.link,
    )
    divide(Path(options.folder), out, division)
    with Progress() as progress:
        report = check(out, progress=lambda done, total: progress.update("looking for what is alike", done, total))
    print(_shown(report))
    alike = report["near_duplicates"]["across_splits"] + report["exact_duplicates"]["across_splits"]
    if alike and not report["groups"]:
        print("\nwhat is alike lies in more than one split: name what belongs together with --group-by")
    return 0


def _draw(options: argparse.Namespace) -> int:
    from pathlib import Path

    from hemline.drawn.files import write
    from hemline.errors import UsageError

    try:
        height, width = (int(side) for side in options.size.split("x"))
    except ValueError as error:
        raise UsageError(f"--size {options.size}: give height and width, such as 28x28") from error
    count = write(Path(options.out), options.per_class, seed=options.seed, height=height, width=width)
    print(f"{options.out}: {count:,} pictures, {options.per_class:,} of each class, {height}x{width}")
    return 0


def _shown(report: dict[str, Any]) -> str:
    """Return a report of hemline.datasets.check for a person."""
    from hemline.report.table import table

    splits: dict[str, dict[str, int]] = report["splits"]
    rows = []
    for label in report["labels"]:
        counts = [numbers[label] for numbers in splits.values()]
        share = 100 * sum(counts) / max(1, report["n"])
        rows.append([label, *(f"{count:,}" for count in counts), f"{share:.1f} %"])
    rows.append(["total", *(f"{sum(numbers.values()):,}" for numbers in splits.values()), "100.0 %"])
    findings = [
        ["sizes", _sizes(report["sizes"])],
        ["balance", _balance(report)],
        ["exact duplicates", _twice(report["exact_duplicates"], "groups")],
        *_examples(report, "exact_duplicates"),
        ["near duplicates", _twice(report["near_duplicates"], "pairs")],
        *_examples(report, "near_duplicates"),
    ]
    if report["groups"]:
        crossing = report["groups"]["crossing_splits"]
        across = f"{crossing:,} in more than one split" if crossing else "each in one split"
        findings.append(["groups", f"{report['groups']['n']:,}, {across}"])
    findings.append(["unreadable", f"{report['unreadable']['n']:,} files" if report["unreadable"]["n"] else "none"])
    findings += [["", f"{_short(row['source'], report)}: {row['reason']}"] for row in report["unreadable"]["examples"]]
    left = report["unreadable"]["n"] - len(report["unreadable"]["examples"])
    if left:
        findings.append(["", f"and {left:,} more"])
    head = f"{report['name']}: {report['n']:,} pictures, {len(report['labels'])} classes"
    width = max(len(name) for name, _ in findings)
    told = "\n".join(f"{name:<{width}}  {text}" for name, text in findings)
    return f"{head}\n\n{table(['class', *splits, 'share'], rows)}\n\n{told}"


def _sizes(sizes: dict[str, Any] | None) -> str:
    if sizes is None:
        return "no picture could be read"
    common = sizes["most_common"][0]
    if sizes["different"] == 1:
        return f"all {common['width']}x{common['height']}"
    width, height = sizes["width"], sizes["height"]
    return (
        f"width {width[0]} to {width[2]}, median {width[1]:g}; height {height[0]} to {height[2]}, "
        f"median {height[1]:g}; most often {common['width']}x{common['height']} ({common['n']:,})"
    )


def _balance(report: dict[str, Any]) -> str:
    balance = report["balance"]
    if balance["ratio"] is None:
        return f"no picture of {balance['smallest']}"
    if balance["ratio"] == 1:
        return "all classes alike"
    return f"{balance['largest']} has {balance['ratio']:g} times the pictures of {balance['smallest']}"


def _twice(found: dict[str, Any], unit: str) -> str:
    if not found[unit]:
        return "none"
    few = "" if found.get("complete", True) else "at least "
    one = unit.removesuffix("s") if found[unit] == 1 else unit
    text = f"{few}{found[unit]:,} {one} of {found['pictures']:,} pictures"
    for key, where in (("different_labels", "with different labels"), ("across_splits", "across splits")):
        if found[key]:
            text += f", {found[key]:,} {where}"
    return text


def _examples(report: dict[str, Any], kind: str) -> list[list[str]]:
    return [
        ["", " = ".join(_short(source, report) for source in group[:SHOWN]) + (" = ..." if group[SHOWN:] else "")]
        for group in report[kind]["examples"][:SHOWN]
    ]


def _short(source: str, report: dict[str, Any]) -> str:
    """Return a source without the folder of its set."""
    return source.removeprefix(report["data"]).lstrip("/")
