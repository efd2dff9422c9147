"""The source "files": which pictures arguments name, in which order, and what happens to those that are not there."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from hemline import image, sources
from hemline.errors import DataError, PictureError, UsageError
from hemline.sources import Item
from hemline.sources.files import Files


def encoded(value: int = 0) -> bytes:
    done, data = cv2.imencode(".png", np.full((8, 9, 3), value, np.uint8))
    assert done
    return data.tobytes()


def plant(root: Path, *names: str) -> None:
    """Make a small picture under each name."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(encoded())


def listed(arguments: Sequence[str]) -> list[str]:
    return [item.source for item in Files(arguments)]


def reason(item: Item) -> str:
    with pytest.raises(PictureError) as caught:
        item.picture()
    line = str(caught.value)
    assert "\n" not in line
    return line


def watched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that are listed from now on."""
    folders = []
    scandir = os.scandir

    def noted(folder: str) -> object:
        folders.append(folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", noted)
    return folders


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, so that names stay short."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_files_come_in_the_order_of_the_arguments_and_as_often(here: Path) -> None:
    plant(here, "a.png", "b.png")
    assert listed(["b.png", "a.png", "b.png"]) == ["b.png", "a.png", "b.png"]


def test_a_file_named_by_the_user_is_taken_whatever_its_extension(here: Path) -> None:
    plant(here, "upload.tmp", ".hidden")
    assert [item.picture().shape for item in Files(["upload.tmp", ".hidden"])] == [(8, 9, 3)] * 2


def test_a_folder_gives_its_pictures_and_those_below_in_natural_order(here: Path) -> None:
    plant(here, "f/img10.png", "f/img2.PNG", "f/Img1.jpg", "f/a/z.webp", "f/a/b/y.bmp", "f/10/x.jpeg", "f/9/x.jpeg")
    plant(here, "f/notes.txt", "f/png", "f/a/picture.gif")
    names = ["f/Img1.jpg", "f/img2.PNG", "f/img10.png", "f/9/x.jpeg", "f/10/x.jpeg", "f/a/z.webp", "f/a/b/y.bmp"]
    assert listed(["f"]) == names
    assert listed(["f/"]) == names


def test_hidden_files_and_folders_are_skipped_unless_named(here: Path) -> None:
    plant(here, "f/a.png", "f/._a.png", "f/.thumbnails/a.png")
    assert listed(["f"]) == ["f/a.png"]
    assert listed(["f/**"]) == ["f/a.png"]
    assert listed(["f/.thumbnails"]) == ["f/.thumbnails/a.png"]
    assert listed(["f/.thumbnails/*"]) == ["f/.thumbnails/a.png"]


def test_links_that_lead_in_circles_end(here: Path) -> None:
    plant(here, "f/a.png", "f/x/b.png", "f/y/c.png", "away/d.png")
    for link, target in (("f/up", ".."), ("f/x/y", "../y"), ("f/y/x", "../x"), ("f/z", "../away")):
        (here / link).symlink_to(target)
    (here / "f/loop.png").symlink_to("loop.png")
    for argument in ("f", "f/**/*.png"):  # every real folder once
        names = sorted(Path(name).name for name in listed([argument]))
        assert names == ["a.png", "b.png", "c.png", "d.png", "loop.png"]
    assert "symbolic links" in reason(next(item for item in Files(["f"]) if item.source == "f/loop.png"))


def test_a_link_that_leads_nowhere_is_a_picture_that_is_missing(here: Path) -> None:
    plant(here, "f/a.png")
    (here / "f/gone.png").symlink_to("nowhere.png")
    assert listed(["f"]) == ["f/a.png", "f/gone.png"]
    assert reason(list(Files(["f"]))[1]) == "f/gone.png: no such file or directory"


def test_pipes_in_a_folder_are_left_alone(here: Path) -> None:
    plant(here, "f/a.png")
    os.mkfifo(here / "f/b.png")
    assert listed(["f"]) == ["f/a.png"]


def test_a_folder_without_pictures_is_refused_before_anything_is_read(here: Path) -> None:
    plant(here, "a.png", "f/notes.txt", "f/deep/.hidden.png")
    with pytest.raises(DataError) as caught:
        Files(["a.png", "f"])
    assert str(caught.value) == ("f: no picture in this folder or below it; looked for .bmp, .jpeg, .jpg, .png, .webp")


def test_a_folder_that_may_not_be_listed_is_named_and_the_rest_goes_on(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(here, "f/a/x.png", "f/b/y.png")
    scandir = os.scandir

    def guarded(folder: str) -> object:
        if folder.endswith("a"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", guarded)
    first, second = Files(["f"])
    assert (first.source, second.source) == ("f/a", "f/b/y.png")
    assert reason(first) == "f/a: permission denied; the pictures in it are left out"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.png", ["a2.png", "a10.png"]),
        ("a?.png", ["a2.png"]),
        ("a[0-9]*.png", ["a2.png", "a10.png"]),
        ("./a*", ["./a2.png", "./a10.png"]),
        ("*", ["a2.png", "a10.png", "b.jpg"]),
        ("*.txt", ["notes.txt"]),
        ("f/*", ["f/c.png"]),
        ("f/**", ["f/c.png", "f/g/d.png", "f/g/h/e.jpg"]),
        ("**/*.jpg", ["b.jpg", "f/g/h/e.jpg"]),
        ("f/**/h/*", ["f/g/h/e.jpg"]),
        ("**/g/**", ["f/g/d.png", "f/g/h/e.jpg"]),
        ("*/*/*.png", ["f/g/d.png"]),
        ("f/*/d.png", ["f/g/d.png"]),
        ("f//*", ["f/c.png"]),
    ],
)
def test_a_glob_gives_the_files_it_matches(pattern: str, names: list[str], here: Path) -> None:
    plant(here, "a2.png", "a10.png", "b.jpg", "f/c.png", "f/g/d.png", "f/g/h/e.jpg")
    (here / "notes.txt").write_text("no picture")
    assert listed([pattern]) == names
    absolute = [item.source for item in Files([f"{here}/{pattern.removeprefix('./')}"])]
    assert absolute == [f"{here}/{name.removeprefix('./')}" for name in names]


def test_a_glob_looks_only_where_it_can_match(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(here, "a/x/1.png", "b/x/2.png", "b/y/3.png")
    visited = watched(monkeypatch)
    assert listed(["b/[x]/*.png"]) == ["b/x/2.png"]
    assert visited == ["b", "b/x"]


def test_a_name_with_wildcards_that_exists_is_that_file(here: Path) -> None:
    plant(here, "a[1].png", "a1.png")
    assert listed(["a[1].png"]) == ["a[1].png"]


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ("gone.png", "gone.png: no such file or directory"),
        ("gone/*.png", "gone/*.png: no file matches; "),
        ("f*", "f*: no picture matches; for all pictures below a folder name it, or end the pattern in /**"),
        ("a.png/*", "a.png: not a directory; the pictures in it are left out"),
        ("nul\0*", "'nul\\x00*': no picture matches; "),
        ("nul\0/*", "'nul\\x00/*': no picture matches; "),
        ("nul\0", "'nul\\x00': not a file name"),
    ],
)
def test_what_is_not_there_does_not_stop_the_others(argument: str, line: str, here: Path) -> None:
    plant(here, "a.png", "f/b.png")
    first, missing, last = Files(["a.png", argument, "a.png"])
    assert reason(missing).startswith(line)
    assert first.picture().shape == last.picture().shape == (8, 9, 3)


def test_nothing_is_listed_before_its_turn(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(here, "f/a.png", "f/deep/b.png", "f/deeper/c.png")
    source = Files(["f"])
    visited = watched(monkeypatch)
    items = iter(source)
    assert visited == []
    assert [item.source for item in islice(items, 2)] == ["f/a.png", "f/deep/b.png"]
    assert visited == ["f", "f/deep"]


def test_a_file_is_read_when_its_picture_is_asked_for(here: Path) -> None:
    plant(here, "a.png")
    (item,) = Files(["a.png"])
    (here / "a.png").write_bytes(encoded(200))
    assert item.picture().max() == 200


class Stdin(io.TextIOWrapper):
    """What sys.stdin is: text over bytes."""

    terminal = False

    def isatty(self) -> bool:
        return self.terminal


def test_a_minus_is_one_picture_on_standard_input(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(io.BytesIO(encoded(7))))
    plant(here, "-x.png")
    first, second, third = Files(["-", "-x.png", "-"])
    assert (first.source, first.picture()[0, 0].tolist()) == ("-", [7, 7, 7])
    assert second.source == "-x.png"
    assert reason(third) == "-: empty (0 bytes); copy it again from where it came"


def test_a_terminal_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Stdin(io.BytesIO())
    terminal.terminal = True
    for stdin in (terminal, None):
        monkeypatch.setattr(sys, "stdin", stdin)
        (item,) = Files(["-"])
        assert "pipe a picture into it" in reason(item)


def test_an_item_gives_its_picture_wherever_it_is(tmp_path: Path) -> None:
    plant(tmp_path, "a.png")
    frame = np.zeros((8, 9, 3), np.uint8)
    for content in (str(tmp_path / "a.png"), encoded(), frame):
        np.testing.assert_array_equal(Item("x", content).picture(), frame)
    assert Item("x", frame).picture() is frame
    assert reason(Item("x", b"junk")).startswith("x: ")
    assert reason(Item("x", PictureError("x: the camera is gone"))) == "x: the camera is gone"


def test_an_item_passes_its_options_on() -> None:
    with pytest.raises(PictureError, match="Mpx"):
        Item("x", encoded()).picture(max_pixels=71)
    done, data = cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))
    assert done
    assert Item("x", data.tobytes()).picture(needed=(8, 8)).shape == (16, 16, 3)
    clear = np.zeros((8, 8, 4), np.uint8)
    done, data = cv2.imencode(".png", clear)
    assert done
    assert Item("x", data.tobytes()).picture(background=50).max() == 50


def test_sources_are_found_by_name(here: Path) -> None:
    plant(here, "a.png")
    with sources.connect("files", ["a.png"]) as source:
        assert [item.source for item in source] == ["a.png"]
        assert [item.source for item in source] == ["a.png"]  # it may be gone through again
    with pytest.raises(UsageError, match="no source 'file'; nearest: files"):
        sources.connect("file", [])


def test_too_much_on_standard_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "MAX_BYTES", 20)
    monkeypatch.setattr(sys, "stdin", Stdin(io.BytesIO(encoded())))
    (item,) = Files(["-"])
    assert reason(item) == "-: 21 bytes; the limit is 20: scale it down first"
