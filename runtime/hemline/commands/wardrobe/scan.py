"""hemline wardrobe scan: enter garments from photos or a camera, each once."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from hemline.commands import DEVICE
from hemline.commands.wardrobe import arguments, printing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hemline.sources import Item
    from hemline.wardrobe.records import Garment
    from hemline.wardrobe.scanning import Candidate, Scanner

_HELP = (
    "y: keep it; c LABEL: keep it as that; d: it is the garment named, keep this picture too; s: skip; u: undo; q: stop"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="photos, folders or globs; or one live source: camera:0, http://..., inbox:FOLDER, fake://FOLDER",
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing: keep what is new, leave out what is there")
    arguments.add_bundle(parser)
    parser.add_argument("--artifact", metavar="E:P", help="engine:precision (default: the best that runs here)")
    parser.add_argument("--device", metavar="NAME|PATH", help=DEVICE)
    parser.add_argument("--max-risk", type=float, metavar="R", help="keep without review only at this risk or less")
    parser.add_argument("--limit", type=int, metavar="N", help="stop after N candidates")
    arguments.add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Scan; 4 when a picture could not be used or saved."""
    import sys

    from hemline.classifier import Classifier
    from hemline.errors import UsageError
    from hemline.wardrobe.catalogue import Catalogue
    from hemline.wardrobe.scanning import Scanner

    if options.limit is not None and options.limit < 1:
        raise UsageError(f"--limit {options.limit}: give 1 or more")
    if options.json and not options.yes:
        raise UsageError("--json asks nobody; add --yes")
    if not options.yes and "-" in options.sources:
        raise UsageError("- takes the keyboard's place: give --yes, or a file")
    with (
        Classifier.open(
            options.bundle,
            artifact=options.artifact,
            device=options.device,
            top=1_000_000,
            max_risk=options.max_risk,
        ) as classifier,
        Catalogue.open(arguments.folder(options)) as catalogue,
    ):
        scan = _Scan(Scanner(catalogue, classifier), options)
        for number, (candidate, said) in enumerate(_candidates(scan.scanner, options.sources), 1):
            if candidate is None:
                scan.bad(said)
            elif not scan.take(candidate):
                break
            if number == options.limit:
                break
        print(scan.summary, file=sys.stderr)
        return 4 if scan.failed else 0


class _Scan:
    """What becomes of one candidate after the other."""

    def __init__(self, scanner: Scanner, options: argparse.Namespace) -> None:
        self.scanner = scanner
        self.failed = False
        self._options = options
        self._counts = dict.fromkeys(("kept", "review", "duplicate", "skipped", "bad"), 0)

    @property
    def summary(self) -> str:
        """One line of counts."""
        said = ", ".join(f"{count} {name}" for name, count in self._counts.items() if count)
        return f"{self.scanner.catalogue.folder}: {said or 'nothing scanned'}"

    def take(self, candidate: Candidate) -> bool:
        """Keep, ask or leave out; return whether to go on."""
        from hemline.space import DiskFullError

        if not candidate.there:
            self.failed = True
            self._tell("bad", candidate, None)
            return True
        try:
            return self._automatic(candidate) if self._options.yes else self._ask(candidate)
        except DiskFullError as error:
            self.bad(f"{candidate.source}: {candidate.caption}: {error}")
            return True

    def bad(self, reason: str) -> None:
        """Say that there is no candidate, and why."""
        import sys

        self.failed = True
        self._counts["bad"] += 1
        if self._options.json:
            printing.as_lines([{"schema": 1, "action": "bad", "reason": reason, "garment": None}])
        else:
            print(f"hemline: {reason}", file=sys.stderr)

    def _automatic(self, candidate: Candidate) -> bool:
        if candidate.duplicates:
            self._tell("duplicate", candidate, self.scanner.catalogue.get(candidate.duplicates[0][0]))
        else:
            garment = self.scanner.keep(candidate)
            self._tell(garment.status, candidate, garment)
        return True

    def _ask(self, candidate: Candidate) -> bool:
        import sys

        from hemline.errors import UsageError
        from hemline.wardrobe.catalogue import Catalogue

        result = candidate.result
        why = f" ({result.reason})" if result.reason else ""
        print(f"\n{candidate.source}\n  {candidate.caption}  {result.confidence:.2f} {result.quality}{why}")
        for garment_id, match in candidate.duplicates[:3]:
            print(f"  looks like {self.scanner.catalogue.get(garment_id).name}: {match.why}")
        choices = "y/c LABEL/d/s/u/q" if candidate.duplicates else "y/c LABEL/s/u/q"
        while True:
            print(f"  keep? [{choices}] ", end="", flush=True)
            answer = sys.stdin.readline()
            if not answer:
                return False
            key, _, rest = answer.strip().partition(" ")
            try:
                if key == "y" and result.label is None:
                    raise UsageError(f"it has no class; c LABEL, one of {', '.join(self.scanner.labels)}")
                if key == "y":
                    self._tell("kept", candidate, self.scanner.keep(candidate, label=result.label))
                elif key == "c" and rest.strip():
                    self._tell("kept", candidate, self.scanner.keep(candidate, label=rest.strip()))
                elif key == "d" and candidate.duplicates:
                    garment_id = candidate.duplicates[0][0]
                    self._tell("duplicate", candidate, self.scanner.keep(candidate, duplicate_of=garment_id))
                elif key == "s":
                    self._tell("skipped", candidate, None)
                elif key == "u":
                    assert isinstance(self.scanner.catalogue, Catalogue)
                    print(f"  undone: {self.scanner.catalogue.undo().what}")
                    continue
                elif key == "q":
                    return False
                else:
                    print(f"  {_HELP}")
                    continue
            except UsageError as error:  # a slip of the keyboard ends no scan
                print(f"  {error}")
                continue
            return True

    def _tell(self, action: str, candidate: Candidate, garment: Garment | None) -> None:
        self._counts[action] += 1
        if self._options.json:
            printing.as_lines([_line(action, candidate, garment)])
            return
        result = candidate.result
        name = "-" if garment is None else printing.line(garment.name)
        sure = f"{result.confidence:.2f} {result.quality}"
        twice = action == "duplicate"
        note = f"is there already: {candidate.duplicates[0][1].why}" if twice else result.reason or ""
        shown = printing.line(candidate.source)
        print(f"{action:<9}  {name}  {sure}  {shown}{'  (' + note + ')' if note else ''}", flush=True)


