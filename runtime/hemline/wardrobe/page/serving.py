"""
The wardrobe's page, served: catalogue, scanner and camera behind one guarded address.
"""

from __future__ import annotations

import os
import webbrowser
from contextlib import ExitStack
from pathlib import Path

from starlette.applications import Starlette

from hemline.classifier import Classifier
from hemline.sources import LiveSource
from hemline.wardrobe.catalogue import Catalogue
from hemline.wardrobe.page.api import Api, largest
from hemline.wardrobe.scanning import Scanner
from hemline.watch.live import LiveView
from hemline.watch.page import SHARED
from hemline.watch.watcher import Watcher
from hemline.web import assets, serving
from hemline.web.address import Bound
from hemline.web.guard import Guard

STATIC = Path(__file__).with_name("static")


def serve(
    catalogue: Catalogue,
    classifier: Classifier,
    bound: Bound,
    *,
    source: LiveSource | None = None,
    name: str = "",
    still: bool = False,
    open_browser: bool = False,
) -> int:
    """Serve the page until a person stops it; return the exit status. All that is given belongs to the caller.

    source: a camera to scan with, called `name`; without one the page takes photos. still: it gives photos, not frames.
    """
    ending = serving.Ending()
    live = None
    if source is not None:
        live = LiveView(source, Watcher(source, classifier), name=name, still=still, failed=ending.end)
    app = application(catalogue, Scanner(catalogue, classifier), live, bound, ending)
    with ExitStack() as stack:
        stack.enter_context(serving.Serving(app, bound, ending))
        if live is not None:
            stack.enter_context(live)
        serving.announce(f"the wardrobe in {catalogue.folder}", bound)
        if open_browser and _has_desktop():
            webbrowser.open(bound.url)
        ending.wait()
    return 0


def application(
    catalogue: Catalogue, scanner: Scanner, live: LiveView | None, bound: Bound, ending: serving.Ending
) -> Guard:
    """Return the guarded page."""
    files = sorted(path for path in STATIC.iterdir() if path.suffix in assets.TYPES and path.name != "index.html")
    pages = assets.routes(STATIC / "index.html", [*SHARED, *files])
    app = Starlette(
        routes=[*pages, *Api(catalogue, scanner, live, ending).routes()], exception_handlers={Exception: serving.broken}
    )
    return Guard(app, bound, largest=largest)


def _has_desktop() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
