"""The answer of a bundle whose contract asks for mirror images: the mean over them, in every engine and verb alike."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from hemline import cli, engines, golden, mirror, parity
from hemline.bundle import Bundle
from hemline.classifier import Classifier
from hemline.engines import open_engine
from hemline.errors import BundleError
from hemline.preprocess import Preprocess
from hemline.select import find_bundle

MakeBundle = Callable[..., Bundle]
Pixels = NDArray[np.uint8]
FLIPS: dict[str, Callable[[Pixels], Pixels]] = {
    "horizontal": lambda pixels: pixels[:, :, ::-1],
    "vertical": lambda pixels: pixels[:, ::-1],
}


def some(count: int = 1, channels: int = 1) -> Pixels:
    return np.random.default_rng(count).integers(0, 256, (count, 28, 28, channels), np.uint8)


def mirrored(fake_bundle: MakeBundle, how: str) -> Bundle:
    return fake_bundle(how, preprocess=Preprocess(28, 28, mirror=how))


@pytest.mark.parametrize("channels", [1, 3])
def test_the_images_are_the_pixels_and_their_mirror_images(channels: int) -> None:
    pixels = some(3, channels)
    left, upside, turned = pixels[:, :, ::-1], pixels[:, ::-1], pixels[:, ::-1, ::-1]
    expected = {
        "none": [pixels],
        "horizontal": [pixels, left],
        "vertical": [pixels, upside],
        "both": [pixels, left, upside, turned],
    }
    assert list(expected) == list(mirror.MIRRORS)
    for how, images in expected.items():
        found = list(mirror.images(pixels, how))
        assert len(found) == len(images)
        for one, other in zip(found, images, strict=True):
            assert np.array_equal(one, other)
            assert one.flags.c_contiguous
            assert one.dtype == np.uint8


def test_the_answer_is_the_mean_of_logits_and_of_embeddings(fake_bundle: MakeBundle) -> None:
    plain, bundle = fake_bundle(), mirrored(fake_bundle, "both")
    pixels = some(5)
    with open_engine(plain, "fake:float32") as one, open_engine(bundle, "fake:float32") as engine:
        each = [one.run(image) for image in mirror.images(pixels, "both")]
        logits, embeddings = engine.run(pixels)
        assert np.allclose(logits, np.mean([answer[0] for answer in each], axis=0), atol=1e-5)
        assert np.allclose(embeddings, np.mean([answer[1] for answer in each], axis=0), atol=1e-6)
        assert not np.allclose(logits, each[0][0], atol=1e-3)
        assert logits.dtype == embeddings.dtype == np.float32
        for index in range(5):  # the fast path says the same
            assert np.allclose(engine.logits(pixels[index : index + 1]), logits[index], atol=1e-5)
            assert np.allclose(engine.embedding(), embeddings[index], atol=1e-6)
        assert engine.run(pixels[:0])[0].shape == (0, 3)
        assert engine.backend == one.backend


@pytest.mark.parametrize("how", list(FLIPS))
def test_a_picture_and_its_mirror_image_have_one_answer(fake_bundle: MakeBundle, how: str) -> None:
    pixels = some()[0]
    turned = np.ascontiguousarray(FLIPS[how](pixels[None])[0])
    answers = {}
    for asked in ("none", how, "both"):
        bundle = mirrored(fake_bundle, asked)
        with Classifier(bundle, "fake:float32", open_engine(bundle, "fake:float32")) as opened:
            answers[asked] = [dict(opened.classify(one[..., 0]).top) for one in (pixels, turned)]
    for asked in (how, "both"):
        first, second = answers[asked]
        assert first == pytest.approx(second, abs=1e-6)
    first, second = answers["none"]
    assert first != pytest.approx(second, abs=1e-6)


def test_threads_do_not_see_each_others_embedding(fake_bundle: MakeBundle) -> None:
    pixels, seen = some(2), {}
    with open_engine(mirrored(fake_bundle, "both"), "fake:float32") as engine:
        expected = engine.run(pixels)[1]
        both = threading.Barrier(2)

        def ask(index: int) -> None:
            engine.logits(pixels[index : index + 1])
            both.wait()
            seen[index] = engine.embedding()[0]

        threads = [threading.Thread(target=ask, args=(index,)) for index in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert np.allclose([seen[0], seen[1]], expected, atol=1e-6)


def test_the_peer_of_a_measurement_is_called_once_for_each_image(
    fake_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Pixels] = []
    monkeypatch.setattr("hemline.engines.fake.FakeEngine.bare", lambda self, pixels: lambda: asked.append(pixels))
    with open_engine(mirrored(fake_bundle, "both"), "fake:float32") as engine:
        engine.bare(some())()
    assert len(asked) == 4
    assert len({pixels.tobytes() for pixels in asked}) == 4


def test_golden_answers_of_a_network_that_was_asked_once_fail_parity(
    fake_bundle: MakeBundle, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = mirrored(fake_bundle, "both")
    ((_, figures),) = parity.check_golden(bundle, ["fake:float32"])
    assert figures["dp_max"] > 0.01
    assert cli.main(["parity", str(bundle.directory)]) == 1
    assert "fake:float32 dp_p95" in capsys.readouterr().err


@pytest.fixture
def garments(monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """A bundle of the wheel whose manifest asks for mirror images and whose artifacts do not know of it."""
    if not engines.probe("litert").available:
        pytest.skip("needs a LiteRT interpreter")
    bundle = Bundle.load(find_bundle("fashion-base"))
    return replace(bundle, preprocess=replace(bundle.preprocess, mirror="horizontal"))


def test_an_artifact_that_was_measured_without_its_mirror_images_is_refused(garments: Bundle) -> None:
    with pytest.raises(BundleError, match=r"its own mirror is none, the manifest of fashion-base@.* says horizontal"):
        open_engine(garments, "litert:int8")


def test_the_second_engine_is_asked_about_the_images_too(garments: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hemline.describe.check", lambda files, bundle, artifact: True)
    inputs = golden.load(garments)
    assert inputs is not None
    pixels = inputs.pictures[:6]
    turned = np.ascontiguousarray(pixels[:, :, ::-1])
    second = engines.open_second(garments, "litert:int8")
    assert second is not None
    with second, open_engine(garments, "litert:int8") as first:
        for engine in (first, second):
            assert np.allclose(engine.run(pixels)[0], engine.run(turned)[0], atol=1e-5)
            assert np.abs(engine.run(pixels)[0] - inputs.logits[:6]).max() > 0.1  # Keras was asked once
        assert second.backend.endswith("built-in kernels")


def test_a_contract_written_before_there_were_mirror_images_asks_for_none() -> None:
    old = {key: value for key, value in Preprocess(28, 28).as_dict().items() if key != "mirror"}
    assert Preprocess.from_dict(old) == Preprocess(28, 28)
