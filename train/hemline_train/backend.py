"""
What has to be settled around TensorFlow before and after it is imported: its chatter, its seeds, its devices.
"""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from hemline.quiet import native_stderr_discarded


def start() -> None:
    """Import TensorFlow and Keras without their start-up chatter; errors still show.

    TF_CPP_MIN_LOG_LEVEL, when the user has set it, is left alone and nothing is hidden.
    """
    if "tensorflow" in sys.modules or "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        hidden: AbstractContextManager[None] = nullcontext()
    else:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"  # errors only; read when the library is loaded
        hidden = native_stderr_discarded()  # some lines are written before that level is looked at
    with hidden:
        import keras  # noqa: F401
        import tensorflow as tf

        tf.config.list_physical_devices()  # where there is no GPU, CUDA complains at the first look for one


def seed(value: int) -> None:
    """Make what follows a function of `value` alone: the generators of Python, NumPy and Keras, each operation.

    Deterministic operations cost nothing that could be measured on a CPU (train/README.md). They cannot be
    switched off again in the same process.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(value)
    tf.config.experimental.enable_op_determinism()


def strategy() -> Any:
    """Return the tf.distribute strategy: every visible GPU, else every logical CPU device.

    One device gets TensorFlow's default strategy, the same code without the cost of mirroring.
    """
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) == 1:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def versions() -> dict[str, str]:
    """Return the versions that a result depends on."""
    import platform

    import keras
    import numpy
    import tensorflow

    from hemline import __version__

    return {
        "hemline": __version__,
        "python": platform.python_version(),
        "tensorflow": tensorflow.__version__,
        "keras": keras.__version__,
        "numpy": numpy.__version__,
    }
