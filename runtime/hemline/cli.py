"""
The command line. A literal table of verbs; the module of the chosen verb is imported, no other.

A verb's module defines add_arguments(parser) and run(options) -> int, and imports nothing heavy at the
top: `hemline --help` and `hemline VERB --help` load neither numpy nor TensorFlow. One that takes arguments of
its own and knows a first word besides, as `hemline bench compare` does, names that word's module in WORDS.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from hemline import __version__
from hemline.errors import HemlineError, MissingError, UsageError, unknown

# verb: (module, extra it needs, help line)
VERBS: dict[str, tuple[str, str | None, str]] = {
    "train": ("hemline_train.commands.train", "train", "train a recipe; leaves a run directory"),
    "sweep": ("hemline_train.commands.sweep", "train", "search configurations of recipes by cross-validation"),
    "evaluate": ("hemline.commands.evaluate", None, "score a run or a bundle on labelled pictures"),
    "convert": ("hemline_convert.commands.convert", "convert", "turn a run into a bundle of artifacts"),
    "parity": ("hemline.commands.parity", None, "compare each artifact with the float reference"),
    "classify": ("hemline.commands.classify", None, "name what is in pictures"),
    "watch": ("hemline.commands.watch", None, "classify what a camera, a stream or a film shows"),
    "wardrobe": ("hemline.commands.wardrobe", None, "scan garments into a catalogue, find, correct and show them"),
    "line": ("hemline.commands.line", None, "judge parts on a factory line: pass, review or reject"),
    "bench": ("hemline.commands.bench", None, "measure what a model costs on this machine, compare, choose"),
    "bundle": ("hemline.commands.bundle", None, "show, verify or compare bundles and artifacts"),
    "data": ("hemline.commands.data", None, "fetch, check or divide a data set, draw garments"),
    "devices": ("hemline.commands.devices", None, "list device profiles, show one, install a service"),
    "doctor": ("hemline.commands.doctor", None, "say what can run here and what is missing"),
}

# importable name: extra that brings it
EXTRAS = {
    "ai_edge_litert": "litert",
    "tflite_runtime": "tflite",
    "onnxruntime": "onnx",
    "openvino": "openvino",
    "tensorflow": "train",
    "keras": "train",
    "matplotlib": "train",
    "tensorboard": "train",
    "tf2onnx": "convert",
    "onnx": "convert",
    "nncf": "convert",
    "pyspark": "spark",
    "starlette": "web",
    "uvicorn": "web",
    "paho": "mqtt",
    "gpiozero": "line",
}

USAGE = """usage: hemline VERB [options]

hemline trains small picture classifiers, converts them for the edge, proves that they still
answer alike, and runs them.

{verbs}

  hemline VERB --help     the options of a verb
  hemline --version       the version

exit status: 0 done, 1 a gate failed, 2 usage, 3 an engine, extra or device is missing,
4 bad data, picture, bundle or artifact, 130 interrupted"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit status."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = _dispatch(argv)
        sys.stdout.flush()
        return status
    except HemlineError as error:
        print(f"hemline: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("hemline: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # the reader of our stdout went away (`| head`); point stdout at nothing so that exit is quiet
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _dispatch(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        verbs = "\n".join(f"  {name:<10} {row[2]}" for name, row in VERBS.items())
        print(USAGE.format(verbs=verbs), file=sys.stdout if argv else sys.stderr)
        return 0 if argv else 2
    if argv[0] in ("-V", "--version"):
        print(f"hemline {__version__}")
        return 0
    if argv[0] not in VERBS:
        raise UsageError(unknown("verb", argv[0], VERBS))
    return _run(argv[0], argv[1:])


def _run(verb: str, argv: list[str]) -> int:
    module_name, extra, help_line = VERBS[verb]
    try:
        module = importlib.import_module(module_name)
        words: dict[str, str] = getattr(module, "WORDS", {})  # first words that are no argument of the verb itself
        if argv and argv[0] in words:
            module, verb, argv = importlib.import_module(words[argv[0]]), f"{verb} {argv[0]}", argv[1:]
        parser = argparse.ArgumentParser(
            prog=f"hemline {verb}", description=f"{help_line[0].upper()}{help_line[1:]}.", allow_abbrev=False
        )
        module.add_arguments(parser)
        try:
            options = parser.parse_args(argv)
        except SystemExit as stop:  # argparse printed its line; keep the status ours to return
            return int(stop.code or 0)
        status: int = module.run(options)
        return status
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        wanted = extra or EXTRAS.get(name) if name in EXTRAS else None
        if name in ("hemline_train", "hemline_convert"):
            wanted = extra
        if wanted is None:
            raise
        raise MissingError(f"'hemline {verb}' needs {name}: pip install 'hemline[{wanted}]'") from error
