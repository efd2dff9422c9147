from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from hemline.errors import RunError
from hemline_train.checkpoint import Checkpoints, Epoch, State, best_epoch, decode, encode


def state(*losses: float) -> State:
    history = tuple(Epoch(i + 1, 0.1 + loss, 0.5, loss, 0.5, 1.0) for i, loss in enumerate(losses))
    model = (np.full((2, 3), len(losses), np.float32), np.array([7, 9], np.uint32))
    return State(model, (np.array(len(losses), np.int64),), model, history)


def test_a_state_comes_back_value_for_value() -> None:
    given = state(0.1 + 0.2, 1 / 3, float("inf"))
    back = decode(encode(given))
    assert back.history == given.history
    for group in ("model", "optimiser", "best"):
        for here, there in zip(getattr(given, group), getattr(back, group), strict=True):
            assert here.dtype == there.dtype
            assert here.tobytes() == there.tobytes()


def test_the_last_two_and_the_best_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    losses = (0.5, 0.2, 0.3, 0.4, 0.6)
    for count in range(1, len(losses) + 1):
        checkpoints.save(state(*losses[:count]))
    assert checkpoints.epochs() == [2, 4, 5]


def test_the_first_of_equal_epochs_is_the_best() -> None:
    assert best_epoch(state(0.5, 0.2, 0.2).history) == 2
    assert best_epoch(()) == 0


def test_no_checkpoint_is_no_state(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path).latest() is None
    assert Checkpoints(tmp_path / "nowhere").latest() is None


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped", "another schema"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path: Path, damage: str) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(0.5))
    path = checkpoints.save(state(0.5, 0.4))
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "truncated": whole[:middle],
            "empty": b"",
            "flipped": whole[:150] + bytes([whole[150] ^ 255]) + whole[151:],
            "another schema": whole.replace(encode_schema(1), encode_schema(9)),
        }[damage]
    )
    latest = checkpoints.latest()
    assert latest is not None
    assert len(latest.history) == 1


def encode_schema(number: int) -> bytes:
    return np.array(number).tobytes()


def test_when_every_checkpoint_is_damaged_it_says_so(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(0.5)).write_bytes(b"nothing")
    with pytest.raises(RunError, match=r"epoch-0001.npz: .*no checkpoint is whole"):
        checkpoints.latest()


def test_a_full_disk_leaves_the_earlier_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state(0.5))

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunError, match=r"No space left.*checkpoint of epoch 1 is whole.*--resume"):
            checkpoints.save(state(0.5, 0.4))
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-0001.npz"]
    latest = checkpoints.latest()
    assert latest is not None
    assert latest.history == state(0.5).history


def test_a_pickle_in_a_checkpoint_is_refused(tmp_path: Path) -> None:
    path = Checkpoints(tmp_path).path(1)
    with path.open("wb") as stream:
        np.savez(stream, schema=np.array({"code": "to run"}, object))
    with pytest.raises(RunError, match=r"allow_pickle=False"):
        Checkpoints(tmp_path).latest()
