from __future__ import annotations

import io

import pytest

pytest.importorskip("tensorflow", reason="needs the train extra")

from hemline_train.checkpoint import Epoch
from hemline_train.loop import Step
from hemline_train.progress import Progress

pytestmark = pytest.mark.tensorflow
ROW = Epoch(2, 0.51, 0.81, 0.42, 0.85, 3.21)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def told(stream: io.StringIO, *, quiet: bool = False) -> str:
    watch = Progress(5, quiet=quiet, stream=stream).watch()
    watch.step(Step(epoch=2, step=50, steps=100, loss=0.5, accuracy=0.8))
    watch.epoch(ROW, [ROW])
    return stream.getvalue()


def test_a_terminal_gets_a_bar_that_the_line_of_the_epoch_replaces() -> None:
    text = told(Terminal())
    bar, _, line = text.rpartition("\r\033[K")
    assert "epoch 2/5 [############............]  50% loss 0.5000" in bar
    assert line.startswith("epoch 2/5  loss 0.5100  accuracy 0.8100  validation loss 0.4200  accuracy 0.8500")
    assert text.count("\n") == 1


def test_a_file_gets_one_line_an_epoch() -> None:
    text = told(io.StringIO())
    assert text.count("\n") == 1
    assert "\r" not in text
    assert text.endswith("3.2 s  best so far\n")


def test_quiet_says_nothing_about_epochs() -> None:
    assert told(Terminal(), quiet=True) == told(io.StringIO(), quiet=True) == ""
