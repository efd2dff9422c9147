"""
From a picture to a Result: decode, Preprocess.apply, engine, softmax, known or unknown, quality.

The Classifier is the one open resource of a device; open it once and keep it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, inf
from pathlib import Path
from time import perf_counter_ns
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from hemline import unknown
from hemline.bundle import Artifact, Bundle
from hemline.calibration import rounded_up
from hemline.engines import Engine, open_engine
from hemline.errors import PictureError, UsageError
from hemline.garment import Isolation
from hemline.prediction import Result
from hemline.select import choose, find_bundle
from hemline.sources import Item
from hemline.unknown import Score


@dataclass(frozen=True, eq=False)
class Seen:
    """An answer, and what it came from.

    pixels: (H, W, C) uint8, what the model saw. isolation: where the garment is, None where the contract of the bundle
    does not ask. embedding: (D,) float32.
    """

    result: Result
    pixels: NDArray[np.uint8]
    isolation: Isolation | None
    embedding: NDArray[np.float32]


class Classifier:
    """An open bundle: one artifact in one engine.

    Use it as a context manager. Calls may come from several threads.
    max_risk: the share of wrong answers among the "good" ones, above 0 and below 1; without it the artifact's own
        threshold holds. See usable_from().
    """

    def __init__(
        self, bundle: Bundle, artifact: str, engine: Engine, *, top: int = 3, max_risk: float | None = None
    ) -> None:
        if top < 1:
            raise UsageError(f"top {top}; at least 1")
        chosen = bundle.artifact(artifact)
        self.bundle = bundle
        self.artifact = artifact
        self.engine = engine
        self._top = min(top, len(bundle.labels))
        self._title = bundle.title
        self._sharpness = 1.0 / chosen.temperature
        self._good, self._promise = usable_from(bundle, artifact, max_risk)
        self._score, self._known = score_of(bundle, chosen), chosen.thresholds.get("known", -inf)
        self._labels = bundle.labels
        self._preprocess = bundle.preprocess
        self._needed = bundle.preprocess.needed

    @classmethod
    def open(
        cls,
        bundle: Bundle | Path | str | None = None,
        *,
        artifact: str | None = None,
        device: str | None = None,
        top: int = 3,
        max_risk: float | None = None,
    ) -> Classifier:
        """Return a classifier of a bundle (default: a tier of the wheel's) on the best engine that is here.

        device: name or path of a device profile, or auto for the one that fits this machine best: it chooses the tier,
        orders the artifacts, sets the threads and says where OpenVINO computes.
        """
        facts = bundle if isinstance(bundle, Bundle) else Bundle.load(find_bundle(bundle, device=device))
        choice = choose(facts, artifact=artifact, device=device)
        usable_from(facts, choice.artifact, max_risk)  # what cannot be kept is said before an engine opens
        engine = open_engine(facts, choice.artifact, threads=choice.threads, openvino_device=choice.openvino_device)
        return cls(facts, choice.artifact, engine, top=top, max_risk=max_risk)

    def answer(
        self,
        pixels: NDArray[np.uint8],
        *,
        source: str = "",
        decode_ms: float = 0.0,
        preprocess_ms: float = 0.0,
    ) -> Result:
        """Return the answer for pixels (H, W, C) uint8 as Preprocess.apply returns them.

        A picture that scores below the artifact's threshold has no label and is uncertain; top then says which classes
        it would have been given.
        """
        started = perf_counter_ns()
        logits = self.engine.logits(pixels[None])
        infer_ms = (perf_counter_ns() - started) / 1e6
        # ten numbers: Python's floats are several times faster here than six numpy calls
        values: list[float] = logits[0].tolist()
        highest, sharpness = max(values), self._sharpness
        shares = [exp((value - highest) * sharpness) for value in values]
        scale = 1.0 / sum(shares)
        order = sorted(range(len(shares)), key=shares.__getitem__, reverse=True)[: self._top]
        labels = self._labels
        top = tuple([(labels[index], shares[index] * scale) for index in order])
        label: str | None
        label, confidence = top[0]
        quality, reason = "good", None
        # not >=: a score that is no number is not known either
        if self._score is not None and not (score := self._score(values, self.engine.embedding()[0])) >= self._known:
            label, confidence, quality = None, 0.0, "uncertain"
            reason = f"unlike what it was trained on: score {score:.2f}, known from {self._known:.2f} on"
        elif confidence < self._good:
            quality, reason = "uncertain", f"confidence {confidence:.3f} {self._promise}"
        return Result(
            source,
            label,
            confidence,
            quality,
            reason,
            top,
            self.artifact,
            self._title,
            decode_ms,
            preprocess_ms,
            infer_ms,
        )

    def classify(self, picture: NDArray[np.uint8], *, source: str = "", decode_ms: float = 0.0) -> Result:
        """Return the answer for a decoded picture, (h, w, 3) RGB or (h, w) gray uint8."""
        return self._looked(picture, source, decode_ms)[0]

    def look(self, picture: NDArray[np.uint8], *, source: str = "", decode_ms: float = 0.0) -> Seen:
        """Return the answer for a decoded picture as classify() does, and what it came from."""
        result, pixels, isolation = self._looked(picture, source, decode_ms)
        return Seen(result, pixels, isolation, np.array(self.engine.embedding()[0], np.float32))

    def _looked(
        self, picture: NDArray[np.uint8], source: str, decode_ms: float
    ) -> tuple[Result, NDArray[np.uint8], Isolation | None]:
        started = perf_counter_ns()
        pixels, isolation = self._preprocess.isolated(picture)
        preprocess_ms = (perf_counter_ns() - started) / 1e6
        result = self.answer(pixels, source=source, decode_ms=decode_ms, preprocess_ms=preprocess_ms)
        if isolation is not None and isolation.reason is not None:
            result = doubted(result, isolation)
        return result, pixels, isolation

    def classify_item(self, item: Item) -> Result:
        """Return the answer for an item of a source; one that cannot be read gives quality "bad"."""
        try:
            picture, decode_ms = self._read(item)
            return self.classify(picture, source=item.source, decode_ms=decode_ms)
        except PictureError as error:
            return self.refuse(item.source, str(error))

    def look_at_item(self, item: Item) -> tuple[NDArray[np.uint8], Seen]:
        """Return the picture of an item as read, and what was seen in it; PictureError when it cannot be read."""
        picture, decode_ms = self._read(item)
        return picture, self.look(picture, source=item.source, decode_ms=decode_ms)

    def _read(self, item: Item) -> tuple[NDArray[np.uint8], float]:
        """Return the picture of an item, no larger than is needed, and the milliseconds it took."""
        started = perf_counter_ns()
        picture = item.picture(needed=self._needed, background=self._preprocess.pad)
        return picture, (perf_counter_ns() - started) / 1e6

    def classify_file(self, path: Path | str) -> Result:
        """Return the answer for a picture file; one that cannot be read gives quality "bad"."""
        return self.classify_item(Item(str(path), str(path)))

    def refuse(self, source: str, reason: str) -> Result:
        """Return the result of a picture that there is no answer about."""
        return Result(source, None, 0.0, "bad", reason, (), self.artifact, self._title)

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()

    def __enter__(self) -> Classifier:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def doubted(result: Result, isolation: Isolation) -> Result:
    """Return the answer about a picture in which no single whole garment was found: none, or an uncertain one."""
    if isolation.count == 0:
        return replace(result, label=None, confidence=0.0, quality="bad", reason=isolation.reason)
    reason = isolation.reason if result.reason is None else f"{isolation.reason}; {result.reason}"
    return replace(result, quality="uncertain", reason=reason)


def score_of(bundle: Bundle, artifact: Artifact) -> Score | None:
    """Return the artifact's score for unknown pictures, None when it has none."""
    if artifact.unknown is None:
        return None
    where = f"{bundle.name} {artifact.unknown.path}"
    widths = bundle.outputs
    data = bundle.read(artifact.unknown)
    return unknown.parse(data, name=where, classes=widths["logits"], width=widths["embedding"]).opened()


def usable_from(bundle: Bundle, artifact: str, max_risk: float | None = None) -> tuple[float, str]:
    """Return the least confidence of an answer that may be used, and how a reason goes on below it.

    max_risk: above 0 and below 1; the confidence is then the least one whose bound on the risk, shown by the
    artifact's validation pictures, is at most that (hemline.calibration). Without it, that of the manifest.
    Raises UsageError when the artifact has no risk curve, or when its curve shows no risk as small.
    """
    chosen = bundle.artifact(artifact)
    title = f"{bundle.name} {chosen.name}"
    if max_risk is None:
        good, risk = chosen.thresholds.get("good"), chosen.thresholds.get("good_risk")
        if good is not None:
            return float(good), _promise(float(good), risk)
        if chosen.calibration is not None:
            shown = _percent(chosen.calibration.least_risk())
            return inf, f"is not enough: validation pictures show no risk below {shown} at any confidence"
        return 0.5, _promise(0.5, None)  # nothing is known about its answers
    if not 0 < max_risk < 1:
        raise UsageError(f"max-risk {max_risk:g}; a share of wrong answers above 0 and below 1, such as 0.02")
    if chosen.calibration is None:
        raise UsageError(
            f"{title} has no risk curve, so max-risk {max_risk:g} cannot be kept: it was converted without labelled "
            "pictures or by an older version; convert it again with --data PATH"
        )
    curve = chosen.calibration.curve
    place = curve.keeping(max_risk)
    if place is None:
        pictures, best = chosen.calibration.n, rounded_up(curve.bound_without_a_mistake())
        why = f", at best {best:g} if every answer were right" if max_risk < best else ""
        raise UsageError(
            f"{title}: its {pictures:,} validation pictures cannot show a max-risk of {max_risk:g}{why}; "
            f"the least that can be asked is {chosen.calibration.least_risk():g}"
        )
    return curve.confidence[place], _promise(curve.confidence[place], max_risk)


def _promise(confidence: float, risk: float | None) -> str:
    kept = "" if risk is None else f", from which at most {_percent(risk)} of answers are wrong"
    return f"is below {confidence:.3f}{kept}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
