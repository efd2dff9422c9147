"""hemline wardrobe export: write CSV, JSON, a gallery, or a folder for training."""

from __future__ import annotations

import argparse

from hemline.commands.wardrobe import arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--csv", metavar="F", help="a row for each garment; - is stdout")
    parser.add_argument("--json", metavar="F", help="all that is known of each garment; - is stdout")
    parser.add_argument("--html", metavar="F", help="a gallery, one self-contained page; - is stdout")
    parser.add_argument(
        "--folder", metavar="DIR", help="pictures of what you corrected as DIR/<class>/*.jpg, for the next training"
    )
    parser.add_argument("--confirmed", action="store_true", help="with --folder: also what you said was right")
    parser.add_argument("--title", default="Wardrobe", metavar="TEXT", help="of the gallery")
    arguments.add_query(parser)


def run(options: argparse.Namespace) -> int:
    """Export."""
    import sys
    from pathlib import Path

    from hemline.commands.output import require_writable, write, write_json
    from hemline.errors import UsageError
    from hemline.wardrobe import export
    from hemline.wardrobe.gallery import gallery

    given = {"--csv": options.csv, "--json": options.json, "--html": options.html}
    if not options.folder and all(where is None for where in given.values()):
        raise UsageError("export to what? give --csv F, --json F, --html F or --folder DIR")
    require_writable(given)
    query = arguments.query(options)
    with arguments.to_read(options) as catalogue:
        if options.csv:
            write(options.csv, export.as_csv(catalogue, query))
        if options.json:
            write_json(options.json, export.as_json(catalogue, query))
        if options.html:
            write(options.html, gallery(catalogue, query, title=options.title))
        if options.folder:
            count = export.labelled_folder(catalogue, Path(options.folder), confirmed=options.confirmed)
            print(f"{options.folder}: {count:,} pictures", file=sys.stderr)
    return 0
