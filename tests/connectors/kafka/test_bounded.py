"""Batches that no consumer of ours may fall over: bombs of every codec, broken ones, names that are no text."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Callable

import cramjam
import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from tocsin.connectors.kafka.bounded import (
    CODEC,
    COUNT,
    INFLATED_AT_ONCE,
    LARGEST_INFLATED,
    PAYLOAD,
    BoundedRecords,
    refusal_of,
)
from tocsin.connectors.kafka.inflating import XERIAL, Uninflatable, inflated

MIB = 1024 * 1024
NUMBERS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


def xerial(data: bytes) -> bytes:
    block = bytes(cramjam.snappy.compress_raw(data))
    return XERIAL + bytes(8) + len(block).to_bytes(4, "big") + block


DEFLATE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "snappy": lambda data: bytes(cramjam.snappy.compress_raw(data)),
    "lz4": lambda data: bytes(cramjam.lz4.compress(data)),
    "zstd": lambda data: bytes(cramjam.zstd.compress(data)),
    "snappy as Java writes it": xerial,
}


def codec_of(name: str) -> int:
    return NUMBERS[name.split()[0]]


@pytest.mark.parametrize("codec", DEFLATE)
@given(data=st.binary(min_size=1, max_size=2000), times=st.integers(1, 50))
def test_what_was_deflated_is_what_is_read_and_never_more_than_the_limit(codec: str, data: bytes, times: int) -> None:
    whole = data * times
    small = DEFLATE[codec](whole)
    assert inflated(codec_of(codec), small, len(whole)) == whole
    with pytest.raises(Uninflatable):
        inflated(codec_of(codec), small, len(whole) - 1)


@pytest.mark.parametrize("codec", DEFLATE)
@given(data=st.binary(max_size=300), cut=st.integers(0, 300))
def test_broken_bytes_are_refused_and_nothing_else_is_raised(codec: str, data: bytes, cut: int) -> None:
    for broken in (data, DEFLATE[codec](b"x" * 500)[:cut], XERIAL + bytes(8) + (-4 % 2**32).to_bytes(4, "big")):
        with contextlib.suppress(Uninflatable):
            assert len(inflated(codec_of(codec), broken, 1000)) <= 1000


def batch(
    codec: str | None, *values: bytes, at: int = 0, headers: list[tuple[str, bytes | None]] | None = None
) -> bytes:
    """A record batch whose first offset is `at`."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 64 * MIB)
    for number, value in enumerate(values):
        builder.append(number, timestamp=5, key=b"k", value=value, headers=headers or [])
    whole = bytearray(builder.build())
    whole[:8] = at.to_bytes(8, "big")
    if codec is None:
        return bytes(whole)
    small = DEFLATE[codec](bytes(whole[61:]))
    whole[22] |= codec_of(codec)
    whole[8:12] = (49 + len(small)).to_bytes(4, "big")
    return bytes(whole[:61]) + small


def read(data: bytes) -> list[tuple[int, bytes | None]]:
    """Offset and value of each record that aiokafka gives."""
    place, records = TopicPartition("t", 0), BoundedRecords(data)
    found = PartitionRecords(place, records, None, 0, None, None, check_crcs=False, isolation_level=0)
    return [(record.offset, record.value) for record in found]


@pytest.mark.parametrize("codec", [None, *DEFLATE])
def test_good_batches_are_read_as_ever(codec: str | None) -> None:
    data = batch(codec, b"a", b"b") + batch(codec, b"c", at=2)
    assert read(data) == [(0, b"a"), (1, b"b"), (2, b"c")]


@pytest.mark.parametrize("codec", DEFLATE)
def test_a_bomb_is_one_record_at_its_last_offset_and_what_stands_behind_it_is_read(codec: str) -> None:
    bomb = batch(codec, b"small", bytes(LARGEST_INFLATED), b"small")
    records = BoundedRecords(bomb + batch(None, b"good", at=3))
    (refused,) = records.next_batch()
    assert (refused.offset, refused.key, refused.value, refused.timestamp) == (2, None, None, 5)
    headers = dict(refused.headers)
    assert "inflate" in str(refusal_of(refused.headers))
    assert (headers[COUNT], headers[CODEC]) == (b"3", str(codec_of(codec)).encode())
    assert headers[PAYLOAD] == bomb[61:]
    assert [record.value for record in records.next_batch()] == [b"good"]


def test_many_batches_that_are_each_just_allowed_do_not_add_up() -> None:
    most = batch("zstd", bytes(LARGEST_INFLATED - 1000))
    records, read_at_once = BoundedRecords(most * 50), 0
    while records.has_next():
        assert len(list(records.next_batch())) == 1
        read_at_once += 1
    assert read_at_once == INFLATED_AT_ONCE // LARGEST_INFLATED + 1


@pytest.mark.parametrize("codec", [None, *DEFLATE])
def test_a_header_whose_name_is_not_text_costs_nobody_a_record(codec: str | None) -> None:
    odd: list[tuple[str, bytes | None]] = [("NAME", None), ("b", b"2")]
    plain = batch(None, b"first", b"second", headers=odd).replace(b"NAME", b"\xff\xfeME")
    data = bytearray(plain)
    if codec is not None:
        small = DEFLATE[codec](plain[61:])
        data = bytearray(plain[:61]) + small
        data[22] |= codec_of(codec)
        data[8:12] = (49 + len(small)).to_bytes(4, "big")
    records = list(BoundedRecords(bytes(data)).next_batch())
    assert [(record.offset, record.key, record.value) for record in records] == [
        (0, b"k", b"first"),
        (1, b"k", b"second"),
    ]
    assert records[0].headers == [("\ufffd\ufffdME", None), ("b", b"2")]
    assert records[0].timestamp == 5


def test_records_that_contradict_themselves_are_one_record_for_what_is_left() -> None:
    whole = bytearray(batch(None, b"first", b"second"))
    whole[-10:] = b"\xff" * 10
    found = read(bytes(whole) + batch(None, b"good", at=2))
    assert found == [(0, b"first"), (1, None), (2, b"good")]


@given(st.binary(max_size=200))
def test_whatever_a_batch_holds_it_is_read_or_stood_for(payload: bytes) -> None:
    whole = bytearray(batch(None, b"first", b"second")[:61]) + payload
    whole[8:12] = (49 + len(payload)).to_bytes(4, "big")
    found = read(bytes(whole) + batch(None, b"good", at=2))
    assert found[-1] == (2, b"good")
