"""hemline data: what it prints, what it writes, how it exits."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from hemline import cli, datasets
from hemline.datasets import fetch
from hemline.drawn import LABELS
from hemline.report.progress import Progress
from hemline.report.table import size


def test_help_of_the_verb_loads_nothing_heavy() -> None:
    code = (
        "import sys; from hemline import cli; status = cli.main(['data', 'check', '--help']);"
        "print(status, *(name for name in ('numpy', 'cv2', 'urllib.request') if name in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "0"
    assert "PATH|NAME" in done.stdout


def test_an_action_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data"]) == 2
    assert "fetch|check|split|draw" in capsys.readouterr().err


def test_drawn_garments_are_a_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "garments"
    assert cli.main(["data", "draw", "--out", str(out), "--per-class", "2", "--size", "40x32", "--seed", "7"]) == 0
    assert capsys.readouterr().out == f"{out}: 20 pictures, 2 of each class, 40x32\n"
    found = datasets.read(out)
    assert found.labels == LABELS
    assert found.picture(0).shape == (40, 32, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["garments"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--size", "28"], "--size 28: give height and width, such as 28x28"),
        (["--size", "0x0"], "drawn garment of 0x0: each side is 8 to 2048 pixels"),
        (["--per-class", "0"], "0 drawn garments a class: give 1 or more"),
        (["--seed", "-1"], "give 0 or more"),
    ],
)
def test_a_bad_wish_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert cli.main(["data", "draw", "--out", str(tmp_path / "out"), *options]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use_is_not_drawn_into(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert cli.main(["data", "draw", "--out", str(tmp_path)]) == 2
    assert "not an empty folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.fixture
def garments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Three drawn garments of each class."""
    cli.main(["data", "draw", "--out", str(tmp_path / "garments"), "--per-class", "3"])
    capsys.readouterr()
    return tmp_path / "garments"


def test_check_prints_a_table(garments: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "check", str(garments)]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0] == "garments: 30 pictures, 10 classes"
    assert "T-shirt/top      3   10.0 %" in lines
    assert "sizes             all 28x28" in lines
    assert "balance           all classes alike" in lines
    assert "exact duplicates  none" in lines
    assert "unreadable        none" in lines
    assert err == "checking garments: 30\n"


def test_check_finds_a_set_by_name_under_data(garments: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "check", "garments", "--data", str(garments.parent)]) == 0
    assert "30 pictures" in capsys.readouterr().out


def test_findings_are_named_and_unreadable_files_make_it_fail(
    garments: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (garments / "Coat" / "same.png").write_bytes((garments / "Bag" / "00000.png").read_bytes())
    for number in range(11):
        (garments / "Bag" / f"empty{number:02}.png").touch()
    assert cli.main(["data", "check", str(garments)]) == 4
    out = capsys.readouterr().out
    assert "exact duplicates  1 group of 2 pictures, 1 with different labels\n" in out
    assert "Coat/same.png = Bag/00000.png\n" in out
    assert "unreadable        11 files\n" in out
    assert "Bag/empty00.png: empty" in out
    assert "and 1 more" in out


def test_json_goes_to_stdout_alone_or_to_a_file_beside_the_table(
    garments: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["data", "check", str(garments), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["n"] == 30
    file = garments.parent / "report.json"
    assert cli.main(["data", "check", str(garments), "--json", str(file)]) == 0
    assert capsys.readouterr().out.startswith("garments: 30 pictures")
    assert json.loads(file.read_text()) == report


def test_what_is_no_data_set_exits_with_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "check", str(tmp_path)]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert "expected <class>/<pictures>" in err


def test_only_a_known_set_is_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "fetch", "fashion-mnst"]) == 2
    assert "no data set to fetch 'fashion-mnst'; nearest: fashion-mnist" in capsys.readouterr().err


def test_files_that_are_there_are_not_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    remote = fetch.Remote("a.gz", 3, hashlib.md5(b"abc").hexdigest())
    monkeypatch.setattr(fetch, "FASHION_MNIST", (remote,))
    monkeypatch.setenv("HEMLINE_CACHE", str(tmp_path))
    (tmp_path / "fashion-mnist").mkdir()
    (tmp_path / "fashion-mnist" / "a.gz").write_bytes(b"abc")
    assert cli.main(["data", "fetch", "fashion-mnist"]) == 0
    out = capsys.readouterr().out
    assert out == f"{tmp_path / 'fashion-mnist'}: 1 files, 3 B, MD5 right; already there, nothing downloaded\n"


def test_a_fetch_that_fails_exits_with_4_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # port 9 (discard) of this machine: nobody listens, so it is refused at once
    arguments = ["data", "fetch", "fashion-mnist", "--to", str(tmp_path), "--url", "http://127.0.0.1:9/"]
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert cli.main(arguments) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "could not be fetched: 127.0.0.1:9 failed" in err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_drawn_over_on_a_terminal() -> None:
    stream = Terminal()
    with Progress(size, stream=stream) as progress:
        for done in range(0, 101, 10):
            progress.update("file", done * 10_000, 1_000_000)
    written = stream.getvalue()
    assert written.startswith("\rfile  [........................]  0 B of 1.00 MB")
    assert written.endswith("\rfile  [########################]  1.00 MB of 1.00 MB\n")
    assert written.count("\n") == 1
    assert "\x1b" not in written


def test_an_interrupted_progress_line_is_ended() -> None:
    def interrupted() -> None:
        with Progress(stream=stream) as progress:
            progress.update("file", 1, 10)
            raise KeyboardInterrupt

    stream = Terminal()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert stream.getvalue().endswith("1 of 10\n")


def test_progress_is_one_line_a_step_elsewhere() -> None:
    stream = io.StringIO()
    with Progress(stream=stream) as progress:
        for done in range(11):
            progress.update("step", done, 10)
        progress.note("a note")
    assert stream.getvalue() == "step: 10\na note\n"
