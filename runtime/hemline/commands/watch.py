"""hemline watch: classify what a live source shows."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hemline.commands import DEVICE, PHOTO_BUNDLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hemline.watch.watcher import Observation

DEFAULT_ADDRESS = "127.0.0.1:8377"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "source",
        nargs="?",
        metavar="SOURCE",
        help="camera:0, picamera:0, rtsp://..., http://... (MJPEG), a film, a folder being filled, - or fake://FOLDER "
        "(default: the camera of the device profile)",
    )
    parser.add_argument(
        "--bundle", metavar="B", default=PHOTO_BUNDLE, help=f"bundle directory or name (default: {PHOTO_BUNDLE})"
    )
    parser.add_argument("--artifact", metavar="E:P", help="engine:precision (default: the best that runs here)")
    parser.add_argument("--device", metavar="NAME|PATH", help=DEVICE)
    parser.add_argument("--max-risk", type=float, metavar="R", help="call an answer good only at this risk or less")
    parser.add_argument("--top", type=int, default=3, metavar="K", help="how many labels to give (default: 3)")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object a frame, with the answer of the last second"
    )
    parser.add_argument(
        "--serve",
        nargs="?",
        const=DEFAULT_ADDRESS,
        metavar="HOST:PORT",
        help=f"a page with the live view (default: {DEFAULT_ADDRESS}); other hosts than this one need a token",
    )
    parser.add_argument("--token", metavar="T", help="of the page, for other machines (default: $HEMLINE_TOKEN)")
    parser.add_argument("--frames", type=int, metavar="N", help="stop after N frames")
    parser.add_argument("--seconds", type=float, metavar="S", help="stop after S seconds")
    parser.add_argument("--no-view", action="store_true", help="lines instead of a live view in the terminal")


def run(options: argparse.Namespace) -> int:
    """Watch until the source ends or a person stops it; 4 when no frame of a source that ended could be read."""
    from contextlib import ExitStack

    from hemline.classifier import Classifier
    from hemline.errors import UsageError
    from hemline.sources import open_source
    from hemline.watch.watcher import Watcher

    wanted = _source(options)
    limits = (("--frames", options.frames), ("--seconds", options.seconds), ("--top", options.top))
    for option, value in limits:
        if value is not None and not value > 0:
            raise UsageError(f"{option} {value:g}; more than 0")
    with ExitStack() as stack:
        classifier = stack.enter_context(
            Classifier.open(
                options.bundle,
                artifact=options.artifact,
                device=options.device,
                top=1_000_000,  # all of them: the consensus adds up probabilities
                max_risk=options.max_risk,
            )
        )
        source = stack.enter_context(open_source(wanted))
        watcher = Watcher(source, classifier, max_risk=options.max_risk)
        name: str = getattr(source, "name", wanted)  # without the password of a stream
        if options.serve is not None:
            from hemline.watch import page  # its extra is asked for only now

            return page.serve(watcher, options.serve, source=source, name=name, token=options.token)
        return _show(_limited(iter(watcher), options.frames, options.seconds), options, name)


def _source(options: argparse.Namespace) -> str:
    """Return the source that is named, else the camera of the device profile; UsageError where there is neither."""
    from hemline import profiles
    from hemline.errors import UsageError

    if options.source is not None:
        return str(options.source)
    if options.device is None:
        raise UsageError("which source? give one, such as camera:0, or --device NAME for the camera of its profile")
    profile = profiles.load(options.device)
    if not profile.camera:
        raise UsageError(f"which source? the device profile {profile.name} names no camera; give one, such as camera:0")
    return profile.camera


def _limited(seen: Iterator[Observation], frames: int | None, seconds: float | None) -> Iterator[Observation]:
    import time

    until = None if seconds is None else time.monotonic() + seconds
    for number, observation in enumerate(seen, 1):
        yield observation
        if number == frames or (until is not None and time.monotonic() >= until):
            return


def _show(seen: Iterator[Observation], options: argparse.Namespace, name: str) -> int:
    """Print what was seen; return the exit status."""
    import json
    import sys
    import time
    from contextlib import nullcontext

    from hemline.watch.screen import Screen, line

    encode = json.JSONEncoder().encode
    drawn = not options.json and not options.no_view and sys.stdout.isatty()
    any_frame, before = False, None
    with Screen(sys.stdout, name=name) if drawn else nullcontext() as screen:
        for observation in seen:
            any_frame |= observation.picture is not None
            if options.json:
                print(encode(observation.as_dict(options.top)), flush=True)
            elif screen is not None:
                screen.show(observation, time.monotonic())
            else:
                result = observation.steady or observation.result
                said = (result.label, result.quality)
                if said != before and (observation.steady is not None or observation.picture is None):
                    print(line(result, observation), flush=True)
                    before = said
    return 0 if any_frame else 4
