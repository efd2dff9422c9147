"""
hemline watch as a service: what a camera or a stream shows, as lines in the journal or as a page (--serve).

It has no configuration file: its options stand in the unit, so a secret cannot be among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hemline.deploy import devices, places
from hemline.deploy.service import ANY, Needs, Reach, Service, furthest, has_password, reach_address, reach_url
from hemline.deploy.source import makes_no_code, needed
from hemline.errors import UsageError
from hemline.web.address import TOKEN_VARIABLE

_ENDING = ("frames", "seconds")


def service(name: str, given: Mapping[str, Any], words: Sequence[str], *, network: bool) -> Service:
    """Return a watched source as a service.

    given: the options of hemline watch, by their names. words: the same as they stand after the verb.
    """
    _require_lasting(given)
    source = needed(given["source"])
    asked = (Reach(ANY, "--network"),) if network else ()
    served = [reach_address("--serve", given["serve"])] if given.get("serve") else []
    told = [reach_url("--publish", given["publish"])] if given.get("publish") else []
    most, why = furthest([*asked, *source.reached, *served, *told])
    needs = Needs(
        devices=source.devices | devices.of_model(given.get("artifact"), given.get("device")),
        network=most,
        why_network=why,
        compiles=not makes_no_code(given.get("artifact"), source),
        reads=(*source.reads, *_reads(given)),
        variables=(TOKEN_VARIABLE,) if any(one.network == ANY for one in served) else (),
    )
    return Service("watch", name, f"hemline watch {name}", ("watch", *words), needs)


def _require_lasting(given: Mapping[str, Any]) -> None:
    for option in _ENDING:
        if given.get(option) is not None:
            raise UsageError(f"--{option}: a service does not end by itself; leave it out")
    if given.get("token") is not None:
        raise UsageError(f"--token: everybody could read it in the unit; it goes into the file of {TOKEN_VARIABLE}")
    for option in ("source", "publish"):
        if has_password(given.get(option) or ""):
            raise UsageError(
                f"{option}: everybody could read its password, in the unit and in the list of processes; "
                "a line (--service line) has a file for it"
            )


def _reads(given: Mapping[str, Any]) -> Iterator[Path]:
    for option in ("bundle", "device"):
        value = given.get(option) or ""
        if "/" in value:
            yield places.require_readable(places.require_absolute(value, f"--{option}"), f"--{option}")
