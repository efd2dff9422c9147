"""
A table for a terminal: aligned columns, numbers to the right, no colour, no box drawing; it survives a pipe.
"""

from __future__ import annotations

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the rows as aligned text. A column of numbers is aligned right, any other left."""
    lines = [list(header), *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    right = [bool(rows) and all(_numeric(row[column]) for row in rows) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def _numeric(cell: str) -> bool:
    return cell in ("", "-") or cell[0].isdigit() or (cell[0] in "+-" and cell[1:2].isdigit())


def size(count: int) -> str:
    """Return a number of bytes for a person: 1 KB is 1000 bytes."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1e3:.0f} KB" if count < 1e6 else f"{count / 1e6:.2f} MB"
