"""The device profiles that travel with hemline, and the refusal of others that are wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hemline import cli, profiles
from hemline.errors import UsageError
from hemline.profiles import Profile

ENGINES = {"litert", "onnx", "openvino", "edgetpu"}
PRECISIONS = {"float32", "float16", "dynamic", "int8"}
BOARDS = {
    *("raspberry-pi-3", "raspberry-pi-4", "raspberry-pi-5", "raspberry-pi-zero-2w"),
    *("coral-usb", "coral-dev-board", "intel-cpu", "generic-arm64", "generic-x86"),
}
GOOD = """
name = "mine"
title = "My board"
artifacts = ["litert:int8"]
threads = 2
install = ["pip install 'hemline[litert]'"]
"""


@pytest.fixture
def written(tmp_path: Path):
    """Return a function that writes a profile and returns its path."""

    def write(text: str) -> str:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_the_boards_of_the_readme_have_profiles() -> None:
    assert set(profiles.names()) >= BOARDS


@pytest.mark.parametrize("name", profiles.names())
def test_a_profile_is_whole(name: str) -> None:
    profile = profiles.load(name)
    assert profile.name == name
    assert profile.title
    assert profile.reason.endswith(".")
    assert profile.machine in {"", "aarch64", "x86_64"}
    assert profile.traps
    assert len(set(profile.artifacts)) == len(profile.artifacts) > 0
    for artifact in profile.artifacts:
        engine, _, precision = artifact.partition(":")
        assert engine in ENGINES
        assert precision in PRECISIONS


@pytest.mark.parametrize("name", profiles.names())
def test_a_profile_installs_the_engine_it_prefers(name: str) -> None:
    profile = profiles.load(name)
    (line,) = [line for line in profile.install if "pip install" in line]
    extras = set(re.search(r"'hemline\[([a-z,]+)\]'", line)[1].split(","))
    assert extras <= set(cli.EXTRAS.values())
    preferred = profile.artifacts[0].partition(":")[0]
    assert {"edgetpu": "litert"}.get(preferred, preferred) in extras
    assert profile.install[-1].endswith("hemline doctor"), "the last line shows that it worked"


@pytest.mark.parametrize("name", profiles.names())
def test_a_profile_holds_for_one_line_each(name: str) -> None:
    profile = profiles.load(name)
    for text in (profile.title, profile.reason, *profile.install, *profile.traps):
        assert text.strip() == text
        assert "\n" not in text
        assert "http://" not in text


def test_a_profile_is_loaded_by_path_too(written) -> None:
    assert profiles.load(written(GOOD)) == Profile(
        name="mine",
        title="My board",
        artifacts=("litert:int8",),
        threads=2,
        install=("pip install 'hemline[litert]'",),
    )


def test_an_unknown_device_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"^no device 'raspberry-pi5'; nearest: raspberry-pi-5; there are coral-"):
        profiles.load("raspberry-pi5")


def test_a_path_without_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gone.toml"
    with pytest.raises(UsageError, match=rf"^{re.escape(str(path))}: no such file$"):
        profiles.load(str(path))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("threads = 2", "thread = 2", "no key 'thread'; nearest: threads; there are artifacts, bundle, install, "),
        ("threads = 2", "", "key 'threads' is missing"),
        ("threads = 2", "threads = 0", "threads 0; a whole number, 1 or more"),
        ("threads = 2", "threads = true", "threads True; a whole number, 1 or more"),
        ("threads = 2", 'threads = "2"', "threads '2'; a whole number, 1 or more"),
        ('"My board"', "7", "title is a text"),
        ('["litert:int8"]', '"litert:int8"', "artifacts is a list of texts"),
        ('["litert:int8"]', "[8]", "artifacts is a list of texts"),
        ("litert:int8", "litert", "artifact 'litert'; written engine:precision, for instance litert:int8"),
        ('"mine"', "mine", "not TOML: "),
    ],
)
def test_a_wrong_profile_is_refused_with_the_file_and_the_key(old, new, message, written) -> None:
    assert old in GOOD
    path = written(GOOD.replace(old, new))
    with pytest.raises(UsageError) as caught:
        profiles.load(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


def test_devices_list_names_every_profile(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["devices", "list"]) == 0
    firsts = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert firsts[1:] == profiles.names()


def test_devices_show_prints_the_lines_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["devices", "show", "raspberry-pi-5"]) == 0
    printed = [line.strip() for line in capsys.readouterr().out.splitlines()]
    profile = profiles.load("raspberry-pi-5")
    start = printed.index(profile.install[0])
    assert printed[start : start + len(profile.install)] == list(profile.install)
    assert all(f"trap: {trap}" in printed for trap in profile.traps)


def test_devices_show_of_an_unknown_device_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["devices", "show", "coral-usbs"]) == 2
    assert capsys.readouterr().err.startswith("hemline: no device 'coral-usbs'; nearest: coral-usb; ")
