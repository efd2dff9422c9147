"""
A service as a unit of systemd. docs/deploy.md says what each line is for.

Law: the text depends on the service and the program alone, so that what is there can be compared with what would be.
No setting is newer than systemd 247: an older one would name it in its log and go on without it.
"""

from __future__ import annotations

from collections.abc import Iterator

from hemline.deploy import devices, places
from hemline.deploy.account import HEAD
from hemline.deploy.program import WORDS, Program
from hemline.deploy.quoting import bound, comment, credential, path_word, word
from hemline.deploy.service import ANY, HERE, NONE, Needs, Service

RESTART_S = 5

# the same for every service: what a program that reads pictures never does
_CLOSED = (
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "ProtectSystem=strict",
    "PrivateTmp=yes",
    "PrivateMounts=yes",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "ProtectProc=invisible",
    "LockPersonality=yes",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "RemoveIPC=yes",
    "KeyringMode=private",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged @resources",
    "SystemCallErrorNumber=EPERM",
)


def text(service: Service, program: Program) -> str:
    """Return the unit."""
    sections = {
        "Unit": _unit(service),
        "Service": _service(service, program),
        "Install": iter(["WantedBy=multi-user.target"]),
    }
    parts = [HEAD + f"# Yours goes beside it: systemctl edit {service.unit}\n"]
    for name, lines in sections.items():
        parts.append("\n".join([f"[{name}]", *lines]) + "\n")
    return "\n".join(parts)


def _unit(service: Service) -> Iterator[str]:
    yield f"Description={service.about}"
    if service.needs.network == ANY:
        yield "Wants=network-online.target"
        yield "After=network-online.target"
    # a camera that is plugged in on Monday is not to find a line that was given up on Saturday
    yield "StartLimitIntervalSec=0"


def _service(service: Service, program: Program) -> Iterator[str]:
    yield f"Type={'exec' if service.watched is None else 'notify'}"
    yield f"ExecStart={_command(service, program)}"
    yield f"Environment=HEMLINE_BUNDLES={places.BUNDLES}"
    yield f"EnvironmentFile={'' if service.needs.variables else '-'}{service.variables}"
    for secret in service.needs.secrets:
        yield f"LoadCredential={secret.name}:{credential(str(secret.file))}"
    yield f"User={places.USER}"
    yield f"Group={places.USER}"
    if service.needs.devices:
        yield f"SupplementaryGroups={' '.join(devices.groups(service.needs.devices))}"
    yield "UMask=0027"
    yield "LimitCORE=0"
    yield ""
    yield "Restart=always"
    yield f"RestartSec={RESTART_S}"
    yield f"RestartPreventExitStatus={' '.join(map(str, service.final))}"
    yield "KillMode=mixed"
    if service.watched is not None:
        yield "NotifyAccess=main"
        yield f"WatchdogSec={service.watched.proof_s}"
        yield f"TimeoutStartSec={service.watched.start_s}"
        yield f"TimeoutStopSec={service.watched.stop_s}"
    yield ""
    yield from _files(service, program)
    yield ""
    yield from _devices(service.needs)
    yield from _network(service.needs)
    if not service.needs.compiles:
        yield "MemoryDenyWriteExecute=yes"
    yield ""
    yield from _CLOSED


def _command(service: Service, program: Program) -> str:
    words = [path_word(str(program.python)), *map(word, (*WORDS, *service.words))]
    for secret in service.needs.secrets:
        words += [secret.option, f"${{CREDENTIALS_DIRECTORY}}/{secret.name}"]
    return " ".join(words)


def _files(service: Service, program: Program) -> Iterator[str]:
    if service.state is not None:
        # below /var/lib; libraries for pins leave a file where they are started
        yield f"StateDirectory={service.state.relative_to('/var/lib')}"
        yield "StateDirectoryMode=0750"
        yield f"WorkingDirectory={service.state}"
    if service.needs.writes:
        yield f"ReadWritePaths={' '.join(path_word(str(each)) for each in service.needs.writes)}"
    shown = places.in_home([*program.folders, *service.needs.reads])
    yield f"ProtectHome={'tmpfs' if shown else 'yes'}"
    if shown:
        # systemd 252 lets everybody write to the empty folders that tmpfs makes, 257 lets nobody into /root
        yield f"TemporaryFileSystem={' '.join(f'{home}:ro,mode=0755' for home in places.HOMES)}"
    for each in shown:
        yield f"BindReadOnlyPaths={bound(str(each))}"


def _devices(needs: Needs) -> Iterator[str]:
    if not needs.devices:
        yield "PrivateDevices=yes"
    yield "DevicePolicy=closed"
    for allowed in devices.allowed(needs.devices):
        yield f"DeviceAllow={allowed} rw"


def _network(needs: Needs) -> Iterator[str]:
    hears = devices.hear(needs.devices)
    families = [
        "AF_UNIX",
        *(["AF_INET", "AF_INET6"] if needs.network != NONE else []),
        *(["AF_NETLINK"] if hears else []),
    ]
    if needs.why_network:
        yield comment(f"network: {', '.join(needs.why_network)}")
    if needs.network == NONE and not hears:
        yield "PrivateNetwork=yes"
    yield f"RestrictAddressFamilies={' '.join(families)}"
    if needs.network != ANY:
        yield "IPAddressDeny=any"
    if needs.network == HERE:
        yield "IPAddressAllow=localhost"
