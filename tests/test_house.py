"""The house around the code: documents that point at what exists, pins that cover what is required."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from hemline import toml
from hemline.cli import VERBS

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(
    path
    for folder in (".", "docs", "runtime", "train", "convert", "devices", "scripts")
    for path in (ROOT / folder).glob("*.md" if folder == "." else "**/*.md")
)
PLAIN = [
    *DOCUMENTS,
    *sorted((ROOT / "devices").glob("*.toml")),
    *(ROOT / name for name in ("Makefile", "constraints.txt", "pyproject.toml", ".ci/run", ".github/workflows/ci.yml")),
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
# /home/pi/hemline and the like: right on one machine only
ABSOLUTE = re.compile(r"(?<![\w.:/~<>])/(?:home|root|work|Users|mnt|media)/\S+")
# runs without constraints.txt: it needs numpy 1
APART = {"tflite"}

PROJECT = toml.read(ROOT / "pyproject.toml")["project"]
EXTRAS = PROJECT["optional-dependencies"]


def name_of(path: Path) -> str:
    """Return the path below the repository, as the name of a test case."""
    return path.relative_to(ROOT).as_posix()


def anchors(text: str) -> set[str]:
    """Return the anchors that the headings of a Markdown text have on GitHub."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def pins() -> list[Requirement]:
    """Return the requirements in constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_of_a_document_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(FENCED.sub("", path.read_text(encoding="utf-8"))):
        if link.startswith(("https://", "mailto:")):
            continue
        target, _, anchor = link.partition("#")
        file = path.parent / target if target else path
        assert file.exists(), f"{name_of(path)} points at {link}"
        assert file.resolve().is_relative_to(ROOT), f"{name_of(path)} points outside: {link}"
        if anchor:
            assert anchor in anchors(file.read_text(encoding="utf-8")), f"{name_of(path)} points at {link}"


@pytest.mark.parametrize("path", PLAIN, ids=name_of)
def test_no_path_of_one_machine_is_written_down(path: Path) -> None:
    assert not ABSOLUTE.findall(path.read_text(encoding="utf-8"))


def test_the_readme_has_a_row_for_every_verb_with_its_line() -> None:
    rows = re.findall(r"^\| `(?:hemline )?([a-z]+)[^`]*` \| (.+?) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert dict(rows) == {verb: row[2] for verb, row in VERBS.items()}
    assert len(rows) == len(VERBS)


def test_constraints_hold_exact_versions_and_no_address() -> None:
    for pin in pins():
        assert re.fullmatch(r"==[0-9.]+", str(pin.specifier)), f"{pin} is not one version"
        assert pin.url is None
        assert not pin.extras


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_what_the_project_requires_is_pinned_to_a_version_that_it_allows(python: str) -> None:
    here = {"python_version": python, "python_full_version": f"{python}.0"}
    pinned: dict[str, str] = {}
    for pin in pins():
        if pin.marker is None or pin.marker.evaluate(here):
            assert pin.name not in pinned, f"{pin.name} is pinned twice for Python {python}"
            pinned[pin.name] = str(pin.specifier).removeprefix("==")
    wanted = [line for extra, lines in EXTRAS.items() if extra not in APART | {"all"} for line in lines]
    for line in [*PROJECT["dependencies"], *wanted]:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(here):
            assert requirement.name in pinned, f"{requirement.name} has no line in constraints.txt"
            assert requirement.specifier.contains(pinned[requirement.name]), line


def test_the_extra_named_all_names_every_extra_that_can_be_together() -> None:
    (line,) = EXTRAS["all"]
    assert Requirement(line).extras == set(EXTRAS) - APART - {"all", "dev"}


def test_the_changelog_has_an_unreleased_section_and_sentences() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "\n## [Unreleased]\n" in text
    entries = re.findall(r"^- (.+(?:\n  .+)*)", text, re.MULTILINE)
    assert entries
    assert all(entry.endswith(".") for entry in entries)
