"""hemline line run: one decision for each part, stored and told, until somebody ends it."""

from __future__ import annotations

import argparse
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hemline.commands.line import options as shared
from hemline.line.keys import LINE, PUBLISH, destination

if TYPE_CHECKING:
    from hemline.line.config import LineConfig
    from hemline.line.decision import Decision
    from hemline.line.runner import LineRunner


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: each key of the configuration is one."""
    parser.add_argument(
        "source",
        nargs="?",
        metavar="SOURCE",
        help="camera:0, picamera:0, a folder being filled, rtsp://..., http://... (MJPEG), or fake://FOLDER",
    )
    parser.add_argument("--config", metavar="F.toml", help="configuration of the line; an option counts in its place")
    parser.add_argument("--check", action="store_true", help="look at everything that is configured, and run nothing")
    parser.add_argument("--limit", type=int, metavar="N", help="stop after N parts")
    parser.add_argument("--fail-on-reject", action="store_true", help="exit with 1 when a part was rejected")
    parser.add_argument("--json", action="store_true", help="one JSON object for each decision and each event")
    add_keys(parser)


def add_keys(parser: argparse.ArgumentParser) -> None:
    """Declare the options that are keys of the configuration, but for the source."""
    line = parser.add_argument_group("the line; each is a key of [line] too")
    for key in LINE:
        if key.name != "source":
            shared.add(line, key)
    for section, keys in PUBLISH.items():
        group = parser.add_argument_group(f"publisher {section}; each is a key of [publish.{section}] too")
        for key in keys:
            shared.add(group, key, section)


def run(options: argparse.Namespace) -> int:
    """Run the line; 1 when a part was rejected and that was asked for, or when it stopped for want of an answer."""
    from hemline.errors import UsageError

    if options.limit is not None and options.limit < 1:
        raise UsageError(f"--limit {options.limit}: give 1 or more")
    config = _configured(options)
    if options.check:
        return _check(config, json_lines=options.json)
    return _run(config, options)


def given(options: argparse.Namespace) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the keys of [line] and of each [publish.NAME] that were given as options."""
    line = {key.name: getattr(options, destination(key), None) for key in LINE}
    line["source"] = options.source
    publish = {}
    for section, keys in PUBLISH.items():
        values = {key.name: getattr(options, destination(key, section)) for key in keys}
        if any(value is not None for value in values.values()):
            publish[section] = {name: value for name, value in values.items() if value is not None}
    return {name: value for name, value in line.items() if value is not None}, publish


def _configured(options: argparse.Namespace) -> LineConfig:
    from hemline.line.config import load

    line, publish = given(options)
    return load(options.config, line=line, publish=publish)


def _run(config: LineConfig, options: argparse.Namespace) -> int:
    from contextlib import ExitStack

    import cv2

    from hemline.line.assembly import open_line

    cv2.setNumThreads(1)  # a part's picture is too small to share: threads that wait for a busy core cost milliseconds
    with ExitStack() as stack:
        runner = open_line(config, stack, Lines(json_lines=options.json))
        interrupted = stack.enter_context(Ending(runner))
        runner.run(config.about, limit=options.limit)
    if interrupted:
        return 130
    return 1 if options.fail_on_reject and runner.counts.verdicts["reject"] else 0


def _check(config: LineConfig, *, json_lines: bool) -> int:
    """Print what was looked at; return the status of the first thing that is wrong, 0 when nothing is."""
    import json
    import sys

    from hemline.errors import HemlineError
    from hemline.line.checks import checks

    status = 0
    for what, found in checks(config):
        wrong = isinstance(found, HemlineError)
        if isinstance(found, HemlineError):
            status = status or found.exit_status
        if json_lines:
            print(json.dumps({"schema": 1, "check": what, "ok": not wrong, "detail": str(found)}))
        else:
            print(f"{'WRONG' if wrong else 'ok':<6} {what:<10} {found}", file=sys.stderr if wrong else sys.stdout)
    return status


class Ending:
    """Ctrl-C and SIGTERM, from __enter__ to __exit__: the part at hand is finished. A second ctrl-C does not wait."""

    def __init__(self, runner: LineRunner) -> None:
        self._runner = runner
        self._interrupted = False
        self._before: dict[int, Any] = {}

    def __bool__(self) -> bool:
        return self._interrupted

    def __enter__(self) -> Ending:
        import signal

        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._asked)
        return self

    def __exit__(self, *_: object) -> None:
        import signal

        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _asked(self, number: int, _: object) -> None:
        import signal

        if number == signal.SIGINT:
            if self._interrupted:
                raise KeyboardInterrupt
            self._interrupted = True
        self._runner.stop(f"ended by {signal.Signals(number).name}")


class Lines:
    """What happens, as lines: decisions on stdout, events on stderr; as JSON both on stdout.

    A reader that went away ends no line: parts go on, and nothing is printed for it any more.
    """

    def __init__(self, *, json_lines: bool) -> None:
        self._json = json_lines

    def decided(self, decision: Decision, sequence: int | None) -> None:
        """Print a decision."""
        from hemline.image import shown
        from hemline.line.messages import told

        if self._json:
            self._say_json({"schema": 1, "sequence": sequence, **told(decision)})
            return
        number = "-" if sequence is None else f"{sequence:,}"
        label = "-" if decision.label is None else f"{decision.label} {decision.confidence:.2f}"
        score = "-" if decision.score is None else f"{decision.score:.4f}"
        latency = "-" if decision.latency_ms is None else f"{decision.latency_ms:.0f} ms"
        why = "" if decision.reason is None else f"  ({decision.reason})"
        self._say(
            f"{number:>9}  {decision.verdict:<6}  {label:<20}  {score:>6}  {latency:>7}  {shown(decision.part)}{why}"
        )

    def happened(self, kind: str, detail: str) -> None:
        """Print an event."""
        import sys

        if self._json:
            self._say_json({"schema": 1, "event": kind, "detail": detail})
            return
        with suppress(OSError):
            print(f"hemline: {kind}: {detail}", file=sys.stderr, flush=True)

    def _say_json(self, values: dict[str, Any]) -> None:
        import json

        self._say(json.dumps(values))

    def _say(self, line: str) -> None:
        import os
        import sys

        try:
            print(line, flush=True)
        except OSError:
            # what is left in the buffer must not fail again when the process ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
