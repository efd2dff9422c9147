"""
Text as systemd reads it. A value that is no word, specifier or variable comes out as it went in.

Source: systemd.syntax(7), "Command lines" in systemd.service(5), "Specifiers" in systemd.unit(5).
"""

from __future__ import annotations

import re

from hemline.errors import UsageError

_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./$-]+")
_QUOTES = re.compile(r"[\"']")
_SPACES = re.compile(r"[\s\"'\\]")


def word(text: str) -> str:
    """Return one argument of a command line: % and $ are doubled, and it is quoted where it has to be."""
    return path_word(text).replace("$", "$$")


def path_word(text: str) -> str:
    """Return one path of a list, or the program of a command line, where $ means nothing."""
    plain = path(text)
    if _PLAIN.fullmatch(plain):
        return plain
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def path(text: str) -> str:
    """Return the value of a setting that is one path, to the end of the line; UsageError where it cannot be one."""
    require_printable(text, "it would stand in a unit")
    return text.replace("%", "%%")


def bound(text: str) -> str:
    """Return one path of BindReadOnlyPaths; UsageError for one that systemd 257 takes apart at a quote in it."""
    return path_word(_whole(text, _QUOTES, "a quote"))


def credential(text: str) -> str:
    """Return the path of LoadCredential; UsageError for one that systemd 257 takes apart."""
    return path(_whole(text, _SPACES, "a space, a quote or a backslash"))


def _whole(text: str, apart: re.Pattern[str], what: str) -> str:
    if apart.search(text):
        raise UsageError(f"{text}: with {what} in it, some versions of systemd do not find it; give it another name")
    return text


def comment(text: str) -> str:
    """Return a comment; it cannot begin a line of its own."""
    require_printable(text, "it would stand in a unit")
    return f"# {text}"


def require_printable(text: str, why: str) -> None:
    """Raise UsageError for a text with a line break, a control character or a byte that is no UTF-8."""
    if not text.isprintable():
        raise UsageError(f"{text!r}: has characters that cannot be printed, and {why}; give it another name")
