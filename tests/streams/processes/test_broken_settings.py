"""A broken record of `settings` in `dead`: it says whether it is whole."""

from __future__ import annotations

import pytest

from tests.harness.bus import Bus
from tests.harness.judging import read_topic
from tocsin.streams.engine.dead import CUT_HEADER, LARGEST_LETTER
from tocsin.streams.processes.broken_settings import BrokenToDead


@pytest.mark.parametrize(
    ("size", "cut"),
    [(10, False), (LARGEST_LETTER - 999, False), (LARGEST_LETTER, True)],
    ids=["whole", "large", "too large"],
)
async def test_what_was_cut_is_said(bootstrap: str, prefix: str, tmp_path: object, size: int, cut: bool) -> None:
    await Bus(bootstrap, prefix, tmp_path).make_topics()  # type: ignore[arg-type]
    await BrokenToDead(bootstrap, prefix)(b"silence/x", bytes(size), 7, "it is no event")
    (record,) = [one for records in (await read_topic(bootstrap, f"{prefix}dead")).values() for one in records]
    said = dict(record.headers)
    assert said["__connect.errors.stage"] == b"settings"
    assert (CUT_HEADER in said, len(record.value or b"") < size) == (cut, cut)
