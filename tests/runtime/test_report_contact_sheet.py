from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from hemline import cli
from hemline.bundle import Bundle
from hemline.drawn.photo import empty, photo
from hemline.preprocess import Preprocess
from hemline.report import contact_sheet
from hemline.report.contact_sheet import COLUMNS, GAP, ROWS, SIDE, TEXT

MakeBundle = Callable[..., Bundle]


def test_every_picture_is_on_a_sheet_and_a_broken_one_is_not(
    fake_bundle: MakeBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = fake_bundle(preprocess=Preprocess(28, 28, isolation="layout"))
    folder, out = tmp_path / "photos", tmp_path / "sheets"
    folder.mkdir()
    for number in range(COLUMNS * ROWS + 1):
        picture = photo(number % 10, seed=number, height=80, width=60)[0] if number else empty("sheet", seed=1)
        cv2.imwrite(str(folder / f"{number}.png"), picture[..., ::-1])
    (folder / "broken.png").write_bytes(b"\x89PNG")
    asked = ["classify", str(folder), "--bundle", str(bundle.directory), "--explain", str(out)]
    assert cli.main(asked) == 4
    assert "nothing there" in capsys.readouterr().out
    first, second = (cv2.imread(str(path)) for path in sorted(out.iterdir()))
    assert first.shape == (GAP + ROWS * (SIDE + TEXT + GAP), GAP + COLUMNS * (3 * SIDE + GAP), 3)
    assert second.shape == (SIDE + TEXT + 2 * GAP, 3 * SIDE + 2 * GAP, 3)
    assert np.ptp(second[GAP : GAP + SIDE, GAP : GAP + SIDE]) > 100  # a photo, not paper


def test_a_bundle_without_isolation_shows_picture_and_pixels(fake_bundle: MakeBundle, tmp_path: Path) -> None:
    picture = tmp_path / "p.png"
    cv2.imwrite(str(picture), photo(4, seed=1)[0][..., ::-1])
    bundle = fake_bundle()
    out = tmp_path / "sheets"
    assert cli.main(["classify", str(picture), "--bundle", str(bundle.directory), "--explain", str(out)]) in (0, 4)
    sheet = cv2.imread(str(out / "sheet-001.png"))
    middle = sheet[GAP : GAP + SIDE, GAP + SIDE : GAP + 2 * SIDE]
    assert np.ptp(middle, axis=(0, 1)).max() == 0


def test_a_file_in_place_of_the_folder_is_refused(
    fake_bundle: MakeBundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("x")
    asked = ["classify", str(tmp_path), "--bundle", str(fake_bundle().directory), "--explain", str(tmp_path / "taken")]
    assert cli.main(asked) == 2
    assert "a file; give a folder" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["photo.jpg", "word " * 60, "a" * 300, "two garments " + "b" * 90])
def test_what_is_said_below_a_picture_fits_or_ends_in_dots(text: str) -> None:
    lines = contact_sheet._wrapped(text, 300)
    assert 1 <= len(lines) <= contact_sheet.LINES
    assert all(contact_sheet._wide(line) <= 300 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "") or lines[-1].endswith("...")
