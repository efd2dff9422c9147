"""
reproduction.md: the report as Markdown, and the plot that it shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, MultipleLocator

from hemline_train import plots
from hemline_train.published.report import GRID, JUDGED

Report = Mapping[str, Any]
APART = 0.01  # of two training accuracies that are called different
PLOT = "images/overfitting.png"
VERDICTS = {"reproduced": "yes", "above": "above it", "below": "**below it**"}
HEAD = """# The published networks, rebuilt

Five published student systems train small networks on Fashion-MNIST. Each of theirs is one recipe here
(`hemline train --list`); this page is written by the command that trains them:

```
hemline train --all-published --report docs
```

{training} {judged}
"""
TRAINING = (
    "Trained on {train:,} of the {whole:,} training pictures; the other {validation:,} stop a training and chose what "
    "was not published; the {test:,} test pictures chose nothing and were scored once a run. {seeds} seeds each."
)
CLASSES = (
    "Means over the seeds, on the test pictures. The published per-class report and matrix of this network could not "
    "be found in public, so ours stands alone."
)
SECONDS = (
    "Seconds an epoch are medians of these runs. [train/README.md](../train/README.md#what-was-measured) says on what "
    "they ran."
)


def markdown(report: Report) -> str:
    """Return reproduction.md."""
    rows = report["rows"]
    parts = [
        HEAD.format(training=trained_on(report), judged=JUDGED),
        _accuracies(rows),
        _differences(rows),
        _cross_validated(report),
        _costs(rows),
        _gaps(rows),
    ]
    detailed = next((row for row in rows if row["recipe"] == "codered-dropout"), None)
    if detailed is not None:
        parts.append(_classes(detailed))
    return "\n".join(part for part in parts if part)


def trained_on(report: Report) -> str:
    """Return the sentence that says which pictures did what, and how many seeds there are."""
    seeds = " to ".join(str(count) for count in sorted({len(row["seeds"]) for row in report["rows"]}))
    counts = report["pictures"]
    return TRAINING.format(**counts, whole=counts["train"] + counts["validation"], seeds=seeds)


def _accuracies(rows: Sequence[Report]) -> str:
    lines = [
        [
            f"`{row['recipe']}`",
            figures(row["published"]["test_accuracy"]),
            f"{row['mean']:.4f}",
            f"{row['interval'][0]:.4f} to {row['interval'][1]:.4f}",
            "" if row["spread"] is None else f"{row['spread']:.4f}",
            VERDICTS[row["verdict"]],
            f"{_or(row['published']['test_loss'], '.4f')}, {row['test_loss']:.4f}",
            ", ".join(f"{value:.4f}" for value in row["test_accuracy"]),
        ]
        for row in rows
    ]
    header = [
        "recipe",
        "published",
        "ours",
        "95 % interval",
        "spread",
        "reproduced",
        "loss (theirs, ours)",
        "each seed",
    ]
    return "## Test accuracy\n\n" + table(header, lines) + "\nspread: standard deviation over the seeds.\n"


def differences(rows: Sequence[Report]) -> list[tuple[Report, str]]:
    """Return the rows with a published figure that ours does not reach, and what to say of each."""
    found = []
    for row in rows:
        theirs, said = row["published"], []
        if row["verdict"] == "below":
            said.append(f"test accuracy {100 * (row['mean'] - min(theirs['test_accuracy'])):+.2f} points")
        shown = theirs["train_accuracy"]
        if shown is not None and abs(row["train_shown"] - shown) > APART:
            said.append(f"training accuracy {row['train_shown']:.4f}, published {shown:.4f}")
        if said:
            found.append((row, f"{'; '.join(said)}. {row['reason'] or 'No reason is known.'}"))
    return found


def _differences(rows: Sequence[Report]) -> str:
    said = "".join(f"- `{row['recipe']}`: {text}\n" for row, text in differences(rows))
    return f"### What does not reproduce\n\n{said}" if said else ""


def _cross_validated(report: Report) -> str:
    cv = report["cv"]
    if cv is None:
        return ""
    theirs = next((row["published"]["cv_accuracy"] for row in report["rows"] if row["published"]["cv_accuracy"]), None)
    low, high = cv["accuracy_ci95"]
    best = ", ".join(f"{name.rpartition('.')[2]} {value:g}" for name, value in cv["parameters"].items())
    return (
        f"## The grid search\n\n`hemline sweep {GRID}`: {cv['jobs']} jobs. Best configuration: {best}; accuracy "
        f"{cv['accuracy']:.4f} over {cv['folds']} folds ({low:.4f} to {high:.4f}); published {_or(theirs, '.4f')}. "
        f"{cv['job_seconds'] / 60:.0f} min of training in {cv['wall_seconds'] / 60:.0f} min, {cv['where']}.\n"
    )


def _costs(rows: Sequence[Report]) -> str:
    lines = [
        [
            f"`{row['recipe']}`",
            f"{row['parameters']:,}",
            _or(row["published"]["parameters"], ","),
            str(row["batch"]),
            ", ".join(map(str, row["epochs"])),
            f"{row['seconds_per_epoch']:.1f}",
            figures(row["published"]["seconds_per_epoch"], "g"),
        ]
        for row in rows
    ]
    header = ["recipe", "parameters", "published", "batch", "epochs of each seed", "s an epoch", "published"]
    return f"## Size and cost\n\n{table(header, lines)}\n{SECONDS}\n"


def _gaps(rows: Sequence[Report]) -> str:
    lines = [
        [
            f"`{row['recipe']}`",
            f"{row['train_accuracy']:.4f}",
            f"{row['validation_accuracy']:.4f}",
            f"{100 * row['gap']:.2f}",
            f"{row['train_shown']:.4f}",
            _or(row["published"]["train_accuracy"], ".4f"),
        ]
        for row in rows
    ]
    header = ["recipe", "training", "validation", "gap, points", "training as shown", "published, as shown"]
    note = (
        'training, validation: of the kept weights, without dropout. "as shown": the mean over the kept epoch while '
        "the weights changed and dropout was on, which is what a training log prints."
    )
    return f"## Over-fitting\n\n{table(header, lines)}\n{note}\n\n![Curves of the pairs]({PLOT})\n"


def _classes(row: Report) -> str:
    scores = [
        [entry["label"], *(f"{entry[name]:.4f}" for name in ("precision", "recall", "f1")), f"{entry['support']:,}"]
        for entry in row["per_class"]
    ]
    matrix = [
        [label, *(f"{count:.1f}" if count else "" for count in line)]
        for label, line in zip(row["labels"], row["confusion"], strict=True)
    ]
    return (
        f"## `{row['recipe']}`, class by class\n\n{CLASSES}\n\n"
        + table(["class", "precision", "recall", "F1", "pictures"], scores)
        + "\nWhat is taken for what: rows are true, columns are answers.\n\n"
        + table(["", *row["labels"]], matrix)
    )


def overfitting(report: Report) -> Figure:
    """Return training and validation accuracy over the epochs: without dropout on the left, with it on the right."""
    by_name = {row["recipe"]: row for row in report["rows"]}
    chosen = [(by_name[row["against"]], row) for row in report["rows"] if row["against"]]
    figure = plots.sheet(3.4 * len(chosen))
    panels = figure.subplots(len(chosen), 2, sharey=True, squeeze=False)
    for line, pair in zip(panels, chosen, strict=True):
        for axes, row in zip(line, pair, strict=True):
            for history in row["history"]:
                epochs = [one["epoch"] for one in history]
                for name, colour in (("train", plots.ORANGE), ("validation", plots.BLUE)):
                    axes.plot(epochs, [one[name] for one in history], color=colour, linewidth=1.6, alpha=0.85)
            plots.style(axes, "Accuracy")
            axes.set_title(row["recipe"], loc="left", color=plots.INK, fontsize=13)
            axes.set_title(f"gap {100 * row['gap']:.1f} points", loc="right", color=plots.INK, fontsize=10)
            axes.set_xlabel("epoch", color=plots.INK)
            axes.set_ylim(0.8, 1.0)
            axes.yaxis.set_major_locator(MultipleLocator(0.05))
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_xlim(1, max(len(history) for row in pair for history in row["history"]))
    for name, colour in (("training, with dropout on", plots.ORANGE), ("validation", plots.BLUE)):
        panels[0][0].plot([], [], color=colour, linewidth=2, label=name)
    handles, names = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, names, frameon=False, labelcolor=plots.INK, ncols=2, loc="outside lower center")
    return figure


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; a bar in a cell is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def figures(values: Sequence[float], form: str = ".4f") -> str:
    """Return one figure, or the least and the most of several; a dash where there is none."""
    if not values:
        return "–"
    low, high = min(values), max(values)
    return f"{low:{form}}" if low == high else f"{low:{form}} to {high:{form}}"


def _or(value: float | None, form: str) -> str:
    return "–" if value is None else f"{value:{form}}"
