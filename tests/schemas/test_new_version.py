"""What `tests.schemas.new_version` writes is what the other tests of this folder ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.schemas.new_version import README, SCHEMAS, filled, prepare, with_line, with_row
from tocsin.schemas.events import EVENTS
from tocsin.schemas.lock import LOCK_FILE, locked_rows

ROW = msgspec.structs.replace(locked_rows()[0], id=1999, version=99, file="problem_reported.v99.avsc")


def test_the_lock_file_and_the_readme_only_grow() -> None:
    lock, readme = (SCHEMAS / LOCK_FILE).read_text("utf-8"), README.read_text("utf-8")
    rows = msgspec.json.decode(with_row(lock, ROW))["schemas"]
    assert rows[:-1] == msgspec.json.decode(lock)["schemas"]
    assert (rows[-1]["id"], rows[-1]["version"]) == (1999, 99)
    more = set(with_line(readme, ROW).splitlines()) - set(readme.splitlines())
    assert more == {"| 1999 | ProblemReported | 99 | `problem_reported.v99.avsc` | inbox |"}


@pytest.mark.parametrize("name", EVENTS)
def test_a_filled_event_has_no_field_at_its_default(name: str) -> None:
    kind: Any = EVENTS[name]
    required = {field.encode_name for field in msgspec.structs.fields(kind) if field.required}
    event = filled(kind(**dict.fromkeys(required)))
    left = [f.name for f in msgspec.structs.fields(event) if getattr(event, f.name) in (f.default, None, [], {}, b"")]
    assert left == []


def test_an_event_that_is_not_is_named() -> None:
    with pytest.raises(SystemExit, match="there is no schema chess; there are access_audited, activity_observed"):
        prepare("chess")
    assert not list(Path(SCHEMAS / "avsc").glob("chess*"))
