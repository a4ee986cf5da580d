"""A consumer that no record batch can stop, and none can make use more memory than is set here.

aiokafka inflates a whole batch whatever its size, loops for ever over some broken ones, and raises for a header whose
name is not UTF-8, again at each fetch. Here such a name is read leniently; and a batch that cannot be read, or would be
too large, is one record without key and value at the batch's last offset, whose headers say why and hold its bytes.
All that reaches into aiokafka for this is here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import decode_varint

from tocsin.connectors.kafka.inflating import Uninflatable, inflated
from tocsin.connectors.kafka.pacing import pace

LARGEST_INFLATED = 16 * 1024 * 1024
"""The most bytes that one record batch may inflate to; a batch of ours is at most 4 MiB."""
INFLATED_AT_ONCE = 32 * 1024 * 1024
"""Bytes that the batches of one partition, fetched together, may inflate to; the rest is fetched again."""

REFUSED, COUNT, CODEC, PAYLOAD = (f"tocsin.batch.{name}" for name in ("refused", "records", "codec", "payload"))
"""The headers of the record that stands for a batch: why it could not be read, how many records it said it had, Kafka's
number of its compression, and its bytes behind the batch's own header, as they came."""

_HEADER = struct.Struct(">qiibIhiqqqhii")
_ATTRIBUTES_AT, _CODEC_MASK, _LOG_APPEND_TIME = 21, 0x07, 0x08


def refusal_of(headers: Any) -> str | None:
    """Why the batch could not be read that a record with these headers stands for; None for a record as any other."""
    return next(((value or b"").decode("utf-8", "replace") for name, value in headers if name == REFUSED), None)


@dataclass(frozen=True, slots=True)
class _Found:
    """A record as aiokafka's own iterators give it."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)
    checksum: None = None


class BoundedRecords:
    """aiokafka's MemoryRecords: the batches of one partition that were fetched together."""

    def __init__(self, data: bytes) -> None:
        self._data, self._batches = data, MemoryRecords(data)
        self._at = self.inflated = 0

    def size_in_bytes(self) -> int:
        """Of all that was fetched."""
        return int(self._batches.size_in_bytes())

    def has_next(self) -> bool:
        """Whether another batch may be read now; what is left then is fetched again."""
        return self.inflated < INFLATED_AT_ONCE and bool(self._batches.has_next())

    def next_batch(self) -> Any:
        """The next batch. Raises CorruptRecordException."""
        batch, start = self._batches.next_batch(), self._at
        self._at = start + 12 + struct.unpack_from(">i", self._data, start + 8)[0]
        return batch if batch.magic < 2 else _BoundedBatch(self, batch, memoryview(self._data)[start : self._at])


class _BoundedBatch:
    """One batch: attributes as aiokafka's own, records as above."""

    def __init__(self, records: BoundedRecords, batch: Any, data: memoryview) -> None:
        self._records, self._batch, self._data = records, batch, data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:  # aiokafka reads the one record of a control batch so
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        data: bytes | memoryview = self._data
        try:
            if codec := self._data[_ATTRIBUTES_AT + 1] & _CODEC_MASK:
                data = self._inflated(codec)
                self._batch = MemoryRecords(data).next_batch()
            yield from self._batch
            return
        except Uninflatable as why:
            yield self._refused(str(why))
            return
        except (CorruptRecordException, ValueError, IndexError, OverflowError):
            pass  # a name that is not UTF-8 is a ValueError
        try:
            yield from _read_leniently(data)  # whoever reads passes over those that were read already
        except Exception as why:
            yield self._refused(f"{type(why).__name__}: {why}")

    def _inflated(self, codec: int) -> bytes:
        """The same batch, not compressed."""
        payload = inflated(codec, self._data[_HEADER.size :], LARGEST_INFLATED)
        self._records.inflated += len(payload)
        head = bytearray(self._data[: _HEADER.size])
        head[_ATTRIBUTES_AT + 1] &= ~_CODEC_MASK & 0xFF
        struct.pack_into(">i", head, 8, _HEADER.size - 12 + len(payload))
        return bytes(head) + payload

    def _refused(self, why: str) -> _Found:
        """The record that stands for the batch, or for what is left of it."""
        head = _HEADER.unpack_from(self._data)
        headers: list[tuple[str, bytes | None]] = [
            (REFUSED, why.encode("utf-8", "replace")),
            (COUNT, str(head[12]).encode()),
            (CODEC, str(head[5] & _CODEC_MASK).encode()),
            (PAYLOAD, bytes(self._data[_HEADER.size :])),
        ]
        return _Found(self._batch.next_offset - 1, head[8], int(bool(head[5] & _LOG_APPEND_TIME)), None, None, headers)


def _read_leniently(data: bytes | memoryview) -> Iterator[_Found]:
    """The records of a batch that is not compressed; a header's name may be any bytes. Raises whatever is wrong."""
    head, buffer, at = _HEADER.unpack_from(data), bytes(data), _HEADER.size
    base, attributes, first, last, count = head[0], head[5], head[7], head[8], head[12]
    log_append_time = bool(attributes & _LOG_APPEND_TIME)
    for _ in range(count):
        length, at = decode_varint(buffer, at)
        end = at + length
        if not at < end <= len(buffer):
            raise ValueError(f"a record of {length} bytes")
        time_delta, at = decode_varint(buffer, at + 1)  # behind the attributes of the record, which mean nothing
        offset_delta, at = decode_varint(buffer, at)
        key, at = _bytes_at(buffer, at, end)
        value, at = _bytes_at(buffer, at, end)
        left, at = decode_varint(buffer, at)
        headers: list[tuple[str, bytes | None]] = []
        while left > 0:
            name, at = _bytes_at(buffer, at, end)
            text, at = _bytes_at(buffer, at, end)
            headers.append(((name or b"").decode("utf-8", "replace"), text))
            left -= 1
        timestamp = last if log_append_time else first + time_delta
        yield _Found(base + offset_delta, timestamp, int(log_append_time), key, value, headers)
        at = end


def _bytes_at(buffer: bytes, at: int, end: int) -> tuple[bytes | None, int]:
    size, at = decode_varint(buffer, at)
    if size < 0:
        return None, at
    if at + size > end:
        raise ValueError(f"{size} bytes where {end - at} are left")
    return buffer[at : at + size], at + size


def _with(function: Any, **names: object) -> Any:
    """The same function, in which some global names mean something else. aiokafka cannot be told what to use, and to
    change its modules would change every consumer of the process, of others too."""
    seen = {**function.__globals__, **names}
    own = FunctionType(function.__code__, seen, function.__name__, function.__defaults__, function.__closure__)
    own.__kwdefaults__ = function.__kwdefaults__
    return own


class _BoundedFetcher(Fetcher):  # type: ignore[misc]
    _proc_fetch_request = _with(Fetcher._proc_fetch_request, MemoryRecords=BoundedRecords)


class BoundedConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """AIOKafkaConsumer, paced; what it gives of a batch that cannot be read is said above."""

    start = _with(AIOKafkaConsumer.start, Fetcher=_BoundedFetcher)

    def __init__(self, *topics: str, **settings: Any) -> None:
        super().__init__(*topics, **settings)
        pace(self._client)
