"""Which artifact with how many threads, why, and the file that remembers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from measurements import document, row

from hemline import engines, local, toml
from hemline.bench.recommend import Candidate, Limits, candidates, choice, drop_of, reason
from hemline.bundle import Artifact, Bundle
from hemline.errors import UsageError
from hemline.local import Chosen, Local
from hemline.select import Choice, choose, nothing

MakeBundle = Callable[..., Bundle]
MB = 1_000_000


def bundle_of(fake_bundle: MakeBundle, **drops: float | None) -> Bundle:
    """Return a bundle of artifacts a, b, c that lost these points; None where nobody measured it."""
    made = fake_bundle()
    (files,) = made.artifacts[0].files
    parity = {name: {} if drop is None else {"test": {"accuracy_drop_pp": drop}} for name, drop in drops.items()}
    return replace(made, artifacts=tuple(Artifact(name, "int8", (files,), parity=parity[name]) for name in drops))


def made(bundle: Bundle, limits: Limits, **figures: tuple[float, int]) -> list[Candidate]:
    """Return the candidates of a result; figures: {artifact: (p50 and p99 in ms scale with it, peak RSS)}."""
    rows = [row(f"{name}:int8", level=level, peak_rss_bytes=peak) for name, (level, peak) in figures.items()]
    return candidates(bundle, document(*rows), limits)


def test_the_quickest_that_keeps_the_limits_is_chosen(fake_bundle: MakeBundle) -> None:
    bundle = bundle_of(fake_bundle, a=0.1, b=0.0, c=0.9)
    found = made(bundle, Limits(0.3, 5.0), a=(1.0, 70 * MB), b=(2.0, 70 * MB), c=(0.1, 70 * MB))
    chosen = choice(found)
    assert chosen is not None
    assert chosen.artifact == "a:int8"
    assert [one.artifact for one in found] == ["a:int8", "b:int8", "c:int8"]
    assert found[2].misses == ("drops 0.90 pp",)
    said = "2 of 3 keep a drop of at most 0.3 pp, p99 within 5 ms; p99 1.5 ms is the lowest"
    assert reason(chosen, found, Limits(0.3, 5.0)) == said


def test_among_those_that_are_about_as_quick_memory_decides(fake_bundle: MakeBundle) -> None:
    bundle = bundle_of(fake_bundle, a=0.0, b=0.0, c=0.0)
    found = made(bundle, Limits(0.3), a=(1.0, 120 * MB), b=(1.05, 60 * MB), c=(2.0, 20 * MB))
    chosen = choice(found)
    assert chosen is not None
    assert chosen.artifact == "b:int8"
    assert "within a tenth of the lowest, and it takes the least memory" in reason(chosen, found, Limits(0.3))


def test_what_another_is_better_than_in_everything_is_not_worth_a_look(fake_bundle: MakeBundle) -> None:
    bundle = bundle_of(fake_bundle, a=0.0, b=0.2, c=0.1)
    found = made(bundle, Limits(0.3), a=(1.0, 70 * MB), b=(1.5, 80 * MB), c=(3.0, 10 * MB))
    assert {one.artifact: one.worth for one in found} == {"a:int8": True, "b:int8": False, "c:int8": True}


def test_nothing_that_fits_is_no_choice_and_the_nearest_comes_first(fake_bundle: MakeBundle) -> None:
    bundle = bundle_of(fake_bundle, a=0.0, b=5.0, c=None)
    found = made(bundle, Limits(0.3, 1.0), a=(1.0, 70 * MB), b=(0.1, 70 * MB), c=(0.1, 70 * MB))
    assert choice(found) is None
    assert found[0].artifact == "a:int8"
    assert found[0].misses == ("p99 up to 1.52 ms",)
    assert found[1].misses == ("its drop was not measured; convert it with --data PATH",)


def test_a_drop_is_that_of_the_test_pictures_and_a_float_artifact_has_none() -> None:
    parity = {"validation": {"accuracy_drop_pp": 1.0}, "test": {"accuracy_drop_pp": 0.5}, "golden": {"agreement": 1}}
    assert drop_of(Artifact("litert", "int8", (), parity=parity)) == 0.5
    assert drop_of(Artifact("litert", "int8", (), parity={"golden": {"agreement": 1.0}})) is None
    assert drop_of(Artifact("litert", "float32", ())) == 0.0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for configuration that nothing is in."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


def chosen_in(bundle: Bundle, artifact: str = "fake:int8", threads: int = 2) -> Chosen:
    held = bundle.artifact(artifact)
    return Chosen(
        bundle.name,
        bundle.version,
        bundle.class_lock,
        artifact,
        held.sha256,
        threads,
        "2026-01-01T00:00:00Z",
        'why "so"\n',
    )


def test_a_local_profile_is_read_back_as_it_was_written(fake_bundle: MakeBundle, home: Path) -> None:
    wanted = chosen_in(fake_bundle())
    path = local.remember(wanted)
    assert path == home / "hemline" / "device.toml"
    assert local.load() == replace(Local.here(), chosen=(wanted,))
    assert toml.read(path)["chosen"][0]["reason"] == 'why "so"\n'


def test_what_was_chosen_is_what_runs_where_neither_artifact_nor_device_is_named(
    fake_bundle: MakeBundle, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = fake_bundle()
    assert choose(bundle) == Choice("fake:float32", 1)
    local.remember(chosen_in(bundle))
    assert choose(bundle) == Choice("fake:int8", 2)
    assert choose(bundle, artifact="fake:float32") == Choice("fake:float32", 1)
    assert choose(bundle, chosen=nothing) == Choice("fake:float32", 1)
    gone = engines.Probe(False, "", "", "pip install it")
    other = replace(bundle, artifacts=(bundle.artifacts[0], replace(bundle.artifacts[1], engine="litert")))
    local.remember(chosen_in(other, "litert:int8"))
    assert (
        choose(other, probe=lambda name: gone if name == "litert" else engines.probe(name)).artifact == "fake:float32"
    )
    assert capsys.readouterr().err == ""


def test_classify_uses_what_was_chosen(
    fake_bundle: MakeBundle, labelled: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from hemline import cli

    bundle = fake_bundle()
    local.remember(chosen_in(bundle))
    assert cli.main(["classify", str(labelled), "--bundle", str(bundle.directory), "--json"]) == 0
    assert capsys.readouterr().out.count('"artifact": "fake:int8"') == 12


@pytest.mark.parametrize("how", ["processor", "version", "labels", "artifact", "broken", "key"])
def test_a_profile_of_something_else_is_not_used_and_that_is_said(
    how: str, fake_bundle: MakeBundle, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = fake_bundle()
    path = local.remember(chosen_in(bundle))
    said = {
        "version": "measured with closet@1, this is closet@2",
        "labels": "measured with closet@1, this is closet@1",
        "artifact": "its fake:int8 is not that of closet@1 any more",
        "processor": "measured on Fake 1",
        "broken": "not TOML",
        "key": "no key 'thread'; nearest: threads",
    }[how]
    if how == "version":
        bundle = replace(bundle, version="2")
    elif how == "labels":
        bundle = replace(bundle, labels=tuple(reversed(bundle.labels)))
    elif how == "artifact":
        (file,) = bundle.artifacts[1].files
        altered = replace(bundle.artifacts[1], files=(replace(file, sha256="0" * 64),))
        bundle = replace(bundle, artifacts=(bundle.artifacts[0], altered))
    elif how == "processor":
        path.write_text(replace(Local.here(), processor="Fake 1", chosen=(chosen_in(bundle),)).text())
    elif how == "broken":
        path.write_text("schema = ")
    else:
        path.write_text(path.read_text().replace("threads =", "thread ="))
    assert choose(bundle).artifact == "fake:float32"
    told = capsys.readouterr().err
    assert told.startswith("hemline: ")
    assert str(path) in told
    assert said in told
    assert "not used" in told


def test_each_bundle_has_a_choice_of_its_own_and_is_forgotten_alone(fake_bundle: MakeBundle, home: Path) -> None:
    one, other = fake_bundle(), fake_bundle("drawer")
    local.remember(chosen_in(one))
    local.remember(chosen_in(other, threads=4))
    local.remember(chosen_in(one, threads=3))
    assert [choose(bundle).threads for bundle in (one, other)] == [3, 4]
    assert local.forget("closet")
    assert not local.forget("closet")
    assert [choose(bundle).threads for bundle in (one, other)] == [1, 4]
    assert local.forget()
    assert not local.path().exists()
    assert not local.forget()


def test_what_was_chosen_on_another_machine_does_not_stay_beside_a_new_choice(
    fake_bundle: MakeBundle, home: Path
) -> None:
    one, other = fake_bundle(), fake_bundle("drawer")
    path = local.remember(chosen_in(one))
    path.write_text(replace(Local.here(), processor="Fake 1", chosen=(chosen_in(one),)).text())
    local.remember(chosen_in(other))
    found = local.load()
    assert found is not None
    assert [row.bundle for row in found.chosen] == ["drawer"]


@pytest.mark.parametrize("threads", [0, -1, "2", True])
def test_a_number_of_threads_that_is_none_is_refused(threads: object, fake_bundle: MakeBundle) -> None:
    with pytest.raises(UsageError, match="threads"):
        replace(chosen_in(fake_bundle()), threads=threads)  # type: ignore[arg-type]
