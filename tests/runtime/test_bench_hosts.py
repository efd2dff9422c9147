"""hemline bench --hosts: against a real ssh server of this machine; what is installed there are made-up wheels."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sshds
from sshds import Sshd

from hemline import cli
from hemline.bench import hosts, merged, parcel, remote_script
from hemline.bundle import Bundle
from hemline.errors import DataError, MissingError, UsageError

QUICK = ("--seconds", "0.3", "--rounds", "1", "--latency-only", "--artifact", "fake:int8")
STARTED_S = 60.0  # a machine with other work takes its time


def free_port() -> int:
    """Return a port that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sshd]:
    """Return a server that is three hosts, each with a cache of its own; nobody answers at the fourth's port."""
    names = {name: {"HEMLINE_CACHE": str(tmp_path / name)} for name in ("pi4", "pi5", "nuc")}
    with Sshd(tmp_path / "sshd", names, port=free_port()) as running:
        with running.config.open("a") as config:
            config.write(f"Host gone\n  HostName 127.0.0.1\n  Port {free_port()}\n")
        yield running


@pytest.fixture
def bench(server: Sshd, fake_bundle: Callable[..., Bundle], tmp_path: Path) -> Callable[..., int]:
    """Return a function that measures the fake bundle on hosts that have this Python's hemline."""
    bundle = fake_bundle()

    def run(names: str, *options: str, python: str = sys.executable) -> int:
        words = ["bench", str(bundle.directory), "--hosts", names, "--ssh-config", str(server.config), *QUICK, *options]
        return cli.main([*words, *(["--remote-python", python] if python else [])])

    return run


