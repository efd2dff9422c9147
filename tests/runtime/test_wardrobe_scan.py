"""hemline wardrobe scan, and the Scanner below it, with an engine that needs no package."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from hemline import cli
from hemline.bundle import Bundle
from hemline.classifier import Classifier
from hemline.drawn import LABELS
from hemline.drawn.photo import empty, photo
from hemline.errors import PictureError, UsageError
from hemline.preprocess import Preprocess
from hemline.wardrobe.catalogue import Catalogue
from hemline.wardrobe.reader import CatalogueReader
from hemline.wardrobe.scanning import Scanner

MakeBundle = Callable[..., Bundle]
COAT, TROUSER = LABELS.index("Coat"), LABELS.index("Trouser")


def jpeg(picture: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1])


def again(picture: np.ndarray) -> np.ndarray:
    """The same garment from another crop, a little turned, in other light."""
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 4, 1.08)
    moved = cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.clip(moved * 0.9 + 6, 0, 255).astype(np.uint8)


@pytest.fixture
def bundle(fake_bundle: MakeBundle) -> Bundle:
    return fake_bundle(preprocess=Preprocess(28, 28, isolation="layout"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, (label, cloth) in enumerate(((COAT, "navy"), (TROUSER, "red"))):
        picture = photo(label, seed=number, cloth=cloth, floor="sheet")[0]
        (folder / f"{number}.jpg").write_bytes(jpeg(picture))
    return folder


def scan(bundle: Bundle, home: Path, *arguments: str | Path) -> int:
    asked = ["wardrobe", "scan", "--catalogue", str(home), "--bundle", str(bundle.directory)]
    return cli.main([*asked, *(str(argument) for argument in arguments)])


def test_photos_are_entered_once(
    bundle: Bundle, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    assert scan(bundle, home, photos, "--yes", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["garment"]["id"] for row in rows] == [1, 2]
    assert [row["colours"][0]["name"] for row in rows] == ["navy", "red"]
    assert all(row["action"] in ("kept", "review") and row["duplicates"] == [] for row in rows)
    other = photos / "again.jpg"
    other.write_bytes(jpeg(again(photo(COAT, seed=0, cloth="navy", floor="sheet")[0])))
    assert scan(bundle, home, other, "--yes", "--json") == 0
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (row["action"], row["garment"]["id"]) == ("duplicate", 1)
    assert row["duplicates"][0]["score"] > 0.5
    with CatalogueReader.open(home) as catalogue:
        assert catalogue.find().total == 2
        kept = catalogue.picture_bytes(catalogue.get(1).pictures[0].id)
    assert kept == (photos / "0.jpg").read_bytes()


def test_a_garment_that_is_there_already_is_known_by_its_cloth_where_its_outline_is_not(
    bundle: Bundle, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    assert scan(bundle, home, photos, "--yes") == 0
    monkeypatch.setattr("hemline.garment.quality.NOTHING", 1000.0)  # sure of no outline
    known, new = photos / "known.jpg", photos / "new.jpg"
    known.write_bytes(jpeg(again(photo(COAT, seed=0, cloth="navy", floor="sheet")[0])))
    new.write_bytes(jpeg(photo(LABELS.index("Dress"), seed=5, cloth="green", floor="sheet")[0]))
    capsys.readouterr()
    assert scan(bundle, home, known, new, "--yes", "--json") == 4
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["action"], row["quality"]) for row in rows] == [("duplicate", "bad"), ("bad", "bad")]
    assert rows[0]["garment"]["id"] == 1


def test_an_empty_table_and_a_broken_file_are_told_and_the_rest_goes_on(
    bundle: Bundle, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "a-empty.jpg").write_bytes(jpeg(empty("sheet", seed=1)))
    (photos / "b-broken.jpg").write_bytes(jpeg(empty("wood", seed=2))[:400])
    assert scan(bundle, tmp_path / "home", photos, "--yes") == 4
    out, err = capsys.readouterr()
    assert "nothing there" in out
    assert "b-broken.jpg" in err
    assert "2 bad" in err
    with CatalogueReader.open(tmp_path / "home") as catalogue:
        assert catalogue.find().total == 2


def test_answers_from_the_keyboard_keep_correct_skip_and_undo(
    bundle: Bundle, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    monkeypatch.setattr("sys.stdin", io.StringIO("what?\nc trousers\nc trouser\nu\ns\n"))
    assert scan(bundle, home, photos) == 0
    out = capsys.readouterr().out
    assert "y: keep it" in out  # what? is answered with help
    assert "no class 'trousers'; nearest: trouser" in out
    assert "undone: add #1" in out
    with CatalogueReader.open(home) as catalogue:
        assert catalogue.find().total == 0


def test_the_keyboard_can_say_that_it_is_a_garment_that_is_there(
    bundle: Bundle, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    assert scan(bundle, home, photos, "--yes") == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("d\nq\n"))
    assert scan(bundle, home, photos) == 0
    assert "looks like #1" in capsys.readouterr().out
    with CatalogueReader.open(home) as catalogue:
        assert [len(catalogue.get(number).pictures) for number in (1, 2)] == [2, 1]


def test_a_live_source_is_scanned_once_a_scene(
    bundle: Bundle, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "1.jpg").unlink()
    asked = (f"fake://{photos}?fps=30&still", "--yes", "--json", "--limit", "1")
    assert scan(bundle, tmp_path / "home", *asked) == 0
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert row["garment"]["id"] == 1


def test_similar_takes_a_photo_too(
    bundle: Bundle, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    assert scan(bundle, home, photos, "--yes") == 0
    capsys.readouterr()
    asked = ["wardrobe", "similar", str(photos / "1.jpg"), "--catalogue", str(home)]
    assert cli.main([*asked, "--bundle", str(bundle.directory), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows[0]["garment"]["id"] == 2
    assert rows[0]["score"] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--json"], "--json asks nobody; add --yes"),
        (["--limit", "0"], "--limit 0: give 1 or more"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    arguments: list[str],
    says: str,
    bundle: Bundle,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert scan(bundle, tmp_path / "home", photos, *arguments) == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


def test_what_nobody_keeps_leaves_nothing_behind(bundle: Bundle, tmp_path: Path) -> None:
    with Classifier.open(bundle, top=3) as classifier, Catalogue.open(tmp_path / "home") as catalogue:
        scanner = Scanner(catalogue, classifier)
        before = sorted(path.name for path in (tmp_path / "home").rglob("*.jpg"))
        candidate = scanner.candidate(photo(COAT, seed=1)[0], source="camera:0#1")
        assert candidate.there
        assert sorted(path.name for path in (tmp_path / "home").rglob("*.jpg")) == before
        with pytest.raises(UsageError, match="no class 'sock'"):
            scanner.keep(candidate, label="sock")
        with pytest.raises(PictureError, match="nothing there"):
            scanner.keep(scanner.candidate(empty("sheet", seed=3), source="camera:0#2"))
        assert catalogue.find().total == 0
        kept = scanner.keep(candidate, label="shoe")
        assert (kept.label, kept.status) == ("shoe", "kept")
        assert [row.after for row in catalogue.corrections(kept.id)] == ["shoe"]
