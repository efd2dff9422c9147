"""Finding a data set by name or path, and refusing what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from hemline import datasets
from hemline.errors import DatasetError


def made(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "labels.txt").write_text("one\ntwo\n")
    return path


def test_a_name_is_looked_for_in_the_environment_then_in_the_cache(tmp_path: Path) -> None:
    environment = {"HEMLINE_DATA": str(tmp_path / "data"), "HEMLINE_CACHE": str(tmp_path / "cache")}
    cached = made(tmp_path / "cache" / "tiles")
    assert datasets.locate("tiles", environment=environment) == cached
    own = made(tmp_path / "data" / "tiles")
    assert datasets.locate("tiles", environment=environment) == own


def test_the_environment_may_name_the_set_itself(tmp_path: Path) -> None:
    own = made(tmp_path / "tiles")
    assert datasets.locate("tiles", environment={"HEMLINE_DATA": str(own)}) == own


def test_a_path_that_exists_is_taken_as_it_is(tmp_path: Path) -> None:
    assert datasets.locate(str(tmp_path), environment={}) == tmp_path


def test_what_the_user_gave_as_data_comes_first(tmp_path: Path) -> None:
    own = made(tmp_path / "data" / "tiles")
    assert datasets.locate("tiles", data=str(tmp_path / "data"), environment={}) == own
    assert datasets.locate("tiles", data=str(own), environment={}) == own
    with pytest.raises(DatasetError, match="no such file or folder"):
        datasets.locate("tiles", data=str(tmp_path / "gone"), environment={})


def test_a_set_that_is_nowhere_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        datasets.locate("fashion-mnist", environment={"HEMLINE_CACHE": str(tmp_path)})
    assert str(caught.value) == (
        f"no data set 'fashion-mnist' in HEMLINE_DATA (not set) or {tmp_path}; "
        "give --data PATH or set HEMLINE_DATA, or run: hemline data fetch fashion-mnist"
    )
    with pytest.raises(DatasetError, match=r"give --data PATH or set HEMLINE_DATA$"):
        datasets.locate("tiles", environment={"HEMLINE_CACHE": str(tmp_path)})


def test_the_cache_follows_the_environment() -> None:
    assert datasets.cache({"HEMLINE_CACHE": "/a", "XDG_CACHE_HOME": "/b"}) == Path("/a")
    assert datasets.cache({"XDG_CACHE_HOME": "/b"}) == Path("/b/hemline")
    assert datasets.cache({}) == Path.home() / ".cache" / "hemline"


def test_something_else_is_not_a_data_set(tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("hello")
    with pytest.raises(DatasetError, match="not a data set; expected IDX files, a CSV"):
        datasets.read(tmp_path / "note.md")
    with pytest.raises(DatasetError, match="no such file or folder"):
        datasets.read(tmp_path / "gone")
    with pytest.raises(DatasetError, match="no split 'tset'; nearest: test"):
        datasets.read(tmp_path, "tset")


def test_what_a_broken_off_fetch_leaves_in_the_cache_is_no_data_set(tmp_path: Path) -> None:
    cached = tmp_path / "fashion-mnist"
    cached.mkdir()
    environment = {"HEMLINE_CACHE": str(tmp_path)}
    for _ in range(2):
        with pytest.raises(DatasetError, match="hemline data fetch fashion-mnist"):
            datasets.locate("fashion-mnist", environment=environment)
        (cached / "train-images-idx3-ubyte.gz.part").write_bytes(b"half")
    (cached / "train-images-idx3-ubyte.gz").write_bytes(b"whole")
    assert datasets.locate("fashion-mnist", environment=environment) == cached
