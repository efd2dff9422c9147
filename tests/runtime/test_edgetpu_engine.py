"""The edgetpu engine against libraries that stand in for libedgetpu: one that works, and each way not to."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from hemline import engines, golden, select
from hemline.bundle import Bundle
from hemline.engines import edgetpu, litert
from hemline.errors import BundleError, MissingError

pytestmark = pytest.mark.skipif(not litert.probe().available, reason="no TFLite interpreter is installed")

CC = shutil.which("cc") or shutil.which("gcc")
needs_cc = pytest.mark.skipif(CC is None, reason="the stand-ins for libedgetpu are made with a C compiler")

# TfLiteDelegate begins with its data and Prepare; the rest may be zero. Each -D makes it misbehave in one place.
SOURCE = r"""
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <unistd.h>

typedef struct Delegate { void *data; int (*prepare)(void *, struct Delegate *); void *rest[30]; } Delegate;

#ifdef ABORT_WHEN_LOADED
__attribute__((constructor)) static void loaded(void) { fputs("F wrong build\n", stderr); abort(); }
#endif
#ifdef LEAVE_WHEN_LOADED
__attribute__((constructor)) static void loaded(void) { puts("bye"); fflush(stdout); _exit(0); }
#endif

static int prepare(void *context, Delegate *delegate) {
#ifdef CRASH_AT_A_MODEL
  raise(SIGSEGV);
#endif
#ifdef REFUSE_A_MODEL
  return 1;
#endif
  return 0;
}

static Delegate delegate = {0, prepare};

#ifndef WITHOUT_SYMBOLS
void *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report)(const char *)) {
#ifdef CRASH_WHEN_CREATED
  raise(SIGSEGV);
#endif
#ifdef HANG_WHEN_CREATED
  sleep(600);
#endif
#ifdef NO_DEVICE
  return NULL;
#endif
  puts("a library that talks");
  return &delegate;
}
void tflite_plugin_destroy_delegate(void *made) {
#ifdef CRASH_WHEN_LET_GO
  raise(SIGSEGV);
#endif
}
#endif

#ifndef WITHOUT_VERSION
const char *edgetpu_version(void) { return "BuildLabel(COMPILER=test,DATE=redacted), RuntimeVersion(14)"; }
#endif
"""

MakeLibrary = Callable[..., Path]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Forget what an earlier test found out about the library."""
    edgetpu._loads.cache_clear()
    yield
    edgetpu._loads.cache_clear()


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeLibrary:
    """Return a function that builds a library that misbehaves as named, and makes it the engine's."""

    def build(*flaws: str) -> Path:
        source, made = tmp_path / "fake.c", tmp_path / f"libfake-{'-'.join(flaws) or 'good'}.so"
        source.write_text(SOURCE)
        assert CC is not None
        subprocess.run([CC, "-shared", "-fPIC", *(f"-D{flaw}" for flaw in flaws), "-o", made, source], check=True)
        monkeypatch.setattr(edgetpu, "LIBRARY", str(made))
        return made

    return build


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(select.packaged() / select.DEFAULT_BUNDLE)


@pytest.fixture(scope="module")
def model(bundle: Bundle) -> engines.Model:
    """Return the packaged int8 file as an artifact for the Edge TPU that was not compiled."""
    artifact = bundle.artifact("litert:int8")
    return engines.Model(
        "edgetpu:int8", bundle.contents(artifact), bundle.preprocess.shape, artifact.outputs, bundle.outputs
    )


def needs() -> str:
    """Return the line behind "needs:", the engine being refused."""
    found = engines.probe("edgetpu")
    assert not found.available
    return found.install


def test_without_the_library_the_answer_names_the_package_and_the_status_is_3(
    model: engines.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edgetpu, "LIBRARY", "libedgetpu-that-is-not-here.so.1")
    with pytest.raises(MissingError) as caught:
        engines.open_model("edgetpu", model)
    assert caught.value.exit_status == 3
    assert str(caught.value) == (
        "engine 'edgetpu' needs: libedgetpu-that-is-not-here.so.1: install libedgetpu1-std of "
        "https://github.com/feranick/libedgetpu/releases"
    )
    assert engines.probe("edgetpu").package == ""


@needs_cc
@pytest.mark.parametrize(
    ("flaw", "says"),
    [
        ("ABORT_WHEN_LOADED", "is here and crashes with it (SIGABRT: F wrong build)"),
        ("CRASH_WHEN_CREATED", "is here and crashes with it (SIGSEGV)"),
        ("CRASH_WHEN_LET_GO", "is here and crashes with it (SIGSEGV)"),
        ("LEAVE_WHEN_LOADED", "is here and crashes with it (exit status 0: bye)"),
        ("WITHOUT_SYMBOLS", "has no tflite_plugin_create_delegate"),
        ("NO_DEVICE", "is here and found none; plug it in"),
    ],
)
def test_a_library_that_does_not_do_is_told_apart_and_we_live(library: MakeLibrary, flaw: str, says: str) -> None:
    library(flaw)
    assert says in needs()
    assert engines.probe("edgetpu").package == "libedgetpu"


