"""The artifacts in the wheel, used by the libraries of their ecosystems with nothing of hemline in between."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace

import numpy as np
import pytest

from hemline import drawn, select
from hemline.bundle import Bundle
from hemline.classifier import Classifier
from hemline.preprocess import Preprocess


def needs(module: str, package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(importlib.util.find_spec(module) is None, reason=f"needs {package}")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.load(select.packaged() / select.DEFAULT_BUNDLE)


@needs("onnxruntime", "pip install 'hemline[onnx]'")
def test_plain_onnxruntime_loads_the_onnx_and_knows_its_labels(bundle: Bundle) -> None:
    import onnxruntime

    (content,) = bundle.contents(bundle.artifact("onnx:int8")).values()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    told = session.get_modelmeta().custom_metadata_map
    assert tuple(told["labels"].splitlines()) == bundle.labels
    assert told["class_lock"] == bundle.class_lock
    assert Preprocess.from_dict(json.loads(told["hemline"])["preprocess"]) == bundle.preprocess
    garment = drawn.draw(9, seed=1)[None, ..., None]
    logits = session.run(["logits"], {session.get_inputs()[0].name: garment})[0]
    assert bundle.labels[int(logits.argmax())] == "Ankle boot"


@needs("openvino", "pip install 'hemline[openvino]'")
@needs("model_api", "openvino-model-api 0.4.7; beside OpenCV 5, which it was not released for: pip install --no-deps")
def test_openvino_model_api_classifies_with_no_argument_as_hemline_does(bundle: Bundle) -> None:
    from hemline.engines.openvino import library

    library()  # without telemetry
    from model_api.models import Model

    path = next(select.packaged().glob(f"{select.DEFAULT_BUNDLE}/openvino-int8.xml"))
    model = Model.create_model(str(path))
    assert type(model).__name__ == "ClassificationModel"
    whole = replace(bundle.preprocess, isolation="none")  # Model API knows the size and the channels, not the garment
    same = total = 0
    with Classifier.open(bundle, artifact="openvino:int8") as classifier:
        for height, width in ((28, 28), (28, 20), (56, 56)):  # as it is, framed, shrunk by whole numbers
            for index in range(50):
                gray = drawn.draw(index % 10, seed=index, height=height, width=width)
                tint = np.random.default_rng(index).uniform(0.7, 1, 3)
                picture = (gray[..., None] * tint).astype(np.uint8)
                (label, _), *_ = classifier.classify(whole.apply(picture)).top
                found = model(np.ascontiguousarray(picture[..., ::-1]))  # Model API is given BGR
                same += found.top_labels[0].name == "_".join(label.split())
                total += 1
    # it lets the processor compute in bfloat16, and shrinks without averaging
    assert same >= 0.97 * total
