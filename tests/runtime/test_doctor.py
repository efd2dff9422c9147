"""hemline doctor on made-up machines: each planted problem is found with the line that mends it, and no other is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from madeup import Machine, healthy
from planted import PLANTS, Plant

from hemline import cli, doctor
from hemline.doctor import Finding
from hemline.doctor.system import System
from hemline.doctor.trials import Told, Trials

pytest.importorskip("ai_edge_litert", reason="a made-up machine runs LiteRT")
IN_TREES = {name: plant for name, plant in PLANTS.items() if not plant.mount}


class Prepared(Trials):
    """Trials that tell what was laid down, and start nothing for it."""

    def __init__(self, told: dict[str, Told], rest: Trials) -> None:
        self._prepared, self._rest = told, rest

    def begin(self, names) -> None:
        """Start nothing."""

    def told(self, name: str) -> Told:
        """Return what was laid down."""
        return self._prepared[name] if name in self._prepared else self._rest.told(name)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return healthy(tmp_path)


def told(system: System, **prepared: Told) -> System:
    """Return the system with other answers of its children."""
    return replace(system, trials=Prepared(prepared, system.trials))


def wrong(findings: list[Finding]) -> list[Finding]:
    """Return the findings that are not good."""
    return [finding for finding in findings if finding.state != "ok"]


def run(machine: Machine, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the real command on a made-up machine."""
    words, environment = machine.command(*options)
    return subprocess.run(words, env=environment, cwd=machine.root, capture_output=True, text=True, timeout=600)


@pytest.mark.parametrize("name", IN_TREES)
def test_a_planted_problem_is_found_with_the_line_that_mends_it(name: str, machine: Machine) -> None:
    plant: Plant = IN_TREES[name]
    plant.plant(machine)
    found = wrong(doctor.examine(machine.system(), [plant.check]))
    mine = [finding for finding in found if plant.about in finding.about]
    assert [(finding.check, finding.state) for finding in mine] == [(plant.check, plant.state)], found
    assert plant.fix in mine[0].fix


def test_nothing_is_found_on_a_machine_on_which_nothing_is_wrong(machine: Machine) -> None:
    found = doctor.examine(machine.system())
    assert not wrong(found)
    assert {finding.check for finding in found} == set(doctor.CHECKS), "every check says something"


def test_nothing_is_found_on_a_board_on_which_nothing_is_wrong(machine: Machine) -> None:
    machine.board("Raspberry Pi 5 Model B Rev 1.0")
    for path in ("picamera2/__init__.py", "libcamera/_libcamera.cpython-311-aarch64-linux-gnu.so"):
        machine.write(f"usr/lib/python3/dist-packages/{path}", "")
    machine.module("picamera2", "")
    machine.write("sys/devices/platform/soc/soc:firmware/get_throttled", "0\n")
    machine.remove("sys/class/thermal/thermal_zone0")
    machine.write("sys/class/thermal/thermal_zone0/temp", "54000\n")
    machine.write("sys/class/thermal/thermal_zone1/temp", "not a number\n")
    found = doctor.examine(machine.system())
    assert not wrong(found)
    assert "raspberry-pi-5 fits" in next(finding.about for finding in found if finding.check == "device")


