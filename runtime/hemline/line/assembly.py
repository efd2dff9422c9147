"""
A line put together from its configuration: everything opened in the order in which it is refused soonest.
"""

from __future__ import annotations

import datetime
import importlib
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from hemline.bundle import Bundle
from hemline.classifier import Classifier
from hemline.errors import UsageError
from hemline.line import decision_file, golden, triggers
from hemline.line.camera import Camera
from hemline.line.clock import ClockWatch
from hemline.line.config import LineConfig
from hemline.line.deciding import Decider, Identity, Rules
from hemline.line.decision_file import DecisionFile
from hemline.line.faults import States
from hemline.line.judge import Judge, answer_of
from hemline.line.ledger import Ledger, Listener
from hemline.line.outbox import Outbox
from hemline.line.picturerule import PictureRule
from hemline.line.publishers import connect
from hemline.line.runner import LineRunner, Resources
from hemline.line.store import LineStore
from hemline.line.triggers import Settings
from hemline.line.watchdog import Watchdog
from hemline.select import Choice, choose, find_bundle, nothing
from hemline.sources import SOURCES, LiveSource, kind_of, open_source
from hemline.sources.kind import Kind

NEAR_MISS = 0.1  # of the pass threshold: a part that passes with this much of it left, or less, keeps its picture


@dataclass(frozen=True)
class Model:
    """What judges: a bundle, the artifact of it that runs here, the decision that somebody signed for it."""

    bundle: Bundle
    choice: Choice
    signed: DecisionFile

    @property
    def identity(self) -> Identity:
        """By what is decided, as it stands in every decision."""
        chosen = self.bundle.artifact(self.choice.artifact)
        return Identity(self.bundle.title, chosen.name, decision_file.artifact_sha256(chosen), self.signed.sha256)


def model(config: LineConfig) -> Model:
    """Return what judges; nothing of it is opened. Raises what is wrong with it."""
    bundle = Bundle.load(find_bundle(config.bundle, device=config.device))
    # not what was measured to be fastest: a line runs what somebody signed for
    choice = choose(bundle, artifact=config.artifact, device=config.device, chosen=nothing)
    path = config.decision or decision_file.beside(bundle)
    return Model(bundle, choice, DecisionFile.load(path, bundle, choice.artifact))


def trigger_of(config: LineConfig) -> str:
    """Return the trigger, the one that fits the source where none is named; UsageError where the two do not go."""
    kind = kind_of(config.source)
    text = config.trigger or triggers.default(kind)
    name, _ = triggers.parsed(text)
    if name == "keyboard" and kind == "stdin":
        raise UsageError("source - and trigger keyboard: both read standard input; give another of either")
    if name == "change" and kind == "inbox":
        raise UsageError(f"trigger change: {config.source} is a folder of pictures; use trigger folder")
    if name in triggers.EACH and config.frames > 1:
        raise UsageError(f"trigger {name}: each picture is a part, so frames is 1, not {config.frames}")
    if name in triggers.EACH and kind != "inbox" and not _every(kind, config.source):
        raise UsageError(
            f"trigger {name}: {config.source} gives its newest picture, so parts would be missed; add every to it, or "
            "give another trigger"
        )
    return text


def _every(kind: str, text: str) -> bool:
    """Whether a live source gives all its pictures, in order; nothing is opened."""
    module: Kind = importlib.import_module(SOURCES[kind])
    address = module.parse(text)
    return module.limits(address).with_options(address).every


def open_line(
    config: LineConfig, stack: ExitStack, listener: Listener, *, source: LiveSource | None = None
) -> LineRunner:
    """Return a line that is ready to run; what it holds is closed with the stack.

    source: in place of the one that the configuration names, which then is not opened.
    Raises what the first thing that cannot be opened says.
    """
    trigger = trigger_of(config)
    judged = model(config)
    told = tuple(config.publish)
    publishers = {name: connect(name, config.name, settings) for name, settings in config.publish.items()}
    store = stack.enter_context(
        LineStore.open(
            config.folder,
            config.name,
            picture_limit_bytes=config.pictures_bytes,
            keep_decisions=config.keep_decisions,
            publishers=told,
        )
    )
    outbox = stack.enter_context(Outbox(store, publishers))  # closed after trigger and camera, before the store
    labels, artifact = judged.bundle.labels, judged.choice.artifact
    classifier = stack.enter_context(
        Classifier.open(judged.bundle, artifact=artifact, device=config.device, top=len(labels))
    )
    if config.golden is not None:
        checked = golden.check(classifier, judged.signed, config.golden, combine=config.combine)
        if checked.wrong:
            store.event("golden_failed", str(checked), told)
            listener.happened("golden_failed", str(checked))
        checked.require()
    source = stack.enter_context(source or open_source(config.source))
    below = judged.signed.thresholds.pass_below
    rule = PictureRule(config.keep_passed, below, NEAR_MISS * below)
    ledger = Ledger(store, told, rule, listener, act=getattr(publishers.get("gpio"), "pulse", None))
    states = States(ledger.event)
    camera = Camera(
        source,
        getattr(source, "name", config.source),
        states,
        inbox=kind_of(config.source) == "inbox",
        any_size=config.any_size,
    )
    run = f"{datetime.datetime.now():%Y%m%d-%H%M%S}"
    settings = Settings(stays_s=config.stays_s, budget_s=config.budget_s, run=run, decided=store.last_decided)
    judge = stack.enter_context(Judge(partial(answer_of, classifier, judged.signed)))
    rules = Rules(config.frames, config.combine, config.budget_s)
    line = Resources(
        camera=camera,
        trigger=stack.enter_context(triggers.open_trigger(trigger, camera, settings)),
        judge=judge,
        decider=Decider(camera, judge, states, judged.identity, rules),
        ledger=ledger,
        states=states,
        watchdog=stack.enter_context(Watchdog()),
        clock=ClockWatch(),
        outbox=outbox,
    )
    return LineRunner(line, stop_on_fault=config.safe == "stop", heartbeat_s=config.heartbeat_s)
