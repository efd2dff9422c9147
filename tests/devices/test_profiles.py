"""The device profiles that travel with hemline, and the refusal of others that are wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hemline import bundle, engines, processor, profiles, sources
from hemline.errors import UsageError
from hemline.profiles import Profile, reading
from hemline.profiles.profile import Fits, Governor, Heat, Setup, Variant
from hemline.select import packaged

ENGINES = {"litert", "onnx", "openvino", "edgetpu"}
PRECISIONS = {"float32", "float16", "dynamic", "int8"}
BOARDS = {
    *("raspberry-pi-3", "raspberry-pi-4", "raspberry-pi-5", "raspberry-pi-zero-2w"),
    *("coral-usb", "coral-dev-board", "intel-cpu", "intel-igpu", "intel-npu", "generic-arm64", "generic-x86"),
}
LINK = re.compile(r"https?://\S+")
GOOD = """
name = "mine"
title = "My board"
artifacts = ["litert:int8"]
threads = 2
install = ["pip install 'hemline[litert]'"]
"""
WHOLE = """
name = "mine"
title = "My board"
artifacts = ["litert:int8", "openvino:int8"]
threads = "half"
machine = "aarch64"
bundle = "fashion-nano"
reason = "It is small."
camera = "picamera:0"
openvino_device = "GPU.1"
traps = ["it gets warm: https://example.com/1"]

[reasons]
"litert:int8" = "the quickest"

[fits]
boards = ["My board", "My other board"]
usb = ["18d1:9302"]
vendor = "GenuineIntel"
features = ["avx2"]
openvino = "GPU"

[heat]
limit_c = 75
temperature = ["/sys/class/thermal/thermal_zone0/temp", "vcgencmd measure_temp"]
throttling = ["vcgencmd get_throttled"]

[governor]
name = "performance"
reason = "it keeps the clock up"

[[setup]]
systems = ["trixie", "bookworm"]
extras = ["litert", "openvino"]
apt = ["python3-picamera2"]
site_packages = true
before = ["# first this"]
after = ["# then that"]