def wheel(folder: Path, name: str, version: str, files: dict[str, str], metadata: str = "") -> Path:
    """Write a wheel of plain files and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    information = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for place, text in files.items():
            archive.writestr(place, text)
        archive.writestr(
            f"{information}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}"
        )
        archive.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{information}/RECORD", "")
    return path


def made_up_hemline(folder: Path, report: dict[str, Any], *, prints: str = "") -> Path:
    """Write a wheel of a hemline that answers every benchmark with the same report."""
    program = f"import sys\nprint({prints!r}, file=sys.stderr)\nprint({json.dumps(report)!r})\n"
    extras = "Provides-Extra: litert\nProvides-Extra: onnx\n"
    extras += 'Requires-Dist: made-up-engine; extra == "litert"\nRequires-Dist: not-there-engine; extra == "onnx"\n'
    return wheel(folder, "hemline", "9.9", {"hemline/__init__.py": "", "hemline/__main__.py": program}, extras)


def test_hosts_answer_in_one_table_and_one_file_which_compare_reads(
    bench: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "all.json"
    assert bench("pi4,pi5", "--json", str(file)) == 0
    shown = capsys.readouterr()
    header, *rows = shown.out.splitlines()
    assert header.split()[:3] == ["host", "processor", "artifact"]
    assert [row.split()[0] for row in rows] == ["pi4", "pi5"]
    assert all("fake:int8" in row for row in rows)
    assert {line.partition(": ")[0] for line in shown.err.splitlines()} == {"pi4", "pi5"}
    assert all(": measured fake:int8" in line for line in shown.err.splitlines()), "nothing else is said"
    found = json.loads(file.read_text())
    assert (found["schema"], found["kind"], found["bundle"]) == (1, "bench-hosts", "closet@1")
    assert list(found["hosts"]) == ["pi4", "pi5"]
    assert found["failures"] == {}
    one, other = merged.read(str(file))
    assert (one[0], other[0]) == ("pi4", "pi5")
    assert one[1]["artifacts"][0]["inferences"] > 0
    assert [host for host, _ in merged.read(f"{file}:pi5")] == ["pi5"]
    assert cli.main(["bench", "compare", str(file)]) in (0, 1)  # they are one machine, and it may have become slower
    assert [row.split()[1] for row in capsys.readouterr().out.splitlines()[1:]] == ["pi4", "pi5"]


def test_a_bundle_is_sent_once(server: Sshd, bench: Callable[..., int], tmp_path: Path) -> None:
    assert bench("pi4") == 0
    (first,) = (tmp_path / "pi4").glob("*/bundles/*/manifest.json")
    before = first.stat().st_mtime_ns, first.stat().st_ino
    assert bench("pi4") == 0
    assert (first.stat().st_mtime_ns, first.stat().st_ino) == before


def test_a_host_that_does_not_answer_keeps_no_other_from_it(
    bench: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("gone,pi4", "--json", str(tmp_path / "all.json")) == 1
    shown = capsys.readouterr()
    _, gone, there = shown.out.splitlines()
    assert gone.startswith("gone")
    assert "FAILED: " in gone
    assert "onnection refused" in gone
    assert gone.endswith("has it an ssh server? sudo apt install openssh-server")
    assert there.startswith("pi4")
    assert "FAILED" not in there
    found = json.loads((tmp_path / "all.json").read_text())
    assert list(found["hosts"]) == ["pi4"]
    assert found["failures"]["gone"]["fix"].startswith("has it an ssh server?")
    assert bench("gone", "--json") == 3
    shown = capsys.readouterr()
    assert json.loads(shown.out)["hosts"] == {}
    assert "gone failed: " in shown.err


def test_a_host_that_lets_nobody_in_is_told_with_what_mends_it(
    server: Sshd, bench: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sshds.key(tmp_path / "stranger")
    text = server.config.read_text()
    server.config.write_text(text.replace(str(server.login), str(tmp_path / "stranger")))
    assert bench("pi4") == 3
    row = capsys.readouterr().out.splitlines()[1]
    assert "Permission denied" in row
    assert row.endswith("let its user in by key: ssh-copy-id pi4")


def test_a_host_whose_key_is_not_known_is_not_trusted(
    server: Sshd, bench: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    server.known.write_text("")
    assert bench("pi4") == 3
    assert capsys.readouterr().out.rstrip().endswith("connect once by hand and look at its key: ssh pi4")


def test_a_python_without_hemline_and_a_path_without_python_are_told(
    bench: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nexec "{Path(sys.executable).resolve()}" -S "$@"\n')
    bare.chmod(0o755)
    assert bench("pi4", python=str(bare)) == 3
    assert f"{Path(sys.executable).resolve()} has no hemline" in capsys.readouterr().out
    assert bench("pi4", python="/nowhere/python") == 3
    assert capsys.readouterr().out.rstrip().endswith("the whole path of a Python on the host: --remote-python PATH")


def test_what_bench_refuses_over_there_is_the_reason(
    bench: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("pi4", "--gates", "--gate", "nonsense=1") == 3
    assert "FAILED: " in (row := capsys.readouterr().out.splitlines()[1])
    assert "nonsense" in row


def test_a_gate_that_fails_on_a_host_is_exit_1(bench: Callable[..., int]) -> None:
    assert bench("pi4", "--budget-ms", "0.000001") == 1


def test_what_a_login_file_prints_is_passed_over(
    tmp_path: Path, fake_bundle: Callable[..., Bundle], capsys: pytest.CaptureFixture[str]
) -> None:
    greeting = 'ForceCommand echo Welcome; echo "{}"; exec $SHELL -c "$SSH_ORIGINAL_COMMAND"'
    names = {"noisy": {"HEMLINE_CACHE": str(tmp_path / "noisy")}}
    with Sshd(tmp_path / "loud", names, port=free_port(), lines=[greeting]) as running:
        words = ["bench", str(fake_bundle().directory), "--hosts", "noisy", "--ssh-config", str(running.config)]
        assert cli.main([*words, *QUICK, "--remote-python", sys.executable]) == 0
    assert "Welcome" not in capsys.readouterr().out


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupt_or_a_kill_ends_what_runs_on_the_hosts(
    server: Sshd, fake_bundle: Callable[..., Bundle], tmp_path: Path, sign: signal.Signals
) -> None:
    words = [sys.executable, "-m", "hemline", "bench", str(fake_bundle().directory), "--hosts", "pi4,pi5"]
    words += ["--ssh-config", str(server.config), "--remote-python", sys.executable]
    words += ["--artifact", "fake:int8", "--seconds", "300"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        wait_for(lambda: all(running(tmp_path / name) for name in ("pi4", "pi5")))
        process.send_signal(sign)
        out, said = process.communicate(timeout=STARTED_S)
        assert out == ""
        if sign == signal.SIGINT:
            assert process.returncode == 130
            assert said.rstrip().endswith("hemline: interrupted")
        wait_for(lambda: not any(running(tmp_path / name) for name in ("pi4", "pi5")))
    finally:
        process.kill()
        process.wait()


def running(cache: Path) -> list[int]:
    """Return the processes of hemline bench with a bundle of this cache."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"{cache}/".encode() in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


def wait_for(true: Callable[[], bool]) -> None:
    """Return once something is true."""
    end = time.monotonic() + STARTED_S
    while not true():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)


