"""
Where the device profiles and the systems lie that came with hemline.
"""

from __future__ import annotations

from pathlib import Path

AUTO = "auto"  # in the place of a name: the profile that fits this machine best


def folder() -> Path:
    """Return the folder of the profiles that came with hemline."""
    here = Path(__file__).parent.parent
    installed = here / "devices"
    # in a checkout the profiles stand at the top level; the wheel puts them inside the package
    return installed if installed.is_dir() else here.parent.parent / "devices"


def names() -> list[str]:
    """Return the names of the profiles that came with hemline."""
    return sorted(path.stem for path in folder().glob("*.toml"))


def systems_folder() -> Path:
    """Return the folder of the systems that profiles have lines for, one file each."""
    return folder() / "systems"


def system_names() -> list[str]:
    """Return the names of these systems: what their makers call the release."""
    return sorted(path.stem for path in systems_folder().glob("*.toml"))
