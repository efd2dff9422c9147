"""
A Keras archive, judged before Keras opens it.

A .keras file is a zip of config.json, metadata.json and model.weights.h5. The first names Python classes and
functions, and loading it means importing and calling them; Keras' safe mode forbids the ones that were
found to be harmful, this module permits the ones that a picture classifier is made of. Law: what clean()
writes names nothing else, at any depth, and holds no other member. Standard library only: nothing of the file
has been executed when it is refused.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hemline.errors import DataError

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
# a model for a small device has some 10 MB; the sizes are those that the zip states, held against what it gives
MAX_BYTES = {CONFIG: 32 << 20, METADATA: 1 << 20, WEIGHTS: 1 << 30}
MODULES = ("keras", "keras.layers", "keras.src.models.functional", "keras.src.models.sequential")
LAYERS = frozenset(
    (
        *("Functional", "Sequential", "InputLayer"),
        *("Rescaling", "Normalization", "Resizing", "CenterCrop"),
        *("RandomBrightness", "RandomContrast", "RandomCrop", "RandomFlip"),
        *("RandomRotation", "RandomTranslation", "RandomZoom"),
        *("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose", "Dense"),
        *("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax"),
        *("BatchNormalization", "LayerNormalization", "GroupNormalization", "UnitNormalization"),
        *("Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise", "ActivityRegularization"),
        *("MaxPooling2D", "AveragePooling2D", "GlobalMaxPooling2D", "GlobalAveragePooling2D"),
        *("Flatten", "Reshape", "Permute", "ZeroPadding2D", "Cropping2D", "UpSampling2D", "Identity"),
        *("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"),
    )
)
# what the + of two layers and the like are saved as
OPERATIONS = {"keras.src.ops.numpy": frozenset(("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Log"))}
# classes of these modules are numbers and formulas of Keras; none of them takes a function
PASSIVE = ("keras.initializers", "keras.regularizers", "keras.constraints")
VALUES = frozenset(("__keras_tensor__", "__tuple__", "__numpy__", "__tensor__"))
# what a mixed-precision training computed in; its weights are float32 all the same
REDUCED = frozenset(("mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64"))


def check(path: Path) -> None:
    """Raise DataError naming the layer when the archive holds anything but a picture classifier of Keras' layers."""
    with _opened(path) as archive:
        _config(archive, path)


def clean(path: Path, target: Path) -> None:
    """Write the archive again with what is needed: layers and weights, in float32, without how it was trained.

    compile_config goes because Keras builds optimisers, losses and metrics of nested models out of it even
    when it is asked not to compile.
    """
    with _opened(path) as archive, zipfile.ZipFile(target, "w") as cleaned:
        cleaned.writestr(CONFIG, json.dumps(_config(archive, path)))
        for name in (METADATA, WEIGHTS):
            with archive.open(name) as source, cleaned.open(name, "w", force_zip64=True) as copy:
                _copy(source, copy, MAX_BYTES[name], f"{path}: {name}")


def _opened(path: Path) -> zipfile.ZipFile:
    """Return the archive, its list of members judged."""
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be loaded, not a Keras archive ({error})") from None
    problem = _problem(archive.infolist())
    if problem:
        archive.close()
        raise DataError(f"{path}: {problem}; a Keras archive is {', '.join(MAX_BYTES)}")
    return archive


def _problem(members: Sequence[zipfile.ZipInfo]) -> str | None:
    names = [member.filename for member in members]
    for member in members:
        most = MAX_BYTES.get(member.filename)
        if most is None:
            return f"holds {member.filename!r}"
        if names.count(member.filename) > 1:
            return f"holds {member.filename} twice"
        if member.file_size > most:
            return f"{member.filename} unpacks to {member.file_size:,} bytes, at most {most:,} are read"
        if member.flag_bits & 1:
            return f"{member.filename} is encrypted"
    lacking = [name for name in MAX_BYTES if name not in names]
    return f"has no {lacking[0]}" if lacking else None


def _config(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    """Return the judged config.json, without compile_config and with every layer in float32."""
    try:
        config = json.loads(archive.read(CONFIG))
        if not isinstance(config, dict):
            raise ValueError("no JSON object")
        for value, layer in _walk(config):
            _judge(value, layer, path)
    except (ValueError, zipfile.BadZipFile, RecursionError, OSError, EOFError) as error:
        raise DataError(f"{path}: {CONFIG} cannot be read ({error})") from None
    return config


def _walk(config: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield every dict in it that is given to Keras, with the name of the layer that it is part of."""
    rest: list[tuple[Any, str]] = [(config, "")]
    while rest:
        value, layer = rest.pop()
        if isinstance(value, list):
            rest += [(part, layer) for part in value]
        elif isinstance(value, dict):
            value.pop("compile_config", None)
            inner = value.get("config")
            if isinstance(inner, dict):
                # a policy is written as its name, or as an object whose name it is
                key = "name" if value.get("class_name") == "DTypePolicy" else "dtype"
                if isinstance(inner.get(key), str) and inner[key] in REDUCED:
                    inner[key] = "float32"
                layer = inner["name"] if key == "dtype" and isinstance(inner.get("name"), str) else layer
            yield value, layer
            rest += [(part, layer) for part in value.values()]


def _judge(value: dict[str, Any], layer: str, path: Path) -> None:
    if "class_name" not in value:
        return
    name, module, registered = value["class_name"], value.get("module"), value.get("registered_name")
    where = f"{path}: layer {layer!r}"
    if name in ("Lambda", "__lambda__"):
        raise DataError(f"{where} is a Lambda, Python code in the file; say it with Keras' own layers and save again")
    if name == "function":
        raise DataError(f"{where} names the function {value.get('config')!r}; say it with Keras' own layers")
    if not isinstance(name, str) or registered not in (None, name):
        raise DataError(f"{where} is of the class {registered or name!r}, which is not Keras' own")
    if name in VALUES and module is None:
        return
    if name == "DTypePolicy" and module == "keras":
        policy = value.get("config")
        if isinstance(policy, dict) and policy.get("name") in ("float32", "uint8"):
            return
    allowed = (
        (module in MODULES and name in LAYERS) or name in OPERATIONS.get(str(module), frozenset()) or module in PASSIVE
    )
    if not allowed:
        said = f"{module}.{name}" if module else name
        raise DataError(
            f"{where} is of the class {said!r}, which hemline does not convert; use {', '.join(_SOME)}, ..."
        )


_SOME = ("Conv2D", "DepthwiseConv2D", "Dense", "BatchNormalization", "ReLU", "MaxPooling2D", "Add")


def _copy(source: Any, target: Any, most: int, name: str) -> None:
    done = 0
    try:
        while block := source.read(1 << 20):
            done += len(block)
            if done > most:
                raise DataError(f"{name}: more than {most:,} bytes")
            target.write(block)
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise DataError(f"{name}: cannot be unpacked ({error}); save the model again") from None
