"""
The Dockerfiles, where no container engine is: their steps are run, one by one, in a clean root of Debian.

    python scripts/prove_docker.py [FILE ...] [--suite trixie] [--folder DIR]

FILE: devices/docker/Dockerfile.* when none is given. The clean root stands for debian:SUITE-slim; mirrors are those of
this machine's apt and pip, and belong to no image. Then, as the user of the image and with its environment: the command
that it has by itself, its health check, hemline classify on a drawn picture; and that the user is not root and cannot
write to the program.

Prints the seconds of each step and the size of the image. Exits with 1 when a step or a trial fails. Needs root and
debootstrap, for another processor than this one its emulation too (apt install qemu-user-static); without them that is
said, and nothing is tried.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import clean_root

ROOT = Path(__file__).resolve().parent.parent
FILES = [path for path in sorted((ROOT / "devices" / "docker").glob("Dockerfile.*")) if path.suffix != ".dockerignore"]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Step:
    """One instruction: its name in capitals, the rest, and the line it begins on."""

    word: str
    rest: str
    line: int

    @property
    def words(self) -> list[str]:
        """Its arguments, as a list of JSON or as a shell would part them."""
        if self.rest.startswith("["):
            found: list[str] = json.loads(self.rest)
            return found
        return shlex.split(self.rest)


@dataclass
class Stage:
    """What an image is so far; grows step by step."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    arguments: dict[str, str] = field(default_factory=dict)
    user: str = "0"
    folder: str = "/"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)


def parse(text: str) -> list[Step]:
    """Return the instructions of a Dockerfile: lines that go on are joined, comments left out."""
    steps: list[Step] = []
    begun, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        first = first if begun else number
        begun += line.rstrip()
        if begun.endswith("\\"):
            begun = begun[:-1]
            continue
        word, _, rest = begun.strip().partition(" ")
        steps.append(Step(word.upper(), rest.strip(), first))
        begun = ""
    if begun:
        raise SystemExit(f"line {first}: goes on after the end")
    return steps


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with $NAME and ${NAME} replaced; what has no value is empty, as Docker has it."""
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda found: values.get(found[1] or found[2], ""), text)


def architecture(steps: list[Step]) -> str:
    """Return the processor that a Dockerfile is for: the one that it asks uname for."""
    found = re.search(r'test "\$\(uname -m\)" = (\w+)', " ".join(step.rest for step in steps))
    return found[1] if found else platform.machine()


class Builder:
    """Runs the steps of one Dockerfile in folders below `home`."""

    def __init__(self, home: Path, context: Path, *, suite: str, machine: str) -> None:
        self._home, self._context, self._suite, self._machine = home, context, suite, machine
        self._bases: dict[str, Path] = {}
        self._first: dict[str, str] = {}  # arguments before the first FROM; only a FROM sees them
        self.stages: dict[str, Stage] = {}
        self.last = Stage(home)

    def step(self, step: Step) -> None:
        """Run one step."""
        if step.word == "FROM":
            self._from(step)
            return
        values = {**self.last.arguments, **self.last.environment}
        if step.word == "ARG":
            name, _, default = step.rest.partition("=")
            self.last.arguments[name] = self.last.arguments.get(name) or filled(default, values)
        elif step.word == "ENV":
            for word in step.words:
                name, _, value = word.partition("=")
                self.last.environment[name] = filled(value, values)
        elif step.word == "RUN":
            self.run(["/bin/sh", "-c", step.rest], self.last, building=True)
        elif step.word == "COPY":
            self._copy(step, values)
        elif step.word == "USER":
            self.last.user = filled(step.rest, values)
        elif step.word == "WORKDIR":
            self.last.folder = filled(step.rest, values)
            (self.last.root / self.last.folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif step.word == "HEALTHCHECK":
            self.last.health = json.loads(step.rest.partition("CMD")[2])
        elif step.word in ("ENTRYPOINT", "CMD"):
            setattr(self.last, step.word.lower() if step.word != "CMD" else "command", step.words)
        elif step.word != "LABEL":
            raise SystemExit(f"line {step.line}: {step.word} is not known here")

    def _from(self, step: Step) -> None:
        if not self.stages:
            self._first = {**self.last.arguments, "SUITE": self._suite}
        image, *named = filled(step.rest, self._first).split()
        if image != f"debian:{self._suite}-slim":
            raise SystemExit(f"line {step.line}: {image} cannot be made here; debian:{self._suite}-slim can")
        if image not in self._bases:
            self._bases[image] = self._home / "base"
            clean_root.bootstrap(self._bases[image], self._suite, self._machine)
        root = self._home / (named[1] if named else "image")
        subprocess.run(["cp", "-a", self._bases[image], root], check=True)
        self.last = Stage(root)
        self.stages[named[1] if named else "image"] = self.last

    def _copy(self, step: Step, values: Mapping[str, str]) -> None:
        words = [filled(word, values) for word in step.words]
        origin = self._context
        if words[0].startswith("--from="):
            origin = self.stages[words.pop(0).partition("=")[2]].root
        *patterns, target = words
        place = self.last.root / target.lstrip("/")
        for pattern in patterns:
            found = sorted(origin.glob(pattern.lstrip("/")))
            if not found:
                raise SystemExit(f"line {step.line}: {pattern} is not there; make build")
            for path in found:
                into = place / path.name if target.endswith("/") else place
                into.parent.mkdir(parents=True, exist_ok=True)
                subprocess.run(["cp", "-a", "--no-preserve=ownership", path, into], check=True)

    def run(self, words: list[str], stage: Stage, *, building: bool = False) -> str:
        """Return what a program in an image prints, run as its user. building: with arguments, and with mirrors."""
        own = {**(stage.arguments if building else {}), **stage.environment}
        suite = self._suite if building else ""
        who = {"user": identity(stage), "groups": groups(stage)}
        return clean_root.run(stage.root, words, own, folder=stage.folder, suite=suite, **who)


def identity(stage: Stage) -> str:
    """Return UID:GID of an image's user, by name or number as its /etc/passwd has it."""
    for line in (stage.root / "etc/passwd").read_text().splitlines():
        name, _, number, group, *_ = line.split(":")
        if stage.user in (name, number):
            return f"{number}:{group}"
    return f"{stage.user}:0"


