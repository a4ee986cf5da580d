"""Rows keep their bytes: golden bytes of each kind, round trips, and keys that cannot collide.

`golden.json` has the bytes of every kind in the format that is written. Until a format is released,
`python -m tests.streams.rules.state.test_rows` writes it anew; afterwards its bytes move to OLD, and the file as it was
released becomes `golden_before.json`.
"""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.streams.engine.record import Halt
from tocsin.streams.rules.state import (
    ROW_VERSION,
    CaseRow,
    ConnectionRow,
    DeliveryRow,
    DigestCase,
    DigestRow,
    EndpointRow,
    EscalationRow,
    ExpectationRow,
    FinishedRow,
    KeptCommand,
    LaneRow,
    PeerRow,
    Row,
    RowUnreadable,
    SeenRow,
    ThreadRow,
    decode_row,
    encode_row,
    row_key,
)

FILE = Path(__file__).parent / "golden.json"
BEFORE = json.loads(FILE.with_name("golden_before.json").read_text("utf-8"))
"""Every kind of row as the release before writes it, each field set."""
KINDS: tuple[Any, ...] = get_args(Row)

OLD: list[tuple[int, Row, str]] = [
    (1, SeenRow("d", 1, "c", "s", 2), "96a47365656ea16401a163a17302"),
    (1, ThreadRow("t", None, 1, 2, 3, 4, ("e.p",)), "98a6746872656164a174c00102030491a3652e70"),
    (1, CaseRow(1, "a", "b", "open", 2, 3), "97a46361736501a161a162a46f70656e0203"),
    (1, LaneRow("e", "l", ("a", "b")), "94a46c616e65a165a16c92a161a162"),
    (
        5,
        EndpointRow(
            "e", "removed", 1, None, 2, 3, 4, "x", ("t",), 5, 7, 6, "open", 8, 9, 10, ((11, 12),), 13, 14, 15, 16
        ),
        "dc0016a8656e64706f696e74a165a772656d6f76656401c0020304a17891a174050706a46f70656e08090a91920b0c0d0e0f10",
    ),
    (1, FinishedRow("done", 1, 2), "94a866696e6973686564a4646f6e650102"),
    (1, EndpointRow("e", "disabled", 1, None), "95a8656e64706f696e74a165a864697361626c656401c0"),
    (1, KeptCommand("e", "t", "k", "x", "b", None, 1, 2, "p"), "9aa46b657074a165a174a16ba178a162c00102a170"),
    (
        1,
        DeliveryRow("d", "e", "t", "v", "l", "c", "a", "m", b"b", 1, 2, 3, "u", "p", "parked", 4, 5, "r", "n"),
        "dc0014a864656c6976657279a164a165a174a176a16ca163a161a16dc40162010203a175a170a67061726b65640405a172a16e",
    ),
    (
        2,
        DeliveryRow("d", "e", "t", "v", "l", "c", "a", "m", b"b", 1, 2, 3, "u", "p", "parked", 4, 5, "r", "n", 6),
        "dc0015a864656c6976657279a164a165a174a176a16ca163a161a16dc40162010203a175a170a67061726b65640405a172a16e06",
    ),
    (
        5,
        DeliveryRow(
            "d", "e", "t", "v", "l", "c", "a", "m", b"b", 1, 2, 3, "u", "p", "parked", 4, 5, "r", "n", 6, "s", 7, 8
        ),
        "dc0018a864656c6976657279a164a165a174a176a16ca163a161a16dc40162010203a175a170a67061726b65640405a172a16e06a1730708",
    ),
    (5, ConnectionRow(1, "high", 2, 3), "95aa636f6e6e656374696f6e01a4686967680203"),
    (5, PeerRow(1, 2, 3, True), "95a470656572010203c3"),
    (3, CaseRow(1, "a", "b", "open", 2, 3, "s"), "9ea46361736501a161a162a46f70656e0203a17390a0a7756e6b6e6f776ec0c090"),
    (
        3,
        DigestRow("t", "g", "w", 1, 2, "r", ("e",), 1, (DigestCase("c", "k", 1, "l"),)),
        "dc0012a6646967657374a174a167a1770102a17291a165019194a163a16b01a16c00a0c0c400c0c000a0",
    ),
    (
        3,
        EscalationRow("t", "c", "p", "r", 1),
        "dc0011aa657363616c6174696f6ea174a163a170a17201000000a772756e6e696e67c0c400c0c0c0c000",
    ),
    (
        3,
        ExpectationRow("t", "h", "m", "y", 1, "o"),
        "dc0010ab6578706563746174696f6ea174a168a16da17901a16f0001c200c0a87761746368696e67c09000",
    ),
]
"""Format, row, bytes: what a released worker wrote is read for ever."""


