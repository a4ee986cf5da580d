"""The outbox gives back exactly what went in."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.streams.engine.outbox import OutboxRecord, decode_outbox, encode_outbox
from tocsin.streams.engine.record import Halt, Output

SPOKEN = st.builds(
    OutboxRecord,
    topic=st.text(max_size=20),
    key=st.none() | st.binary(max_size=20),
    value=st.none() | st.binary(max_size=200),
    headers=st.lists(st.tuples(st.text(max_size=9), st.binary(max_size=9)), max_size=3).map(tuple),
    timestamp=st.integers(0, 2**53),
)


@given(st.lists(SPOKEN, max_size=5))
def test_an_outbox_survives_its_bytes(outputs: list[OutboxRecord]) -> None:
    assert decode_outbox(encode_outbox(outputs)) == outputs


@given(SPOKEN)
def test_the_estimate_is_never_below_what_the_outbox_takes(output: OutboxRecord) -> None:
    assert len(encode_outbox([output])) - len(encode_outbox([])) <= output.size() + 3 * len(output.topic)


def test_a_time_is_cut_to_milliseconds_as_kafka_carries_it() -> None:
    assert OutboxRecord.of(Output("t", None, b""), 1_234_567).timestamp == 1_234


def test_an_outbox_of_a_later_format_halts() -> None:
    with pytest.raises(Halt):
        decode_outbox(b"\x02" + encode_outbox([])[1:])


@pytest.mark.parametrize("data", [b"\x01", b"\x01\x91", b"\x01\xff", b"\x01\x91\x01"])
def test_what_is_no_outbox_is_refused(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_outbox(data)
