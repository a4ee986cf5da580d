"""What was read and what was written, as numbers that must be equal. Pure."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from tocsin.connectors.kafka import CONNECT_PREFIX
from tocsin.streams.engine.record import Headers

TOPIC_HEADER = CONNECT_PREFIX + "topic"
"""The header of a dead letter that names its topic; with another prefix it names another one."""
_ALL = (1 << 64) - 1
_LENGTH = struct.Struct(">q")


def fingerprint(key: bytes | None, value: bytes | None, headers: Headers, timestamp: int) -> int:
    """64 bits of everything that a record is, but for its place and the name of its old topic."""
    digest = hashlib.blake2b(_LENGTH.pack(timestamp), digest_size=8)
    for part in (key, value):
        _add(digest, part)
    for name, text in headers:
        if name != TOPIC_HEADER:
            _add(digest, name.encode("utf-8", "surrogatepass"))
            _add(digest, text)
    return int.from_bytes(digest.digest(), "big")


def _add(digest: hashlib.blake2b, part: bytes | None) -> None:
    digest.update(_LENGTH.pack(-1 if part is None else len(part)))
    digest.update(part or b"")


@dataclass(slots=True)
class Tally:
    """How many records, of how many bytes, and the sum of their fingerprints: their order does not count."""

    records: int = 0
    size: int = 0
    sum: int = 0

    def add(self, key: bytes | None, value: bytes | None, headers: Headers = (), timestamp: int = 0) -> None:
        """Count one record."""
        self.records += 1
        self.size += len(key or b"") + len(value or b"") + sum(len(name) + len(text or b"") for name, text in headers)
        self.sum = (self.sum + fingerprint(key, value, headers, timestamp)) & _ALL

    def differs(self, other: Tally) -> str | None:
        """How the other one is not the same, in words; None when it is."""
        if self.records != other.records:
            return f"{other.records} records where {self.records} were expected"
        return None if self.sum == other.sum else f"{self.records} records, and not the same ones"
