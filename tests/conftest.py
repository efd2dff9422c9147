"""What the tests of more than one room use."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

# As hemline's own processes have it. Some tests import TensorFlow before backend.start() could ask for oneDNN, and a
# training that is compared byte by byte with one in a fresh process must not differ in this.
if platform.machine() == "x86_64":
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

# What hemline bench --recommend remembered on this machine must not choose for a test.
os.environ["XDG_CONFIG_HOME"] = str(Path(tempfile.gettempdir()) / "hemline-tests-configuration")

# Where the tests run in the background ctrl-C is ignored, and a process that they start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

CLUSTER = Path(__file__).resolve().parent.parent / "scripts" / "spark_cluster.py"


@pytest.fixture(scope="session")
def spark_cluster() -> Callable[..., AbstractContextManager[Any]]:
    """cluster() of scripts/spark_cluster.py: a real standalone cluster on this machine."""
    pytest.importorskip("pyspark", reason="needs the spark extra")
    if shutil.which("java") is None:
        pytest.skip("needs Java 17")
    specification = importlib.util.spec_from_file_location("spark_cluster", CLUSTER)
    assert specification is not None
    assert specification.loader is not None
    module: ModuleType = importlib.util.module_from_spec(specification)
    sys.modules["spark_cluster"] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    cluster: Callable[..., AbstractContextManager[Any]] = module.cluster
    return cluster
