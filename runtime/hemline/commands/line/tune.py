"""hemline line tune: thresholds for pass, review and reject that keep a target, or what is missing for it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from hemline.bundle import Bundle
    from hemline.datasets import Dataset
    from hemline.line.parts import PartScores
    from hemline.line.scores import Scored
    from hemline.line.tuning import Tuning


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("bundle", metavar="BUNDLE", help="bundle directory or name")
    parser.add_argument(
        "--data",
        required=True,
        metavar="PATH",
        help="labelled pictures that the model was not trained on: a path or a name; its groups.csv says which are of "
        "one part",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--split", metavar="NAME", help="train, validation or test (default: test, where there is one)")
    which.add_argument(
        "--held-out", action="store_true", help="only the pictures of the train split that training held out"
    )
    parser.add_argument("--artifact", metavar="E:P", help="engine:precision (default: the first that runs here)")
    parser.add_argument(
        "--good", metavar="LABEL", help="the class of good parts (default: the one that the bundle names)"
    )
    parser.add_argument(
        "--max-escape",
        type=float,
        default=0.01,
        metavar="SHARE",
        help="of defective parts that may pass (default: 0.01)",
    )
    parser.add_argument(
        "--max-overkill",
        type=float,
        default=0.02,
        metavar="SHARE",
        help="of good parts that may be rejected (default: 0.02)",
    )
    parser.add_argument(
        "--confidence", type=float, default=0.95, metavar="SHARE", help="of each of the two promises (default: 0.95)"
    )
    parser.add_argument(
        "--accept",
        action="store_true",
        help="where the pictures cannot support the target, settle for the most that they do support, and say so",
    )
    parser.add_argument("--signed-by", metavar="NAME", help="who answers for it; without a name nothing is written")
    parser.add_argument(
        "--out",
        metavar="F",
        help="the decision file (default: BUNDLE.decision.json beside the bundle, or with the user's data)",
    )
    parser.add_argument("--json", nargs="?", const="-", metavar="F", help="write the figures as JSON; - is stdout")


def run(options: argparse.Namespace) -> int:
    """Tune, print, and write what was signed."""
    import sys
    from pathlib import Path

    from hemline import datasets, defects
    from hemline.bundle import Bundle
    from hemline.commands.output import STDOUT, require_writable, write, write_json
    from hemline.errors import GateError, UsageError
    from hemline.line import decision_file, heldout, signing
    from hemline.line.parts import PartScores
    from hemline.line.scores import score
    from hemline.line.tuning import Target, tune
    from hemline.line.wording import shortfalls
    from hemline.select import choose, find_bundle, nothing

    target = Target(options.max_escape, options.max_overkill, options.confidence)
    bundle = Bundle.load(find_bundle(options.bundle))
    good = defects.good_label(bundle, options.good)
    if good is None:
        raise UsageError(
            f"{bundle.title}: does not say which class is good; give --good LABEL: {', '.join(bundle.labels)}"
        )
    out = Path(options.out) if options.out else decision_file.beside(bundle)
    require_writable({"--json": options.json, **({"--out": str(out)} if options.signed_by is not None else {})})
    if options.signed_by is not None:
        decision_file.require_name(options.signed_by)
    path = datasets.locate(options.data)
    dataset = _pictures(bundle, path, options)
    artifact = choose(bundle, artifact=options.artifact, chosen=nothing).artifact
    scored = score(bundle, artifact, dataset, good)
    facts = signing.data_facts(scored, heldout.trained_on(bundle, path, dataset))
    parts = PartScores.of(scored)
    tuning = tune(parts, target)
    missing = shortfalls(tuning)
    kept = not missing or options.accept
    decision = None
    if kept and options.signed_by is not None:
        decision = signing.signed(tuning, target, scored, bundle, artifact, facts, options.signed_by)
    if options.json:
        write_json(options.json, _report(bundle, artifact, tuning, facts, out if decision else None))
    if options.json != STDOUT:
        _print(bundle, artifact, scored, parts, tuning)
    for line in signing.cautions(facts):
        print(f"hemline: {line}", file=sys.stderr)
    if not kept:
        raise GateError(f"{'; '.join(missing)}. Take more parts, ask for less, or --accept what these support")
    if decision is None:
        print("nothing was written: thresholds count when somebody signs, --signed-by NAME", file=sys.stderr)
    else:
        write(str(out), decision.to_bytes())
        print(f"{out}: signed by {decision.signed_by}, sha256 {decision.sha256[:12]}", file=sys.stderr)
    return 0


def _pictures(bundle: Bundle, path: Path, options: argparse.Namespace) -> Dataset:
    from hemline import datasets
    from hemline.line import heldout

    return heldout.held_out(bundle, path) if options.held_out else datasets.read(path, options.split)


def _report(
    bundle: Bundle, artifact: str, tuning: Tuning, facts: dict[str, Any], written: Path | None
) -> dict[str, Any]:
    from dataclasses import asdict

    from hemline.line import signing
    from hemline.line.wording import promises, shortfalls

    return {
        "schema": 1,
        "bundle": bundle.title,
        "artifact": artifact,
        "class_lock": bundle.class_lock,
        "good": tuning.good.label,
        "supported": tuning.supported,
        "thresholds": asdict(tuning.thresholds),
        **signing.figures(tuning),
        "promised": promises(tuning),
        "missing": shortfalls(tuning),
        "data": facts,
        "curve": asdict(tuning.curve),
        "written": None if written is None else str(written),
    }


def _print(bundle: Bundle, artifact: str, scored: Scored, parts: PartScores, tuning: Tuning) -> None:
    """Print the promises, the thresholds, and what becomes of the parts."""
    from hemline.line.wording import percent, promises
    from hemline.report.table import table

    good, at, confidence = tuning.good, tuning.thresholds, 100 * tuning.escape.confidence
    print(
        f"{bundle.title} {artifact} on {scored.name}/{scored.split}: {len(parts.least):,} defective parts, "
        f"{good.parts:,} of {good.label!r}, {len(scored):,} pictures"
    )
    print(
        "a part escapes when any of its defective pictures passes; a good one is overkill when any of its is rejected"
    )
    if parts.left_out:
        print(f"{parts.left_out:,} pictures of {good.label!r} are of defective parts: left out")
    for line in promises(tuning):
        print(line)
    between = "nothing is reviewed" if at.pass_below == at.reject_from else "review between"
    print(f"pass below {at.pass_below:g}, reject from {at.reject_from:g} on, {between}")
    header = ["class", "pictures", "parts", "pass", "review", "reject", f"{confidence:g} % interval", "escapes at most"]
    rows = [
        [
            row.label,
            f"{row.pictures:,}",
            f"{row.parts:,}",
            *(f"{count:,}" for count in (row.escaped, row.reviewed, row.rejected)),
            f"{100 * row.interval[0]:.1f} to {100 * row.interval[1]:.1f} %",
            percent(row.at_most),
        ]
        for row in tuning.defects
    ]
    counts = (good.pictures, good.parts, good.passed, good.reviewed, good.rejected)
    print(table(header, [*rows, [good.label, *(f"{count:,}" for count in counts), "", ""]]))
    if parts.unlike:
        print(
            f"{parts.unlike:,} good parts have a picture unlike those of training, which is reviewed whatever its score"
        )
