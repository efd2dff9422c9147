"""
What has to be settled around the library that computes, before and after it is imported: chatter, seeds, devices.

That is TensorFlow, and with KERAS_BACKEND=jax or torch another that Keras knows, on one device, for machines where
there is no TensorFlow. What such a training leaves is converted as any other.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from hemline.errors import MissingError, UsageError
from hemline.quiet import native_stderr_discarded


@dataclass(frozen=True)
class OneDevice:
    """What stands for a tf.distribute strategy where another library computes, on the device that it chooses."""

    num_replicas_in_sync: int = 1

    def scope(self) -> AbstractContextManager[None]:
        """Return a context that changes nothing."""
        return nullcontext()


def tensorflow_computes() -> bool:
    """Whether Keras computes with TensorFlow, as it does unless KERAS_BACKEND or its keras.json say otherwise."""
    import keras

    return str(keras.backend.backend()) == "tensorflow"


def start() -> None:
    """Import Keras and the library that computes without their start-up chatter; errors still show.

    TF_CPP_MIN_LOG_LEVEL, when the user has set it, is left alone and nothing is hidden. So is
    TF_ENABLE_ONEDNN_OPTS: by itself TensorFlow uses oneDNN only on x86 processors newer than AVX2, where it is not
    the only one to gain from it (train/README.md).
    """
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        _start_other()
        return
    if platform.machine() == "x86_64":
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # read when the library is loaded
    if "tensorflow" in sys.modules or "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        hidden: AbstractContextManager[None] = nullcontext()
    else:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"  # errors only; read when the library is loaded
        hidden = native_stderr_discarded()  # some lines are written before that level is looked at
    with hidden:
        import keras  # noqa: F401
        import tensorflow as tf

        tf.config.list_physical_devices()  # where there is no GPU, CUDA complains at the first look for one


def _start_other() -> None:
    name = os.environ["KERAS_BACKEND"]
    if name not in ("jax", "torch"):
        raise UsageError(f"KERAS_BACKEND is {name!r}; hemline trains with tensorflow, jax or torch")
    try:
        import keras  # noqa: F401
    except ImportError as error:
        raise MissingError(f"KERAS_BACKEND is {name!r}, which is not there ({error}); pip install {name}") from None


def seed(value: int) -> None:
    """Make what follows a function of `value` alone: the generators of Python, NumPy and Keras, each operation.

    Deterministic operations cost nothing that could be measured on a CPU (train/README.md). They cannot be
    switched off again in the same process.
    """
    import keras

    keras.utils.set_random_seed(value)
    if not tensorflow_computes():
        return
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()


def choose(devices: str) -> None:
    """Leave only these devices to TensorFlow; to be called before anything is computed.

    devices: names with commas, such as "gpu:0,gpu:1", "gpu", "cpu", or "cpu:0,cpu:1", which divides the CPU in two.
    Raises UsageError for another form, MissingError when a device is not there.
    """
    if not tensorflow_computes():
        raise UsageError("--devices is for TensorFlow; with another KERAS_BACKEND its own variables choose the device")
    import tensorflow as tf

    names = [name.strip().lower() for name in devices.split(",")]
    found = [re.fullmatch(r"(cpu|gpu)(?::(\d+))?", name) for name in names]
    kinds = {match[1] for match in found if match}
    if not all(found) or len(kinds) != 1 or len(set(names)) != len(names):
        raise UsageError(f"--devices {devices!r}: give names of one kind, such as gpu:0,gpu:1, or cpu")
    there = tf.config.list_physical_devices("GPU")
    if kinds == {"cpu"}:
        tf.config.set_visible_devices([], "GPU")
        if len(names) > 1:
            [cpu, *_] = tf.config.list_physical_devices("CPU")
            tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * len(names))
        return
    numbers = [int(match[2]) for match in found if match and match[2] is not None] or list(range(len(there)))
    for number in numbers or [0]:
        if number >= len(there):
            raise MissingError(f"--devices gpu:{number}: TensorFlow sees {len(there)} GPUs here; --devices cpu works")
    tf.config.set_visible_devices([there[number] for number in numbers], "GPU")


def strategy() -> Any:
    """Return the tf.distribute strategy: every visible GPU, else every logical CPU device.

    One device gets TensorFlow's default strategy, the same code without the cost of mirroring.
    """
    if not tensorflow_computes():
        return OneDevice()
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) == 1:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    import importlib

    import keras
    import numpy

    from hemline import __version__

    computes = str(keras.backend.backend())
    return {
        "hemline": __version__,
        "python": platform.python_version(),
        computes: str(importlib.import_module(computes).__version__),
        "keras": keras.__version__,
        "numpy": numpy.__version__,
    }
