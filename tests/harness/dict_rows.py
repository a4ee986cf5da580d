"""Rows in a dict, as the engine gives them to a rule."""

from __future__ import annotations

from tocsin.streams.rules.state import ROW_VERSION, Row, decode_row, encode_row


class DictRows:
    """Rows and their timers; every row passes through its bytes, as in the engine."""

    def __init__(self) -> None:
        self.rows: dict[str, bytes] = {}
        self.dues: dict[str, int] = {}

    def get(self, key: str) -> Row | None:
        data = self.rows.get(key)
        return None if data is None else decode_row(data, ROW_VERSION)

    def put(self, key: str, row: Row, due: int | None = None) -> None:
        self.rows[key] = encode_row(row)
        self.dues.pop(key, None)
        if due is not None:
            self.dues[key] = due

    def delete(self, key: str) -> None:
        self.rows.pop(key, None)
        self.dues.pop(key, None)

    def due(self, key: str) -> int | None:
        return self.dues.get(key)

    def earliest(self) -> tuple[int, str] | None:
        """The timer that is due first, and its row's key."""
        return min(((due, key) for key, due in self.dues.items()), default=None)

    def next_due(self, now: int) -> str | None:
        """The key of the earliest timer that is due by `now`."""
        key = min(self.dues, key=lambda one: (self.dues[one], one), default=None)
        return key if key is not None and self.dues[key] <= now else None
