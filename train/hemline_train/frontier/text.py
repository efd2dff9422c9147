"""
frontier.md: what every network costs and reaches, how it was measured, and who reported what.
"""

from __future__ import annotations

from collections.abc import Sequence

from hemline.report.digits import signed
from hemline_train.frontier.compare import Summary
from hemline_train.frontier.metrics import FLOAT, INT8, Latency, Metrics, Timing
from hemline_train.frontier.records import Record
from hemline_train.frontier.rows import MACHINE, SHOWN, Network, pairs, unbeaten

BY_BYTES = "images/frontier-bytes.svg"
BY_LATENCY = "images/frontier-latency.svg"
HEAD = """# The frontier

What test accuracy on Fashion-MNIST costs: in bytes of an int8 file, and in the time of one picture. Every recipe that
was measured, the published networks among them ([what was published, and how ours compare](reproduction.md)), with
public records as reference points. This page is written from the files in [frontier/](frontier), without data,
engines or training, by

```
python scripts/frontier.py draw
```
"""
NOTES = """
Sorted by size. Accuracies are means over the seeds on the {n:,} test pictures, ± the standard deviation; int8 and its
bytes are those of `{shown}`. published: as its authors report it, of a float model. latency: median of one picture in
LiteRT, ONNX Runtime and OpenVINO, all int8. training: minutes of one seed. A record was not measured: its size is not
known, and it is sorted by a byte for each parameter.
"""
BYTES = "Records stand at a byte for each parameter; an int8 file adds its structure to that. "
TIERS = """
On the same pictures, `{shown}`: percentage points that the first gets right more than the second. The intervals are
paired: each picture counts as the share of seeds that get it right, and the variance of the seeds of each is added by
their number. The two are told apart where the interval leaves out 0.
"""
ONE_SEED = "Where a network has one seed, the interval is of those weights and says nothing of another training.\n"
HOW = """## How it was measured

```
hemline train --all-published                                         the published networks, three seeds each
hemline train RECIPE --set seed=1 --out runs/RECIPE/seed-1            any other, and so on for each seed
python scripts/frontier.py measure RUN... --out docs/frontier         all of these runs
```

Trained on {trained} pictures; {held_out} others stop a training and chose what is in a recipe; the {n:,} test pictures
chose nothing. Each run was converted (`hemline convert --formats {formats}`) and
answered every test picture in its own engine, and in Keras for float32. [frontier/](frontier) holds which pictures
each artifact of each seed gets right, as base64 of {n:,} bits: whoever has these files can make the comparisons again,
and others. Bytes are those of the whole artifact, labels and preprocessing inside.
"""
LATENCY = """
A latency is that of the engine's call as `hemline bench` measures it, pixels in, logits out, batch 1: {rounds},
the networks in turns; the median of the rounds' medians, which differ by up to {apart:.0f} %. Measured on
{where}.
"""
RECORDS = """## Records

Their authors' figures; hemline measured none of them.

"""


def markdown(rows: Sequence[Network], records: Sequence[Record]) -> str:
    """Return frontier.md of the networks, the smallest first, and the records."""
    parts = [
        HEAD,
        _networks(rows, records),
        _plot(
            "Accuracy against size",
            BY_BYTES,
            BYTES,
            "small",
            unbeaten(rows, lambda row: row.size_bytes),
        ),
        _plot(
            "Accuracy against latency",
            BY_LATENCY,
            "",
            "fast",
            unbeaten(rows, lambda row: row.latency_ms),
        ),
        _pairs(rows),
        _engines(rows),
        _measured([row.metrics for row in rows]),
        _records(records),
    ]
    return "\n".join(part for part in parts if part)


def _networks(rows: Sequence[Network], records: Sequence[Record]) -> str:
    lines = [(row.size_bytes, _network(row)) for row in rows]
    lines += [(record.parameters, _record(record)) for record in records]
    header = (
        *("network", "kind", "parameters", "int8 bytes", "float32", "int8", "seeds", "published"),
        *("latency, µs", "training"),
    )
    table = _table(header, [line for _, line in sorted(lines, key=lambda pair: pair[0])], right=range(2, 10))
    n = rows[0].metrics.n
    return f"## Every network\n\n{table}{NOTES.format(n=n, shown=SHOWN)}{_teachers(rows)}"


def _network(row: Network) -> list[str]:
    metrics = row.metrics
    return [
        f"`{row.name}`" if row.rebuilt else f"**`{row.name}`**",
        "published, rebuilt" if row.rebuilt else "hemline",
        f"{metrics.parameters:,}",
        f"{row.size_bytes:,}",
        _summary(row.float32),
        _summary(row.int8[SHOWN]),
        str(len(metrics.seeds)),
        _ends(row.published),
        " / ".join(_microseconds(metrics.latency_ms(name)) for name in INT8),
        f"{sum(trained.minutes for trained in metrics.seeds) / len(metrics.seeds):.1f} min",
    ]


def _record(record: Record) -> list[str]:
    name = f"[{record.label}](#records)"
    return [name, "record", f"{record.parameters:,}", "–", "–", "–", "–", f"{record.accuracy:.4g}", "–", "–"]


def _teachers(rows: Sequence[Network]) -> str:
    taught: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        if row.metrics.teachers:
            taught.setdefault(tuple(row.metrics.teachers), []).append(row.name)
    said = [f"{_listed(pupils)} learned from the answers of {_listed(names)}" for names, pupils in taught.items()]
    one = sum(map(len, taught.values())) == 1
    return f"\n{'; '.join(said)}, whose training is not in {'its' if one else 'their'} minutes.\n" if said else ""


