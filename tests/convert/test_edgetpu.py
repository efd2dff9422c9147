"""The Edge TPU format: compiled by a program that stands in for edgetpu_compiler, or written as it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hemline import engines, parity, select
from hemline.bundle import Bundle
from hemline.cli import main
from hemline.errors import DataError, UsageError
from hemline_convert import edgetpu, edgetpu_compiler
from hemline_convert.edgetpu_lint import COMPILED
from hemline_convert.tflitegraph import read

pytest.importorskip("ai_edge_litert", reason="TFLite files are read with ai-edge-litert")

SCRIPTS = Path(__file__).parents[2] / "scripts"
LOG = """Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 1524 ms.

Input model: model.tflite
Input size: 4.24MiB
Output model: model_edgetpu.tflite
Output size: 5.57MiB
On-chip memory used for caching model parameters: 4.21MiB
On-chip memory remaining for caching model parameters: 604.50KiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 1
Total number of operations: 6
Operation log: model_edgetpu.log

Operator                       Count      Status

CONV_2D                        2          Mapped to Edge TPU
QUANTIZE                       1          Operation version not supported
MAX_POOL_2D                    3          Mapped to Edge TPU
Compilation child process completed within timeout period.
Compilation succeeded!
"""
FAILED = """Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.
ERROR: Encountered unresolved custom op: Atan.
ERROR: Node number 1 (Atan) failed to prepare.

