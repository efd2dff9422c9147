"""
Keras to the Edge TPU: the int8 TFLite, checked against the Edge TPU's rules, compiled where the compiler is.

Without the compiler the artifact is the int8 file itself, "compilable, not compiled": the edgetpu engine runs
it, on the processor. Either way it is measured on the uncompiled file in LiteRT unless an Edge TPU is at hand,
because nothing else can run what the compiler makes; the manifest says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from hemline import engines
from hemline.errors import DataError, UsageError, unknown
from hemline_convert import edgetpu_compiler, litert
from hemline_convert.edgetpu_compiler import Compiled
from hemline_convert.edgetpu_lint import COMPILED, Report, lint, table
from hemline_convert.source import DEFAULTS, Converted, Options, Source
from hemline_convert.tflitegraph import Tensor, read

PRECISIONS = ("int8",)
METHODS = litert.METHODS
FILE = "edgetpu-int8.tflite"
# the compiler writes for its newest runtime, which comes with libedgetpu 16.0
MIN_RUNTIME = "libedgetpu 16.0 (runtime 14)"


def convert(source: Source, precision: str, *, options: Options = DEFAULTS) -> Converted:
    """Return the artifact, compiled when edgetpu_compiler is on the PATH, with the lint of its operators."""
    if precision not in PRECISIONS:
        raise UsageError(f"edgetpu: {unknown('precision', precision, PRECISIONS)}")
    options.check("edgetpu", METHODS)
    plain = litert.convert(source, precision, options=options, dense_per_tensor=True)
    (content,) = plain.files.values()
    report = lint(content, name=FILE, layer_of=source.layer_of)
    made = _compiled(content) if edgetpu_compiler.available() else None
    mapped = made is not None and COMPILED.encode() in made.content
    state = _state(report, made, mapped)
    remarks = [f"edgetpu:int8 is {state}", *table(report).splitlines()]
    if not mapped:
        how = "the compiler mapped no operator" if made else edgetpu_compiler.HOW
        remarks.append(f"it runs on the processor: {how}")
    # nothing but an Edge TPU runs what the compiler makes
    here = mapped and engines.probe("edgetpu").available
    return Converted(
        {FILE: made.content if made and mapped else content},
        plain.outputs,
        MIN_RUNTIME if mapped else plain.min_runtime,
        lint={
            "state": state,
            **report.as_dict(),
            "compiler": made.summary if made else None,
            "compile_with": None if made else edgetpu_compiler.CONTAINER,
        },
        remarks=tuple(remarks),
        measure_with=None if here else "litert",
        measure_files=None if here else {FILE: content},
    )


def _state(report: Report, made: Compiled | None, mapped: bool) -> str:
    if made is None:
        return "compilable, not compiled" if report.compilable else "not compilable"
    return "compiled" if mapped else "not compilable"


def _compiled(content: bytes) -> Compiled:
    """Return what the compiler makes of the file, with the same inputs and outputs in the same order."""
    made = edgetpu_compiler.compile_model(content)
    print(made.log)  # into the converters' log
    before, after = read(content, name=FILE)[0], read(made.content, name=f"compiled {FILE}")[0]
    for was, now in ((before.inputs, after.inputs), (before.outputs, after.outputs)):
        if not _same(was, now):  # the engine tells logits from embedding by position
            went, came = (", ".join(f"{t.type} {list(t.shape)} {t.name}" for t in tensors) for tensors in (was, now))
            raise DataError(f"{edgetpu_compiler.NAME}: made {came} of {went}; the artifact would answer wrongly")
    return made


def _same(was: Sequence[Tensor], now: Sequence[Tensor]) -> bool:
    """Return whether tensors are the same in the same order; a name may change, two may not change places."""
    names, new_names = [tensor.name for tensor in was], [tensor.name for tensor in now]
    shapes, new_shapes = ([(tensor.type, tensor.shape) for tensor in tensors] for tensors in (was, now))
    return shapes == new_shapes and (names == new_names or sorted(names) != sorted(new_names))
