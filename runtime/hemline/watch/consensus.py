"""
One answer from the answers of the last second: a frame may be blurred or lit by a passing hand, the garment stays.

Law: the answer is "good" only where most frames of the window agree on its label and their mean confidence reaches
what a single good answer needs. It never has a label that no frame gave.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace

from hemline.prediction import Result

WINDOW_S = 1.0
LEAST = 3  # frames before anything is said
AGREED = 0.7  # of the frames in the window


class Consensus:
    """The answers to the frames of one source.

    good: the least mean confidence of a good answer, the classifier's own; see hemline.classifier.usable_from.
    """

    def __init__(self, good: float, *, window_s: float = WINDOW_S, least: int = LEAST) -> None:
        self._good, self._window_s, self._least = good, window_s, least
        self._frames: deque[tuple[float, Result]] = deque()

    def clear(self) -> None:
        """Forget the frames: the scene is another one."""
        self._frames.clear()

    def update(self, result: Result, now_s: float) -> Result | None:
        """Return the answer of the window that ends with this frame; None while it holds too few frames.

        result: of one frame, with the probability of every class in top.
        """
        self._frames.append((now_s, result))
        while now_s - self._frames[0][0] > self._window_s:
            self._frames.popleft()
        results = [row for _, row in self._frames]
        if len(results) < self._least:
            return None
        votes = Counter((row.quality == "bad", row.label) for row in results)
        (bad, label), count = votes.most_common(1)[0]
        latest = next(row for row in reversed(results) if (row.quality == "bad", row.label) == (bad, label))
        if label is None:
            return latest  # nothing there, no picture, or unknown: the latest frame that says so says why
        shares: Counter[str] = Counter()
        answered = [row for row in results if row.quality != "bad"]
        for row in answered:
            shares.update(dict(row.top))
        top = tuple((name, share / len(answered)) for name, share in shares.most_common())
        # the label most frames gave; the mean may favour another by a hair, and is then no agreement
        confidence = dict(top)[label]
        doubts = sum(row.label == label and row.quality != "good" for row in results)
        reason = None
        if count < AGREED * len(results) or top[0][0] != label:
            reason = f"{count} of {len(results)} frames agree"
        elif confidence < self._good:
            reason = f"mean confidence {confidence:.3f} is below {self._good:.3f}"
        elif doubts > count / 2 and latest.reason is not None:
            reason = latest.reason
        ordered = tuple(sorted(top, key=lambda pair: pair[0] != label))  # stable: the label first, then by share
        return replace(
            latest,
            confidence=confidence,
            quality="good" if reason is None else "uncertain",
            reason=reason,
            top=ordered,
        )
