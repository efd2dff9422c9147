"""The Dockerfiles: a linter's rules and ours, and the program that runs their steps where no container engine is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "devices" / "docker"
FILES = [FOLDER / "Dockerfile.arm64", FOLDER / "Dockerfile.x86"]


@pytest.fixture
def prover(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """scripts/prove_docker.py."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import prove_docker  # type: ignore[import-not-found, unused-ignore]

    return prove_docker


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_linter_finds_nothing(path: Path) -> None:
    program = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        pytest.skip("needs hadolint, of the dev extra")
    done = subprocess.run([program, "--no-color", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_image_is_small_by_its_steps_and_runs_as_nobody_of_importance(path: Path, prover: ModuleType) -> None:
    steps = prover.parse(path.read_text())
    images = [step.rest for step in steps if step.word == "FROM"]
    assert images == ["debian:${SUITE}-slim AS build", "debian:${SUITE}-slim"]
    last = steps[max(number for number, step in enumerate(steps) if step.word == "FROM") :]
    assert [step.rest for step in last if step.word == "USER"] == ["10001"]
    assert [step.words for step in last if step.word in ("ENTRYPOINT", "CMD")] == [["hemline"], ["doctor"]]
    assert any(step.word == "HEALTHCHECK" and step.rest.endswith('CMD ["hemline", "doctor"]') for step in last)
    installs = [step.rest for step in steps if "apt-get" in step.rest]
    assert all("--no-install-recommends" in rest and "rm -rf /var/lib/apt/lists/*" in rest for rest in installs)
    text = path.read_text()
    assert not re.search(r"\b(ADD|curl|wget|sudo|latest)\b", text), "what is fetched, apt and pip fetch"
    assert not re.search(r"https?://|--index-url|--trusted-host", text), "no address but those of the machine's own"
    assert not any("pip" in step.rest for step in last), "nothing can be installed where a container runs"


def test_the_two_differ_in_their_processor_and_extras_alone() -> None:
    arm, x86 = (path.read_text().splitlines() for path in FILES)
    assert len(arm) == len(x86)
    different = [(one, other) for one, other in zip(arm, x86, strict=True) if one != other]
    kinds = ("#", "ARG EXTRAS=", "RUN test", ' || { echo "for ')
    assert all(one.startswith(kinds) and other.startswith(kinds) for one, other in different)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_builder_gets_the_wheel_and_the_versions_and_no_more(path: Path, prover: ModuleType) -> None:
    ignored = path.with_name(f"{path.name}.dockerignore").read_text().splitlines()
    lines = [line for line in ignored if not line.startswith("#")]
    assert lines[0] == "*"
    (copied,) = [
        step.words[:-1]
        for step in prover.parse(path.read_text())
        if step.word == "COPY" and not step.rest.startswith("--from")
    ]
    assert {line.removeprefix("!") for line in lines[1:]} == set(copied)
    assert "constraints.txt" in copied


def test_the_profiles_of_the_wheel_are_still_all_that_is_listed(prover: ModuleType) -> None:
    from hemline import profiles

    assert not any("ocker" in name for name in profiles.names())
    assert set(prover.FILES) == set(FILES)


def test_steps_are_read_as_docker_reads_them(prover: ModuleType) -> None:
    head = "# a\nARG SUITE=x\nfrom debian:${SUITE}-slim AS b\n\n"
    steps = prover.parse(f'{head}RUN one \\\n # why\n && two\nCMD ["a", "b c"]\nENV A=1 B="2 3"\n')
    assert [(step.word, step.line) for step in steps] == [("ARG", 2), ("FROM", 3), ("RUN", 5), ("CMD", 8), ("ENV", 9)]
    assert steps[2].rest == "one  && two"
    assert steps[3].words == ["a", "b c"]
    assert steps[4].words == ["A=1", "B=2 3"]
    assert prover.filled("debian:${SUITE}-slim $A", {"SUITE": "trixie"}) == "debian:trixie-slim "
    with pytest.raises(SystemExit, match="line 1: goes on after the end"):
        prover.parse("RUN one \\\n")


def test_a_step_that_is_not_known_and_an_image_that_cannot_be_made_are_refused(
    prover: ModuleType, tmp_path: Path
) -> None:
    builder = prover.Builder(tmp_path, tmp_path, suite="trixie", machine="x86_64")
    with pytest.raises(SystemExit, match="line 3: ONBUILD is not known here"):
        builder.step(prover.Step("ONBUILD", "RUN x", 3))
    with pytest.raises(SystemExit, match="line 4: alpine:3 cannot be made here; debian:trixie-slim can"):
        builder.step(prover.Step("FROM", "alpine:3", 4))


def test_the_processor_is_the_one_that_the_file_asks_for(prover: ModuleType) -> None:
    assert [prover.architecture(prover.parse(path.read_text())) for path in FILES] == ["aarch64", "x86_64"]


def test_where_it_cannot_be_tried_that_is_said(
    prover: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prover.clean_root.os, "geteuid", lambda: 1000)
    assert prover.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["Dockerfile.arm64", "Dockerfile.x86"]
    assert all(": not tried, needs root" in line for line in lines)


def test_users_and_groups_are_those_of_the_image(prover: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nhemline:x:10001:1000::/data:/bin/sh\n")
    (tmp_path / "etc/group").write_text("root:x:0:\nvideo:x:44:hemline\nhemline:x:1000:\n")
    stage = prover.Stage(tmp_path, user="10001")
    assert (prover.identity(stage), prover.groups(stage)) == ("10001:1000", "44")
    assert prover.identity(prover.Stage(tmp_path)) == "0:0"
