"""hemline wardrobe serve: the wardrobe in a browser: scan, look, correct, find."""

from __future__ import annotations

import argparse

from hemline.commands import DEVICE
from hemline.commands.wardrobe import arguments

DEFAULT_ADDRESS = "127.0.0.1:8378"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "source",
        nargs="?",
        metavar="SOURCE",
        help="camera:0, picamera:0, http://..., inbox:FOLDER, fake://FOLDER (default: photos are sent from the page)",
    )
    arguments.add_bundle(parser)
    parser.add_argument("--artifact", metavar="E:P", help="engine:precision (default: the best that runs here)")
    parser.add_argument("--device", metavar="NAME|PATH", help=DEVICE)
    parser.add_argument("--max-risk", type=float, metavar="R", help="keep without review only at this risk or less")
    parser.add_argument(
        "--host",
        metavar="HOST:PORT",
        default=DEFAULT_ADDRESS,
        help=f"where the page is (default: {DEFAULT_ADDRESS}); one that others can reach needs a token",
    )
    parser.add_argument(
        "--token", metavar="T", help="what a visitor has to know (default: $HEMLINE_TOKEN, which no process list shows)"
    )
    parser.add_argument("--no-open", action="store_true", help="do not open the page in a browser of this desktop")


def run(options: argparse.Namespace) -> int:
    """Serve until a person stops it."""
    from contextlib import ExitStack

    from hemline.classifier import Classifier
    from hemline.sources import kind_of, open_source
    from hemline.wardrobe.catalogue import Catalogue
    from hemline.wardrobe.page.serving import serve
    from hemline.web import address

    with ExitStack() as stack:
        # first what is refused at once, then what takes time
        bound = stack.enter_context(address.claim(options.host, option="--host", token=options.token))
        catalogue = stack.enter_context(Catalogue.open(arguments.folder(options)))
        classifier = stack.enter_context(
            Classifier.open(
                options.bundle,
                artifact=options.artifact,
                device=options.device,
                top=1_000_000,  # all of them: the live view adds up probabilities
                max_risk=options.max_risk,
            )
        )
        source = None
        if options.source is not None:
            source = stack.enter_context(open_source(options.source))
        return serve(
            catalogue,
            classifier,
            bound,
            source=source,
            # the name of a stream has no password in it, its text may have
            name=getattr(source, "name", options.source or ""),
            still=options.source is not None and kind_of(options.source) == "inbox",
            open_browser=not options.no_open,
        )
