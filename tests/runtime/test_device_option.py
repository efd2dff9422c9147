"""--device: a name, a path or auto, in every verb that runs a bundle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from hemline import cli, engines, parity
from hemline.bundle import Bundle
from hemline.errors import UsageError
from hemline.profiles import Facts

MakeBundle = Callable[..., Bundle]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def profile(tmp_path: Path) -> Callable[..., str]:
    """Return a function that writes a profile of the fake bundle's int8 and returns its path."""

    def write(artifacts: str = '["fake:int8"]', more: str = "") -> str:
        path = tmp_path / "mine.toml"
        path.write_text(f'name = "mine"\ntitle = "t"\nartifacts = {artifacts}\nthreads = 1\n{more}\n')
        return str(path)

    return write


@pytest.mark.parametrize(
    "verb",
    [
        *("classify", "watch", "parity", "evaluate", "bench"),
        *("wardrobe scan", "wardrobe serve", "wardrobe similar", "line run", "line golden"),
    ],
)
def test_every_verb_that_runs_a_bundle_takes_it(verb: str, capsys: Captured) -> None:
    assert cli.main([*verb.split(), "--help"]) == 0
    assert "--device NAME|PATH" in capsys.readouterr().out


def test_classify_runs_what_the_profile_prefers(
    fake_bundle: MakeBundle, profile: Callable[..., str], tmp_path: Path, capsys: Captured
) -> None:
    bundle = fake_bundle()
    picture = tmp_path / "p.png"
    cv2.imwrite(str(picture), np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8))
    for artifacts, expected in (('["fake:int8", "fake:float32"]', "int8"), ('["fake:float32"]', "float32")):
        words = ["classify", str(picture), "--bundle", str(bundle.directory), "--device", profile(artifacts), "--json"]
        assert cli.main(words) == 0
        assert json.loads(capsys.readouterr().out)["artifact"] == f"fake:{expected}"


def test_auto_is_taken_and_chooses_tier_and_artifact(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = Facts("aarch64", board="Raspberry Pi Zero 2 W Rev 1.0")
    monkeypatch.setattr(Facts, "of", classmethod(lambda cls: facts))
    picture = tmp_path / "p.png"
    cv2.imwrite(str(picture), np.zeros((28, 28), np.uint8))
    assert cli.main(["classify", str(picture), "--device", "auto", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bundle"].startswith("fashion-small@")
    nothing = Facts("riscv64")
    monkeypatch.setattr(Facts, "of", classmethod(lambda cls: nothing))
    assert cli.main(["classify", str(picture), "--device", "auto"]) == 3
    assert capsys.readouterr().err.startswith(
        "hemline: no device profile fits this machine (riscv64); give one by name"
    )


def test_parity_compares_only_what_the_device_runs(
    fake_bundle: MakeBundle, profile: Callable[..., str], capsys: Captured
) -> None:
    directory = str(fake_bundle().directory)
    assert cli.main(["parity", directory, "--device", profile(), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [row["artifact"] for row in report["artifacts"]] == ["fake:int8"]
    assert report["not_run"] == [], "what the device does not run was not left out by chance"
    assert cli.main(["parity", directory, "--json"]) == 0
    assert [row["artifact"] for row in json.loads(capsys.readouterr().out)["artifacts"]] == [
        "fake:float32",
        "fake:int8",
    ]


def test_evaluate_scores_only_what_the_device_runs(
    fake_bundle: MakeBundle, labelled: Path, profile: Callable[..., str], capsys: Captured
) -> None:
    directory = str(fake_bundle().directory)
    assert cli.main(["evaluate", directory, "--data", str(labelled), "--device", profile(), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["artifacts"]
    assert (row["artifact"], row["agreement"]) == ("fake:int8", 1.0)


def test_what_is_compared_or_scored_is_opened_as_the_device_has_it(
    fake_bundle: MakeBundle, labelled: Path, profile: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, told = engines.open_engine, []

    def watched(bundle: Bundle, name: str, **settings: object) -> engines.Engine:
        told.append((name, settings))
        return real(bundle, name)

    monkeypatch.setattr(engines, "open_engine", watched)
    path = profile(more='openvino_device = "NPU"')
    directory = str(fake_bundle().directory)
    for words in (["parity", directory], ["evaluate", directory, "--data", str(labelled)]):
        told.clear()
        assert cli.main([*words, "--device", path]) == 0
        assert told == [("fake:int8", {"threads": 1, "openvino_device": "NPU"})]


def test_a_device_that_runs_nothing_of_the_bundle_says_what_both_have(
    fake_bundle: MakeBundle, profile: Callable[..., str], capsys: Captured
) -> None:
    bundle = fake_bundle()
    path = profile('["litert:int8"]')
    with pytest.raises(
        UsageError, match=r"^closet has none of litert:int8, which mine runs; it has fake:float32, fake:"
    ):
        parity.runnable(bundle, "all", path)
    assert parity.runnable(bundle, "fake:float32", path) == ["fake:float32"], "asked for by name"
    assert cli.main(["parity", str(bundle.directory), "--device", path]) == 2


def test_a_run_is_of_no_device(tmp_path: Path, labelled: Path, capsys: Captured) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    words = ["evaluate", str(tmp_path / "run"), "--data", str(labelled), "--device", "generic-x86"]
    assert cli.main(words) == 2
    assert capsys.readouterr().err == "hemline: --device goes with a bundle: hemline convert makes one of a run\n"


def test_watch_takes_the_camera_of_the_profile(
    fake_bundle: MakeBundle, profile: Callable[..., str], tmp_path: Path, capsys: Captured
) -> None:
    bundle = fake_bundle()
    (tmp_path / "frames").mkdir()
    cv2.imwrite(str(tmp_path / "frames" / "1.png"), np.full((28, 28), 90, np.uint8))
    path = profile(more=f'camera = "fake://{tmp_path / "frames"}?loop=false"')
    words = ["watch", "--bundle", str(bundle.directory), "--device", path, "--frames", "1", "--json"]
    assert cli.main(words) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["artifact"] == "fake:int8"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "which source? give one, such as camera:0, or --device NAME for the camera of its profile"),
        (["--device", "mine"], "which source? the device profile mine names no camera; give one, such as camera:0"),
    ],
)
def test_watch_without_a_source_and_a_camera_says_what_to_give(words, message, profile, capsys: Captured) -> None:
    path = profile()
    assert cli.main(["watch", *[path if word == "mine" else word for word in words]]) == 2
    assert capsys.readouterr().err == f"hemline: {message}\n"


def test_a_service_that_watches_has_to_name_its_source(tmp_path: Path, capsys: Captured) -> None:
    words = ["devices", "install", "--service", "watch", "--root", str(tmp_path), "--dry-run"]
    assert cli.main([*words, "--", "--device", "generic-x86"]) == 2
    assert capsys.readouterr().err.endswith("the following arguments are required: SOURCE\n")
