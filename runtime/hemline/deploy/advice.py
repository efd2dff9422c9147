"""
What a person has to know before files are written, and to type after it: lines of text. Nothing is done here.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from hemline.deploy import places
from hemline.deploy.program import Program
from hemline.deploy.service import Service

HERE = Path("/")


def notes(service: Service, program: Program, root: Path) -> Iterator[str]:
    """Yield what the files alone do not say."""
    needs = service.needs
    for folder in places.in_home(program.folders):
        yield (
            f"{folder} lies below a home folder: the service is shown it, and who writes there decides what it runs; "
            "/opt/hemline is a better place"
        )
    if needs.reads:
        yield f"the user {places.USER} has to be able to read {', '.join(map(str, needs.reads))}"
    for path in needs.writes:
        yield f"{path} has to be there, and to belong to the user {places.USER}"
    for secret in needs.secrets:
        yield f"{secret.file} may be readable by root alone: systemd hands the service a copy"
    if needs.variables:
        yield f"{service.variables} has to hold {', '.join(needs.variables)}, as NAME=VALUE, readable by root alone"
    if root != HERE and not places.below(root, program.python).exists():
        yield f"{program.python}, which the unit starts, is not in {root}"


def systemctl(root: Path) -> str:
    """Return how systemctl is called for a root."""
    return "sudo systemctl" if root == HERE else f"sudo systemctl --root={root}"


def afterwards(service: Service, program: Program, root: Path, *, rules: bool) -> Iterator[str]:
    """Yield what is to be typed once the files are there. rules: whether there are udev rules among them."""
    if root != HERE:
        yield f"{systemctl(root)} enable {service.unit}"
        return
    yield "sudo systemd-sysusers && sudo systemd-tmpfiles --create hemline.conf"
    if rules:
        yield "sudo udevadm control --reload && sudo udevadm trigger"
    if service.verb == "line":
        command = shlex.join([str(program.python), "-m", "hemline", *service.words, "--check"])
        yield f"sudo env HEMLINE_BUNDLES={places.BUNDLES} {command}"
    yield "sudo systemctl daemon-reload"
    yield f"sudo systemctl enable {service.unit} && sudo systemctl restart {service.unit}"
    yield f"journalctl -fu {service.unit}"
