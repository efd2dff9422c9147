"""Reading a file that may be packed with gzip, with the errors of both told as one line."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hemline.errors import DatasetError

GZIP_MAGIC = b"\x1f\x8b"
# deflate packs at most 1032 to 1 (https://zlib.net/zlib_tech.html); a header that claims more lies
DEFLATE_RATIO = 1032


@contextmanager
def opened(path: Path) -> Iterator[tuple[io.BufferedIOBase, int]]:
    """Yield the unpacked bytes as a stream and the most bytes there can be.

    Packed or not is decided by the first bytes: a browser may have unpacked a file and left its name.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == GZIP_MAGIC
            file.seek(0)
            size = path.stat().st_size
            if packed:
                with gzip.open(file) as stream:
                    yield stream, size * DEFLATE_RATIO
            else:
                yield file, size
    except EOFError as error:
        raise DatasetError(f"{path}: truncated, the gzip stream has no end; get it again") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DatasetError(f"{path}: damaged gzip file ({str(error).lower()}); get it again") from error
    except OSError as error:
        raise DatasetError(f"{path}: {(error.strerror or str(error)).lower()}") from error