def test_a_file_that_is_no_library_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "libedgetpu.so.1"
    path.write_text("no library")
    monkeypatch.setattr(edgetpu, "LIBRARY", str(path))
    assert needs().startswith("a libedgetpu that loads (")


@needs_cc
def test_a_crash_names_the_interpreter_that_the_library_was_not_built_for(library: MakeLibrary) -> None:
    library("ABORT_WHEN_LOADED")
    interpreter = litert.probe()
    assert needs().startswith(f"a libedgetpu built for {interpreter.package} {interpreter.version}: ")


@needs_cc
def test_a_library_that_hangs_is_given_up(library: MakeLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    library("HANG_WHEN_CREATED")
    monkeypatch.setattr(edgetpu, "TIMEOUT_S", 2.0)
    begun = time.monotonic()
    assert "no answer in 2 s; unplug the device" in needs()
    assert time.monotonic() - begun < 20


@needs_cc
def test_the_library_is_tried_once_in_a_process(library: MakeLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    library("NO_DEVICE")
    tried = []
    attempt = edgetpu.attempt
    monkeypatch.setattr(edgetpu, "attempt", lambda *asked: tried.append(asked) or attempt(*asked))
    assert engines.probe("edgetpu") == engines.probe("edgetpu")
    assert len(tried) == 1


@needs_cc
def test_a_library_that_works_is_found_with_its_runtime_version(library: MakeLibrary) -> None:
    library()
    found = engines.probe("edgetpu")
    assert (found.available, found.package, found.version) == (True, "libedgetpu", "runtime 14")


@needs_cc
def test_a_library_without_a_version_is_found_too(library: MakeLibrary) -> None:
    library("WITHOUT_VERSION")
    found = engines.probe("edgetpu")
    assert (found.available, found.version) == (True, "unknown")


@needs_cc
def test_a_model_answers_through_the_delegate_as_it_does_without(
    library: MakeLibrary, model: engines.Model, bundle: Bundle
) -> None:
    library()
    inputs = golden.load(bundle)
    assert inputs is not None
    with engines.open_model("edgetpu", model) as ours, engines.open_model("litert", model) as theirs:
        for mine, plain in zip(ours.run(inputs.pictures), theirs.run(inputs.pictures), strict=True):
            np.testing.assert_array_equal(mine, plain)
        # the fast call and the call that bench compares it with have the delegate as well
        np.testing.assert_array_equal(ours.logits(inputs.pictures[:1]), theirs.logits(inputs.pictures[:1]))
        np.testing.assert_array_equal(ours.embedding(), theirs.embedding())
        ours.bare(inputs.pictures[:1])()


@needs_cc
def test_each_thread_has_a_delegate_of_its_own(
    library: MakeLibrary, model: engines.Model, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    library()
    made = []
    load = edgetpu.load_delegate
    monkeypatch.setattr(edgetpu, "load_delegate", lambda *asked: made.append(load(*asked)) or made[-1])
    inputs = golden.load(bundle)
    assert inputs is not None
    answers = []
    with engines.open_model("edgetpu", model) as engine:
        threads = [
            threading.Thread(target=lambda: answers.append(engine.logits(inputs.pictures[:1]))) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(made) == 4
    assert all(np.array_equal(answer, answers[0]) for answer in answers)


@needs_cc
def test_a_model_that_was_not_compiled_is_said_to_run_on_the_processor(
    library: MakeLibrary, model: engines.Model
) -> None:
    library()
    with engines.open_model("edgetpu", model) as engine:
        assert engine.backend.endswith("with libedgetpu; not compiled for the Edge TPU, runs on the processor")


@needs_cc
def test_a_library_that_crashes_at_the_model_is_found_out_in_a_child(
    library: MakeLibrary, model: engines.Model
) -> None:
    library("CRASH_AT_A_MODEL")
    assert engines.probe("edgetpu").available
    with pytest.raises(MissingError, match=r"is here and crashes with it \(SIGSEGV\)"):
        engines.open_model("edgetpu", model)


@needs_cc
def test_a_model_that_the_delegate_refuses_is_the_bundles_fault(library: MakeLibrary, model: engines.Model) -> None:
    library("REFUSE_A_MODEL")
    with pytest.raises(BundleError, match=r"^edgetpu:int8: libedgetpu cannot open it \(.+\); convert it again$"):
        engines.open_model("edgetpu", model)


@needs_cc
def test_a_file_that_is_no_model_is_the_bundles_fault(library: MakeLibrary, model: engines.Model) -> None:
    library()
    wrong = engines.Model(model.name, {"x.tflite": b"no model"}, model.shape, model.outputs, model.widths)
    with pytest.raises(BundleError, match=r"^edgetpu:int8: libedgetpu cannot open it"):
        engines.open_model("edgetpu", wrong)
