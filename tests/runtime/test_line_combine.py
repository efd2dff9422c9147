"""Several pictures of one part made one answer."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from hemline.line.combine import Answer, combined
from hemline.line.decision import VERDICTS

STEP = {"pass": 0.1, "review": 0.5, "reject": 0.9}


def answer(verdict: str, frame: int = 0, extra: float = 0.0) -> Answer:
    return Answer(verdict, None, "free", 0.9, "good", STEP[verdict] + extra, np.zeros(4, np.float32), frame)


def answers(*verdicts: str) -> list[Answer]:
    return [answer(verdict, number, number / 100) for number, verdict in enumerate(verdicts)]


def test_the_worst_is_the_strictest_picture_and_of_these_the_one_with_the_highest_score() -> None:
    found = combined(answers("review", "reject", "reject", "pass"), "worst")
    assert (found.verdict, found.frame, found.reason) == ("reject", 2, None)


def test_an_uncertain_picture_of_low_score_that_is_reviewed_is_worse_than_one_that_passes() -> None:
    doubtful = Answer("review", "the answer is uncertain", None, 0.0, "uncertain", 0.01, np.zeros(4, np.float32))
    assert combined([answer("pass"), doubtful], "worst") is doubtful


@pytest.mark.parametrize(
    ("verdicts", "says"),
    [
        (("pass", "pass", "reject"), "pass"),
        (("pass", "reject", "reject"), "reject"),
        (("pass", "reject"), "reject"),
        (("pass", "review", "reject"), "reject"),
        (("pass", "pass", "review", "reject"), "reject"),
        (("pass", "pass", "review", "review", "review"), "review"),
    ],
)
def test_the_vote_is_what_more_than_half_say_and_else_the_strictest(verdicts: tuple[str, ...], says: str) -> None:
    found = combined(answers(*verdicts), "vote")
    assert found.verdict == says
    assert found.reason is not None
    assert f"{len(verdicts)} pictures" in found.reason


@pytest.mark.parametrize("how", ["worst", "vote"])
def test_pictures_that_agree_need_no_words_and_one_is_its_own_answer(how: str) -> None:
    assert combined(answers("review", "review", "review"), how).reason is None
    (only,) = answers("pass")
    assert combined([only], how) is only


@pytest.mark.parametrize("how", ["worst", "vote"])
def test_the_order_of_pictures_does_not_matter_and_a_stricter_one_never_makes_it_milder(how: str) -> None:
    for verdicts in product(VERDICTS, repeat=4):
        found = combined(answers(*verdicts), how).verdict
        assert {combined(list(order), how).verdict for order in permutations(answers(*verdicts))} == {found}
        for stricter in VERDICTS[VERDICTS.index(found) + 1 :]:
            more = combined(answers(*verdicts, stricter), how).verdict
            assert VERDICTS.index(more) >= VERDICTS.index(found)


def test_a_vote_says_its_count_before_the_reason_of_the_picture_that_stands_for_it() -> None:
    strict = Answer("reject", "score 0.95", "crack", 0.9, "good", 0.95, np.zeros(4, np.float32), 1)
    found = combined([answer("reject"), strict, answer("pass", 2)], "vote")
    assert (found.reason, found.label, found.frame) == ("2 of 3 pictures; score 0.95", "crack", 1)
