"""Rows in a dict, as the engine gives them to a rule."""

from __future__ import annotations

from tocsin.streams.rules.replay import MemoryRows
from tocsin.streams.rules.state import ROW_VERSION, Row, decode_row, encode_row


class DictRows(MemoryRows):
    """Rows and their timers; every row passes through its bytes, as in the engine."""

    def get(self, key: str) -> Row | None:
        data = self.rows.get(key)
        return None if data is None else decode_row(data, ROW_VERSION)

    def kept(self, row: Row) -> bytes:
        return encode_row(row)