def test_the_command_exits_with_0_when_all_is_well_and_keeps_the_keys_of_its_json(machine: Machine) -> None:
    done = run(machine, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    keys = ("schema", "hemline", "python", "machine", "numpy", "opencv", "engines", "cameras", "picamera", "findings")
    assert set(keys) <= set(answer)
    assert answer["cameras"] == ["/dev/video0 (HD Webcam)"]
    litert = next(row for row in answer["engines"] if row["engine"] == "litert")
    assert {"available": True, "package": "ai-edge-litert"}.items() <= litert.items()
    assert set(answer["findings"][0]) == {"check", "state", "about", "fix", "link"}


def test_the_command_shows_the_worst_first_each_with_its_line(machine: Machine) -> None:
    machine.forget("ai_edge_litert")
    machine.group("video", "somebody")
    machine.write("run/systemd/timesync/other", "")
    machine.remove("run/systemd/timesync/synchronized")
    done = run(machine)
    assert done.returncode == 3
    states = [
        line.split()[0] for line in done.stdout.splitlines() if line.startswith(("fatal", "problem", "note", "ok "))
    ]
    assert states[:3] == ["fatal", "problem", "note"]
    assert set(states[3:]) == {"ok"}
    assert done.stdout.count("  fix: ") == 3
    assert "  fix: sudo usermod -aG video pi, then log out and in again\n" in done.stdout
    assert done.stdout.endswith("1 fatal, 1 problem, 1 note\n")


def test_a_problem_fails_a_strict_run_only(capsys: pytest.CaptureFixture[str], machine: Machine) -> None:
    machine.remove("dev/video0")
    options = ["doctor", "--root", str(machine.root), "--user", "pi", "--check", "cameras"]
    assert cli.main(options) == 0
    assert cli.main([*options, "--strict"]) == 1
    assert "docker run --device /dev/video0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--check", "camera"], "no check 'camera'; nearest: cameras; there are bundles, "),
        (["--user", "pie"], "no user 'pie'; nearest: pi; there are pi, root"),
        (["--root", "nowhere"], "--root nowhere: no such folder"),
    ],
)
def test_what_is_not_there_is_answered_in_a_line(options, line, machine, monkeypatch, capsys) -> None:
    monkeypatch.chdir(machine.root)
    assert cli.main(["doctor", "--root", str(machine.root), *options]) == 2
    assert capsys.readouterr().err.startswith(f"hemline: {line}")


def test_neither_numpy_nor_opencv_nor_an_engine_is_loaded_to_look_for_what_is_wrong(machine: Machine) -> None:
    program = (
        "import sys; from hemline import cli; cli.main(sys.argv[1:]); "
        "print([name for name in ('numpy', 'cv2', 'ai_edge_litert', 'onnxruntime') if name in sys.modules])"
    )
    words = ["doctor", "--root", str(machine.root), "--user", "pi", "--json", "out.json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=machine.root, env=environment, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_an_engine_that_never_answers_is_given_up(machine: Machine) -> None:
    machine.package("onnxruntime", "1.31.1", "import time\ntime.sleep(3600)\n")
    given_up = Trials(machine.paths, machine.variables, patience_s=2).told("onnx")
    (found,) = wrong(doctor.examine(told(machine.system(), onnx=given_up), ["engines"]))
    assert found.state == "problem"
    assert re.fullmatch(r"onnx: onnxruntime fails: no answer in \d+ s", found.about)
    assert "try again when the machine has less to do" in found.fix


def test_a_busy_machine_is_given_more_time(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (6.0, 1.0, 1.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    machine.package("onnxruntime", "1.31.1", "import time\ntime.sleep(3600)\n")
    given_up = Trials(machine.paths, machine.variables, patience_s=1).told("onnx")
    assert given_up.death == "no answer in 3 s"


def test_an_engine_that_answers_wrongly_does_not_count_as_one(machine: Machine) -> None:
    probe = {"available": True, "package": "ai-edge-litert", "version": "2.3.0", "install": ""}
    answer = Told({"probe": probe, "artifact": "litert:int8 of fashion-nano", "agreement": 0.125, "load_ms": 1.0})
    found = doctor.examine(told(machine.system(), litert=answer), ["engines"])
    assert [finding.state for finding in found] == ["fatal", "problem"]
    assert found[1].about.endswith(
        "answers wrongly: 12% of the golden pictures of litert:int8 of fashion-nano are right"
    )


def test_a_libedgetpu_that_crashes_is_told_with_where_another_is(machine: Machine) -> None:
    install = "a libedgetpu built for ai-edge-litert 2.3.0: libedgetpu.so.1 is here and crashes with it (SIGSEGV)"
    probe = {"available": False, "package": "libedgetpu", "version": "", "install": install}
    (found,) = doctor.examine(told(machine.system(), edgetpu=Told({"probe": probe})), ["coral"])
    assert (found.state, found.fix) == ("problem", f"get {install}")


def test_memory_that_runs_out_is_told_from_a_crash(machine: Machine) -> None:
    found = doctor.examine(told(machine.system(), onnx=Told(death="SIGKILL")), ["engines"])
    assert found[0].about == "onnx: onnxruntime died of SIGKILL, killed, most likely for want of memory"
    assert "least memory" in found[0].fix