@pytest.mark.slow
def test_an_environment_is_made_once_and_mended_when_the_wheel_is_another(
    server: Sshd, bench: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("pi4", "--json", str(tmp_path / "real.json")) == 0
    report = json.loads((tmp_path / "real.json").read_text())["hosts"]["pi4"]
    house = tmp_path / "house"
    wheel(house, "made_up_engine", "1", {"made_up_engine.py": ""})
    first = made_up_hemline(tmp_path / "first", report, prints="the first")
    second = made_up_hemline(tmp_path / "second", report, prints="the second")
    capsys.readouterr()

    def again(which: Path) -> str:
        assert bench("nuc", "--wheel", str(which), "--wheelhouse", str(house), python="") == 0
        shown = capsys.readouterr()
        assert shown.out.splitlines()[1].startswith("nuc")
        return shown.err

    said = again(first)
    assert f"nuc: making an environment in {tmp_path}/nuc/bench-9.9/venv" in said
    assert "nuc: installing hemline-9.9-py3-none-any.whl" in said
    assert "nuc: the first" in said
    said = again(first)
    assert f"nuc: reusing {tmp_path}/nuc/bench-9.9/venv" in said
    assert "installing" not in said
    said = again(second)
    assert "making" not in said
    assert "nuc: the second" in said
    assert len(list((tmp_path / "nuc").glob("*/files/*/hemline-*.whl"))) == 1


@pytest.fixture
def installing(tmp_path: Path) -> Callable[..., str]:
    """Return a function that makes the environment of a request in this process's place, and returns its Python."""

    def make(extras: list[str], *wheels: Path) -> str:
        entries = []
        for path in wheels:
            entry = parcel._entry(path)
            (tmp_path / "files" / entry["sha256"]).mkdir(parents=True, exist_ok=True)
            (tmp_path / "files" / entry["sha256"] / path.name).write_bytes(path.read_bytes())
            entries.append(entry)
        return remote_script.environment(tmp_path, {"files": entries, "extras": extras})

    return make


@pytest.mark.slow
def test_an_engine_that_cannot_be_installed_is_left_out_and_told(
    installing: Callable[..., str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    engine = wheel(tmp_path / "house", "made_up_engine", "1", {"made_up_engine.py": ""})
    program = made_up_hemline(tmp_path / "out", {})
    python = installing(["litert", "onnx"], program, engine)
    assert subprocess.run([python, "-c", "import made_up_engine, hemline"]).returncode == 0
    said = capfd.readouterr().err
    assert "goes on without onnx: pip, hemline[onnx]: " in said
    assert "not-there-engine" in said
    assert "--artifact E:P" in said
    with pytest.raises(remote_script.Refused) as refused:
        installing(["onnx"], made_up_hemline(tmp_path / "other", {"other": 1}), engine)
    assert "not-there-engine" in refused.value.what


def test_a_full_disk_and_a_python_without_venv_are_refused_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(remote_script.Refused, match=r"MB free in .* are needed") as refused:
        remote_script.require(tmp_path, {"needs_bytes": 1 << 60})
    assert "HEMLINE_CACHE" in refused.value.fix
    (tmp_path / "made.json").write_text("{}")
    remote_script.require(tmp_path, {"needs_bytes": 1 << 60})
    monkeypatch.setattr(remote_script.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(remote_script.Refused, match="cannot make a virtual environment") as refused:
        remote_script.require(tmp_path, {"needs_bytes": 0})
    assert refused.value.fix == "on the host: sudo apt install python3-venv"


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ("NewConnectionError: Failed to establish a new connection", "--wheelhouse DIR"),
        ("OSError: [Errno 28] No space left on device", "make room there"),
        ("ERROR: No matching distribution found for openvino", "nothing for Python"),
        ("ERROR: something else", "see what pip said above"),
    ],
)
def test_what_pip_said_decides_what_mends_it(said: str, fix: str) -> None:
    assert fix in remote_script.remedy([said])


def test_two_benchmarks_do_not_run_on_one_host_at_a_time(
    server: Sshd, bench: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import fcntl

    home = tmp_path / "pi4" / "bench-given"
    home.mkdir(parents=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert bench("pi4") == 3
    assert "another hemline bench --hosts runs there" in capsys.readouterr().out


def test_a_host_with_no_python_that_fits_says_which_it_has(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    old.chmod(0o755)
    script = shlex.split(hosts.command("pi4")[-1])
    assert script[:2] == ["sh", "-c"]
    done = subprocess.run(["/bin/sh", "-c", script[2]], env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert done.returncode == hosts.NO_PYTHON
    failed, fix = hosts._trouble("pi4", done.returncode, done.stderr.splitlines())
    assert failed == "no Python from 3.10 to 3.13; python3 is Python 3.9.2"
    assert fix == "on the host: sudo apt install python3 python3-venv"
    done = subprocess.run(["/bin/sh", "-c", script[2]], env={"PATH": "/nowhere"}, capture_output=True, text=True)
    assert hosts._trouble("pi4", done.returncode, done.stderr.splitlines())[0].endswith("; there is none")


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ("ssh: Could not resolve hostname pi9: Name or service not known", "name it as ~/.ssh/config does"),
        ("ssh: connect to host 10.0.0.9 port 22: Connection timed out", "is it on, and in this network?"),
        ("ssh: connect to host 10.0.0.9 port 22: No route to host", "is it on, and in this network?"),
        ("something new", "try: ssh pi9 true"),
    ],
)
def test_what_ssh_said_decides_what_mends_it(said: str, fix: str) -> None:
    failed, found = hosts._trouble("pi9", 255, [said])
    assert failed == said
    assert fix in found


@pytest.mark.parametrize("text", ["", "pi4,", "-oProxyCommand=x", "pi4;reboot", "pi 4", "pi4,pi4"])
def test_what_is_no_list_of_hosts_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--hosts"):
        hosts.names(text)


def test_hosts_are_named_as_ssh_names_them() -> None:
    assert hosts.names("pi4, me@10.0.0.7,ssh://me@nuc:2222") == ["pi4", "me@10.0.0.7", "ssh://me@nuc:2222"]


@pytest.mark.parametrize(
    "options",
    [
        ["--recommend"],
        ["--html", "page.html"],
        ["--picture", "p.png"],
        ["--junit", "j.xml"],
        ["--device", "mine.toml"],
        ["--wheel", "x.whl"],
    ],
)
def test_options_that_mean_nothing_on_other_machines_are_refused(
    fake_bundle: Callable[..., Bundle], options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bench", str(fake_bundle().directory), "--hosts", "pi4", "--remote-python", "python3", *options]
    assert cli.main(words) == 2
    assert options[0] in capsys.readouterr().err


def test_options_of_hosts_without_hosts_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "--wheel", "x.whl"]) == 2
    assert "--wheel is of --hosts; give both" in capsys.readouterr().err


def test_a_file_that_is_no_wheel_of_hemline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a wheel of hemline"):
        parcel.checked_wheel(tmp_path / "numpy-2-py3-none-any.whl")
    with pytest.raises(UsageError, match="no such file; make build"):
        parcel.checked_wheel(tmp_path / "hemline-1-py3-none-any.whl")


def test_where_no_wheel_can_be_built_one_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parcel, "__file__", str(tmp_path / "site-packages" / "hemline" / "bench" / "parcel.py"))
    with pytest.raises(MissingError, match=r"give --wheel FILE .*--remote-python PATH"):
        parcel.built_wheel(tmp_path)


def test_only_wheels_of_its_own_machine_are_sent_to_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_script.platform, "machine", lambda: "aarch64")
    names = ["a-1-py3-none-any.whl", "b-1-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl", "c-1.tar.gz"]
    assert all(remote_script.fits({"name": name}) for name in names)
    assert not remote_script.fits({"name": "b-1-cp311-cp311-manylinux2014_x86_64.whl"})


def test_the_far_end_needs_nothing_but_the_standard_library() -> None:
    program = "import sys; exec(open(sys.argv[1]).read(), {'__name__': 'far'}); print(*sys.modules)"
    words = [sys.executable, "-I", "-S", "-c", program, remote_script.__file__]
    loaded = subprocess.run(words, capture_output=True, text=True, check=True, env={"PATH": os.defpath}).stdout.split()
    assert {name.partition(".")[0] for name in loaded} <= set(sys.stdlib_module_names) | {"__main__"}


def test_a_merged_file_of_another_schema_or_without_that_host_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    facts = {"kind": "bench-hosts", "bundle": "b@1", "class_lock": "c", "created": "", "failures": {}}
    path.write_text(json.dumps({"schema": 2, "hosts": {}, **facts}))
    with pytest.raises(DataError, match="schema 2, this version reads 1"):
        merged.read(str(path))
    path.write_text(json.dumps({"schema": 1, "hosts": {}, **facts}))
    with pytest.raises(DataError, match="no host of it answered"):
        merged.read(str(path))
    path.write_text(json.dumps({"schema": 1, "hosts": {"pi4": {}}, **facts}))
    with pytest.raises(DataError, match="no host 'pi5'; nearest: pi4"):
        merged.read(f"{path}:pi5")
    with pytest.raises(DataError, match=r"all\.json:pi4: not a result of hemline bench"):
        merged.read(str(path))
