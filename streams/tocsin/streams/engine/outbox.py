"""The outbox: the outputs of a batch, written down before they are produced, so that a restart repeats their bytes."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec

from tocsin.streams.engine.record import Halt, Headers, Output

_FORMAT = 1
_HEAD = struct.Struct(">B")


class OutboxRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One output with everything that decides its bytes; `timestamp` is in milliseconds, as Kafka carries it."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int

    @classmethod
    def of(cls, output: Output, now: int) -> OutboxRecord:
        return cls(output.topic, output.key, output.value, output.headers, now // 1000)

    def size(self) -> int:
        """An upper estimate in bytes, on Kafka and in the outbox."""
        size = 64 + len(self.key or b"") + len(self.value or b"")
        for name, value in self.headers:
            size += len(name) + len(value or b"") + 8
        return size


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[OutboxRecord])


def encode_outbox(outputs: Sequence[OutboxRecord]) -> bytes:
    return _HEAD.pack(_FORMAT) + _encoder.encode(outputs)


def decode_outbox(data: bytes) -> list[OutboxRecord]:
    """Raises msgspec.DecodeError when the bytes are not an outbox, Halt when a later release wrote them."""
    if data and data[0] > _FORMAT:
        raise Halt(f"outbox format {data[0]}, this process reads up to {_FORMAT}")
    return _decoder.decode(memoryview(data)[_HEAD.size :])
