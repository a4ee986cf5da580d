"""Values that a released Tocsin wrote, byte for byte: they can be read for ever. Add files, never change one."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from tocsin.schemas.codec import decode, encode
from tocsin.schemas.events import EVENTS
from tocsin.schemas.lock import shipped_entries

FOLDER = Path(__file__).parent / "golden"
ENTRIES = {entry.file.removesuffix(".avsc"): entry for entry in shipped_entries()}
NEWEST = {entry.event_name: entry.id for entry in sorted(ENTRIES.values(), key=lambda entry: entry.version or 0)}
NEWEST_FILES = [name for name, entry in ENTRIES.items() if NEWEST[entry.event_name] == entry.id]


def test_every_schema_version_has_a_golden_value() -> None:
    assert {path.stem for path in FOLDER.glob("*.bin")} == set(ENTRIES)
    assert {path.stem for path in FOLDER.glob("*.json")} == set(ENTRIES)


@pytest.mark.parametrize("name", ENTRIES)
def test_golden_value_is_read_as_expected(name: str) -> None:
    expected = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    data = (FOLDER / f"{name}.bin").read_bytes()
    assert int.from_bytes(data[1:5], "big") == ENTRIES[name].id
    event = decode(data)
    assert event == msgspec.convert(expected["fields"], EVENTS[expected["event"]])


@pytest.mark.parametrize("name", NEWEST_FILES)
def test_golden_value_of_the_newest_version_is_written_byte_for_byte(name: str) -> None:
    data = (FOLDER / f"{name}.bin").read_bytes()
    assert encode(decode(data)) == data


@pytest.mark.parametrize("name", NEWEST_FILES)
def test_golden_value_leaves_no_field_at_its_default(name: str) -> None:
    event = decode((FOLDER / f"{name}.bin").read_bytes())
    fields = msgspec.structs.fields(event)
    assert [field.name for field in fields if getattr(event, field.name) in (field.default, None, [], {}, b"")] == []
