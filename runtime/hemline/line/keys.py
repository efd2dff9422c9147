"""
The keys of a line's configuration, as data: what each is, what it may be, what it is when nobody says.

The TOML file, the options of `hemline line run` and the errors about both are made from these tables. Loads nothing
but the standard library: `--help` reads it.
"""

from __future__ import annotations

from math import inf
from typing import Any, NamedTuple

COMBINES = ("worst", "vote")
SAFE = ("reject", "stop")


class Key(NamedTuple):
    """One key.

    kind: "text", "name" (letters, digits, . _ -), "path", "whole", "number" or "flag".
    default: None where it need not be given and means that there is none.
    low, high: of a number, both included. choices: of a text, where only some are meant.
    """

    name: str
    kind: str
    default: Any
    line: str
    low: float = -inf
    high: float = inf
    choices: tuple[str, ...] = ()
    metavar: str = ""


# of [line], in the order in which a person thinks of them
LINE = (
    Key("name", "name", "line-1", "what the line is called: in topics, in messages", metavar="NAME"),
    Key("folder", "path", None, "where its decisions lie (default: hemline/line/NAME with the user's data)"),
    Key("bundle", "text", "tiles", "bundle directory or name", metavar="B"),
    Key("artifact", "text", None, "engine:precision (default: the best that runs here)", metavar="E:P"),
    Key("device", "text", None, "device profile, or auto for the one that fits best", metavar="NAME|PATH"),
    Key(
        "decision",
        "path",
        None,
        "decision file (default: BUNDLE.decision.json beside the bundle, or with the user's data)",
    ),
    Key("source", "text", None, "camera:0, a folder being filled, rtsp://..., fake://FOLDER", metavar="SOURCE"),
    Key("trigger", "text", None, "what says that a part is there (default: folder for a folder, else change)"),
    Key("frames", "whole", 1, "pictures of one part that are combined", 1, 25, metavar="N"),
    Key("combine", "text", "worst", "worst: the highest score; vote: what most pictures say", choices=COMBINES),
    Key("any_size", "flag", False, "pictures may differ in size, as those that were cropped to their part do"),
    Key("budget_ms", "number", 500.0, "milliseconds from the trigger in which there is an answer", 1, 3.6e6),
    Key("safe", "text", "reject", "what is done where there is no answer", choices=SAFE),
    Key("stays_s", "number", 60.0, "seconds after which a part that has not left is an event, 0: never", 0, 86_400),
    Key("keep_passed", "whole", 100, "one passed part in N keeps its picture, 0: none", 0, 1_000_000_000, metavar="N"),
    Key(
        "pictures_mb",
        "number",
        2000.0,
        "megabytes of pictures that are kept; the mildest go first",
        0,
        1e9,
    ),
    Key("keep_decisions", "whole", 0, "decisions that are kept, the newest; 0: all", 0, 10**12, metavar="N"),
    Key("heartbeat_s", "number", 60.0, "seconds between two signs of life while no part comes", 0.1, 86_400),
    Key("golden", "path", None, "folder good/ and bad/ of known parts, judged before the line runs"),
)
# of [publish.NAME]; a table that is there is a publisher that runs
PUBLISH: dict[str, tuple[Key, ...]] = {
    "mqtt": (
        Key("host", "text", "localhost", "the broker", metavar="HOST"),
        Key("port", "whole", None, "its port (default: 1883, with TLS 8883)", 1, 65_535),
        Key("username", "text", None, "by whom", metavar="NAME"),
        Key("password_file", "path", None, "file that holds the password"),
        Key("password_env", "text", None, "variable that holds the password", metavar="VARIABLE"),
        Key("ca_file", "path", None, "certificate of the authority: TLS"),
        Key("certificate_file", "path", None, "certificate of this client"),
        Key("key_file", "path", None, "its key"),
        Key("discovery", "flag", True, "announce the line to Home Assistant"),
    ),
    "webhook": (
        Key("url", "text", None, "where decisions are posted to", metavar="URL"),
        Key("token_file", "path", None, "file that holds the bearer token"),
        Key("token_env", "text", None, "variable that holds the bearer token", metavar="VARIABLE"),
    ),
    "csv": (Key("file", "path", None, "file that gets a row for each decision"),),
    "gpio": (
        Key("pass", "whole", None, "pin that is pulsed for it", 0, 1000, metavar="PIN"),
        Key("review", "whole", None, "pin that is pulsed for it", 0, 1000, metavar="PIN"),
        Key("reject", "whole", None, "pin that is pulsed for it", 0, 1000, metavar="PIN"),
    ),
}
# a publisher is of no use without these
NEEDED = {"mqtt": (), "webhook": ("url",), "csv": ("file",), "gpio": ("reject",)}


def option(key: Key, section: str = "") -> str:
    """Return the option of a key: budget_ms is --budget-ms, host of [publish.mqtt] is --mqtt-host."""
    return "--" + "-".join(part for part in (section, key.name.replace("_", "-")) if part)


def destination(key: Key, section: str = "") -> str:
    """Return under which name argparse keeps it."""
    return "_".join(part for part in ("key", section, key.name) if part)
