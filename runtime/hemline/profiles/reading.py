"""
From the table of a TOML file to a Profile; UsageError that names the file, the table and the key. A key that does not
exist is answered with the nearest that does: a profile with a typo is no profile.

The readers of a table are the keys that it may have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hemline.errors import UsageError, unknown
from hemline.profiles.places import system_names
from hemline.profiles.profile import Fits, Governor, Heat, Profile, Setup, Variant

# the same names as in hemline.engines and hemline.sources, which load numpy
ENGINES = ("litert", "onnx", "openvino", "edgetpu", "fake")
CAMERAS = ("camera:", "picamera:", "inbox:", "http://", "https://", "rtsp://", "rtsps://", "fake://")
GOVERNORS = ("performance", "schedutil", "ondemand", "conservative", "powersave", "userspace")
MOST_THREADS = 256
SHARES = {"cores": 1.0, "half": 0.5}
LIMITS_C = (40, 125)

Reader = Callable[[Any, str, str], Any]  # value, where, key -> what it says


def parse(table: Mapping[str, Any], where: str, *, cores: int) -> Profile:
    """Return the profile in a table. cores: of the machine, for threads that are said by them."""
    values = _read(table, _PROFILE, ("name", "title", "artifacts", "threads"), where)
    values["threads"], values["by_cores"] = _threads(values["threads"], where, cores)
    _require_reasons(values.get("reasons", {}), values["artifacts"], f"{where}: [reasons]")
    values["variants"] = tuple(values.pop("variant", ()))
    for variant in values["variants"]:
        known = variant.artifacts or values["artifacts"]
        _require_reasons(variant.reasons, known, f"{where}: [[variant]] {variant.name}: reasons")
    return Profile(**values)


def _read(table: Mapping[str, Any], readers: Mapping[str, Reader], needed: Sequence[str], where: str) -> dict[str, Any]:
    for key in table:
        if key not in readers:
            raise UsageError(f"{where}: {unknown('key', key, readers)}")
    for key in needed:
        if key not in table:
            raise UsageError(f"{where}: key {key!r} is missing")
    return {key: readers[key](value, where, key) for key, value in table.items()}


def _text(value: Any, where: str, key: str) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{where}: {key} is a text")
    return value


def _told(value: Any, where: str, key: str) -> str:
    if not _text(value, where, key).strip():
        raise UsageError(f"{where}: {key} is empty; give a text")
    return str(value)


def _texts(value: Any, where: str, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise UsageError(f"{where}: {key} is a list of texts")
    for number, item in enumerate(value):
        if item in value[:number]:
            raise UsageError(f"{where}: {key} has {item!r} twice")
    return tuple(value)


def _lines(value: Any, where: str, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UsageError(f"{where}: {key} is a list of texts")
    return tuple(value)


def _flag(value: Any, where: str, key: str) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{where}: {key} is true or false")
    return value


def _one_of(known: Sequence[str], kind: str) -> Reader:
    def reader(value: Any, where: str, key: str) -> str:
        if _text(value, where, key) not in known:
            raise UsageError(f"{where}: {key}: {unknown(kind, value, known)}")
        return str(value)

    return reader


def _like(pattern: str, example: str) -> Reader:
    def reader(value: Any, where: str, key: str) -> str:
        if re.fullmatch(pattern, _text(value, where, key)) is None:
            raise UsageError(f"{where}: {key} {value!r}; written like {example}")
        return str(value)

    return reader


def _each(reader: Reader) -> Reader:
    def read(value: Any, where: str, key: str) -> tuple[Any, ...]:
        return tuple(reader(item, where, key) for item in _texts(value, where, key))

    return read


def _artifact(value: Any, where: str, key: str) -> str:
    engine, _, precision = _text(value, where, key).partition(":")
    if re.fullmatch("[a-z0-9]+", precision) is None:
        raise UsageError(f"{where}: artifact {value!r}; written engine:precision, for instance litert:int8")
    if engine not in ENGINES:
        raise UsageError(f"{where}: artifact {value!r}: {unknown('engine', engine, ENGINES)}")
    return str(value)


def _artifacts(value: Any, where: str, key: str) -> tuple[str, ...]:
    found: tuple[str, ...] = _each(_artifact)(value, where, key)
    if not found:
        raise UsageError(f"{where}: {key} is empty; one at least, for instance litert:int8")
    return found


def _reasons(value: Any, where: str, key: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise UsageError(f'{where}: {key} is a table, such as "litert:int8" = "it is the quickest here"')
    return {artifact: _told(reason, where, f'{key} "{artifact}"') for artifact, reason in value.items()}


def _require_reasons(reasons: Mapping[str, str], artifacts: Sequence[str], where: str) -> None:
    for artifact in reasons:
        if artifact not in artifacts:
            raise UsageError(f"{where}: {unknown('artifact', artifact, artifacts)}")


def _threads(value: Any, where: str, cores: int) -> tuple[int, str]:
    if isinstance(value, str) and value in SHARES:
        return max(1, int(SHARES[value] * cores)), value
    if type(value) is not int or not 1 <= value <= MOST_THREADS:
        shares = " or ".join(f'"{share}"' for share in SHARES)
        raise UsageError(f"{where}: threads {value!r}; a whole number, 1 to {MOST_THREADS}, or {shares}")
    return value, ""


def _camera(value: Any, where: str, key: str) -> str:
    if not _text(value, where, key).startswith(CAMERAS):
        raise UsageError(f"{where}: camera {value!r}; a source that begins with {', '.join(CAMERAS)}")
    return str(value)


def _place(value: Any, where: str, key: str) -> str:
    if not _text(value, where, key).startswith(("/sys/", "vcgencmd ")):
        raise UsageError(f"{where}: {key} {value!r}; a file below /sys/, or a line that begins with vcgencmd")
    return str(value)


def _limit(value: Any, where: str, key: str) -> float:
    low, high = LIMITS_C
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise UsageError(f"{where}: {key} {value!r}; degrees Celsius, {low} to {high}")
    return float(value)


def _system(value: Any, where: str, key: str) -> str:
    return str(_one_of(system_names(), "system")(value, where, key))


def _table(kind: Callable[..., Any], readers: Mapping[str, Reader], *needed: str) -> Reader:
    def reader(value: Any, where: str, key: str) -> Any:
        if not isinstance(value, dict):
            raise UsageError(f"{where}: {key} is a table, written [{key}]")
        return kind(**_read(value, readers, needed, f"{where}: [{key}]"))

    return reader


def _tables(kind: Callable[..., Any], readers: Mapping[str, Reader], *needed: str) -> Reader:
    def reader(value: Any, where: str, key: str) -> tuple[Any, ...]:
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise UsageError(f"{where}: {key} is a list of tables, each written [[{key}]]")
        title = f"{where}: [[{key}]]"
        rows = [(row, f"{title} {number}") for number, row in enumerate(value, 1)]
        return tuple(kind(**_read(row, readers, needed, place)) for row, place in rows)

    return reader


_FEATURE = _like("[a-z0-9_]+", "avx512_vnni")
_DEVICE = _like(r"CPU|(GPU|NPU)(\.[0-9]+)?", "GPU, GPU.1 or NPU")
_FITS = {
    "boards": _texts,
    "usb": _each(_like("[0-9a-f]{4}:[0-9a-f]{4}", "18d1:9302")),
    "vendor": _text,
    "features": _each(_FEATURE),
    "openvino": _one_of(("GPU", "NPU"), "device of OpenVINO"),
}
_HEAT = {"temperature": _each(_place), "throttling": _each(_place), "limit_c": _limit}
_GOVERNOR = {"name": _one_of(GOVERNORS, "governor"), "reason": _told}
_SETUP = {
    "systems": _each(_system),
    "extras": _each(_like("[a-z]+", "litert")),
    "apt": _each(_like("[a-z0-9][a-z0-9+.-]*", "python3-picamera2")),
    "site_packages": _flag,
    "before": _lines,
    "after": _lines,
}
_VARIANT = {
    "name": _told,
    "needs": _each(_FEATURE),
    "artifacts": _artifacts,
    "reasons": _reasons,
    "reason": _text,
    "bundle": _text,
}
_PROFILE: dict[str, Reader] = {
    "name": _told,
    "title": _told,
    "artifacts": _artifacts,
    "threads": lambda value, where, key: value,
    "machine": _text,
    "bundle": _text,
    "reason": _text,
    "reasons": _reasons,
    "camera": _camera,
    "openvino_device": _DEVICE,
    "fits": _table(Fits, _FITS),
    "heat": _table(Heat, _HEAT),
    "governor": _table(Governor, _GOVERNOR, "name", "reason"),
    "install": _lines,
    "setup": _tables(Setup, _SETUP, "systems", "extras"),
    "traps": _lines,
    "variant": _tables(Variant, _VARIANT, "name", "needs"),
}
