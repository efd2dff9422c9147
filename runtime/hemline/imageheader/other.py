"""
What a file that is no picture of ours seems to be, so that the refusal can say what to do. Loaded on error only.
"""

from __future__ import annotations

READS = "hemline reads JPEG, PNG, WebP and BMP"

# first bytes: (what it is, what to do)
_CONVERT = "convert it, for example to PNG"
_EXPORT = "export one picture as PNG"
_BEGINNINGS = (
    (b"GIF8", "a GIF", _CONVERT),
    (b"II*\0", "a TIFF or a camera raw file", _CONVERT),
    (b"MM\0*", "a TIFF or a camera raw file", _CONVERT),
    (b"II+\0", "a BigTIFF", _CONVERT),
    (b"MM\0+", "a BigTIFF", _CONVERT),
    (b"\xff\x0a", "a JPEG XL", _CONVERT),
    (b"\0\0\0\x0cJXL ", "a JPEG XL", _CONVERT),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000", _CONVERT),
    (b"\xff\x4f\xff\x51", "a JPEG 2000", _CONVERT),
    (b"8BPS", "a Photoshop file", _EXPORT),
    (b"gimp xcf", "a GIMP file", _EXPORT),
    (b"%PDF", "a PDF", _EXPORT),
    (b"\0\0\1\0", "an icon (ICO)", _CONVERT),
    (b"v/1\1", "an OpenEXR", _CONVERT),
    (b"DDS ", "a DDS texture", _CONVERT),
    (b"qoif", "a QOI", _CONVERT),
    (b"\x93NUMPY", "a NumPy array", "write it with cv2.imwrite"),
    (b"PK\3\4", "a ZIP archive", "unpack it"),
    (b"\x1f\x8b", "gzip data", "unpack it"),
    (b"\x7fELF", "a program", "name a picture"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video", _EXPORT),
    (b"\x89PNG", "a PNG altered on its way (line endings converted?)", "copy it again in binary mode"),
    (b"version https://git-lfs", "a Git LFS pointer, not the picture", "run: git lfs pull"),
)
# brand of an ISO media file (bytes 8 to 12): what it is; any other is a video
_BRANDS = {
    b"heic": "a HEIC",
    b"heix": "a HEIC",
    b"hevc": "a HEIC",
    b"mif1": "a HEIC or AVIF",
    b"msf1": "a HEIC or AVIF",
    b"avif": "an AVIF",
    b"avis": "an AVIF",
    b"crx ": "a Canon raw file",
}


def guess(data: bytes) -> str:
    """Return the rest of the line that refuses these bytes: what they seem to be and what to do."""
    if not data:
        return "empty (0 bytes); copy it again from where it came"
    for beginning, what, advice in _BEGINNINGS:
        if data.startswith(beginning):
            return f"{what}; {READS}: {advice}"
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        video = brand not in _BRANDS
        return f"{'a video (MP4 or MOV)' if video else _BRANDS[brand]}; {READS}: {_EXPORT if video else _CONVERT}"
    if data.startswith(b"RIFF") and len(data) >= 12:
        return f"a RIFF file of type {data[8:12].decode('latin-1')!a}; {READS}: {_EXPORT}"
    if not data.strip(b"\0"):
        return f"{len(data):,} zero bytes, as a full disk or a lost card leaves them; copy it again from where it came"
    return f"{_unknown(data[:512])}; {READS}"


def _unknown(head: bytes) -> str:
    if head[:1] == b"P" and head[1:2] in b"1234567" and head[2:3].isspace():
        return "a Netpbm picture"
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        # a character cut in half by the end of `head` is still text
        text = head[: error.start].decode("utf-8") if error.start > len(head) - 4 else ""
    text = text.removeprefix("\ufeff")
    if text and all(character.isprintable() or character.isspace() for character in text):
        opening = text.lstrip().lower()
        if "<svg" in opening:
            return "an SVG drawing"
        return "a web page" if opening.startswith(("<!doctype html", "<html")) else "text, not a picture"
    return f"not a picture (it begins with {head[:8].hex(' ')})"