def groups(stage: Stage) -> str:
    """Return the groups that an image's user is in besides, with commas."""
    names = {line.split(":")[2]: line.split(":")[0] for line in (stage.root / "etc/passwd").read_text().splitlines()}
    own = names.get(stage.user, stage.user)
    lines = [line.split(":") for line in (stage.root / "etc/group").read_text().splitlines()]
    return ",".join(number for _, _, number, members in lines if own in members.split(","))


def timed(name: str, seconds: float, said: str = "") -> None:
    """Print a line of what was done."""
    print(f"{seconds:7.1f} s  {name}{f': {said}' if said else ''}", flush=True)


def tried(builder: Builder, image: Stage) -> None:
    """Try what a user of the image does; SystemExit when something is not as it should be."""
    picture = image.root / "pictures" / "garment.png"
    picture.parent.mkdir()
    program = "import sys, cv2; from hemline.drawn import draw; cv2.imwrite(sys.argv[1], draw(9, seed=1))"
    subprocess.run([sys.executable, "-c", program, picture], check=True)
    picture.chmod(0o644)
    trials = {
        "its own command": [*image.entrypoint, *image.command],
        "its health check": image.health,
        "classify a drawn ankle boot": [*image.entrypoint, "classify", "/pictures/garment.png", "--json"],
        "bundle verify": [*image.entrypoint, "bundle", "verify"],
    }
    for name, words in trials.items():
        started = time.monotonic()
        out = builder.run(words, image).strip()
        said = out.splitlines()[-1] if out else ""
        if "classify" in words:
            result = json.loads(said)
            said = f"{result['label']} {result['confidence']:.3f} {result['artifact']}"
            if result["label"] != "Ankle boot":
                raise SystemExit(f"classify answered {result}")
        timed(name, time.monotonic() - started, said)
    who = builder.run(["sh", "-c", "id -u; touch /opt/hemline/x 2>/dev/null || echo cannot"], image).split()
    if who[0] == "0" or who[1:] != ["cannot"]:
        raise SystemExit(f"its user is {who[0]} and may write to the program")
    print(f"its user is {who[0]}, and cannot write to the program")


def prove(path: Path, home: Path, wheel_context: Path, suite: str) -> None:
    """Build one image and try it."""
    steps = parse(path.read_text())
    builder = Builder(home, wheel_context, suite=suite, machine=architecture(steps))
    began = time.monotonic()
    for step in steps:
        started = time.monotonic()
        builder.step(step)
        if step.word in ("FROM", "RUN", "COPY"):
            timed(f"line {step.line}: {step.word} {step.rest[:70]}", time.monotonic() - started)
    image = builder.last
    whole, base = clean_root.size_mb(image.root), clean_root.size_mb(home / "base")
    print(f"built in {time.monotonic() - began:.0f} s; {whole:.0f} MB, of which {base:.0f} MB are Debian's")
    tried(builder, image)


def main(arguments: list[str] | None = None) -> int:
    """Build and try each Dockerfile that can be tried here."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("files", nargs="*", type=Path, default=FILES, metavar="FILE")
    parser.add_argument("--suite", default="trixie", metavar="NAME", help="release of Debian (default: trixie)")
    parser.add_argument("--folder", metavar="DIR", help="for about 1 GB of files (default: a temporary one)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="hemline-docker-", dir=options.folder) as name:
        context = Path(name) / "context"
        failed = False
        for path in options.files:
            why = clean_root.why_not(architecture(parse(path.read_text())))
            if why:
                print(f"{path.name}: not tried, {why}")
                continue
            if not context.is_dir():
                words = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", context / "dist", ROOT]
                subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
                shutil.copy(ROOT / "constraints.txt", context)
            print(f"{path.name}:")
            home = Path(name) / path.name
            home.mkdir()
            try:
                prove(path, home, context, options.suite)
            except SystemExit as error:
                print(f"FAILED: {error}")
                failed = True
            finally:
                shutil.rmtree(home, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
