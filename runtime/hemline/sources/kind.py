"""
What the module of a live source has to have, besides connect(): one file, one line in SOURCES.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from hemline.errors import PictureError
from hemline.sources.address import Address
from hemline.sources.limits import Limits
from hemline.sources.shot import Notebook, Shot


class Kind(Protocol):
    """A module; the first three run here, shots() in the capture process."""

    def parse(self, text: str) -> Address:
        """Return the address; UsageError for an option that the kind does not have, or a value that it cannot be."""

    def limits(self, address: Address) -> Limits:
        """Return the limits that fit this kind of source."""

    def check(self, address: Address) -> None:
        """Raise what can be known without opening: a wrong name, no permission."""

    def shots(self, address: Address, notebook: Notebook) -> Iterator[Shot | PictureError]:
        """Yield complete frames, and PictureErrors for those that are not whole, until the source has ended.

        Raises HemlineError when it cannot be opened or is lost.
        """