def a_value(hint: Any, name: str, numbers: count[int]) -> Any:
    """A value of a field that differs from every default."""
    arguments = get_args(hint)
    match get_origin(hint):
        case None if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            return a_row(hint, numbers)
        case None:
            plain: dict[Any, Any] = {str: f"{name} ü", bytes: b"\x00\xff", int: next(numbers), bool: True, float: 1.5}
            return plain[hint]
        case origin if origin is Literal:
            return arguments[-1]
        case origin if origin in (Union, UnionType):
            return a_value(arguments[0], name, numbers)
    inner = arguments[:1] * 2 if arguments[-1] is Ellipsis else arguments
    return tuple(a_value(one, name, numbers) for one in inner)


RENAMED = {"represented_by": "survivor"}
"""Fields whose name has changed since the golden bytes were made: the bytes know positions, not names."""


def a_row(kind: Any, numbers: count[int] | None = None) -> Any:
    """A row of which every field is set."""
    numbers = numbers or count(1000)
    return kind(*[a_value(hint, RENAMED.get(name, name), numbers) for name, hint in get_type_hints(kind).items()])


def in_this_format() -> dict[str, str]:
    return {kind.__name__: encode_row(a_row(kind)).hex() for kind in KINDS}


@pytest.mark.parametrize(
    ("version", "row", "data"), [pytest.param(*one, id=f"{type(one[1]).__name__} {one[0]}") for one in OLD]
)
def test_the_bytes_of_older_formats_are_still_read(version: int, row: Row, data: str) -> None:
    assert decode_row(bytes.fromhex(data), version) == row
    assert decode_row(encode_row(row), ROW_VERSION) == row


@pytest.mark.parametrize("kind", BEFORE["rows"])
def test_every_row_of_the_release_before_is_taken_up_whole(kind: str) -> None:
    """What it says stays where it is; what it does not say yet is as in a row that says nothing."""
    data = bytes.fromhex(BEFORE["rows"][kind])
    before, row = msgspec.msgpack.decode(data), decode_row(data, BEFORE["version"])
    now = msgspec.msgpack.decode(encode_row(row))
    unsaid = msgspec.structs.fields(row)[len(before) - 1 :]
    assert now == [*before, *(None if field.required else field.default for field in unsaid)]


def test_every_kind_has_golden_bytes_of_this_format() -> None:
    golden = json.loads(FILE.read_text("utf-8"))
    assert golden["version"] == ROW_VERSION
    assert set(golden["rows"]) == {kind.__name__ for kind in KINDS}


def test_a_field_that_comes_later_is_the_last_of_every_kind_that_has_it() -> None:
    """Rows are arrays: what a kind adds to the fields of another would be moved by that one's next field."""
    derived = [kind for kind in KINDS for base in kind.__mro__[1:] if base in KINDS]
    assert derived
    assert [kind for kind in derived if kind.__struct_fields__ != kind.__mro__[1].__struct_fields__] == []


@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
def test_the_bytes_of_this_format_do_not_change(kind: Any) -> None:
    data = json.loads(FILE.read_text("utf-8"))["rows"][kind.__name__]
    assert encode_row(a_row(kind)).hex() == data
    assert decode_row(bytes.fromhex(data), ROW_VERSION) == a_row(kind)


@given(
    st.builds(DeliveryRow)
    | st.builds(KeptCommand)
    | st.builds(
        ThreadRow, codes=st.lists(st.text()).map(tuple), waiting=st.lists(st.tuples(st.text(), st.text())).map(tuple)
    ),
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
    with pytest.raises(RowUnreadable) as refused:
        decode_row(data, version)
    assert isinstance(refused.value, Halt), "the partition stands, instead of going on without the row"


@given(st.lists(st.text("ab/%", max_size=4), max_size=3), st.lists(st.text("ab/%", max_size=4), max_size=3))
def test_keys_of_different_subjects_differ(left: list[str], right: list[str]) -> None:
    assert (row_key("k", *left) == row_key("k", *right)) == (left == right)


def test_a_long_part_of_a_key_is_replaced_by_its_digest() -> None:
    assert len(row_key("thread", "acme", "x" * 100_000)) < 100
    assert row_key("thread", "acme", "x" * 256) != row_key("thread", "acme", "x" * 257)
    assert row_key("thread", "acme", "x" * 255) == "thread/acme/" + "x" * 255


if __name__ == "__main__":
    FILE.write_text(json.dumps({"version": ROW_VERSION, "rows": in_this_format()}, indent=1) + "\n", "utf-8")