[[variant]]
name = "VNNI"
needs = ["avx512_vnni"]
artifacts = ["openvino:int8"]
reason = "It can."
bundle = "fashion-base"
reasons = { "openvino:int8" = "one step" }
"""


@pytest.fixture
def written(tmp_path: Path):
    """Return a function that writes a profile and returns its path."""

    def write(text: str) -> str:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_every_board_that_is_promised_has_a_profile() -> None:
    assert set(profiles.names()) == BOARDS
    assert profiles.AUTO not in profiles.names()


@pytest.mark.parametrize("name", profiles.names())
def test_a_profile_is_whole(name: str) -> None:
    profile = profiles.read(name)
    assert profile.name == name
    assert profile.title
    assert profile.reason.endswith(".")
    assert profile.machine in {"", "aarch64", "x86_64"}
    assert profile.traps
    assert profile.camera
    assert profile.heat.temperature
    assert profile.governor is not None
    held = bundle.Bundle.load(packaged() / profile.bundle)
    assert {artifact.name for artifact in held.artifacts} & set(profile.artifacts)
    for artifact in profile.artifacts:
        engine, _, precision = artifact.partition(":")
        assert engine in ENGINES
        assert precision in PRECISIONS


@pytest.mark.parametrize("name", profiles.names())
def test_every_artifact_stands_where_it_does_for_a_reason(name: str) -> None:
    profile = profiles.read(name)
    assert list(profile.reasons) == list(profile.artifacts)
    for variant in profile.variants:
        here = profile.on(frozenset(variant.needs))
        assert list(here.reasons) == list(here.artifacts)


@pytest.mark.parametrize("name", profiles.names())
def test_a_profile_that_names_a_device_of_openvino_runs_nothing_else(name: str) -> None:
    profile = profiles.read(name)
    if profile.openvino_device != "CPU":
        assert {artifact.partition(":")[0] for artifact in profile.artifacts} == {"openvino"}
        assert profile.fits.openvino == profile.openvino_device


@pytest.mark.parametrize("name", profiles.names())
def test_a_profile_holds_for_one_line_each(name: str) -> None:
    profile = profiles.read(name)
    governor = profile.governor
    assert governor is not None
    told = [profile.title, profile.reason, governor.reason, *profile.reasons.values(), *profile.install, *profile.traps]
    told += [text for variant in profile.variants for text in (variant.reason, *variant.reasons.values())]
    told += [line for setup in profile.setup for line in (*setup.before, *setup.after)]
    for text in told:
        assert text.strip() == text
        assert "\n" not in text
        assert all(link.startswith("https://") for link in LINK.findall(text))


def test_names_that_are_written_down_twice_are_the_same() -> None:
    """The reader of profiles loads neither numpy nor OpenCV, so it cannot ask these modules."""
    assert set(reading.ENGINES) == set(engines.ENGINES)
    assert set(reading.CAMERAS) == set(sources.PREFIXES)


def test_every_key_is_read(written) -> None:
    assert profiles.read(written(WHOLE)) == Profile(
        name="mine",
        title="My board",
        artifacts=("litert:int8", "openvino:int8"),
        threads=max(1, processor.cores() // 2),
        by_cores="half",
        machine="aarch64",
        bundle="fashion-nano",
        reason="It is small.",
        reasons={"litert:int8": "the quickest"},
        camera="picamera:0",
        openvino_device="GPU.1",
        fits=Fits(("My board", "My other board"), ("18d1:9302",), "GenuineIntel", ("avx2",), "GPU"),
        heat=Heat(
            ("/sys/class/thermal/thermal_zone0/temp", "vcgencmd measure_temp"), ("vcgencmd get_throttled",), 75.0
        ),
        governor=Governor("performance", "it keeps the clock up"),
        setup=(
            Setup(
                ("trixie", "bookworm"),
                ("litert", "openvino"),
                ("python3-picamera2",),
                True,
                ("# first this",),
                ("# then that",),
            ),
        ),
        traps=("it gets warm: https://example.com/1",),
        variants=(
            Variant(
                "VNNI",
                ("avx512_vnni",),
                ("openvino:int8",),
                {"openvino:int8": "one step"},
                "It can.",
                "fashion-base",
            ),
        ),
    )


@pytest.mark.parametrize(("cores", "half"), [(1, 1), (2, 1), (4, 2), (7, 3)])
def test_threads_may_be_said_by_the_cores_of_the_machine(cores: int, half: int) -> None:
    table = {"name": "n", "title": "t", "artifacts": ["litert:int8"]}
    assert reading.parse({**table, "threads": "cores"}, "f", cores=cores).threads == cores
    assert reading.parse({**table, "threads": "half"}, "f", cores=cores).threads == half
    assert reading.parse({**table, "threads": 3}, "f", cores=cores).threads == 3


def test_a_variant_needs_all_its_features(written) -> None:
    profile = profiles.read(written(WHOLE.replace('needs = ["avx512_vnni"]', 'needs = ["avx2", "avx512_vnni"]')))
    assert profile.on(frozenset({"avx2"})) == profile
    assert profile.on(frozenset({"avx2", "avx512_vnni", "fma"})).variant == "VNNI"


def test_the_first_variant_that_the_processor_can_do_holds(written) -> None:
    profile = profiles.read("intel-cpu")
    seen = {
        name: profile.on(frozenset(features.split()))
        for name, features in {
            "none": "sse4_2",
            "AVX2": "sse4_2 avx2",
            "AVX-VNNI": "avx2 avx_vnni",
            "AVX512-VNNI": "avx2 avx512_vnni",
            "AMX": "avx2 avx_vnni avx512_vnni amx_int8",
        }.items()
    }
    assert {name: each.variant for name, each in seen.items()} == {**{name: name for name in seen}, "none": ""}
    assert seen["AVX2"].artifacts[0] == seen["none"].artifacts[0] == "litert:int8"
    assert seen["AVX2"].artifacts[-1] == "openvino:int8", "its sums may overflow without VNNI"
    assert {seen[name].artifacts[0] for name in ("AVX-VNNI", "AVX512-VNNI", "AMX")} == {"openvino:int8"}
    assert (seen["none"].bundle, seen["AVX2"].bundle) == ("fashion-small", "fashion-base")
    assert seen["AMX"].on(frozenset()) == seen["AMX"], "what is settled stays"
    own = profiles.read(written(WHOLE)).on(frozenset({"avx512_vnni"}))
    assert (own.artifacts, own.reason, own.bundle) == (("openvino:int8",), "It can.", "fashion-base")
    assert own.reasons == {"openvino:int8": "one step"}


def test_a_profile_is_loaded_by_path_too(written) -> None:
    """Of its keys only four are needed; what a file does not say is nothing."""
    assert profiles.load(written(GOOD)) == Profile(
        name="mine",
        title="My board",
        artifacts=("litert:int8",),
        threads=2,
        install=("pip install 'hemline[litert]'",),
    )


def test_an_unknown_device_names_the_nearest() -> None:
    told = r"^no device 'raspberry-pi5'; nearest: raspberry-pi-5; there are auto, coral-.*, or give the path of one$"
    with pytest.raises(UsageError, match=told):
        profiles.load("raspberry-pi5")


def test_a_path_without_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gone.toml"
    with pytest.raises(UsageError, match=rf"^{re.escape(str(path))}: no such file$"):
        profiles.load(str(path))


@pytest.mark.parametrize("path", ["gone/mine", "./mine", "gone/mine.toml"])
def test_a_text_with_a_slash_is_a_path(path: str) -> None:
    with pytest.raises(UsageError, match=rf"^{re.escape(path)}: no such file$"):
        profiles.load(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("threads = 2", "thread = 2", "no key 'thread'; nearest: threads; there are artifacts, bundle, camera, "),
        ("threads = 2", "", "key 'threads' is missing"),
        ("threads = 2", "threads = 0", 'threads 0; a whole number, 1 to 256, or "cores" or "half"'),
        ("threads = 2", "threads = true", 'threads True; a whole number, 1 to 256, or "cores" or "half"'),
        ("threads = 2", 'threads = "2"', 'threads \'2\'; a whole number, 1 to 256, or "cores" or "half"'),
        ('"My board"', "7", "title is a text"),
        ('["litert:int8"]', '"litert:int8"', "artifacts is a list of texts"),
        ('["litert:int8"]', "[8]", "artifacts is a list of texts"),
        ("litert:int8", "litert", "artifact 'litert'; written engine:precision, for instance litert:int8"),
        ("threads = 2", "threads = 257", "threads 257; a whole number, 1 to 256"),
        ("threads = 2", 'threads = "core"', "threads 'core'; a whole number, 1 to 256"),
        ('["litert:int8"]', "[]", "artifacts is empty; one at least"),
        ('["litert:int8"]', '["litert:int8", "litert:int8"]', "artifacts has 'litert:int8' twice"),
        ("litert:int8", "litrt:int8", "artifact 'litrt:int8': no engine 'litrt'; nearest: litert; there are edgetpu, "),
        ('"My board"', '""', "title is empty; give a text"),
        ('"mine"', "mine", "not TOML: "),
        ('"GenuineIntel"', "[]", "[fits]: vendor is a text"),
        ("vendor =", "vendors =", "[fits]: no key 'vendors'; nearest: vendor; there are boards, features, openvino, "),
        ("18d1:9302", "18D1:9302", "[fits]: usb '18D1:9302'; written like 18d1:9302"),
        ('["avx2"]', '["AVX2"]', "[fits]: features 'AVX2'; written like avx512_vnni"),
        ('"GPU"', '"TPU"', "[fits]: openvino: no device of OpenVINO 'TPU'; nearest: NPU; there are GPU, NPU"),
        ("GPU.1", "gpu", "openvino_device 'gpu'; written like GPU, GPU.1 or NPU"),
        ("picamera:0", "picamera0", "camera 'picamera0'; a source that begins with camera:, picamera:, "),
        ("limit_c = 75", "limit_c = 75000", "[heat]: limit_c 75000; degrees Celsius, 40 to 125"),
        ("limit_c = 75", "limit = 75", "[heat]: no key 'limit'; nearest: limit_c; there are limit_c, temperature, "),
        ('"vcgencmd get', '"vcgencmdget', "[heat]: throttling 'vcgencmdget_throttled'; a file below /sys/, or a line"),
        (
            '"performance"',
            '"performant"',
            "[governor]: name: no governor 'performant'; nearest: performance; there are ",
        ),
        ('reason = "it keeps the clock up"', "", "[governor]: key 'reason' is missing"),
        ('"bookworm"', '"bookwurm"', "[[setup]] 1: systems: no system 'bookwurm'; nearest: bookworm; there are "),
        ("site_packages = true", "site_packages = 1", "[[setup]] 1: site_packages is true or false"),
        ("python3-picamera2", "python3 picamera2", "[[setup]] 1: apt 'python3 picamera2'; written like "),
        ('needs = ["avx512_vnni"]', "", "[[variant]] 1: key 'needs' is missing"),
        ('"openvino:int8" = "one', '"litert:int8" = "one', "[[variant]] VNNI: reasons: no artifact 'litert:int8'; "),
        (
            '"litert:int8" = "the',
            '"litert:int9" = "the',
            "[reasons]: no artifact 'litert:int9'; nearest: litert:int8; ",
        ),
        ("[heat]", "[[heat]]", "heat is a table, written [heat]"),
        ("[[setup]]", "[setup]", "setup is a list of tables, each written [[setup]]"),
    ],
)
def test_a_wrong_profile_is_refused_with_the_file_and_the_key(old, new, message, written) -> None:
    text = next(text for text in (GOOD, WHOLE) if old in text)
    path = written(text.replace(old, new))
    with pytest.raises(UsageError) as caught:
        profiles.load(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)
