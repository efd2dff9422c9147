"""A sweep of drawn garments: two configurations, two folds, a second a job."""

from __future__ import annotations

from pathlib import Path

import pytest

SWEEP = """
recipes = ["tiny.toml"]
folds = 2

[parameters]
"training.learning_rate" = [0.01, 0.001]

[set]
"training.epochs" = 2
"""


@pytest.fixture
def sweep_file(tiny: Path) -> Path:
    """The path of the sweep, beside its recipe."""
    path = tiny.with_name("rates.toml")
    path.write_text(SWEEP)
    return path
