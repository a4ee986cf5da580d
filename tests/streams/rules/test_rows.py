"""Rows keep their bytes: golden bytes of each kind, round trips, and keys that cannot collide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.streams.rules.rows import (
    ROW_VERSION,
    CaseRow,
    DeliveryRow,
    EndpointRow,
    FinishedRow,
    KeptCommand,
    LaneRow,
    Row,
    RowUnreadable,
    SeenRow,
    ThreadRow,
    decode_row,
    encode_row,
    row_key,
)

GOLDEN = [
    (SeenRow("d", 1, "c", "s", 2), "96a47365656ea16401a163a17302"),
    (ThreadRow("t", None, 1, 2, 3, 4, ("e.p",)), "98a6746872656164a174c00102030491a3652e70"),
    (CaseRow(1, "a", "b", "open", 2, 3), "97a46361736501a161a162a46f70656e0203"),
    (LaneRow("e", "l", ("a", "b")), "94a46c616e65a165a16c92a161a162"),
    (FinishedRow("done", 1, 2), "94a866696e6973686564a4646f6e650102"),
    (EndpointRow("e", "disabled", 1, None), "95a8656e64706f696e74a165a864697361626c656401c0"),
]


@pytest.mark.parametrize(("row", "data"), [pytest.param(row, data, id=type(row).__name__) for row, data in GOLDEN])
def test_the_bytes_of_version_one_never_change(row: Row, data: str) -> None:
    assert encode_row(row).hex() == data
    assert decode_row(bytes.fromhex(data), ROW_VERSION) == row


@given(
    st.builds(DeliveryRow) | st.builds(KeptCommand) | st.builds(ThreadRow, codes=st.lists(st.text()).map(tuple)),
)
def test_round_trip(row: Row) -> None:
    try:
        data = encode_row(row)
    except (OverflowError, UnicodeEncodeError):
        return  # integers beyond 64 bits and lone surrogates cannot come out of an Avro event
    assert decode_row(data, ROW_VERSION) == row


@pytest.mark.parametrize(
    ("data", "version"),
    [
        pytest.param(encode_row(FinishedRow("done", 1, 2)), ROW_VERSION + 1, id="a newer format"),
        pytest.param(b"", ROW_VERSION, id="no bytes"),
        pytest.param(b"\x91\xa5other", ROW_VERSION, id="an unknown kind"),
        pytest.param(b"\x91" * 5000, ROW_VERSION, id="deeply nested"),
    ],
)
def test_unreadable_rows_are_refused(data: bytes, version: int) -> None:
    with pytest.raises(RowUnreadable):
        decode_row(data, version)


@given(st.lists(st.text("ab/%", max_size=4), max_size=3), st.lists(st.text("ab/%", max_size=4), max_size=3))
def test_keys_of_different_subjects_differ(left: list[str], right: list[str]) -> None:
    assert (row_key("k", *left) == row_key("k", *right)) == (left == right)


def test_a_long_part_of_a_key_is_replaced_by_its_digest() -> None:
    assert len(row_key("thread", "acme", "x" * 100_000)) < 100
    assert row_key("thread", "acme", "x" * 256) != row_key("thread", "acme", "x" * 257)
    assert row_key("thread", "acme", "x" * 255) == "thread/acme/" + "x" * 255
