"""
hemline evaluate RUN --group-by: the part of the verb that trains.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hemline_train.crossvalidation.figures import report
from hemline_train.crossvalidation.fold import Outcome
from hemline_train.crossvalidation.plan import Fold
from hemline_train.crossvalidation.run import Ask, Watch, cross_validate
from hemline_train.crossvalidation.text import text

__all__ = ["evaluated", "text"]


def evaluated(
    run: Path,
    data: str,
    *,
    group_by: str,
    folds: int,
    random: bool,
    unseen: bool,
    workers: int,
    progress: Callable[[str, int, int], None],
) -> dict[str, Any]:
    """Return the report of a cross-validation, one line a training on stderr. progress: name, epochs done, epochs."""
    done = [0, 0]

    def begin(left: int, count: int) -> None:
        done[:] = [count - left, count]
        before = f", {count - left} done before" if 0 < left < count else ", all done before" if not left else ""
        print(f"{count} trainings{before}", file=sys.stderr, flush=True)

    def finished(fold: Fold, outcome: Outcome) -> None:
        done[0] += 1
        print(f"{done[0]}/{done[1]} {fold.name}: {outcome.seconds:.0f} s", file=sys.stderr, flush=True)

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    watch = Watch(begin, lambda name, now, epochs: progress(f"{name} epoch", now, epochs), finished, say)
    return report(cross_validate(run, data, Ask(group_by, folds, random, unseen), watch, workers=workers))