Compilation failed: Model failed in Tflite interpreter. Please ensure model can be loaded/run in Tflite interpreter.
Compilation child process completed within timeout period.
Compilation failed!
"""
# puts one custom operator in place of all operators, as the compiler does; `change` edits the graph once more
COMPILE = f"""
import flatbuffers, sys
from ai_edge_litert import schema_py_generated as schema
content = open("model.tflite", "rb").read()
model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
(graph,) = model.subgraphs
code, operator = schema.OperatorCodeT(), schema.OperatorT()
code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
code.customCode, code.version = {COMPILED!r}, 1
operator.inputs, operator.outputs, operator.opcodeIndex = graph.inputs, graph.outputs, 0
model.operatorCodes, graph.operators = [code], [operator]
CHANGE
builder = flatbuffers.Builder(1024)
builder.Finish(model.Pack(builder), b"TFL3")
open("model_edgetpu.tflite", "wb").write(builder.Output())
open("model_edgetpu.log", "w").write("the table")
sys.stdout.write({LOG!r})
"""


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Return a function that puts a Python program on the PATH as edgetpu_compiler and returns where it is."""

    def put(program: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        path = folder / edgetpu_compiler.NAME
        path.write_text(f"#!{sys.executable}\n{program}")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        return path

    return put


@pytest.fixture
def no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEMLINE_CACHE", str(tmp_path / "nothing"))
    monkeypatch.delenv("HEMLINE_DATA", raising=False)


def int8() -> bytes:
    return (select.packaged() / select.DEFAULT_BUNDLE / "litert-int8.tflite").read_bytes()


def convert(run: Path, out: Path) -> int:
    return main(["convert", str(run), "--out", str(out), "--formats", "edgetpu:int8"])


@pytest.mark.tensorflow
@pytest.mark.usefixtures("no_data")
def test_without_the_compiler_the_artifact_is_compilable_and_measured_in_litert(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert convert(tiny_run, tmp_path / "b") == 0
    bundle = Bundle.load(tmp_path / "b")
    artifact = bundle.artifact("edgetpu:int8")
    assert artifact.lint["state"] == "compilable, not compiled"
    assert artifact.lint["cpu"] == 0
    assert [row["operator"] for row in artifact.lint["operators"]] == [
        *("QUANTIZE", "CONV_2D", "MAX_POOL_2D", "RESHAPE", "FULLY_CONNECTED"),
    ]
    assert artifact.lint["operators"][1]["first"] == "conv2d"
    assert artifact.lint["compile_with"].startswith("docker run --rm ")
    assert artifact.parity["measured_with"] == "litert"
    assert artifact.parity["golden"]["agreement"] == 1.0
    told = capfd.readouterr().err
    assert "edgetpu:int8 is compilable, not compiled" in told
    assert "6 of 6 operators on the Edge TPU" in told
    assert "put edgetpu_compiler on the PATH" in told
    # the same file in the litert engine answers as the manifest says
    model = engines.Model(
        artifact.name, bundle.contents(artifact), bundle.preprocess.shape, artifact.outputs, bundle.outputs
    )
    with engines.open_model("litert", model) as engine:
        golden = parity.golden.load(bundle)
        assert golden is not None
        assert parity.compare(engine.run(golden.pictures)[0], golden.logits) == artifact.parity["golden"]


@pytest.mark.tensorflow
@pytest.mark.usefixtures("no_data")
def test_with_the_compiler_on_the_path_the_artifact_is_what_it_made(
    tiny_run: Path, tmp_path: Path, compiler: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    compiler(COMPILE.replace("CHANGE", ""))
    assert convert(tiny_run, tmp_path / "b") == 0
    bundle = Bundle.load(tmp_path / "b")
    artifact = bundle.artifact("edgetpu:int8")
    (content,) = bundle.contents(artifact).values()
    assert [operator.name for operator in read(content)[0].operators] == [COMPILED]
    assert artifact.min_runtime == edgetpu.MIN_RUNTIME
    assert artifact.lint["state"] == "compiled"
    assert artifact.lint["compile_with"] is None
    assert artifact.lint["compiler"]["version"] == "16.0.384591198"
    assert artifact.lint["compiler"]["operators"][1]["status"] == "Operation version not supported"
    # nothing here runs the compiled file: its figures are those of the file that went in
    assert artifact.parity["measured_with"] == "litert"
    assert artifact.parity["golden"]["agreement"] == 1.0
    assert "edgetpu:int8 is compiled" in capfd.readouterr().err
    assert "Model compiled successfully" in (tmp_path / "b.convert.log").read_text()


@pytest.mark.tensorflow
@pytest.mark.usefixtures("no_data")
def test_a_compiler_that_fails_ends_the_conversion_with_its_own_reason(
    tiny_run: Path, tmp_path: Path, compiler: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    compiler(f"import sys; sys.stdout.write({FAILED!r}); sys.exit(1)")
    assert convert(tiny_run, tmp_path / "b") == 4
    error = capfd.readouterr().err.strip().splitlines()[-1]
    assert "edgetpu_compiler: Encountered unresolved custom op: Atan" in error
    assert not (tmp_path / "b").exists()


@pytest.mark.tensorflow
@pytest.mark.usefixtures("no_data")
def test_outputs_that_change_places_are_refused(
    tiny_run: Path, tmp_path: Path, compiler: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    compiler(COMPILE.replace("CHANGE", "graph.outputs = graph.outputs[::-1]"))
    assert convert(tiny_run, tmp_path / "b") == 4
    assert "the artifact would answer wrongly" in capfd.readouterr().err
    assert not (tmp_path / "b").exists()


@pytest.mark.tensorflow
@pytest.mark.usefixtures("no_data")
def test_a_compiler_that_maps_nothing_leaves_the_artifact_as_it_was(
    tiny_run: Path, tmp_path: Path, compiler: Callable[[str], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    compiler("import shutil; shutil.copy('model.tflite', 'model_edgetpu.tflite'); print('Edge TPU subgraphs: 0')")
    assert convert(tiny_run, tmp_path / "b") == 0
    artifact = Bundle.load(tmp_path / "b").artifact("edgetpu:int8")
    assert artifact.lint["state"] == "not compilable"
    assert "the compiler mapped no operator" in capfd.readouterr().err


@pytest.mark.tensorflow
@pytest.mark.usefixtures("no_data")
def test_dense_weights_have_one_scale_so_that_the_old_compiler_reads_them(tiny_run: Path, tmp_path: Path) -> None:
    status = main(["convert", str(tiny_run), "--out", str(tmp_path / "b"), "--formats", "edgetpu:int8,litert:int8"])
    assert status == 0
    scales = {}
    for name in ("edgetpu-int8.tflite", "litert-int8.tflite"):
        dense = [o for o in read((tmp_path / "b" / name).read_bytes())[0].operators if o.name == "FULLY_CONNECTED"]
        scales[name] = [operator.inputs[1].scales for operator in dense if operator.inputs[1] is not None]
    assert scales == {"edgetpu-int8.tflite": [1, 1], "litert-int8.tflite": [9, 4]}


@pytest.mark.tensorflow
def test_a_search_under_a_budget_measures_the_artifact_in_litert_too(
    tiny_run: Path, closet: Path, tmp_path: Path, compiler: Callable[[str], Path]
) -> None:
    compiler(COMPILE.replace("CHANGE", ""))
    asked = ["convert", str(tiny_run), "--out", str(tmp_path / "b"), "--formats", "edgetpu:int8"]
    # random labels: what accuracy does is chance, so its gate may fail; the search may not
    assert main([*asked, "--data", str(closet), "--max-drop", "100", "--force"]) in (0, 1)
    bundle = Bundle.load(tmp_path / "b")
    assert bundle.artifact("edgetpu:int8").lint["state"] == "compiled"
    assert len(bundle.provenance["search"]) > 1


def test_a_precision_that_the_edge_tpu_has_not_is_named() -> None:
    with pytest.raises(UsageError, match="edgetpu: no precision 'float32'; there are int8"):
        edgetpu.convert(None, "float32")  # type: ignore[arg-type]


def test_the_figures_of_a_log_are_read() -> None:
    assert edgetpu_compiler.parse(LOG) == {
        "version": "16.0.384591198",
        "on_chip_used_bytes": round(4.21 * 2**20),
        "on_chip_left_bytes": round(604.5 * 2**10),
        "streamed_bytes": 0,
        "subgraphs": 1,
        "operators": [
            {"operator": "CONV_2D", "count": 2, "status": "Mapped to Edge TPU"},
            {
                "operator": "QUANTIZE",
                "count": 1,
                "status": "Operation version not supported",
            },
            {"operator": "MAX_POOL_2D", "count": 3, "status": "Mapped to Edge TPU"},
        ],
    }


def test_a_log_of_another_kind_gives_no_figures_and_no_error() -> None:
    assert edgetpu_compiler.parse("nothing of the kind") == {
        "version": None,
        "on_chip_used_bytes": None,
        "on_chip_left_bytes": None,
        "streamed_bytes": None,
        "subgraphs": None,
        "operators": [],
    }


def test_the_compiler_is_given_the_model_in_a_folder_that_goes_away(
    tmp_path: Path, compiler: Callable[[str], Path]
) -> None:
    seen = tmp_path / "seen.json"
    program = f"import json, os, sys; json.dump([sys.argv[1:], os.getcwd()], open({str(seen)!r}, 'w'))"
    compiler(program + COMPILE.replace("CHANGE", ""))
    made = edgetpu_compiler.compile_model(int8())
    arguments, folder = json.loads(seen.read_text())
    assert arguments == ["-s", "-o", ".", "model.tflite"]
    assert not Path(folder).exists()
    assert made.log == LOG
    assert COMPILED.encode() in made.content


@pytest.mark.parametrize(
    ("program", "says"),
    [
        (f"print({FAILED!r})", "Encountered unresolved custom op: Atan"),
        (
            "print('Invalid model: model.tflite\\nModel not quantized'); raise SystemExit(1)",
            "Model not quantized",
        ),
        ("print('\\nInternal compiler error. Aborting! ')", "Internal compiler error. Aborting!"),
        ("import os; os.abort()", r"said nothing \(exit status -6\)"),
        ("print('a new kind of trouble'); raise SystemExit(3)", r"a new kind of trouble \(exit status 3\)"),
        ("pass", r"said nothing \(exit status 0\)"),
    ],
)
def test_a_compiler_that_fails_says_why_in_one_line(compiler: Callable[[str], Path], program: str, says: str) -> None:
    compiler(program)
    with pytest.raises(DataError, match=f"^edgetpu_compiler: {says}; the lint says what stands in the way$"):
        edgetpu_compiler.compile_model(b"model")


def test_a_compiler_that_hangs_is_stopped_with_all_that_it_started(
    tmp_path: Path, compiler: Callable[[str], Path]
) -> None:
    child = tmp_path / "child"
    compiler(
        f"""
import os, time
if (pid := os.fork()) == 0:
    time.sleep(600)
open({str(child)!r}, "w").write(str(pid))
time.sleep(600)
"""
    )
    begun = time.monotonic()
    with pytest.raises(DataError, match=r"not done after 2 s, stopped"):
        edgetpu_compiler.compile_model(b"model", timeout_s=2)
    assert time.monotonic() - begun < 20
    assert gone(int(child.read_text()))


def gone(pid: int) -> bool:
    """Return whether a process ends within a few seconds; a zombie has ended."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
            if ") Z " in Path(f"/proc/{pid}/stat").read_text():
                return True
        except ProcessLookupError:
            return True
        except FileNotFoundError:  # no /proc here, or gone in between
            pass
        time.sleep(0.05)
    return False


def test_no_compiler_on_the_path_is_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not edgetpu_compiler.available()
    (tmp_path / edgetpu_compiler.NAME).write_text("not a program")
    assert not edgetpu_compiler.available()


DOCKER = """#!/bin/sh
# stands in for docker: writes down what it is asked; "run" runs the command behind the image's name here
echo "$*" >> "$ASKED"
case "$1" in
  image) test -e "$ASKED.image" ;;
  build) cat > "$ASKED.image"; echo "a layer" ;;
  run) while [ "$1" != hemline-edgetpu-compiler ]; do shift; done; shift 2; exec "$REAL" "$@" ;;
esac
"""


@pytest.mark.skipif(shutil.which("sh") is None, reason="the container's script is a shell script")
def test_the_container_script_serves_as_the_compiler(
    tmp_path: Path, compiler: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = compiler(COMPILE.replace("CHANGE", ""))
    docker = tmp_path / "docker" / "docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{SCRIPTS}{os.pathsep}{docker.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("ASKED", str(tmp_path / "asked"))
    monkeypatch.setenv("REAL", str(real))
    monkeypatch.delenv("CONTAINER_ENGINE", raising=False)
    for _ in range(2):
        made = edgetpu_compiler.compile_model(int8())
        assert COMPILED.encode() in made.content
        assert made.log.endswith(LOG)
    asked = [line.split() for line in (tmp_path / "asked").read_text().splitlines()]
    # built once, and the command line is the one that the manifest carries, but for the user
    assert [line[0] for line in asked] == ["image", "build", "run", "image", "run"]
    run = " ".join(asked[2])
    assert "--rm --platform linux/amd64" in run
    assert run.endswith("hemline-edgetpu-compiler edgetpu_compiler -s -o . model.tflite")
    mounted = asked[2][asked[2].index("-v") + 1].split(":")
    assert mounted[0] == mounted[1] == asked[2][asked[2].index("-w") + 1]
    assert "install -y --no-install-recommends edgetpu-compiler" in (tmp_path / "asked.image").read_text()


@pytest.mark.skipif(shutil.which("sh") is None, reason="the container's script is a shell script")
def test_the_container_script_names_the_engine_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTAINER_ENGINE", "no-such-engine")
    done = subprocess.run([SCRIPTS / edgetpu_compiler.NAME, "model.tflite"], capture_output=True, text=True)
    assert done.returncode == 127
    assert "no-such-engine is not installed" in done.stderr
