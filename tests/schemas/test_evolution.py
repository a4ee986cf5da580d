"""`tocsin schemas check`: the shipped schemas pass; each forbidden change of a released one is found, by file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.schemas.evolution import evolution_findings
from tocsin.schemas.lock import LOCK_FILE, shipped_entries
from tocsin.schemas.soundness import Finding

TEXTS = {entry.file: entry.text for entry in shipped_entries()}
TICK = TEXTS["tick.v1.avsc"]
MORE = TICK.replace('"fields": [', '"fields": [{"name": "n", "type": "long", "default": 0, "doc": "New."},', 1)
BARE = TICK.replace('"fields": [', '"fields": [{"name": "n", "type": "long", "doc": "New."},', 1)


def folder(path: Path, **files: str) -> Path:
    path.mkdir()
    for name, text in files.items():
        (path / f"{name.replace('_v', '.v')}.avsc").write_text(text, "utf-8")
    return path


def besides_the_lock(findings: list[Finding]) -> list[str]:
    """Without those about the files of the lock that the test's small folder has not got."""
    return [str(finding) for finding in findings if "which is not there" not in finding.reason]


def test_a_folder_without_a_file_of_the_lock(tmp_path: Path) -> None:
    for name, text in TEXTS.items():
        if name != "tick.v1.avsc":
            (tmp_path / name).write_text(text, "utf-8")
    [finding] = evolution_findings(tmp_path)
    assert (finding.file, finding.reason) == (LOCK_FILE, "names tick.v1.avsc, which is not there")


def test_shipped_schemas_pass() -> None:
    assert evolution_findings() == []


def test_shipped_schemas_pass_against_themselves(tmp_path: Path) -> None:
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text, "utf-8")
    assert evolution_findings(tmp_path, against=tmp_path) == []
    assert evolution_findings(against=tmp_path) == []


@pytest.mark.parametrize(
    ("what", "ours", "released", "expected"),
    [
        ("docs differ", {"tick_v1": TICK.replace("Whose", "Of whom")}, {"tick_v1": TICK}, []),
        ("a good new version", {"tick_v1": TICK, "tick_v2": MORE}, {"tick_v1": TICK}, []),
        (
            "a new version that old values lack a field of",
            {"tick_v1": TICK, "tick_v2": BARE},
            {"tick_v1": TICK},
            ["tick.v2.avsc#/fields/0: reading tick.v1.avsc: field n is not written and has no default"],
        ),
        (
            "a new version that old readers cannot read",
            {"tick_v1": BARE, "tick_v2": TICK},
            {"tick_v1": BARE},
            ["tick.v1.avsc#/fields/0: reading tick.v2.avsc: field n is not written and has no default"],
        ),
        (
            "changed in place",
            {"tick_v1": MORE},
            {"tick_v1": TICK},
            ["tick.v1.avsc#: was released and has changed: add the next version instead"],
        ),
        (
            "gone, and the new version does not fit it",
            {"tick_v2": BARE},
            {"tick_v1": TICK},
            [
                "tick.v1.avsc#: was released and is gone: old values can no longer be read",
                "tick.v2.avsc#/fields/0: reading tick.v1.avsc: field n is not written and has no default",
            ],
        ),
        ("a bad file name", {"tick": TICK}, None, ["tick.avsc#: a schema file is called <event_name>.v<number>.avsc"]),
        ("no schema", {"tick_v1": "[1]"}, None, ["tick.v1.avsc#/0: not an Avro type"]),
        ("broken JSON where one was released", {"tick_v1": "{"}, {"tick_v1": TICK}, [
            "tick.v1.avsc#: was released and has changed: add the next version instead",
            "tick.v1.avsc#: not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ]),
        ("unsound", {"tick_v1": TICK.replace('"long"', '["null", "Tick"]', 1)}, None, None),
    ],
)  # fmt: skip
def test_changes(
    what: str, ours: dict[str, str], released: dict[str, str] | None, expected: list[str] | None, tmp_path: Path
) -> None:
    against = folder(tmp_path / "released", **released) if released else None
    found = besides_the_lock(evolution_findings(folder(tmp_path / "ours", **ours), against))
    assert found == expected if expected is not None else any("recursion" in line for line in found)


def test_three_versions_are_compared_each_with_each(tmp_path: Path) -> None:
    renamed = TICK.replace('"name": "partition"', '"name": "part"').replace(
        '"doc": "Number', '"default": 0, "doc": "Number'
    )
    found = besides_the_lock(evolution_findings(folder(tmp_path / "ours", tick_v1=TICK, tick_v2=TICK, tick_v3=renamed)))
    assert {(line.partition("#")[0], line.split(": ")[1]) for line in found} == {
        ("tick.v1.avsc", "reading tick.v3.avsc"),
        ("tick.v2.avsc", "reading tick.v3.avsc"),
    }


def test_an_empty_folder_to_compare_with_is_a_finding(tmp_path: Path) -> None:
    assert [each.reason for each in evolution_findings(against=tmp_path)] == ["there is no .avsc file to compare with"]
