"""
TFLite: hemline.json and labels.txt in the ZIP archive that the TFLite Metadata standard appends to a model.

The ModelMetadata table inside the model says the same for Android's and MediaPipe's readers; it is not read.
"""

from __future__ import annotations

import struct
import zlib

from hemline.describe.found import MAX_BYTES, Found, label_lines

JSON_FILE = "hemline.json"
LABELS_FILE = "labels.txt"
IDENTIFIER = b"TFL3"
labels_text = label_lines

_DAMAGED = "the archive of its metadata is damaged"


def find(data: bytes) -> Found | None:
    """Return what the archive holds, None when there is no archive or it is not hemline's."""
    if data[4:8] != IDENTIFIER:
        raise ValueError("not a TFLite model")
    files = _archive(data)
    return Found(files[JSON_FILE], files.get(LABELS_FILE)) if JSON_FILE in files else None


def _archive(data: bytes) -> dict[str, bytes]:
    """Return our files of the archive that the bytes end with; none when they end with none.

    By hand, because importing zipfile takes 15 ms of a cold start of 120. Files are stored, not compressed:
    the standard wants to map them.
    """
    if data[-22:-18] != b"PK\x05\x06":  # the end record, without a comment
        return {}
    entries, size, offset = struct.unpack_from("<HLL", data, len(data) - 12)
    position = len(data) - 22 - size  # of the directory
    shift = position - offset  # 0 where offsets count from the file's start, as Python writes them
    if shift < 0:
        raise ValueError(_DAMAGED)
    files = {}
    for _ in range(entries):
        sign, method, crc, stored, length, name_length, extra, comment, local = struct.unpack_from(
            "<4s6xH4xLLLHHH8xL", data, position
        )
        if sign != b"PK\x01\x02":
            raise ValueError(_DAMAGED)
        name = data[position + 46 : position + 46 + name_length]
        position += 46 + name_length + extra + comment
        if name not in (JSON_FILE.encode(), LABELS_FILE.encode()):
            continue
        local_sign, local_name, local_extra = struct.unpack_from("<4s22xHH", data, shift + local)
        start = shift + local + 30 + local_name + local_extra
        content = data[start : start + min(length, MAX_BYTES)]
        if local_sign != b"PK\x03\x04" or method != 0 or stored != length or zlib.crc32(content) != crc:
            raise ValueError(f"{name.decode()} in the archive of its metadata is compressed or damaged")
        files[name.decode()] = content
    return files