def _listed(names: Sequence[str]) -> str:
    """Return `a`, `b` and `c`."""
    quoted = [f"`{name}`" for name in names]
    return " and ".join([*([", ".join(quoted[:-1])] if quoted[:-1] else []), quoted[-1]])


def _plot(heading: str, image: str, text: str, virtue: str, kept: Sequence[Network]) -> str:
    """Return the section of a plot; nothing where no network has a place on it."""
    if not kept:
        return ""
    named = ", ".join(f"`{row.name}`" for row in kept)
    said = f"No other measured network is at once as {virtue} and as accurate as one of these: {named}."
    return f"## {heading}\n\n![{heading}]({image})\n\n{text}{said}\n"


def _pairs(rows: Sequence[Network]) -> str:
    found = pairs(rows)
    if not found:
        return ""
    lines = [
        [
            f"`{pair.first.name}`",
            f"`{pair.second.name}`",
            signed(100 * pair.difference.mean),
            f"{signed(100 * pair.difference.low)} to {signed(100 * pair.difference.high)}",
            "yes" if pair.difference.told_apart else "no",
            f"{pair.difference.seeds[0]}, {pair.difference.seeds[1]}",
            f"{pair.first.size_bytes / pair.second.size_bytes:.2f}",
        ]
        for pair in found
    ]
    header = ("first", "second", "points", "95 % interval", "told apart", "seeds", "size ratio")
    table = _table(header, lines, right=(2, 3, 5, 6))
    single = any(1 in pair.difference.seeds for pair in found)
    note = f"\n{ONE_SEED}" if single else ""
    return f"## One against another\n{TIERS.format(shown=SHOWN)}\n{table}{note}"


def _engines(rows: Sequence[Network]) -> str:
    lines = []
    for row in rows:
        for name in INT8:
            lost = sum(row.metrics.accuracies(name)) - sum(row.metrics.accuracies(FLOAT))
            lines.append(
                [
                    f"`{row.name}`" if name == INT8[0] else "",
                    name,
                    f"{row.metrics.size_bytes(name):,}",
                    _summary(row.int8[name]),
                    signed(100 * lost / len(row.metrics.seeds)),
                    _microseconds(row.metrics.latency_ms(name)),
                ]
            )
    header = ("network", "artifact", "bytes", "test accuracy", "to float32, points", "latency, µs")
    return f"## Engine by engine\n\n{_table(header, lines, right=(2, 3, 4, 5))}"


def _measured(found: Sequence[Metrics]) -> str:
    return HOW.format(
        trained=_range([metrics.train_count for metrics in found]),
        held_out=_range([metrics.validation_count for metrics in found]),
        n=found[0].n,
        formats=",".join(INT8),
    ) + _latency([metrics.timing for metrics in found if metrics.timing])


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _latency(timings: Sequence[Timing]) -> str:
    if not timings:
        return ""
    rows = [row for timing in timings for row in timing.artifacts]
    shapes = sorted({(len(timing.artifacts[0].rounds_p50_ms), timing.seconds, timing.threads) for timing in timings})
    rounds = " or ".join(
        f"{count} rounds of {seconds:g} s for each artifact on {threads} thread{'s' if threads > 1 else ''}"
        for count, seconds, threads in shapes
    )
    apart = 100 * (max(max(row.rounds_p50_ms) / min(row.rounds_p50_ms) for row in rows) - 1)
    return LATENCY.format(rounds=rounds, apart=apart, where=_where(timings, rows))


def _where(timings: Sequence[Timing], rows: Sequence[Latency]) -> str:
    """Return the machine, its versions and the engines'; several where the networks were not measured at once."""
    facts: dict[str, dict[str, None]] = {}
    for timing in timings:
        for key, value in timing.machine.items():
            facts.setdefault(key, {})[value] = None
    said = {key: " or ".join(values) for key, values in facts.items()}
    versions = [f"{key} {value}" for key, value in said.items() if key not in MACHINE]
    engines = dict.fromkeys(row.backend for row in rows)
    return f"{', '.join(said[key] for key in reversed(MACHINE))}; {', '.join((*versions, *engines))}"


def _records(records: Sequence[Record]) -> str:
    lines = []
    for record in records:
        more = ", ".join(f"[{_link(address)}]({address})" for address in record.see)
        note = f" {record.note}" if record.note else ""
        see = f" See {more}." if more else ""
        lines.append(
            f"- {record.label}: {record.accuracy:.4g} with {record.parameters:,} parameters; {record.how}. "
            f"[Source]({record.source}).{note}{see}\n"
        )
    return RECORDS + "".join(lines)


def _link(address: str) -> str:
    """Return the end of an address that says what is there: issues/9, fashion-mnist#benchmark."""
    return "/".join(address.split("/")[-2:]) if "/issues/" in address else address.rpartition("/")[2]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int]) -> str:
    """Return a Markdown table. right: columns of numbers."""
    rule = ["---:" if column in right else "---" for column in range(len(header))]
    return "".join(f"| {' | '.join(line)} |\n" for line in (header, rule, *rows))


def _summary(figure: Summary) -> str:
    return f"{figure.mean:.4f}" + ("" if figure.spread is None else f" ± {figure.spread:.4f}")


def _ends(values: Sequence[float]) -> str:
    if not values:
        return "–"
    low, high = min(values), max(values)
    return f"{low:.4f}" if low == high else f"{low:.4f} to {high:.4f}"


def _microseconds(latency_ms: float | None) -> str:
    if latency_ms is None:
        return "–"
    return f"{1000 * latency_ms:,.0f}" if latency_ms >= 0.1 else f"{1000 * latency_ms:.1f}"
