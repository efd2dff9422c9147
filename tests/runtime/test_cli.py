"""The command line around the verbs: what it prints, where, and with which exit status."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from hemline import __version__, cli, errors

# every exit status of the contract, by what a verb raises
STATUSES = [
    (errors.GateError("accuracy 0.80, the gate is 0.90"), 1),
    (errors.UsageError("top 0; at least 1"), 2),
    (errors.MissingError("engine 'onnx' needs: pip install 'hemline[onnx]'"), 3),
    (errors.DataError("labels.idx: empty"), 4),
    (errors.PictureError("a.png: empty"), 4),
    (errors.DatasetError("nothing in pictures/"), 4),
    (errors.RunError("runs/a: no run.json"), 4),
    (errors.BundleError("closet: schema 9"), 4),
]


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch):
    """Return a function that puts the verb `probe` into the table; it does what it is given."""

    def install(action, extra: str | None = None) -> None:
        module = SimpleNamespace(add_arguments=lambda parser: parser.add_argument("--level", type=int), run=action)
        monkeypatch.setitem(sys.modules, "hemline_probe", module)
        monkeypatch.setitem(cli.VERBS, "probe", ("hemline_probe", extra, "only here"))

    return install


def raising(error: BaseException):
    """Return a verb's run that raises."""

    def run(options: object) -> int:
        raise error

    return run


@pytest.mark.parametrize(
    ("arguments", "status", "stream"),
    [([], 2, "err"), (["--help"], 0, "out"), (["-h"], 0, "out"), (["help"], 0, "out")],
)
def test_usage_names_every_verb_with_its_line(arguments, status, stream, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == status
    captured = capsys.readouterr()
    lines = [line.split(maxsplit=1) for line in getattr(captured, stream).splitlines() if line]
    for name, row in cli.VERBS.items():
        assert [name, row[2]] in lines
    assert captured.out == "" or captured.err == ""


@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_the_version_is_one_line(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([flag]) == 0
    assert capsys.readouterr().out == f"hemline {__version__}\n"


def test_an_unknown_verb_names_the_nearest_and_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["clasify", "photo.jpg"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("hemline: no verb 'clasify'; nearest: classify; there are ")
    assert err.count("\n") == 1


def test_an_unknown_option_exits_2_and_an_option_cannot_be_shortened(verb, capsys: pytest.CaptureFixture[str]) -> None:
    verb(lambda options: 0)
    assert cli.main(["probe", "--level", "1"]) == 0
    assert cli.main(["probe", "--lev", "1"]) == 2
    assert cli.main(["probe", "--level", "high"]) == 2
    assert "invalid int value: 'high'" in capsys.readouterr().err


@pytest.mark.parametrize(("error", "status"), STATUSES, ids=lambda value: type(value).__name__)
def test_an_error_is_one_line_on_stderr_and_its_status(error, status, verb, capsys: pytest.CaptureFixture[str]) -> None:
    verb(raising(error))
    assert cli.main(["probe"]) == status
    assert capsys.readouterr() == ("", f"hemline: {error}\n")


def test_an_interrupt_exits_130(verb, capsys: pytest.CaptureFixture[str]) -> None:
    verb(raising(KeyboardInterrupt()))
    assert cli.main(["probe"]) == 130
    assert capsys.readouterr().err == "hemline: interrupted\n"


def test_a_bug_keeps_its_traceback(verb) -> None:
    verb(raising(ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError):
        cli.main(["probe"])


@pytest.mark.parametrize(
    ("package", "extra", "line"),
    [
        ("tensorflow", "train", "pip install 'hemline[train]'"),
        ("tensorflow.lite", "convert", "pip install 'hemline[convert]'"),
        ("hemline_convert", "convert", "pip install 'hemline[convert]'"),
        ("openvino", None, "pip install 'hemline[openvino]'"),
    ],
)
def test_a_missing_package_is_answered_with_the_line_that_installs_it(
    package, extra, line, verb, capsys: pytest.CaptureFixture[str]
) -> None:
    verb(raising(ModuleNotFoundError("not here", name=package)), extra)
    assert cli.main(["probe"]) == 3
    top = package.partition(".")[0]
    assert capsys.readouterr().err == f"hemline: 'hemline probe' needs {top}: {line}\n"


def test_a_missing_module_that_no_extra_brings_is_a_bug(verb) -> None:
    verb(raising(ModuleNotFoundError("not here", name="hemline.nowhere")), "train")
    with pytest.raises(ModuleNotFoundError):
        cli.main(["probe"])


@pytest.mark.parametrize("arguments", [["--help"], ["doctor", "--json"]], ids=" ".join)
def test_a_reader_that_goes_away_is_no_error(arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "hemline", *arguments], stdout=write, stderr=subprocess.PIPE, text=True, timeout=60
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (0, "")
