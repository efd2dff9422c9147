"""The result file: its shape is what the documentation says, and nothing else is read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from measurements import document, row

from hemline.bench.document import ARTIFACT, FIELDS, WINDOW, parse, read
from hemline.errors import DataError

DOCUMENTATION = Path(__file__).resolve().parents[2] / "docs" / "bench.md"


def parsed(found: Any) -> dict[str, Any]:
    return parse(json.dumps(found), name="f.json")


def test_a_result_is_read_back_as_it_was_written() -> None:
    assert parsed(document()) == document()


def test_fields_of_a_later_version_are_left_alone() -> None:
    assert parsed(document(more=[1, 2]))["more"] == [1, 2]


@pytest.mark.parametrize("field", FIELDS)
def test_a_result_without_one_of_its_fields_is_refused(field: str) -> None:
    found = document()
    del found[field]
    with pytest.raises(DataError, match=r"^f\.json: "):
        parsed(found)


@pytest.mark.parametrize("field", ARTIFACT)
def test_an_artifact_without_one_of_its_fields_is_refused(field: str) -> None:
    found = document()
    del found["artifacts"][0][field]
    with pytest.raises(DataError, match=rf"^f\.json: an artifact: '{field}' is missing; measure again"):
        parsed(found)


@pytest.mark.parametrize("field", WINDOW)
def test_a_window_without_one_of_its_fields_is_refused(field: str) -> None:
    found = document()
    del found["artifacts"][0]["windows"][3][field]
    with pytest.raises(DataError, match=rf"^f\.json: a window of litert:int8: '{field}' is missing"):
        parsed(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("[]", "not a result of hemline bench"),
        (json.dumps({"schema": 1, "bundle": "closet@1", "artifacts": []}), "not a result of hemline bench"),
        (json.dumps(document(schema=2)), "schema 2, this version reads 1; measure again with this version"),
        (json.dumps(document(bundle=7)), "bundle is int"),
        (json.dumps(document(rounds=True)), "rounds is bool"),
        (json.dumps(document(row(windows=[]))), "litert:int8 has no windows"),
        (json.dumps(document(row(latency_p50_ms="1"))), "latency_p50_ms is str"),
        (json.dumps({**document(), "artifacts": [7]}), "expected a table, found int"),
    ],
)
def test_what_is_no_result_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(DataError, match=rf"^f\.json: .*{re.escape(said)}"):
        parse(text, name="f.json")


def test_a_window_that_took_no_time_is_refused() -> None:
    found = document()
    found["artifacts"][0]["windows"][0]["p50_ms"] = 0.0
    with pytest.raises(DataError, match="took no time"):
        parsed(found)


def test_a_file_that_is_not_there_is_an_error_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.json: no such file or directory"):
        read(str(tmp_path / "none.json"))


@pytest.mark.parametrize(
    ("heading", "fields"), [("The result file", FIELDS), ("An artifact", ARTIFACT), ("A window", WINDOW)]
)
def test_the_documentation_names_every_field_and_no_other(heading: str, fields: dict[str, Any]) -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8")
    part = re.split(rf"^#+ {heading}$", text, flags=re.MULTILINE)[1]
    part = re.split(r"^#+ ", part, flags=re.MULTILINE)[0]
    first = "\n".join(re.findall(r"^\| (`[^|]*) \|", part, re.MULTILINE))
    assert sorted(re.findall(r"`(\w+)`", first)) == sorted(fields)
