"""The fixed ids: a schema file does not change, and none comes, without a new row."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from tocsin.schemas.evolution import SchemaFile, lock_findings
from tocsin.schemas.lock import OWN_IDS, fingerprint, locked_rows, shipped_entries

ROWS = locked_rows()
FILES = [SchemaFile(entry.file, entry.text) for entry in shipped_entries()]


def test_lock_and_files_agree() -> None:
    assert lock_findings(FILES, ROWS) == []


def test_the_readme_lists_every_schema() -> None:
    readme = (Path(__file__).parents[2] / "schemas" / "README.md").read_text("utf-8")
    assert [
        row.file for row in ROWS if f"| {row.id} | {row.event_name} | {row.version} | `{row.file}` |" not in readme
    ] == []


def test_ids_are_as_first_released() -> None:
    ids = {f"{row.event_name}.{row.version}": row.id for row in ROWS}
    assert ids["ProblemReported.1"] == 1000
    assert ids["SchemaInUse.1"] == 1025
    assert sorted(ids.values()) == [row.id for row in ROWS]


def _changed(number: int, old: str, new: str) -> list[SchemaFile]:
    text = FILES[number].text.replace(old, new, 1)
    assert text != FILES[number].text
    return [*FILES[:number], SchemaFile(FILES[number].name, text), *FILES[number + 1 :]]


@pytest.mark.parametrize(
    ("what", "old", "new"),
    [
        ("a logical type", "timestamp-micros", "timestamp-millis"),
        ("a default", '"default": ""', '"default": "x"'),
        ("a field's name", '"name": "raw"', '"name": "rue"'),
        ("a symbol", '"recipient"', '"receiver"'),
    ],
)
def test_a_changed_file_is_found(what: str, old: str, new: str) -> None:
    assert [finding.file for finding in lock_findings(_changed(0, old, new), ROWS)] == ["problem_reported.v1.avsc"]


def test_docs_may_be_improved() -> None:
    assert lock_findings(_changed(0, "Whose event it is.", "Whose event this is."), ROWS) == []


def test_a_field_called_doc_counts() -> None:
    plain = {"type": "record", "name": "R", "fields": []}
    with_field = {**plain, "fields": [{"name": "doc", "type": "string", "doc": "x"}]}
    assert fingerprint(json.dumps(plain)) != fingerprint(json.dumps(with_field))


def test_a_file_without_a_row_is_found() -> None:
    extra = SchemaFile("tick.v2.avsc", FILES[0].text)
    assert [str(each) for each in lock_findings([*FILES, extra], ROWS)] == [
        "tick.v2.avsc#: is not in schema_ids.lock.json"
    ]


@pytest.mark.parametrize(
    ("what", "change", "expected"),
    [
        ("an id twice", {"id": 1001}, "id 1001 is there twice"),
        ("a foreign id", {"id": OWN_IDS.stop}, "id 2000 is not one of 1000 to 1999"),
        ("a missing file", {"file": "gone.v1.avsc"}, "names gone.v1.avsc, which is not there"),
        ("a version twice", {"subject": ROWS[1].subject}, "io.tocsin.ActivityObserved version 1 is there twice"),
    ],
)
def test_a_wrong_row_is_found(what: str, change: dict[str, object], expected: str) -> None:
    rows = [msgspec.structs.replace(ROWS[0], **change), *ROWS[1:]]
    assert expected in [finding.reason for finding in lock_findings(FILES, rows)]