def _line(action: str, candidate: Candidate, garment: Garment | None) -> dict[str, Any]:
    from dataclasses import replace

    result = replace(candidate.result, top=candidate.result.top[:3]).as_dict()
    return {
        **result,
        "action": action,
        "caption": candidate.caption,
        "colours": [colour.as_dict() for colour in candidate.look.colours],
        "duplicates": [
            {"id": garment_id, "score": round(match.score, 4), "why": match.why}
            for garment_id, match in candidate.duplicates
        ],
        "garment": None if garment is None else garment.as_dict(),
    }


def _candidates(scanner: Scanner, sources: list[str]) -> Iterator[tuple[Candidate | None, str]]:
    """Yield (candidate, "") or (None, why there is none), from photos or from a live source."""
    from hemline.errors import PictureError
    from hemline.sources import connect, kind_of, open_source
    from hemline.watch.watcher import Watcher

    if len(sources) == 1 and _live(sources[0]):
        with open_source(sources[0]) as source:
            still = kind_of(sources[0]) == "inbox"  # photos, not frames: each is to be taken
            watcher = Watcher(source, scanner.classifier)
            for item in source:
                if still:
                    try:
                        yield scanner.candidate_of_file(_bytes_of(item), source=item.source), ""
                    except PictureError as error:
                        yield None, str(error)
                    continue
                observation = watcher.observe(item)
                if observation.picture is None:
                    yield None, observation.result.reason or ""
                elif observation.ready:
                    yield scanner.candidate(observation.picture, source=item.source), ""
        return
    with connect("files", sources) as files:
        for item in files:
            try:
                yield scanner.candidate_of_file(_bytes_of(item), source=item.source), ""
            except PictureError as error:
                yield None, str(error)


def _bytes_of(item: Item) -> bytes:
    """Return the bytes of an item that is a picture file; PictureError where there are none."""
    from hemline.errors import PictureError
    from hemline.image import read_bytes

    if isinstance(item.content, PictureError):
        raise item.content
    if isinstance(item.content, (str, bytes)):
        return read_bytes(item.content) if isinstance(item.content, str) else item.content
    raise PictureError(f"{item.source}: a frame, no picture file")


def _live(text: str) -> bool:
    """Whether a source is to be waited for; a folder or a photo is not."""
    from pathlib import Path

    from hemline.sources import STILLS, kind_of

    if Path(text).is_dir() or text.lower().endswith(STILLS) or any(mark in text for mark in "*[") or text == "-":
        return False
    return kind_of(text) != "files"
