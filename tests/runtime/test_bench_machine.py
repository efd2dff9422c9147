"""What /proc and /sys say, on trees of files; and when a measurement is not to be believed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from measurements import Tree

from hemline.bench import heat, load, validity
from hemline.bench.energy import Meter
from hemline.bench.validity import BUSY, THROTTLED
from hemline.bench.watching import Sampler, Seen, Watcher

ZONE = "sys/class/thermal/thermal_zone"
FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
RAPL = "sys/class/powercap/intel-rapl:0"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def seen(**changes: object) -> Seen:
    given: dict[str, object] = {
        "others_cores": 0.02,
        "stolen": 0.0,
        "waited": 0.0,
        "temperature_c": None,
        "mhz": None,
        "throttled": (),
        "energy_j": None,
    }
    return Seen(**{**given, **changes})  # type: ignore[arg-type]


def marked(*windows: Seen, cores: int = 2, threads: int = 1, seconds: float = 1.0, **more: object) -> list[str]:
    busiest = more.get("busiest")
    found = validity.reasons(
        [(seconds, window) for window in windows],
        cores=cores,
        threads=threads,
        busiest=busiest,  # type: ignore[arg-type]
    )
    return [str(reason) for reason in found]


def test_a_machine_that_says_nothing_is_no_error(tmp_path: Path) -> None:
    from hemline.bench.machine import Machine

    nothing = Machine(tmp_path / "no", tmp_path / "none")
    found = heat.look(nothing)
    assert (found.temperature_c, found.mhz, found.now) == (None, None, ())
    assert load.times(nothing) is None
    assert load.processes(nothing) == {}
    assert Meter.of(nothing).why == "no energy counter here (RAPL or INA)"
    assert nothing.facts()["governor"] == "unknown"


def test_the_hottest_zone_counts_and_one_that_cannot_be_read_is_left_out(tree: Tree) -> None:
    tree.put(f"{ZONE}0/temp", 48_200)
    tree.put(f"{ZONE}0/type", "cpu-thermal")
    tree.put(f"{ZONE}1/temp", "Invalid argument")
    tree.put(f"{ZONE}2/temp", 51_000)
    (tree.machine.sys / "class/thermal/thermal_zone3/temp").mkdir(parents=True)  # reading it fails
    tree.put(f"{ZONE}4/temp", -274_000)  # a sensor that is not there
    found = heat.look(tree.machine)
    assert found.temperature_c == 51.0
    assert found.zone == "thermal_zone2"


def test_bits_that_are_set_now_and_those_that_were_set_in_between_throttle(tree: Tree) -> None:
    tree.put(FIRMWARE, "50000")
    before = heat.look(tree.machine)
    assert heat.happened(before, before) == [], "what happened before the run is not of the run"
    assert heat.earlier(before) == ["firmware: under-voltage", "firmware: throttled"]
    tree.put(FIRMWARE, "50004")
    assert heat.happened(before, heat.look(tree.machine)) == ["firmware: throttled"]
    tree.put(FIRMWARE, "d0000")  # hot in between, and cool again
    assert heat.happened(before, heat.look(tree.machine)) == ["firmware: soft temperature limit"]


def test_counters_of_an_intel_processor_and_cooling_by_the_kernel_throttle(tree: Tree) -> None:
    for core in (0, 1):
        tree.put(f"sys/devices/system/cpu/cpu{core}/thermal_throttle/core_throttle_count", 3)
        tree.put(f"sys/devices/system/cpu/cpu{core}/thermal_throttle/package_throttle_count", 8)
    tree.put("sys/class/thermal/cooling_device0/type", "pwm-fan")
    tree.put("sys/class/thermal/cooling_device0/cur_state", 4)
    before = heat.look(tree.machine)
    assert heat.happened(before, before) == []
    tree.put("sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", 4)
    tree.put("sys/class/thermal/cooling_device1/type", "cpufreq-cpu0")
    tree.put("sys/class/thermal/cooling_device1/cur_state", 1)
    found = heat.happened(before, heat.look(tree.machine))
    assert found == ["kernel: cooling by cpufreq-cpu0", "processor: core too hot"]


def test_a_container_that_used_up_its_share_is_throttled(tree: Tree) -> None:
    tree.put("proc/self/cgroup", "0::/user.slice/box")
    tree.put("sys/fs/cgroup/user.slice/box/cpu.stat", "usage_usec 7\nthrottled_usec 100")
    before = heat.look(tree.machine)
    tree.put("sys/fs/cgroup/user.slice/box/cpu.stat", "usage_usec 9\nthrottled_usec 90100")
    (found,) = heat.happened(before, heat.look(tree.machine))
    assert found.startswith("container: ")


def test_the_clock_is_that_of_the_kernel_or_else_of_cpuinfo(tree: Tree) -> None:
    tree.put("proc/cpuinfo", "processor\t: 0\ncpu MHz\t\t: 2400.5\nprocessor\t: 1\ncpu MHz\t\t: 2600.5")
    assert heat.clock(tree.machine) == 2500.5
    tree.put("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", 1_500_000)
    tree.put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave")
    assert heat.clock(tree.machine) == 1500.0
    assert tree.machine.facts()["governor"] == "powersave"


def test_energy_is_what_the_packages_counted_also_over_the_end_of_the_counter(tree: Tree) -> None:
    tree.put(f"{RAPL}/name", "package-0")
    tree.put(f"{RAPL}/energy_uj", 9_000_000)
    tree.put(f"{RAPL}/max_energy_range_uj", 10_000_000)
    tree.put(f"{RAPL}:0/name", "core")  # part of the package
    tree.put(f"{RAPL}:0/energy_uj", 1)
    meter = Meter.of(tree.machine)
    before = meter.reading()
    tree.put(f"{RAPL}/energy_uj", 9_500_000)
    assert meter.joules(before, meter.reading()) == pytest.approx(0.5)
    tree.put(f"{RAPL}/energy_uj", 1_000_000)
    assert meter.joules(before, meter.reading()) == pytest.approx(2.0)
    tree.put(f"{RAPL}/energy_uj", "")
    assert meter.joules(before, meter.reading()) is None


def test_a_counter_that_only_root_may_read_is_said_to_be_one(tree: Tree) -> None:
    tree.put(f"{RAPL}/name", "package-0")
    (tree.machine.sys / "class/powercap/intel-rapl:0/energy_uj").mkdir()  # reading it fails
    assert Meter.of(tree.machine).why == "only root may read this processor's energy counter (RAPL)"


def test_a_sensor_of_power_is_asked_all_the_time(tree: Tree) -> None:
    tree.put("sys/class/hwmon/hwmon2/name", "ina226")
    tree.put("sys/class/hwmon/hwmon2/power1_input", 3_000_000)
    tree.put("sys/class/hwmon/hwmon3/name", "coretemp")
    meter = Meter.of(tree.machine)
    assert meter.kind == "ina"
    sampler = Sampler(meter)
    try:
        time.sleep(0.35)
        assert sampler.watts() == pytest.approx(3.0)
    finally:
        sampler.close()


def test_others_are_what_the_machine_did_less_what_we_did_and_the_busiest_is_named(tree: Tree) -> None:
    tree.process(7, "idle (one) two", ticks=50)
    tree.process(8, "trainer", ticks=1000)
    with Watcher(tree.machine, pid=99) as watcher:
        watcher.begin()
        started = time.monotonic()
        time.sleep(0.05)
        tree.times(user=30, stolen=1)
        tree.process(8, "trainer", ticks=1020)
        tree.process(9, "newcomer", ticks=3)
        tree.process(99, "ours", ticks=900)
        found = watcher.window(cpu_s=0.1, waited_s=0.01)
        took = time.monotonic() - started
        assert found.others_cores is not None
        assert 0.1 / took <= found.others_cores <= 0.2 / 0.05
        assert found.stolen is not None
        assert found.stolen == pytest.approx(0.01 / took / 2, rel=0.5)
        busiest = watcher.busiest()
    assert busiest is not None
    assert busiest[:2] == ("trainer", 8)


def test_a_process_that_took_the_number_of_another_counts_from_its_own_start(tree: Tree) -> None:
    tree.process(7, "gone", ticks=5000, started=1)
    before = load.processes(tree.machine)
    tree.process(7, "new", ticks=20, started=2)
    found = load.busiest(before, load.processes(tree.machine), set(), 1.0)
    assert found == ("new", 7, pytest.approx(0.2))
    assert load.busiest(before, before, {7}, 1.0) is None


def test_a_quiet_machine_is_believed() -> None:
    assert marked(*[seen()] * 12) == []
    assert marked(*[seen(others_cores=None, stolen=None)] * 12) == []


def test_a_neighbour_that_burns_the_other_core_makes_a_run_invalid_and_is_named() -> None:
    (found,) = marked(*[seen(others_cores=1.01)] * 12, busiest=("python", 4711, 0.98))
    assert found == "invalid: machine busy (others used 1.01 of 2 cores; most of it python, process 4711, 0.98)"


@pytest.mark.parametrize(
    ("cores", "threads", "others", "invalid"),
    [
        (2, 1, 0.45, False),
        (2, 1, 0.55, True),
        (2, 2, 0.12, True),  # every core is needed
        (4, 1, 0.55, True),
        (64, 1, 2.0, False),  # a twentieth of the cores is 3.2
        (64, 1, 3.5, True),
    ],
)
def test_how_much_others_may_use_depends_on_the_cores_and_on_what_the_run_needs(
    cores: int, threads: int, others: float, invalid: bool
) -> None:
    assert bool(marked(*[seen(others_cores=others)] * 12, cores=cores, threads=threads)) is invalid


def test_what_a_host_took_and_waiting_for_a_core_are_harm_as_such() -> None:
    (found,) = marked(*[seen(stolen=0.03)] * 12)
    assert found == "invalid: machine busy (the host took 3.0 % of the time)"
    (found,) = marked(*[seen(waited=0.02)] * 12)
    assert found == "invalid: machine busy (waited for a core 2.0 % of the time)"


def test_a_burst_in_a_long_run_makes_it_invalid_though_its_mean_is_within_bounds() -> None:
    windows = [seen()] * 50 + [seen(others_cores=1.5)] * 10
    (found,) = marked(*windows, seconds=10.0)
    assert "up to 1.50 in 10 of 60 windows" in found
    assert marked(*windows, seconds=0.2) == [], "in short windows a tick of the clock says too little"


def test_a_throttled_run_says_by_what_and_how_long() -> None:
    windows = [seen()] * 9 + [seen(throttled=("firmware: throttled", "firmware: under-voltage"))] * 3
    (found,) = marked(*windows)
    assert found == "invalid: throttled (firmware: throttled, firmware: under-voltage; in 3 of 12 windows)"


def test_of_a_whole_file_one_mark_of_each_kind_is_told_with_how_many_artifacts_have_it() -> None:
    busy, hot = validity.Reason(BUSY, "others"), validity.Reason(THROTTLED, "bits")
    found = validity.worst([[busy], [busy, hot], []])
    assert [str(reason) for reason in found] == [
        "invalid: machine busy (others; 2 of 3 artifacts)",
        "invalid: throttled (bits; 1 of 3 artifacts)",
    ]
